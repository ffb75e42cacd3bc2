# One CMocka program per test_<stem>.c. A test names what it links in <name>_LIBS and <name>_LDLIBS; the default is
# lib/base and lib/model.
PKG_tests_unit := libxml-2.0
UNIT_LDLIBS := -lcmocka $(BASE_LDLIBS)
unit_names := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
TESTS += $(unit_names)
$(foreach t,$(unit_names),$(eval $(t)_SRC ?= tests/unit/$(t).c)$(eval $(t)_LIBS ?= model base)$(eval $(t)_LDLIBS ?= $(UNIT_LDLIBS)))
