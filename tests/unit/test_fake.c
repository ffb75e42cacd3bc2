/* lib/virt/fake: the simulated hosts keep the contracts of virt.h, and fail when told. */
#include "lib/virt/fake.h"
#include "tests/unit/virt_watcher.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

static const struct virt_domain_spec desk = {
    .name = "carrel-office-001",
    .memory_mib = 256,
    .vcpus = 1,
    .disk = {"/clones/office-001.qcow2", "qcow2"},
    .network = "desks",
};

static int no_hosts(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static struct virt *open_host(const char *uri, struct watcher *w)
{
    struct virt *virt = NULL;
    struct error error = {0};
    if (w != NULL)
        watcher_init(w);
    if (virt_open(uri, w != NULL ? watcher_event : NULL, w, &virt, &error) < 0)
        fail_msg("%s", error.text);
    return virt;
}

static void a_desktop_lives_and_tells(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = open_host("fake:one", &w);
    enum virt_domain_state power;
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), ERR_NOT_FOUND);
    assert_int_equal(virt_domain_define(virt, &desk, NULL), 0);
    assert_int_equal(virt_domain_define(virt, &desk, NULL), 0);
    assert_int_equal(virt_domain_start(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_start(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), 0);
    assert_int_equal(power, VIRT_DOMAIN_RUNNING);
    assert_true(watcher_sees(&w, false, "agent-up carrel-office-001"));
    assert_int_equal(virt_domain_destroy(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_destroy(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_undefine(virt, desk.name, NULL), 0);
    assert_int_equal(virt_domain_undefine(virt, desk.name, NULL), 0);
    assert_true(watcher_sees(&w, false, "undefined carrel-office-001"));
    assert_string_equal(w.events, "defined carrel-office-001\ndefined carrel-office-001\nstarted carrel-office-001\n"
                                  "agent-up carrel-office-001\nstopped carrel-office-001\n"
                                  "undefined carrel-office-001\n");
    virt_close(virt);
}

static void another_machine_of_that_name_is_kept(void **state)
{
    (void)state;
    struct virt *virt = open_host("fake:one", NULL);
    struct virt_domain_spec other = desk;
    other.uuid = "00000000-0000-4000-8000-000000000001";
    assert_int_equal(virt_domain_define(virt, &other, NULL), 0);
    assert_int_equal(virt_domain_define(virt, &desk, NULL), ERR_EXISTS);
    virt_close(virt);
}

static void domains_are_listed_by_prefix(void **state)
{
    (void)state;
    struct virt *virt = open_host("fake:one", NULL);
    const char *names[] = {"carrel-b", "other", "carrel-a"};
    for (size_t i = 0; i < 3; i++) {
        struct virt_domain_spec spec = desk;
        spec.name = names[i];
        assert_int_equal(virt_domain_define(virt, &spec, NULL), 0);
    }
    assert_int_equal(virt_domain_start(virt, "carrel-b", NULL), 0);
    struct virt_domain *list = NULL;
    size_t count = 0;
    assert_int_equal(virt_domain_list(virt, "carrel-", &list, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "carrel-a");
    assert_int_equal(list[0].state, VIRT_DOMAIN_STOPPED);
    assert_string_equal(list[1].name, "carrel-b");
    assert_int_equal(list[1].state, VIRT_DOMAIN_RUNNING);
    free(list);
    virt_close(virt);
}

static void reservations_are_idempotent_and_distinct(void **state)
{
    (void)state;
    struct virt *virt = open_host("fake:one", NULL);
    char first[VIRT_ADDRESS_SIZE], second[VIRT_ADDRESS_SIZE], again[VIRT_ADDRESS_SIZE];
    const char *a = "52:00:00:00:00:0a", *b = "52:00:00:00:00:0b";
    assert_int_equal(virt_net_reserve(virt, "desks", a, "a", first, NULL), 0);
    assert_int_equal(virt_net_reserve(virt, "desks", b, "b", second, NULL), 0);
    assert_int_equal(virt_net_reserve(virt, "desks", a, "a2", again, NULL), 0);
    assert_string_equal(first, again);
    assert_string_not_equal(first, second);
    assert_int_equal(virt_net_release(virt, "desks", a, NULL), 0);
    assert_int_equal(virt_net_release(virt, "desks", a, NULL), 0);
    assert_int_equal(virt_net_reserve(virt, "desks", "52:00:00:00:00:0c", "c", again, NULL), 0);
    assert_string_equal(first, again);
    virt_close(virt);
}

static void a_used_up_range_is_told(void **state)
{
    (void)state;
    struct virt *virt = open_host("fake:one", NULL);
    struct virt_network_spec spec = {.name = "small",
                                     .address = "192.168.9.1",
                                     .prefix_length = 24,
                                     .range_first = "192.168.9.10",
                                     .range_last = "192.168.9.11"};
    char address[VIRT_ADDRESS_SIZE] = "";
    assert_int_equal(virt_network_ensure(virt, &spec, NULL), 0);
    assert_int_equal(virt_net_reserve(virt, "small", "52:00:00:00:00:01", "a", address, NULL), 0);
    assert_int_equal(virt_net_reserve(virt, "small", "52:00:00:00:00:02", "b", address, NULL), 0);
    assert_string_equal(address, "192.168.9.11");
    assert_int_equal(virt_net_reserve(virt, "small", "52:00:00:00:00:03", "c", address, NULL), ERR_NO_SPACE);
    assert_string_equal(address, "192.168.9.11");
    spec.address = "192.168.9.2";
    assert_int_equal(virt_network_ensure(virt, &spec, NULL), ERR_CONFLICT);
    virt_close(virt);
}

static struct virt *running_desk(const char *uri, struct watcher *w)
{
    struct virt *virt = open_host(uri, w);
    assert_int_equal(virt_domain_define(virt, &desk, NULL), 0);
    assert_int_equal(virt_domain_start(virt, desk.name, NULL), 0);
    return virt;
}

static void say(struct virt_channel *channel, const char *text)
{
    assert_int_equal(virt_channel_send(channel, text, strlen(text), NULL), 0);
}

static void the_helper_answers(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = running_desk("fake:one", &w);
    struct fake_host *host = fake_host_get("one");
    struct virt_channel *channel = NULL;
    assert_true(watcher_sees(&w, false, "agent-up"));
    assert_int_equal(virt_channel_open(virt, desk.name, VIRT_CHANNEL_CARREL, &watcher_handlers, &w, &channel, NULL), 0);
    assert_true(watcher_sees(&w, true, "\"event\":\"up\""));
    say(channel, "{\"id\":1,\"cmd\":\"hello\",\"v\":1}\n{\"id\":2,\"cmd\":");
    say(channel, "\"account\",\"user\":\"alice\",\"password\":\"x\"}\n{\"id\":3,\"cmd\":\"dance\"}\n");
    assert_true(watcher_sees(&w, true, "\"id\":3"));
    assert_non_null(strstr(w.bytes, "\"machine_id\""));
    assert_non_null(strstr(w.bytes, "unknown command"));
    char password[16] = "";
    assert_int_equal(fake_guest_account(host, desk.name, "alice", password, sizeof(password)), 0);
    assert_string_equal(password, "x");
    assert_int_equal(fake_guest_logon(host, desk.name, "alice"), 0);
    assert_true(watcher_sees(&w, true, "\"event\":\"logon\""));
    say(channel, "{\"id\":4,\"cmd\":\"logoff\",\"user\":\"alice\"}\n");
    assert_true(watcher_sees(&w, true, "\"event\":\"logoff\""));
    assert_int_equal(virt_domain_destroy(virt, desk.name, NULL), 0);
    assert_true(watcher_closes(&w));
    assert_int_equal(virt_channel_send(channel, "x", 1, NULL), ERR_CLOSED);
    virt_channel_close(channel);
    virt_close(virt);
}

static void a_channel_is_taken_over(void **state)
{
    (void)state;
    struct watcher first, second;
    struct virt *virt = running_desk("fake:one", &first);
    watcher_init(&second);
    assert_true(watcher_sees(&first, false, "agent-up"));
    struct virt_channel *a = NULL, *b = NULL;
    assert_int_equal(virt_channel_open(virt, desk.name, VIRT_CHANNEL_CARREL, &watcher_handlers, &first, &a, NULL), 0);
    assert_int_equal(virt_channel_open(virt, desk.name, VIRT_CHANNEL_CARREL, &watcher_handlers, &second, &b, NULL), 0);
    assert_true(watcher_closes(&first));
    assert_true(watcher_sees(&second, true, "\"event\":\"up\""));
    virt_channel_close(a);
    virt_channel_close(b);
    virt_close(virt);
}

static void faults_happen_as_told(void **state)
{
    (void)state;
    struct virt *virt = open_host("fake:one", NULL);
    struct fake_host *host = fake_host_get("one");
    enum virt_domain_state power;
    fake_fail(host, FAKE_DEFINE, 1, ERR_VIRT);
    assert_int_equal(virt_domain_define(virt, &desk, NULL), ERR_VIRT);
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), ERR_NOT_FOUND);
    fake_fail_after(host, FAKE_DEFINE, 1, ERR_TIMEOUT);
    assert_int_equal(virt_domain_define(virt, &desk, NULL), ERR_TIMEOUT);
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), 0);
    assert_int_equal(virt_domain_define(virt, &desk, NULL), 0);
    assert_int_equal(fake_calls(host, FAKE_DEFINE), 3);
    virt_close(virt);
}

static void a_host_that_is_down_keeps_its_desktops(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = running_desk("fake:one", &w), *other = NULL;
    struct fake_host *host = fake_host_get("one");
    enum virt_domain_state power;
    fake_down(host, true);
    assert_true(watcher_sees(&w, false, "lost"));
    assert_false(virt_alive(virt));
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), ERR_HOST_DOWN);
    assert_int_equal(virt_open("fake:one", NULL, NULL, &other, NULL), ERR_HOST_DOWN);
    fake_down(host, false);
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), ERR_HOST_DOWN);
    virt_close(virt);
    virt = open_host("fake:one", NULL);
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), 0);
    assert_int_equal(power, VIRT_DOMAIN_RUNNING);
    virt_close(virt);
}

static void *start_desk(void *arg)
{
    return (void *)(intptr_t)virt_domain_start(arg, desk.name, NULL);
}

static void a_hanging_call_holds_nobody_else(void **state)
{
    (void)state;
    struct virt *virt = open_host("fake:one", NULL);
    struct fake_host *host = fake_host_get("one");
    enum virt_domain_state power;
    assert_int_equal(virt_domain_define(virt, &desk, NULL), 0);
    fake_hang(host, FAKE_START, true);
    pthread_t thread;
    pthread_create(&thread, NULL, start_desk, virt);
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), 0);
    assert_int_equal(power, VIRT_DOMAIN_STOPPED);
    fake_hang(host, FAKE_START, false);
    void *rc = NULL;
    pthread_join(thread, &rc);
    assert_int_equal((intptr_t)rc, 0);
    virt_close(virt);
}

static void crashes_and_power_loss_are_seen(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = running_desk("fake:one", &w);
    struct fake_host *host = fake_host_get("one");
    enum virt_domain_state power;
    assert_int_equal(fake_domain_crash(host, desk.name), 0);
    assert_true(watcher_sees(&w, false, "crashed carrel-office-001"));
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), 0);
    assert_int_equal(power, VIRT_DOMAIN_CRASHED);
    assert_int_equal(virt_domain_start(virt, desk.name, NULL), 0);
    fake_power_loss(host);
    virt_close(virt);
    virt = open_host("fake:one", NULL);
    assert_int_equal(virt_domain_state(virt, desk.name, &power, NULL), 0);
    assert_int_equal(power, VIRT_DOMAIN_STOPPED);
    virt_close(virt);
}

static void its_rdp_port_confirms(void **state)
{
    (void)state;
    struct watcher w;
    struct virt *virt = open_host("fake:one?rdp=1&rdp_port=23389", &w);
    char address[VIRT_ADDRESS_SIZE], mac[VIRT_MAC_SIZE];
    virt_mac_from_name(desk.name, mac);
    assert_int_equal(virt_net_reserve(virt, "desks", mac, "office-001", address, NULL), 0);
    assert_int_equal(virt_domain_define(virt, &desk, NULL), 0);
    assert_int_equal(virt_domain_start(virt, desk.name, NULL), 0);
    assert_true(watcher_sees(&w, false, "agent-up"));
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(23389)};
    assert_int_equal(inet_pton(AF_INET, address, &where.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&where, sizeof(where)), 0);
    const unsigned char request[19] = {3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 0, 0};
    assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
    unsigned char answer[19];
    assert_int_equal(recv(fd, answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
    assert_int_equal(answer[5], 0xd0);
    assert_int_equal(answer[15], 1);
    close(fd);
    virt_close(virt);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct virt *virt = NULL;
    assert_int_equal(virt_open("fake:", NULL, NULL, &virt, NULL), ERR_CONFIG);
    assert_int_equal(virt_open("fake:x?speed=1", NULL, NULL, &virt, NULL), ERR_CONFIG);
    assert_int_equal(virt_open("fake:x?boot_ms=-1", NULL, NULL, &virt, NULL), ERR_CONFIG);
    assert_int_equal(virt_open("", NULL, NULL, &virt, NULL), ERR_INVALID);
    assert_null(virt);
    virt = open_host("fake:x", NULL);
    struct virt_domain_spec bad = desk;
    bad.name = "../etc";
    assert_int_equal(virt_domain_define(virt, &bad, NULL), ERR_INVALID);
    bad = desk;
    bad.disk.format = NULL;
    assert_int_equal(virt_domain_define(virt, &bad, NULL), ERR_INVALID);
    bad = desk;
    bad.disk.path = "/a/../b";
    assert_int_equal(virt_domain_define(virt, &bad, NULL), ERR_INVALID);
    bad = desk;
    bad.mac = "01:00:00:00:00:00";
    assert_int_equal(virt_domain_define(virt, &bad, NULL), ERR_INVALID);
    virt_close(virt);
}

static void identities_are_stable(void **state)
{
    (void)state;
    char uuid[VIRT_UUID_SIZE], again[VIRT_UUID_SIZE], mac[VIRT_MAC_SIZE], other[VIRT_MAC_SIZE];
    virt_uuid_from_name("office-001", uuid);
    virt_uuid_from_name("office-001", again);
    assert_string_equal(uuid, again);
    assert_int_equal(uuid[14], '8');
    assert_non_null(strchr("89ab", uuid[19]));
    virt_mac_from_name("office-001", mac);
    virt_mac_from_name("office-002", other);
    assert_string_not_equal(mac, other);
    assert_memory_equal(mac, "52:", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_desktop_lives_and_tells, no_hosts),
        cmocka_unit_test_teardown(another_machine_of_that_name_is_kept, no_hosts),
        cmocka_unit_test_teardown(domains_are_listed_by_prefix, no_hosts),
        cmocka_unit_test_teardown(reservations_are_idempotent_and_distinct, no_hosts),
        cmocka_unit_test_teardown(a_used_up_range_is_told, no_hosts),
        cmocka_unit_test_teardown(the_helper_answers, no_hosts),
        cmocka_unit_test_teardown(a_channel_is_taken_over, no_hosts),
        cmocka_unit_test_teardown(faults_happen_as_told, no_hosts),
        cmocka_unit_test_teardown(a_host_that_is_down_keeps_its_desktops, no_hosts),
        cmocka_unit_test_teardown(a_hanging_call_holds_nobody_else, no_hosts),
        cmocka_unit_test_teardown(crashes_and_power_loss_are_seen, no_hosts),
        cmocka_unit_test_teardown(its_rdp_port_confirms, no_hosts),
        cmocka_unit_test_teardown(nonsense_is_refused, no_hosts),
        cmocka_unit_test(identities_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
