# The relay engine and the doors are a library of their own folder, so that tests link them without main().
LIBS += gateway
gateway_SRC := $(filter-out gateway/supervisor/main.c,$(wildcard gateway/*/*.c))
PROGRAMS += carrel-gateway
carrel-gateway_SRC := gateway/supervisor/main.c
carrel-gateway_LIBS := gateway net proto base
carrel-gateway_LDLIBS = $(NET_LDLIBS) $(BASE_LDLIBS)

test_relay_SRC := tests/unit/test_relay.c tests/unit/pair.c
test_relay_LIBS := gateway net proto base
test_relay_LDLIBS = -lcmocka $(NET_LDLIBS) $(BASE_LDLIBS)
test_link_LIBS := gateway net proto base
test_link_LDLIBS = -lcmocka $(NET_LDLIBS) $(BASE_LDLIBS)
test_listen_LIBS := gateway net proto base
test_listen_LDLIBS = -lcmocka $(NET_LDLIBS) $(BASE_LDLIBS)
