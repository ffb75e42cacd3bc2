# What the system tests run besides the daemons.
TOOLS += libvirt_guest
libvirt_guest_SRC := tests/system/libvirt_guest.c
libvirt_guest_LIBS := virt linkedclone base
libvirt_guest_LDLIBS := -lcmocka -lvirt -lxml2 -ljansson -lcrypto -linih
TOOLS += poolmgr_real
poolmgr_real_SRC := tests/system/poolmgr_real.c
poolmgr_real_LIBS := store virt net proto model base
poolmgr_real_LDLIBS = -lcmocka $(STORE_LDLIBS) $(NET_LDLIBS) $(VIRT_LDLIBS)
