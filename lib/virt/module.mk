# Hypervisor hosts: libvirt, and a simulation of it.
LIBS += virt
virt_SRC := $(wildcard lib/virt/*.c)
PKG_lib_virt := libxml-2.0
VIRT_LDLIBS := -lvirt -lxml2 -ljansson $(BASE_LDLIBS)

test_domain_xml_LIBS := virt base
test_domain_xml_LDLIBS := -lcmocka $(VIRT_LDLIBS)
test_fake_LIBS := virt base
test_fake_LDLIBS := -lcmocka $(VIRT_LDLIBS)
test_libvirt_LIBS := virt base
test_libvirt_LDLIBS := -lcmocka $(VIRT_LDLIBS)
fuzz_network_xml_LIBS := virt base
fuzz_network_xml_LDLIBS := $(VIRT_LDLIBS)
