# The relay engine and the doors are a library of their own folder, so that tests link them without main().
LIBS += gateway
gateway_SRC := $(filter-out gateway/supervisor/main.c,$(wildcard gateway/*/*.c))
PROGRAMS += carrel-gateway
carrel-gateway_SRC := gateway/supervisor/main.c
carrel-gateway_LIBS := gateway net proto base
carrel-gateway_LDLIBS = $(NET_LDLIBS) $(BASE_LDLIBS)
