# carrel-poolmgr: images, clones, sizing, placement, life cycle, guests.
LIBS += poolmgr
poolmgr_SRC := $(filter-out poolmgr/main.c,$(wildcard poolmgr/*.c))

POOLMGR_TESTS := sizing placement
TESTS += $(POOLMGR_TESTS:%=test_%)
$(foreach t,$(POOLMGR_TESTS),$(eval test_$(t)_SRC := tests/unit/test_$(t).c))
$(foreach t,$(POOLMGR_TESTS),$(eval test_$(t)_LIBS := poolmgr))
$(foreach t,$(POOLMGR_TESTS),$(eval test_$(t)_LDLIBS := -lcmocka))
