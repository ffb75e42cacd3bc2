test_guest_LIBS := proto base
test_guest_LDLIBS := -lcmocka -ljansson -lcrypto -linih
