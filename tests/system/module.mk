# What the system tests run besides the daemons.
TOOLS += libvirt_guest
libvirt_guest_SRC := tests/system/libvirt_guest.c
libvirt_guest_LIBS := virt linkedclone base
libvirt_guest_LDLIBS := -lcmocka -lvirt -lxml2 -ljansson -lcrypto -linih
