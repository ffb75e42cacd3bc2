# carrel-poolmgr: images, clones, sizing, placement, life cycle, guests.
LIBS += poolmgr
poolmgr_SRC := $(filter-out poolmgr/main.c,$(wildcard poolmgr/*.c))

POOLMGR_TESTS := sizing placement backoff account_name rdp_probe lifecycle
$(foreach t,$(POOLMGR_TESTS),$(eval test_$(t)_LIBS := poolmgr model base))
$(foreach t,$(POOLMGR_TESTS),$(eval test_$(t)_LDLIBS = -lcmocka -luv $$(BASE_LDLIBS)))
