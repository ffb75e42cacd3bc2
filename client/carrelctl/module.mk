PROGRAMS += carrelctl
PKG_client_carrelctl := yaml-0.1
carrelctl_parts := $(filter-out client/carrelctl/main.c,$(wildcard client/carrelctl/*.c))
carrelctl_SRC := client/carrelctl/main.c $(carrelctl_parts)
carrelctl_LIBS := net proto base
carrelctl_LDLIBS = $(NET_LDLIBS) $(PROTO_LDLIBS) $(BASE_LDLIBS) -lyaml

# Tests link the parts, never main.
carrelctl_tests := test_screen test_table test_command test_parse test_show test_keep test_rdp test_help test_call
$(foreach t,$(carrelctl_tests),$(eval $(t)_SRC := tests/unit/$(t).c $(carrelctl_parts))$(eval $(t)_LIBS := net proto base)\
  $(eval $(t)_LDLIBS = -lcmocka $$(carrelctl_LDLIBS)))
test_carrelctl_SRC := tests/unit/test_carrelctl.c tests/fakes/fakesite.c
test_carrelctl_LIBS :=
test_carrelctl_LDLIBS := -lcmocka -lssl -lcrypto
