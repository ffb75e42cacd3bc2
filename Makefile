# Carrel. One Makefile, a module.mk per folder.
#   make            all programs into build/bin      make DEV=1    warnings are errors
#   make demo       a running site on this machine   make test     every test
#   make check      the gates                        make bench    figures beside peers or limits
#   make format     rewrite the code in house style

.DELETE_ON_ERROR:
.SUFFIXES:
all:

B := build
CC ?= gcc
PKGS := libuv jansson libcurl openssl libvirt libpq sqlite3 libseccomp inih

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
        -Wswitch-enum -Wno-format-truncation
HARDEN := -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
LINK_HARDEN := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
SAN :=
ifeq ($(SANITIZE),address)
HARDEN := -O1 -fno-omit-frame-pointer -fPIE
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
B := build/asan
else ifeq ($(SANITIZE),thread)
HARDEN := -O1 -fno-omit-frame-pointer -fPIE
SAN := -fsanitize=thread
B := build/tsan
endif
# DEV=1 makes warnings errors; CI sets it.
DEV ?= $(if $(CI),1)
ifeq ($(DEV),1)
WARN += -Werror
endif

pkg = $(shell pkg-config --$(1) $(2) 2>/dev/null)
# Third-party headers come by -isystem, so that our warnings are about our code.
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(call pkg,cflags,$(PKGS)))
Q := $(if $(V),,@)
CFLAGS_ALL = -std=gnu11 -g -D_GNU_SOURCE -I. $(WARN) $(HARDEN) $(SAN) $(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_ALL = $(LINK_HARDEN) $(SAN) $(LDFLAGS)

# Filled by the module.mk files:
#   LIBS      names of static libraries; NAME_SRC its sources
#   PROGRAMS  names of programs; NAME_SRC its own sources, NAME_LIBS our libraries in link order, NAME_LDLIBS others'
#   TESTS     names of CMocka programs; same variables; built into build/test and run by `make unit`
#   TOOLS     names of programs that only tests and benches need; same variables; built into build/tools
LIBS :=
PROGRAMS :=
TESTS :=
TOOLS :=
MODULES := $(sort $(wildcard docs/module.mk lib/*/module.mk auth/module.mk linkedclone/module.mk poolmgr/module.mk broker/module.mk \
             gateway/module.mk gateway/*/module.mk client/module.mk client/*/module.mk web/module.mk deploy/module.mk deploy/*/module.mk tests/module.mk \
             tests/*/module.mk))
include $(MODULES)

objs = $(patsubst %.c,$(B)/obj/%.o,$($(1)_SRC))
ALL_SRC := $(sort $(foreach n,$(LIBS) $(PROGRAMS) $(TESTS) $(TOOLS),$($(n)_SRC)))

all: $(LIBS:%=$(B)/lib/lib%.a) $(PROGRAMS:%=$(B)/bin/%) $(EXTRA_ALL)
tests: $(TESTS:%=$(B)/test/%) $(TOOLS:%=$(B)/tools/%)
tools: $(TOOLS:%=$(B)/tools/%)

# The stamp changes when a flag does; everything depends on it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL)' | cmp -s - $@ || printf '%s\n' '$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL)' > $@

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo '  CC    $<')
	$(Q)$(CC) $(CFLAGS_ALL) $(call pkg_of,$*) -MMD -MP -c $< -o $@
# A folder that needs a package of its own names it: PKG_<folder with _ for /> := package...
pkg_of = $(foreach p,$(PKG_$(subst /,_,$(patsubst %/,%,$(dir $(1))))),$(patsubst -I%,-isystem %,$(call pkg,cflags,$(p))))

define lib_rule
$(B)/lib/lib$(1).a: $(call objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(eval $(call lib_rule,$(l))))

define program_rule
$(B)/$(2)/$(1): $(call objs,$(1)) $(foreach l,$($(1)_LIBS),$(B)/lib/lib$(l).a)
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo '  LINK  $$@')
	$$(Q)$(CC) $(LDFLAGS_ALL) -o $$@ $(call objs,$(1)) -Wl,--start-group $(foreach l,$($(1)_LIBS),$(B)/lib/lib$(l).a) -Wl,--end-group $($(1)_LDLIBS) -lpthread
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p),bin)))
$(foreach p,$(TESTS),$(eval $(call program_rule,$(p),test)))
$(foreach p,$(TOOLS),$(eval $(call program_rule,$(p),tools)))

-include $(ALL_SRC:%.c=$(B)/obj/%.d)

# Unit tests, one after the other; SANITIZE=address or thread runs them instrumented.
unit: $(TESTS:%=$(B)/test/%) $(TOOLS:%=$(B)/tools/%) $(PROGRAMS:%=$(B)/bin/%)
	tests/run $(TESTS:%=$(B)/test/%)

# Installs what is missing, builds, runs everything. The recursion lets the packages be found once they are there.
test:
	deploy/deps
	$(MAKE) -j2 all tests
	tests/all

check: all tests
	tests/gates/run

C_FILES = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h')
format:
	clang-format -i $(C_FILES)

clean:
	rm -rf build/asan build/tsan build/obj build/lib build/bin build/test/test_* build/tools build/flags

FORCE:

.PHONY: all tests unit test check tools format clean FORCE
