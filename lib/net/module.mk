LIBS += net
net_SRC := $(wildcard lib/net/*.c)
NET_LDLIBS := -luv -lcurl -lssl -lcrypto -ljansson
net_tests := test_workpool test_loop test_http_head test_http_route test_sse test_peer_limit test_stream test_httpd \
             test_httpd_limits test_httpc
$(foreach t,$(net_tests),$(eval $(t)_LIBS := net base)$(eval $(t)_LDLIBS := -lcmocka $(NET_LDLIBS) -linih))
test_httpd_SRC := tests/unit/test_httpd.c tests/unit/net_site.c
test_httpd_limits_SRC := tests/unit/test_httpd_limits.c tests/unit/net_site.c
test_httpc_SRC := tests/unit/test_httpc.c tests/unit/net_site.c
fuzz_http_LIBS := net base
fuzz_sse_LIBS := net base
test_stream_SRC := tests/unit/test_stream.c tests/unit/net_site.c
