LIBS += auth
auth_SRC := $(wildcard auth/*.c)
AUTH_LDLIBS := -lldap -llber -lssl
test_ldap_SRC := tests/unit/test_ldap.c tests/fakes/slapd.c
test_ldap_LIBS := auth base
test_ldap_LDLIBS := -lcmocka $(AUTH_LDLIBS) -lcrypto -linih
test_dirtext_LIBS := auth base
test_dirtext_LDLIBS := $(test_ldap_LDLIBS)
