# What the store's tests share: a fresh store per test on each engine. A test program test_store*.c links it.
LIBS += storetest
storetest_SRC := tests/store/fixture.c tests/store/pg_server.c tests/store/rows.c

store_tests := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_store*.c))
$(foreach t,$(store_tests),$(eval $(t)_LIBS := storetest store model base)$(eval $(t)_LDLIBS := -lcmocka $(STORE_LDLIBS) $(BASE_LDLIBS)))

TOOLS += bench_store
bench_store_SRC := tests/bench/bench_store.c tests/store/pg_server.c
bench_store_LIBS := bench store model base
bench_store_LDLIBS := $(STORE_LDLIBS) $(BASE_LDLIBS) -ljansson -lm
