# carrel-poolmgr: images, clones, sizing, placement, life cycle, guests.
LIBS += poolmgr
poolmgr_SRC := $(filter-out poolmgr/main.c,$(wildcard poolmgr/*.c))

POOLMGR_TESTS := sizing placement backoff account_name rdp_probe lifecycle
$(foreach t,$(POOLMGR_TESTS),$(eval test_$(t)_LIBS := poolmgr model base))
$(foreach t,$(POOLMGR_TESTS),$(eval test_$(t)_LDLIBS = -lcmocka -luv $$(BASE_LDLIBS)))

POOLMGR_LIBS := poolmgr linkedclone virt store net proto model base
POOLMGR_LDLIBS = $(STORE_LDLIBS) $(NET_LDLIBS) $(VIRT_LDLIBS) $(BASE_LDLIBS)
PROGRAMS += carrel-poolmgr
carrel-poolmgr_SRC := poolmgr/main.c
carrel-poolmgr_LIBS := $(POOLMGR_LIBS)
carrel-poolmgr_LDLIBS = $(POOLMGR_LDLIBS)

test_poolmgr_SRC := tests/unit/test_poolmgr.c tests/unit/poolmgr_site.c
test_poolmgr_LIBS := $(POOLMGR_LIBS)
test_poolmgr_LDLIBS = -lcmocka $(POOLMGR_LDLIBS)
test_leader_LIBS := $(POOLMGR_LIBS)
test_leader_LDLIBS = -lcmocka $(POOLMGR_LDLIBS)
test_poolmgr_kill_SRC := tests/unit/test_poolmgr_kill.c tests/unit/poolmgr_site.c
test_poolmgr_kill_LIBS := $(POOLMGR_LIBS)
test_poolmgr_kill_LDLIBS = -lcmocka $(POOLMGR_LDLIBS)
