LIBS += proto
proto_SRC := $(wildcard lib/proto/*.c)
PROTO_LDLIBS := -ljansson
test_pm_LIBS := proto base
test_pm_LDLIBS := -lcmocka -ljansson -lcrypto -linih
