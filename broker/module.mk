# The broker without its main(), so that tests can link it.
LIBS += broker
broker_SRC := $(filter-out broker/main.c,$(wildcard broker/*.c))
# The program is linked once lib/store is there.
PROGRAMS += $(if $(wildcard lib/store/store.c),carrel-broker)
carrel-broker_SRC := broker/main.c
carrel-broker_LIBS := broker auth store net proto model base
carrel-broker_LDLIBS = -lwebsockets -luv -lcurl -ljansson -lldap -llber -lsqlite3 -lpq -lssl $(BASE_LDLIBS)
