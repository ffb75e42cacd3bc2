LIBS += net
net_SRC := $(wildcard lib/net/*.c)
NET_LDLIBS := -luv -lcurl -lssl -lcrypto -ljansson
