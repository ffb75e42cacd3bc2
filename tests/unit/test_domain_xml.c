/* lib/virt/domain_xml and network_xml: what is written is XML of that meaning, whatever the texts; what is read is
 * bounded. Also the rules of lib/virt/name and range. */
#include "lib/virt/domain_xml.h"
#include "lib/virt/name.h"
#include "lib/virt/network_xml.h"
#include "lib/virt/range.h"
#include "lib/virt/xml.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct virt_domain_spec desk = {
    .name = "carrel-office-001",
    .title = "Ada's <desk> & \"chair\"\x01",
    .memory_mib = 384,
    .vcpus = 2,
    .disk = {"/clones/o'001.qcow2", "qcow2"},
    .backing = {{"/images/a/disk.qcow2", "qcow2"}, {"/images/b/disk.raw", "raw"}},
    .backing_count = 2,
    .kernel = "/images/a/vmlinuz",
    .initrd = "/images/a/initrd",
    .cmdline = "root=/dev/vda a=\"b<c\" ]]>",
    .network = "desks",
    .isolated = true,
};

/* The text that an XPath expression yields in the definition of `spec`. */
static void expect(const struct virt_domain_spec *spec, const struct domain_xml_host *host, const char *path,
                   const char *wanted)
{
    struct buf out;
    char expression[256];
    buf_init(&out, DOMAIN_XML_MAX);
    assert_int_equal(domain_xml_write(spec, host, &out), 0);
    xmlDoc *doc = xmlReadMemory(buf_str(&out), (int)out.len, NULL, NULL, XML_PARSE_NONET);
    assert_non_null(doc);
    xmlXPathContext *context = xmlXPathNewContext(doc);
    snprintf(expression, sizeof(expression), "string(%s)", path);
    xmlXPathObject *found = xmlXPathEvalExpression((const xmlChar *)expression, context);
    assert_non_null(found);
    assert_string_equal((const char *)found->stringval, wanted);
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);
    xmlFreeDoc(doc);
    buf_done(&out);
}

static void a_definition_says_what_was_asked(void **state)
{
    (void)state;
    const struct domain_xml_host host = {"qemu", true};
    expect(&desk, &host, "/domain/@type", "qemu");
    expect(&desk, &host, "/domain/name", "carrel-office-001");
    expect(&desk, &host, "/domain/memory", "384");
    expect(&desk, &host, "/domain/vcpu", "2");
    expect(&desk, &host, "/domain/os/kernel", "/images/a/vmlinuz");
    expect(&desk, &host, "count(/domain/os/boot)", "0");
    expect(&desk, &host, "/domain/features/tcg/tb-cache", "64");
    expect(&desk, &host, "/domain/devices/disk/driver/@cache", "unsafe");
    expect(&desk, &host, "/domain/devices/disk/backingStore/source/@file", "/images/a/disk.qcow2");
    expect(&desk, &host, "/domain/devices/disk/backingStore/backingStore/format/@type", "raw");
    expect(&desk, &host, "count(//backingStore[not(*)])", "1");
    expect(&desk, &host, "/domain/devices/interface/port/@isolated", "yes");
    expect(&desk, &host, "//channel/target[@name='org.carrel.guest.0']/@type", "virtio");
    expect(&desk, &host, "count(//serial)", "0");
    expect(&desk, &host, "/domain/seclabel[@model='dac']/@type", "none");
}

static void texts_stay_texts(void **state)
{
    (void)state;
    const struct domain_xml_host host = {"qemu", false};
    expect(&desk, &host, "/domain/title", "Ada's <desk> & \"chair\"?");
    expect(&desk, &host, "/domain/os/cmdline", "root=/dev/vda a=\"b<c\" ]]>");
    expect(&desk, &host, "/domain/devices/disk/source/@file", "/clones/o'001.qcow2");
    expect(&desk, &host, "count(/domain/seclabel)", "0");
}

static void variants_are_written(void **state)
{
    (void)state;
    const struct domain_xml_host host = {"kvm", true};
    struct virt_domain_spec spec = desk;
    spec.accel = VIRT_ACCEL_KVM;
    spec.cache = VIRT_CACHE_NONE;
    spec.kernel = spec.initrd = spec.cmdline = spec.network = NULL;
    spec.backing_count = 0;
    spec.serial_log = "/log/a.log";
    expect(&spec, &host, "/domain/cpu/@mode", "host-model");
    expect(&spec, &host, "count(//tcg)", "0");
    expect(&spec, &host, "/domain/os/boot/@dev", "hd");
    expect(&spec, &host, "/domain/devices/disk/driver/@io", "native");
    expect(&spec, &host, "count(//interface)", "0");
    expect(&spec, &host, "/domain/devices/serial/source/@path", "/log/a.log");
}

static void a_definition_has_a_limit(void **state)
{
    (void)state;
    const struct domain_xml_host host = {"qemu", true};
    struct buf out;
    buf_init(&out, 256);
    assert_int_equal(domain_xml_write(&desk, &host, &out), ERR_TOO_BIG);
    buf_done(&out);
}

static void a_network_is_read_as_written(void **state)
{
    (void)state;
    const struct virt_network_spec spec = {.name = "desks",
                                           .bridge = "virbr-desks",
                                           .address = "10.1.0.1",
                                           .prefix_length = 16,
                                           .range_first = "10.1.0.10",
                                           .range_last = "10.1.255.250",
                                           .nat = true};
    struct buf out;
    struct network_xml network = {0};
    buf_init(&out, 65536);
    assert_int_equal(network_xml_write(&spec, &out), 0);
    assert_non_null(strstr(buf_str(&out), "netmask='255.255.0.0'"));
    assert_int_equal(network_xml_read(buf_str(&out), out.len, &network, NULL), 0);
    assert_int_equal(network.address, 0x0a010001);
    assert_int_equal(network.first, 0x0a01000a);
    assert_int_equal(network.last, 0x0a01fffa);
    assert_int_equal(network.host_count, 0);
    network_xml_done(&network);
    buf_done(&out);
}

static void strange_networks_are_read_within_bounds(void **state)
{
    (void)state;
    struct network_xml network = {0};
    const char *text = "<network><ip address='nonsense'/><ip address='10.0.0.1'><dhcp>"
                       "<range start='10.0.0.5' end='10.0.0.6'/><range start='10.0.0.50' end='10.0.0.60'/>"
                       "<host mac='52:00:00:00:00:01' name='one' ip='10.0.0.5'/><host mac='zz' ip='10.0.0.999'/>"
                       "</dhcp></ip><ip address='10.9.0.1'/></network>";
    assert_int_equal(network_xml_read(text, strlen(text), &network, NULL), 0);
    assert_int_equal(network.address, 0x0a000001);
    assert_int_equal(network.last, 0x0a000006);
    assert_int_equal(network.host_count, 2);
    assert_string_equal(network.hosts[0].name, "one");
    assert_string_equal(network.hosts[1].mac, "");
    assert_int_equal(network.hosts[1].address, 0);
    network_xml_done(&network);
    assert_int_equal(network_xml_read("<domain/>", 9, &network, NULL), ERR_PROTOCOL);
    assert_int_equal(network_xml_read("", 0, &network, NULL), ERR_PROTOCOL);
}

static void the_lowest_free_address_is_picked(void **state)
{
    (void)state;
    struct range range = {0};
    uint32_t got = 0;
    assert_int_equal(range_pick(&range, 10, 12, &got), 0);
    assert_int_equal(got, 10);
    const uint32_t used[] = {12, 10, 10, 1, 99};
    for (size_t i = 0; i < ARRAY_LEN(used); i++)
        assert_int_equal(range_use(&range, used[i]), 0);
    assert_int_equal(range_pick(&range, 10, 12, &got), 0);
    assert_int_equal(got, 11);
    assert_int_equal(range_use(&range, 11), 0);
    assert_int_equal(range_pick(&range, 10, 12, &got), ERR_NO_SPACE);
    assert_int_equal(got, 11);
    range_done(&range);
    assert_int_equal(range_use(&range, UINT32_MAX), 0);
    assert_int_equal(range_pick(&range, UINT32_MAX, UINT32_MAX, &got), ERR_NO_SPACE);
    range_done(&range);
}

static void names_are_judged(void **state)
{
    (void)state;
    assert_true(name_is_domain("carrel-office-001"));
    assert_false(name_is_domain("-x") || name_is_domain("a/b") || name_is_domain("a b") || name_is_domain(""));
    assert_false(name_is_domain(NULL));
    assert_true(name_is_hostname("office-001"));
    assert_false(name_is_hostname("a.b") || name_is_hostname("a-") || name_is_hostname("a_b"));
    assert_true(name_is_path("/var/lib/a b/ü.qcow2"));
    assert_false(name_is_path("relative") || name_is_path("/a/") || name_is_path("/a/../b") || name_is_path("/a/.."));
    assert_false(name_is_path("/a,b") || name_is_path("/a\nb") || name_is_path("/a//b") || name_is_path("/\xff"));
    assert_true(name_is_mac("52:00:00:00:00:0A"));
    assert_false(name_is_mac("53:00:00:00:00:0a") || name_is_mac("52-00-00-00-00-0a") || name_is_mac("52:0"));
    assert_true(name_is_uuid("00000000-0000-4000-8000-00000000000a"));
    assert_false(name_is_uuid("00000000000040008000000000000000aaaa") || name_is_uuid("x"));
    assert_true(name_is_interface("virbr0"));
    assert_false(name_is_interface("a-name-of-sixteen"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_says_what_was_asked),
        cmocka_unit_test(texts_stay_texts),
        cmocka_unit_test(variants_are_written),
        cmocka_unit_test(a_definition_has_a_limit),
        cmocka_unit_test(a_network_is_read_as_written),
        cmocka_unit_test(strange_networks_are_read_within_bounds),
        cmocka_unit_test(the_lowest_free_address_is_picked),
        cmocka_unit_test(names_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
