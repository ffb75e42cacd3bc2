# Golden images and linked clones.
LIBS += linkedclone
linkedclone_SRC := $(wildcard linkedclone/*.c)
LINKEDCLONE_LDLIBS := -ljansson $(BASE_LDLIBS)

$(foreach t,test_qcow2 test_overlay test_image,$(eval $(t)_LIBS := linkedclone base)$(eval $(t)_LDLIBS := -lcmocka $(LINKEDCLONE_LDLIBS)))
