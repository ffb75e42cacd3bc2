comma := ,
# In the golden image; static as carrel-guest is. What the linker warns of (names, modules) this program never calls.
PROGRAMS += carrel-keygen
carrel-keygen_SRC := deploy/keygen/carrel-keygen.c
carrel-keygen_LDLIBS := $(if $(SANITIZE),,-static-pie -Wl$(comma)--no-warnings) -lcrypto
