/* carrel-poolmgr, the program, on a real libvirtd with QEMU guests: tests/system/test_poolmgr starts a libvirtd of its
 * own and gives CARREL_TEST_URI, CARREL_TEST_DIR (a folder that QEMU's account can enter) and CARREL_TEST_GOLDEN (the
 * golden image's folder). The cases build on each other. The judge reads files, domains and rows itself. */
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/net/httpc.h"
#include "lib/proto/pm.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_host.h"
#include "lib/store/store_image.h"
#include "lib/store/store_pool.h"
#include "lib/store/store_session.h"
#include "lib/virt/virt.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROGRAM     "build/bin/carrel-poolmgr"
#define PREFIX      "pmtest-"
#define POOL        "office"
#define NETWORK     "desks"
#define PATIENCE_MS 180000
#define KILLS       6

static struct {
    const char *uri, *dir, *golden;
    char conf[256], socket[256], storage[256];
    struct store *store;
    struct virt *virt;
    pid_t pid; /* of the program; 0 = not running */
} site;

static void check(int rc, const struct error *error)
{
    if (rc)
        fail_msg("%s", err_message(error));
}

/* ---- the program */

static void start_program(void)
{
    char log[300];

    snprintf(log, sizeof log, "%s/poolmgr.log", site.dir);
    site.pid = fork();
    assert_true(site.pid >= 0);
    if (site.pid)
        return;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(fd, STDERR_FILENO);
    execl(PROGRAM, PROGRAM, "-c", site.conf, (char *)NULL);
    _exit(127);
}

static void end_program(int signum, int wanted)
{
    int status = 0;

    assert_int_equal(kill(site.pid, signum), 0);
    assert_int_equal(waitpid(site.pid, &status, 0), site.pid);
    site.pid = 0;
    if (signum == SIGTERM)
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == wanted);
}

static void write_conf(void)
{
    snprintf(site.conf, sizeof site.conf, "%s/poolmgr.conf", site.dir);
    snprintf(site.socket, sizeof site.socket, "%s/pm.sock", site.dir);
    snprintf(site.storage, sizeof site.storage, "%s/storage", site.dir);
    FILE *f = fopen(site.conf, "w");
    assert_non_null(f);
    fprintf(f,
            "[poolmgr]\nstore = sqlite:%s/carrel.db\ninternal_socket = %s\nstorage_dir = %s\ndomain_prefix = " PREFIX
            "\nimage_user = libvirt-qemu\nlog_level = debug\n[limits]\nstarts_per_host = 2\n[times]\npass = 1s\n",
            site.dir, site.socket, site.storage);
    assert_int_equal(fclose(f), 0);
}

/* ---- the site */

static int open_site(void **state)
{
    struct error e = {0};
    char uri[300];

    (void)state;
    site.uri = getenv("CARREL_TEST_URI");
    site.dir = getenv("CARREL_TEST_DIR");
    site.golden = getenv("CARREL_TEST_GOLDEN");
    if (!site.uri || !site.dir || !site.golden)
        return -1;
    write_conf();
    snprintf(uri, sizeof uri, "sqlite:%s/carrel.db", site.dir);
    const struct store_options options = {.uri = uri, .migrate = true};
    check(store_open(&options, &site.store, &e), &e);
    check(virt_open(site.uri, NULL, NULL, &site.virt, &e), &e);
    const struct virt_network_spec network = {.name = NETWORK,
                                              .address = "192.168.198.1",
                                              .prefix_length = 24,
                                              .range_first = "192.168.198.10",
                                              .range_last = "192.168.198.60",
                                              .nat = true};
    check(virt_network_ensure(site.virt, &network, &e), &e);
    return 0;
}

static int close_site(void **state)
{
    (void)state;
    if (site.pid)
        end_program(SIGKILL, 0);
    virt_close(site.virt);
    store_close(site.store);
    return 0;
}

static bool wait_until(bool (*done)(void *arg), void *arg)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;

    while (!done(arg)) {
        if (clock_mono_ms() > end)
            return false;
        usleep(50000);
    }
    return true;
}

static size_t count_desktops(uint32_t states)
{
    struct store_desktop *rows CLEANUP_FREE = NULL;
    const struct store_desktop_filter filter = {.states = states};
    size_t count = 0;

    assert_int_equal(store_desktop_list(site.store, &filter, NULL, &rows, &count, NULL), 0);
    return count;
}

static bool all_ready(void *arg)
{
    size_t wanted = *(size_t *)arg;

    return count_desktops(0) == wanted && count_desktops(SM_TO(DESKTOP_READY)) == wanted;
}

static void reach(size_t ready)
{
    if (!wait_until(all_ready, &ready))
        fail_msg("%zu desktops, %zu ready, not %zu", count_desktops(0), count_desktops(SM_TO(DESKTOP_READY)), ready);
}

/* ---- the judge */

static size_t overlays(void)
{
    DIR *dir = opendir(site.storage);
    size_t count = 0;

    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        count += strstr(e->d_name, "qcow2") != NULL; /* leftovers of clonings as well */
    closedir(dir);
    return count;
}

static void judge_row(const struct store_desktop *row, const struct virt_domain *domains, size_t count)
{
    char path[400], name[128];
    bool running = false;

    snprintf(path, sizeof path, "%s/%s.qcow2", site.storage, row->name);
    if (access(path, F_OK))
        fail_msg("desktop %s has no overlay", row->name);
    snprintf(name, sizeof name, PREFIX "%s", row->name);
    for (size_t i = 0; i < count; i++)
        running = running || (!strcmp(domains[i].name, name) && domains[i].state == VIRT_DOMAIN_RUNNING);
    if (!running)
        fail_msg("desktop %s does not run", row->name);
    assert_int_equal(strlen(row->cert_sha256), 64);
    assert_true(row->address[0] != '\0');
}

static void judge(size_t wanted)
{
    struct store_desktop *rows CLEANUP_FREE = NULL;
    struct virt_domain *domains CLEANUP_FREE = NULL;
    const struct store_desktop_filter filter = {0};
    size_t count = 0, domain_count = 0;
    struct error e = {0};

    check(store_desktop_list(site.store, &filter, NULL, &rows, &count, &e), &e);
    check(virt_domain_list(site.virt, PREFIX, &domains, &domain_count, &e), &e);
    assert_int_equal(count, wanted);
    assert_int_equal(domain_count, wanted);
    assert_int_equal(overlays(), wanted);
    for (size_t i = 0; i < count; i++) {
        judge_row(&rows[i], domains, domain_count);
        for (size_t other = 0; other < i; other++) {
            assert_string_not_equal(rows[i].cert_sha256, rows[other].cert_sha256);
            assert_string_not_equal(rows[i].address, rows[other].address);
            assert_string_not_equal(rows[i].name, rows[other].name);
        }
    }
}

/* ---- cases */

static void add_image(void)
{
    struct error e = {0};
    char manifest[400];
    struct store_image image = {.name = "debian-desktop",
                                .source_format = "qcow2",
                                .os_kind = "linux",
                                .prep = "linux-local",
                                .firmware = "kernel",
                                .min_memory_mib = 256};

    snprintf(image.source, sizeof image.source, "%s/disk.qcow2", site.golden);
    snprintf(image.kernel, sizeof image.kernel, "%s/vmlinuz", site.golden);
    snprintf(image.initrd, sizeof image.initrd, "%s/initrd", site.golden);
    snprintf(manifest, sizeof manifest, "%s/manifest.json", site.golden);
    json_t *told = json_load_file(manifest, 0, NULL);
    assert_non_null(told);
    snprintf(image.cmdline, sizeof image.cmdline, "%s", json_string_value(json_object_get(told, "cmdline")));
    json_decref(told);
    check(store_image_add(site.store, &image, clock_wall_ms(), &e), &e);
}

static bool image_is_sealed(void *arg)
{
    struct store_image image;

    (void)arg;
    assert_int_equal(store_image_get(site.store, "debian-desktop", 1, &image, NULL), 0);
    if (!strcmp(image.state, IMAGE_STATE_ERROR))
        fail_msg("%s", image.error);
    return !strcmp(image.state, IMAGE_STATE_SEALED);
}

static void a_golden_image_is_imported_and_sealed(void **state)
{
    struct error e = {0};
    struct store_host host = {.name = "local"};

    (void)state;
    snprintf(host.uri, sizeof host.uri, "%s", site.uri);
    check(store_host_add(site.store, &host, clock_wall_ms(), &e), &e);
    add_image();
    start_program();
    assert_true(wait_until(image_is_sealed, NULL));
    check(store_image_move(site.store, 0, "debian-desktop", 1, IMAGE_STATE_SEALED, IMAGE_STATE_PUBLISHED, NULL,
                           clock_wall_ms(), &e),
          &e);
}

static void a_pool_of_two_becomes_ready(void **state)
{
    struct error e = {0};
    struct store_pool pool = {.name = POOL,
                              .kind = POOL_KIND_FLOATING,
                              .image = "debian-desktop",
                              .image_version = 1,
                              .network = NETWORK,
                              .memory_mib = 384,
                              .vcpus = 1,
                              .size_min = 2,
                              .size_max = 2,
                              .credentials = POOL_CREDENTIALS_SESSION,
                              .security = POOL_SECURITY_TLS,
                              .grace_s = 60,
                              .state = POOL_STATE_OPEN};

    (void)state;
    check(store_pool_add(site.store, &pool, clock_wall_ms(), &e), &e);
    reach(2);
    judge(2);
}

static void open_session(const char *person, struct store_session *ret)
{
    struct error e = {0};
    uint32_t place = 0;
    const struct store_session_want want = {
        .pool = POOL, .person = person, .display = person, .now_ms = clock_wall_ms()};

    check(store_session_open(site.store, &want, ret, &place, NULL, &e), &e);
}

static int call(const char *method, const char *path, const char *body, struct pm_credentials *ret)
{
    struct error e = {0};
    struct httpc_response response;
    const struct httpc_request request = {.target = {.base_url = "http://localhost", .unix_path = site.socket},
                                          .method = method,
                                          .path = path,
                                          .body = body,
                                          .body_len = body ? strlen(body) : 0};

    check(httpc_call(&request, &response, &e), &e);
    int status = response.status;
    if (status == 200 && ret)
        check(pm_credentials_read(response.body, response.body_len, ret, &e), &e);
    httpc_response_done(&response);
    return status;
}

static void a_person_gets_an_account_in_her_desktop(void **state)
{
    struct store_session alice;
    struct pm_credentials first = {0}, second = {0};
    char path[PM_PATH_SIZE];

    (void)state;
    open_session("Alice", &alice);
    assert_string_not_equal(alice.desktop, "");
    pm_prepare_path(alice.id, path);
    assert_int_equal(call("POST", path, "{\"v\":1,\"fullname\":\"Alice Example\"}", &first), 200);
    assert_int_equal(call("POST", path, "{\"v\":1,\"fullname\":\"Alice Example\"}", &second), 200);
    assert_string_equal(first.username, "alice");
    assert_false(secret_equal(first.password, second.password));
    assert_true(secret_len(first.password) >= 24);
    pm_credentials_done(&first);
    pm_credentials_done(&second);
    assert_int_equal(call("POST", "/internal/v1/sessions/s-none/prepare", "{\"v\":1}", NULL), 404);
    assert_int_equal(call("GET", "/readyz", NULL, NULL), 200);
    assert_int_equal(call("GET", "/metrics", NULL, NULL), 200);
    assert_int_equal(call("GET", "/status", NULL, NULL), 200);
}

static bool session_is_over(void *arg)
{
    struct store_session s;

    assert_int_equal(store_session_get(site.store, arg, &s, NULL), 0);
    return s.state == SESSION_ENDED;
}

static void logoff_brings_a_fresh_desktop(void **state)
{
    struct error e = {0};
    struct store_session alice;
    struct store_desktop before, after;

    (void)state;
    open_session("Alice", &alice);
    check(store_desktop_get(site.store, alice.desktop, &before, &e), &e);
    check(store_session_ask(site.store, alice.id, SESSION_INTENT_LOGOFF, &e), &e);
    assert_int_equal(call("POST", PM_WAKE_PATH, NULL, NULL), 204);
    assert_true(wait_until(session_is_over, alice.id));
    reach(2);
    judge(2);
    if (!store_desktop_get_named(site.store, before.name, &after, NULL))
        assert_string_not_equal(after.cert_sha256, before.cert_sha256);
}

static void a_domain_that_vanishes_is_made_again(void **state)
{
    struct error e = {0};
    char first[ID_SIZE];
    struct store_desktop *rows CLEANUP_FREE = NULL;
    const struct store_desktop_filter filter = {0};
    char domain[128];
    size_t count = 0;

    (void)state;
    check(store_desktop_list(site.store, &filter, NULL, &rows, &count, &e), &e);
    snprintf(domain, sizeof domain, PREFIX "%s", rows[0].name);
    memcpy(first, rows[0].id, sizeof first);
    check(virt_domain_destroy(site.virt, domain, &e), &e);
    check(virt_domain_undefine(site.virt, domain, &e), &e);
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    struct store_desktop row;
    while (!store_desktop_get(site.store, first, &row, NULL) && clock_mono_ms() < end)
        usleep(50000);
    reach(2);
    judge(2);
}

/* Each round begins work (a logoff makes the pool delete and make a desktop) and kills the program somewhere in it. */
static void killed_at_any_moment_it_goes_on(void **state)
{
    static const unsigned moments_ms[KILLS] = {5, 40, 120, 350, 1500, 4000};
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < KILLS; i++) {
        struct store_session s;
        open_session(i % 2 ? "bob" : "carol", &s);
        check(store_session_ask(site.store, s.id, SESSION_INTENT_LOGOFF, &e), &e);
        assert_int_equal(call("POST", PM_WAKE_PATH, NULL, NULL), 204);
        usleep(moments_ms[i] * 1000);
        end_program(SIGKILL, 0);
        start_program();
        assert_true(wait_until(session_is_over, s.id));
        reach(2);
        judge(2);
    }
}

static void stopping_leaves_desktops_running(void **state)
{
    (void)state;
    end_program(SIGTERM, 0);
    judge(2);
    start_program();
    usleep(1500000);
    reach(2);
    judge(2);
}

static void scaled_to_nothing_nothing_is_left(void **state)
{
    struct error e = {0};
    struct store_pool pool;

    (void)state;
    check(store_pool_get(site.store, POOL, &pool, &e), &e);
    pool.size_min = pool.spare = 0;
    check(store_pool_update(site.store, &pool, clock_wall_ms(), &e), &e);
    reach(0);
    judge(0);
    end_program(SIGTERM, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_golden_image_is_imported_and_sealed),   cmocka_unit_test(a_pool_of_two_becomes_ready),
        cmocka_unit_test(a_person_gets_an_account_in_her_desktop), cmocka_unit_test(logoff_brings_a_fresh_desktop),
        cmocka_unit_test(a_domain_that_vanishes_is_made_again),    cmocka_unit_test(killed_at_any_moment_it_goes_on),
        cmocka_unit_test(stopping_leaves_desktops_running),        cmocka_unit_test(scaled_to_nothing_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}
