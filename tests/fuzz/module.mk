# One target a parser: fuzz_<name>.c defines LLVMFuzzerTestOneInput; its corpus is tests/fuzz/corpus/<name>/.
# Here it is built with replay.c and runs among the unit tests; `make fuzz` runs it under libFuzzer for FUZZ_SECONDS.
fuzz_names := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
TESTS += $(fuzz_names)
$(foreach t,$(fuzz_names),$(eval $(t)_SRC := tests/fuzz/$(t).c tests/fuzz/replay.c)$(eval $(t)_LIBS ?= proto base)$(eval $(t)_LDLIBS ?= $(UNIT_LDLIBS) -ljansson))

FUZZ_SECONDS ?= 300
fuzz: all
	tests/fuzz/run $(FUZZ_SECONDS) $(fuzz_names)
.PHONY: fuzz
