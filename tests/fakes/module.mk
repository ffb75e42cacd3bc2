# Stand-ins that scenario tests drive the real programs against.
TOOLS += stub_broker fake_desktop
stub_broker_SRC := tests/fakes/stub_broker.c
stub_broker_LIBS := net proto base
stub_broker_LDLIBS = $(NET_LDLIBS) $(BASE_LDLIBS)
fake_desktop_SRC := tests/fakes/fake_desktop.c tests/fakes/fake_picture.c
fake_desktop_LIBS := base
fake_desktop_LDLIBS = $(BASE_LDLIBS) $(call pkg,libs,freerdp-server3 freerdp3 winpr3)
PKG_tests_fakes := freerdp3 winpr3
TOOLS += stub_poolmgr
stub_poolmgr_SRC := tests/fakes/stub_poolmgr.c
stub_poolmgr_LIBS := store net proto model base
stub_poolmgr_LDLIBS = $(STORE_LDLIBS) $(NET_LDLIBS) $(BASE_LDLIBS)
