# carrel-guest runs inside desktops of any Debian release, so it is linked statically; a sanitizer needs it dynamic.
PROGRAMS += carrel-guest
carrel-guest_SRC := $(wildcard deploy/guest/*.c)
carrel-guest_LIBS := proto base
carrel-guest_LDLIBS := $(if $(SANITIZE),,-static-pie) -ljansson -lcrypt

test_guest_LIBS := proto base
test_guest_LDLIBS := -lcmocka -ljansson -lcrypto -linih
test_accounts_SRC := tests/unit/test_accounts.c deploy/guest/accounts.c deploy/guest/tree.c
test_accounts_LDLIBS := -lcmocka -lcrypt
test_identity_SRC := tests/unit/test_identity.c deploy/guest/identity.c deploy/guest/sha256.c
test_identity_LIBS := proto base
test_identity_LDLIBS := -lcmocka -ljansson
