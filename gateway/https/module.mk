# The HTTPS door as a library of its own, so that its tests link it without the other doors.
LIBS += gateway_https
gateway_https_SRC := $(wildcard gateway/https/*.c)
test_https_SRC := tests/unit/test_https.c tests/unit/net_site.c
test_https_LIBS := gateway_https net base
test_https_LDLIBS = -lcmocka $(NET_LDLIBS) -linih
