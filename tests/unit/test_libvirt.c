/* lib/virt/libvirt on libvirt's own test driver: domains, states, listing, networks, errors. What needs a hypervisor is
 * in tests/system. */
#include "tests/unit/virt_watcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct virt_domain_spec desk = {
    .name = "carrel-office-001",
    .title = "Ada's <desk> & \"chair\"",
    .memory_mib = 256,
    .vcpus = 1,
    .disk = {"/clones/office-001.qcow2", "qcow2"},
    .backing = {{"/images/debian@1/disk.qcow2", "qcow2"}},
    .backing_count = 1,
    .kernel = "/images/debian@1/vmlinuz",
    .cmdline = "root=/dev/vda quiet a=\"b<c\"",
    .network = "default",
    .isolated = true,
};

static struct virt *open_test(struct watcher *w)
{
    struct virt *virt = NULL;
    struct error error = {0};
    watcher_init(w);
    if (virt_open("test:///default", watcher_event, w, &virt, &error) < 0)
        fail_msg("%s", error.text);
    return virt;
}

static void a_desktop_lives_and_tells(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = open_test(&w);
    struct error error = {0};
    enum virt_domain_state power;
    assert_int_equal(virt_domain_start(virt, desk.name, &error), ERR_NOT_FOUND);
    if (virt_domain_define(virt, &desk, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(virt_domain_define(virt, &desk, NULL), 0);
    assert_int_equal(virt_domain_start(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_start(virt, desk.name, NULL), 0);
    assert_true(watcher_sees(&w, false, "started carrel-office-001"));
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), 0);
    assert_int_equal(power, VIRT_DOMAIN_RUNNING);
    assert_int_equal(virt_domain_destroy(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_destroy(virt, desk.name, NULL), 0);
    assert_true(watcher_sees(&w, false, "stopped carrel-office-001"));
    assert_int_equal(virt_domain_shutdown(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_undefine(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_undefine(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_destroy(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), ERR_NOT_FOUND);
    virt_close(virt);
}

static void another_machine_of_that_name_is_kept(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = open_test(&w);
    struct virt_domain_spec spec = desk;
    spec.name = "test"; /* the driver comes with it */
    assert_int_equal(virt_domain_define(virt, &spec, NULL), ERR_EXISTS);
    virt_close(virt);
}

static void domains_are_listed_by_prefix(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = open_test(&w);
    const char *names[] = {"carrel-b", "carrel-a"};
    for (size_t i = 0; i < 2; i++) {
        struct virt_domain_spec spec = desk;
        spec.name = names[i];
        assert_int_equal(virt_domain_define(virt, &spec, NULL), 0);
    }
    assert_int_equal(virt_domain_start(virt, "carrel-b", NULL), 0);
    struct virt_domain *list = NULL;
    size_t count = 0;
    struct error error = {0};
    if (virt_domain_list(virt, "carrel-", &list, &count, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(count, 2);
    char uuid[VIRT_UUID_SIZE];
    virt_uuid_from_name("carrel-a", uuid);
    assert_string_equal(list[0].name, "carrel-a");
    assert_string_equal(list[0].uuid, uuid);
    assert_int_equal(list[0].state, VIRT_DOMAIN_STOPPED);
    assert_true(list[0].persistent);
    assert_int_equal(list[1].state, VIRT_DOMAIN_RUNNING);
    free(list);
    virt_close(virt);
}

static void the_host_tells_about_itself(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = open_test(&w);
    struct virt_host_info info;
    assert_int_equal(virt_host_info(virt, &info, NULL), 0);
    assert_string_equal(info.driver, "TEST");
    assert_true(info.memory_mib > 0 && info.cpus > 0);
    assert_false(info.kvm_works);
    assert_true(virt_alive(virt));
    virt_close(virt);
}

static void what_a_driver_cannot_is_told(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = open_test(&w);
    struct virt_channel *channel = NULL;
    assert_int_equal(virt_channel_open(virt, "test", VIRT_CHANNEL_CARREL, &watcher_handlers, &w, &channel, NULL),
                     ERR_UNSUPPORTED);
    assert_null(channel);
    assert_int_equal(virt_channel_open(virt, "none", VIRT_CHANNEL_CARREL, &watcher_handlers, &w, &channel, NULL),
                     ERR_NOT_FOUND);
    virt_close(virt);
}

static void a_missing_host_is_told(void **state)
{
    (void)state;
    struct virt *virt = NULL;
    struct error error = {0};
    assert_int_equal(virt_open("qemu:///system?socket=/nonexistent/sock", NULL, NULL, &virt, &error), ERR_HOST_DOWN);
    assert_null(virt);
    assert_non_null(strstr(error.text, "/nonexistent/sock"));
}

static void networks_come_and_go(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = open_test(&w);
    struct error error = {0};
    struct virt_network_spec spec = {.name = "desks",
                                     .address = "192.168.77.1",
                                     .prefix_length = 24,
                                     .range_first = "192.168.77.10",
                                     .range_last = "192.168.77.20",
                                     .nat = true};
    if (virt_network_ensure(virt, &spec, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(virt_network_ensure(virt, &spec, NULL), 0);
    spec.address = "192.168.77.2";
    assert_int_equal(virt_network_ensure(virt, &spec, NULL), ERR_CONFLICT);
    spec.range_first = "10.0.0.1";
    assert_int_equal(virt_network_ensure(virt, &spec, NULL), ERR_INVALID);
    assert_int_equal(virt_network_remove(virt, "desks", NULL), 0);
    assert_int_equal(virt_network_remove(virt, "desks", NULL), 0);
    virt_close(virt);
}

static void reservations_are_idempotent_and_distinct(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = open_test(&w);
    struct error error = {0};
    char first[VIRT_ADDRESS_SIZE], second[VIRT_ADDRESS_SIZE], again[VIRT_ADDRESS_SIZE];
    const char *a = "52:00:00:00:00:0a", *b = "52:00:00:00:00:0B";
    if (virt_net_reserve(virt, "default", a, "a", first, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(virt_net_reserve(virt, "default", b, "b", second, NULL), 0);
    assert_string_not_equal(first, second);
    assert_int_equal(virt_net_reserve(virt, "default", "52:00:00:00:00:0A", "a2", again, NULL), 0);
    assert_string_equal(first, again);
    /* A new card takes over a name. */
    assert_int_equal(virt_net_reserve(virt, "default", "52:00:00:00:00:0c", "b", again, &error), 0);
    assert_int_equal(virt_net_release(virt, "default", a, NULL), 0);
    assert_int_equal(virt_net_release(virt, "default", a, NULL), 0);
    assert_int_equal(virt_net_release(virt, "no-such", a, NULL), 0);
    assert_int_equal(virt_net_reserve(virt, "no-such", a, "a", again, NULL), ERR_NOT_FOUND);
    virt_close(virt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_desktop_lives_and_tells),    cmocka_unit_test(another_machine_of_that_name_is_kept),
        cmocka_unit_test(domains_are_listed_by_prefix), cmocka_unit_test(the_host_tells_about_itself),
        cmocka_unit_test(what_a_driver_cannot_is_told), cmocka_unit_test(a_missing_host_is_told),
        cmocka_unit_test(networks_come_and_go),         cmocka_unit_test(reservations_are_idempotent_and_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
