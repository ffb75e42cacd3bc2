broker_parts := $(filter-out broker/main.c,$(wildcard broker/*.c))
PROGRAMS += carrel-broker
carrel-broker_SRC := broker/main.c $(broker_parts)
carrel-broker_LIBS := auth store net proto model base
carrel-broker_LDLIBS = $(AUTH_LDLIBS) $(STORE_LDLIBS) $(NET_LDLIBS) $(BASE_LDLIBS)
test_broker_SRC := tests/unit/test_broker.c $(broker_parts)
test_broker_LIBS := $(carrel-broker_LIBS)
test_broker_LDLIBS = -lcmocka $(carrel-broker_LDLIBS)
