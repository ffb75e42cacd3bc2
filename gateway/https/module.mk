test_https_SRC := tests/unit/test_https.c tests/unit/net_site.c
test_https_LIBS := gateway net proto base
test_https_LDLIBS = -lcmocka $(NET_LDLIBS) -linih
