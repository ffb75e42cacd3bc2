/* lib/virt and linkedclone on a real libvirtd with QEMU: tests/system/test_libvirt starts one of its own and gives
 * CARREL_TEST_URI, CARREL_TEST_DIR (a folder that QEMU's account can enter) and CARREL_TEST_GOLDEN (the golden image's
 * folder). The cases build on each other. */
#include "lib/base/text.h"
#include "lib/virt/virt.h"
#include "linkedclone/image.h"
#include "linkedclone/overlay.h"
#include "tests/unit/scratch.h"
#include "tests/unit/virt_watcher.h"

#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define NETWORK "desks"

static struct {
    const char *uri, *dir, *golden;
    struct virt *virt;
    struct watcher watcher; /* of the host's events */
    struct image_info image;
    char cmdline[2048];
    struct overlay_template *template;
    uid_t uid;
    gid_t gid;
} site;

/* What must not change while desktops run on an image. ctime changes with owner, mode, links and content. */
struct fingerprint {
    uid_t uid;
    gid_t gid;
    mode_t mode;
    struct timespec mtime, ctime;
};

static struct fingerprint fingerprint(const char *path)
{
    struct stat st;
    struct fingerprint print;
    assert_int_equal(stat(path, &st), 0);
    memset(&print, 0, sizeof(print));
    print.uid = st.st_uid;
    print.gid = st.st_gid;
    print.mode = st.st_mode;
    print.mtime = st.st_mtim;
    print.ctime = st.st_ctim;
    return print;
}

static void check(int rc, const struct error *error)
{
    if (rc < 0)
        fail_msg("%s", err_message(error));
}

static void connect_host(void)
{
    struct error error = {0};
    watcher_init(&site.watcher);
    check(virt_open(site.uri, watcher_event, &site.watcher, &site.virt, &error), &error);
}

static void the_golden_image_is_sealed_and_has_a_template(void **state)
{
    (void)state;
    char source[PATH_MAX], kernel[PATH_MAX], initrd[PATH_MAX], version[PATH_MAX], manifest[PATH_MAX];
    struct error error = {0};
    snprintf(source, sizeof(source), "%.4000s/disk.qcow2", site.golden);
    snprintf(kernel, sizeof(kernel), "%.4000s/vmlinuz", site.golden);
    snprintf(initrd, sizeof(initrd), "%.4000s/initrd", site.golden);
    snprintf(manifest, sizeof(manifest), "%.4000s/manifest.json", site.golden);
    snprintf(version, sizeof(version), "%.4000s/images/debian@1", site.dir);
    json_auto_t *told = json_load_file(manifest, 0, NULL);
    const char *cmdline = json_string_value(json_object_get(told, "cmdline"));
    assert_non_null(cmdline);
    text_copy(site.cmdline, sizeof(site.cmdline), cmdline);
    struct image_import import = {
        .dir = version, .source = source, .format = "qcow2", .kernel = kernel, .initrd = initrd};
    check(image_import(&import, &site.image, &error), &error);
    struct overlay_base base = {site.image.disk, "qcow2", 0};
    check(overlay_template_new(&base, site.dir, &site.template, &error), &error);
    check(overlay_owner_parse("libvirt-qemu", &site.uid, &site.gid, &error), &error);
}

static void the_network_is_made_once(void **state)
{
    (void)state;
    struct error error = {0};
    struct virt_network_spec spec = {.name = NETWORK,
                                     .address = "192.168.199.1",
                                     .prefix_length = 24,
                                     .range_first = "192.168.199.10",
                                     .range_last = "192.168.199.60",
                                     .nat = true};
    connect_host();
    check(virt_network_ensure(site.virt, &spec, &error), &error);
    check(virt_network_ensure(site.virt, &spec, &error), &error);
}

static void a_reservation_lasts(void **state)
{
    (void)state;
    char first[VIRT_ADDRESS_SIZE], second[VIRT_ADDRESS_SIZE], again[VIRT_ADDRESS_SIZE];
    struct error error = {0};
    check(virt_net_reserve(site.virt, NETWORK, "52:00:00:00:00:01", "a", first, &error), &error);
    check(virt_net_reserve(site.virt, NETWORK, "52:00:00:00:00:02", "b", second, &error), &error);
    check(virt_net_reserve(site.virt, NETWORK, "52:00:00:00:00:01", "renamed", again, &error), &error);
    assert_string_equal(first, again);
    assert_string_not_equal(first, second);
    check(virt_net_reserve(site.virt, NETWORK, "52:00:00:00:00:03", "b", again, &error), &error);
    check(virt_net_release(site.virt, NETWORK, "52:00:00:00:00:01", &error), &error);
    check(virt_net_release(site.virt, NETWORK, "52:00:00:00:00:02", &error), &error);
    check(virt_net_release(site.virt, NETWORK, "52:00:00:00:00:03", &error), &error);
    check(virt_net_release(site.virt, NETWORK, "52:00:00:00:00:03", &error), &error);
}

/* What the poolmgr does for a desktop, up to its power. */
static void make_desktop(const char *name, char address[VIRT_ADDRESS_SIZE])
{
    struct error error = {0};
    char overlay[PATH_MAX], log[PATH_MAX], domain[VIRT_NAME_SIZE], mac[VIRT_MAC_SIZE];
    snprintf(overlay, sizeof(overlay), "%.4000s/%s.qcow2", site.dir, name);
    snprintf(log, sizeof(log), "%.4000s/%s.log", site.dir, name);
    snprintf(domain, sizeof(domain), "carrel-%s", name);
    virt_mac_from_name(domain, mac);
    check(overlay_make(site.template, overlay, site.uid, site.gid, &error), &error);
    check(virt_net_reserve(site.virt, NETWORK, mac, name, address, &error), &error);
    struct virt_domain_spec spec = {.name = domain,
                                    .title = "A <desk> & \"chair\"",
                                    .memory_mib = 384,
                                    .vcpus = 1,
                                    .disk = {overlay, "qcow2"},
                                    .backing = {{site.image.disk, "qcow2"}},
                                    .backing_count = 1,
                                    .kernel = site.image.kernel,
                                    .initrd = site.image.initrd,
                                    .cmdline = site.cmdline,
                                    .network = NETWORK,
                                    .isolated = true,
                                    .serial_log = log};
    check(virt_domain_define(site.virt, &spec, &error), &error);
    check(virt_domain_define(site.virt, &spec, &error), &error);
}

static struct virt_channel *open_channel(const char *domain, struct watcher *w)
{
    struct virt_channel *channel = NULL;
    struct error error = {0};
    watcher_init(w);
    check(virt_channel_open(site.virt, domain, VIRT_CHANNEL_CARREL, &watcher_handlers, w, &channel, &error), &error);
    return channel;
}

/* The helper tells "up" when it notices that the port was opened; asked, it always answers. */
static void expect_helper(struct virt_channel *channel, struct watcher *w)
{
    const char *hello = "{\"id\":1,\"cmd\":\"hello\",\"v\":1}\n";
    assert_int_equal(virt_channel_send(channel, hello, strlen(hello), NULL), 0);
    assert_true(watcher_sees(w, true, "\"id\":1"));
}

static void desktops_boot_and_their_image_is_left_alone(void **state)
{
    (void)state;
    char address[2][VIRT_ADDRESS_SIZE];
    struct watcher ears[2];
    struct virt_channel *channels[2];
    struct error error = {0};
    struct fingerprint disk = fingerprint(site.image.disk), kernel = fingerprint(site.image.kernel),
                       initrd = fingerprint(site.image.initrd), now;
    const char *names[] = {"one", "two"}, *domains[] = {"carrel-one", "carrel-two"};
    for (int i = 0; i < 2; i++) {
        make_desktop(names[i], address[i]);
        check(virt_domain_start(site.virt, domains[i], &error), &error);
        check(virt_domain_start(site.virt, domains[i], &error), &error);
        channels[i] = open_channel(domains[i], &ears[i]);
    }
    assert_true(watcher_sees(&site.watcher, false, "started carrel-one"));
    for (int i = 0; i < 2; i++) {
        char hostname[64];
        assert_true(watcher_sees(&ears[i], true, "\"event\":\"up\""));
        expect_helper(channels[i], &ears[i]);
        /* The name came with the address of its reservation. */
        snprintf(hostname, sizeof(hostname), "\"hostname\":\"%s\"", names[i]);
        assert_true(watcher_sees(&ears[i], true, hostname));
    }
    now = fingerprint(site.image.disk);
    assert_memory_equal(&disk, &now, sizeof(now));
    now = fingerprint(site.image.kernel);
    assert_memory_equal(&kernel, &now, sizeof(now));
    for (int i = 0; i < 2; i++)
        virt_channel_close(channels[i]);
    check(virt_domain_destroy(site.virt, "carrel-two", &error), &error);
    check(virt_domain_destroy(site.virt, "carrel-two", &error), &error);
    assert_true(watcher_sees(&site.watcher, false, "stopped carrel-two"));
    now = fingerprint(site.image.disk);
    assert_memory_equal(&disk, &now, sizeof(now));
    now = fingerprint(site.image.kernel);
    assert_memory_equal(&kernel, &now, sizeof(now));
    now = fingerprint(site.image.initrd);
    assert_memory_equal(&initrd, &now, sizeof(now));
}

static void desktops_are_listed(void **state)
{
    (void)state;
    struct error error = {0};
    struct virt_domain *list CLEANUP_FREE = NULL;
    size_t count = 0;
    check(virt_domain_list(site.virt, "carrel-", &list, &count, &error), &error);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "carrel-one");
    assert_int_equal(list[0].state, VIRT_DOMAIN_RUNNING);
    assert_string_equal(list[1].name, "carrel-two");
    assert_int_equal(list[1].state, VIRT_DOMAIN_STOPPED);
}

static void a_channel_is_taken_over(void **state)
{
    (void)state;
    struct watcher first, second;
    struct virt_channel *a = open_channel("carrel-one", &first);
    expect_helper(a, &first);
    struct virt_channel *b = open_channel("carrel-one", &second);
    expect_helper(b, &second);
    assert_true(watcher_closes(&first));
    assert_int_equal(virt_channel_send(a, "x", 1, NULL), ERR_CLOSED);
    virt_channel_close(a);
    virt_channel_close(b);
}

static void a_missing_channel_is_told(void **state)
{
    (void)state;
    struct virt_channel *channel = NULL;
    assert_int_equal(
        virt_channel_open(site.virt, "carrel-one", "org.nobody.0", &watcher_handlers, NULL, &channel, NULL),
        ERR_NOT_FOUND);
    assert_int_equal(
        virt_channel_open(site.virt, "carrel-two", VIRT_CHANNEL_CARREL, &watcher_handlers, NULL, &channel, NULL),
        ERR_ILLEGAL_MOVE);
    assert_null(channel);
}

static void libvirtd_may_restart_under_running_desktops(void **state)
{
    (void)state;
    struct watcher ear;
    struct error error = {0};
    enum virt_domain_state power;
    struct virt_channel *channel = open_channel("carrel-one", &ear);
    expect_helper(channel, &ear);
    assert_int_equal(scratch_sh("pkill -KILL -f '^libvirtd -p %s/host/run/libvirtd.pid'", site.dir), 0);
    assert_true(watcher_sees(&site.watcher, false, "lost"));
    assert_true(watcher_closes(&ear));
    assert_false(virt_alive(site.virt));
    assert_int_equal(virt_domain_state(site.virt, "carrel-one", &power, &error), ERR_HOST_DOWN);
    virt_channel_close(channel);
    virt_close(site.virt);
    int rc = ERR_HOST_DOWN;
    watcher_init(&site.watcher);
    for (int i = 0; rc < 0 && i < 300; i++) {
        rc = virt_open(site.uri, watcher_event, &site.watcher, &site.virt, &error);
        if (rc < 0)
            usleep(100000);
    }
    check(rc, &error);
    check(virt_domain_state(site.virt, "carrel-one", &power, &error), &error);
    assert_int_equal(power, VIRT_DOMAIN_RUNNING);
    channel = open_channel("carrel-one", &ear);
    expect_helper(channel, &ear);
    virt_channel_close(channel);
}

static void a_killed_qemu_is_told(void **state)
{
    (void)state;
    struct watcher ear;
    struct virt_channel *channel = open_channel("carrel-one", &ear);
    enum virt_domain_state power;
    struct error error = {0};
    assert_int_equal(scratch_sh("pkill -KILL -f '^/usr/bin/qemu-system-x86_64 .*%s/one.qcow2'", site.dir), 0);
    assert_true(watcher_sees(&site.watcher, false, "crashed carrel-one"));
    assert_true(watcher_closes(&ear));
    virt_channel_close(channel);
    check(virt_domain_state(site.virt, "carrel-one", &power, &error), &error);
    assert_true(power == VIRT_DOMAIN_STOPPED || power == VIRT_DOMAIN_CRASHED);
}

static void everything_goes_again(void **state)
{
    (void)state;
    struct error error = {0};
    const char *names[] = {"one", "two"};
    for (int i = 0; i < 2; i++) {
        char domain[VIRT_NAME_SIZE], mac[VIRT_MAC_SIZE], overlay[PATH_MAX];
        snprintf(domain, sizeof(domain), "carrel-%s", names[i]);
        snprintf(overlay, sizeof(overlay), "%.4000s/%s.qcow2", site.dir, names[i]);
        virt_mac_from_name(domain, mac);
        check(overlay_check(site.template, overlay, &error), &error);
        for (int twice = 0; twice < 2; twice++) {
            check(virt_domain_destroy(site.virt, domain, &error), &error);
            check(virt_domain_undefine(site.virt, domain, &error), &error);
            check(virt_net_release(site.virt, NETWORK, mac, &error), &error);
            check(overlay_remove(overlay, &error), &error);
        }
    }
    check(virt_network_remove(site.virt, NETWORK, &error), &error);
    check(image_verify(strcat(strcpy((char[PATH_MAX]){""}, site.dir), "/images/debian@1"), NULL, NULL, NULL, &error),
          &error);
    overlay_template_free(site.template);
    virt_close(site.virt);
}

int main(void)
{
    site.uri = getenv("CARREL_TEST_URI");
    site.dir = getenv("CARREL_TEST_DIR");
    site.golden = getenv("CARREL_TEST_GOLDEN");
    if (site.uri == NULL || site.dir == NULL || site.golden == NULL) {
        fputs("run tests/system/test_libvirt\n", stderr);
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_image_is_sealed_and_has_a_template),
        cmocka_unit_test(the_network_is_made_once),
        cmocka_unit_test(a_reservation_lasts),
        cmocka_unit_test(desktops_boot_and_their_image_is_left_alone),
        cmocka_unit_test(desktops_are_listed),
        cmocka_unit_test(a_channel_is_taken_over),
        cmocka_unit_test(a_missing_channel_is_told),
        cmocka_unit_test(libvirtd_may_restart_under_running_desktops),
        cmocka_unit_test(a_killed_qemu_is_told),
        cmocka_unit_test(everything_goes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
