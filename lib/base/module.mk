LIBS += base
base_SRC := $(wildcard lib/base/*.c)
BASE_LDLIBS := -lcrypto -linih
