# Golden images and linked clones.
LIBS += linkedclone
linkedclone_SRC := $(wildcard linkedclone/*.c)
LINKEDCLONE_LDLIBS := -ljansson $(BASE_LDLIBS)

$(foreach t,test_qcow2 test_overlay test_image test_image_command,$(eval $(t)_LIBS := linkedclone base)$(eval $(t)_LDLIBS := -lcmocka $(LINKEDCLONE_LDLIBS)))

TOOLS += bench_clones
bench_clones_SRC := tests/bench/bench_clones.c
bench_clones_LIBS := bench linkedclone base
bench_clones_LDLIBS := -lm $(LINKEDCLONE_LDLIBS)

$(foreach t,fuzz_qcow2 fuzz_image_info,$(eval $(t)_LIBS := linkedclone base)$(eval $(t)_LDLIBS := $(LINKEDCLONE_LDLIBS)))
