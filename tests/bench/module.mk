# The bench harness. A bench is a tool bench_<name> that links libbench: TOOLS += bench_<name>, its NAME_SRC, NAME_LIBS, NAME_LDLIBS.
#   make bench               every bench        make bench BENCH=relay        one
#   make bench QUICK=1       few rounds, to see that they work
LIBS += bench
bench_SRC := tests/bench/bench.c tests/bench/ratio.c tests/bench/machine.c

TOOLS += bench_report
bench_report_SRC := tests/bench/bench_report.c client/carrelctl/table.c client/carrelctl/screen.c
bench_report_LDLIBS := -ljansson -lm

test_ratio_SRC := tests/unit/test_ratio.c
test_ratio_LIBS := bench
test_ratio_LDLIBS := -lcmocka -ljansson -lm
test_bench_SRC := tests/unit/test_bench.c
test_bench_LIBS := bench
test_bench_LDLIBS := -lcmocka -ljansson -lm

# Benches measure the daemons too, so those are built.
bench_names = $(filter-out report,$(patsubst bench_%,%,$(filter bench_%,$(TOOLS))))
bench: $(B)/tools/bench_report FORCE
	$(if $(filter-out $(bench_names),$(BENCH)),$(error there is no bench called $(filter-out $(bench_names),$(BENCH)); there are: $(bench_names)))
	$(MAKE) --no-print-directory all $(if $(BENCH),$(BENCH:%=$(B)/tools/bench_%),tools)
	tests/bench/run $(B)/tools build/bench.json $(if $(QUICK),--quick) $(BENCH)
.PHONY: bench

TOOLS += bench_logon_storm
bench_logon_storm_SRC := tests/bench/bench_logon_storm.c tests/bench/storm_site.c tests/fakes/slapd.c
bench_logon_storm_LIBS := bench store net proto model base
bench_logon_storm_LDLIBS = -lldap -llber -lcmocka $(STORE_LDLIBS) $(NET_LDLIBS) $(PROTO_LDLIBS) $(BASE_LDLIBS) -lm
TOOLS += bench_relay
bench_relay_SRC := tests/bench/bench_relay.c tests/bench/site.c
bench_relay_LIBS := bench
bench_relay_LDLIBS := -ljansson -lm
$(B)/tools/bench_relay: $(B)/tools/stub_broker
