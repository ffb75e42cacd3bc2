#include "tests/unit/poolmgr_site.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define PATIENCE_MS 60000

static void run_program(const char *command)
{
    assert_int_equal(system(command), 0);
}

/* `value` after the site's folder when it begins with '/', after "sqlite:" and the folder when the option is the store.
 */
static void set(struct site *site, const char *section, const char *name, const char *value)
{
    char text[256];
    struct error e = {0};

    snprintf(text, sizeof text, "%s%s%s", strcmp(name, "store") ? "" : "sqlite:", value[0] == '/' ? site->dir : "",
             value);
    if (options_set(&poolmgr_conf_set, &site->daemon->conf, section, name, text, &e))
        fail_msg("%s", err_message(&e));
}

static void add_image(struct site *site)
{
    struct error e = {0};
    struct store_image image = {.name = "base",
                                .source_format = "qcow2",
                                .os_kind = "linux",
                                .prep = "linux-local",
                                .firmware = "bios",
                                .min_memory_mib = 64};

    snprintf(image.source, sizeof image.source, "%s/base.qcow2", site->dir);
    if (store_image_add(site->store, &image, clock_wall_ms(), &e))
        fail_msg("%s", err_message(&e));
}

void site_add_host(struct site *site, const char *name, const char *uri)
{
    struct error e = {0};
    struct store_host host = {0};

    snprintf(host.name, sizeof host.name, "%s", name);
    snprintf(host.uri, sizeof host.uri, "%s", uri);
    if (store_host_add(site->store, &host, clock_wall_ms(), &e))
        fail_msg("%s", err_message(&e));
}

void site_add_pool(struct site *site, const char *name, int64_t min, int64_t max, int64_t spare)
{
    struct error e = {0};
    struct store_pool pool = {.kind = POOL_KIND_FLOATING,
                              .image = "base",
                              .image_version = 1,
                              .network = "desks",
                              .memory_mib = 256,
                              .vcpus = 1,
                              .size_min = min,
                              .size_max = max,
                              .spare = spare,
                              .credentials = POOL_CREDENTIALS_SESSION,
                              .security = POOL_SECURITY_TLS,
                              .grace_s = 60,
                              .state = POOL_STATE_OPEN};

    snprintf(pool.name, sizeof pool.name, "%s", name);
    if (store_pool_add(site->store, &pool, clock_wall_ms(), &e))
        fail_msg("%s", err_message(&e));
}

void site_scale(struct site *site, const char *name, int64_t min, int64_t max, int64_t spare)
{
    struct store_pool pool;

    assert_int_equal(store_pool_get(site->store, name, &pool, NULL), 0);
    pool.size_min = min;
    pool.size_max = max;
    pool.spare = spare;
    assert_int_equal(store_pool_update(site->store, &pool, clock_wall_ms(), NULL), 0);
}

static bool image_is_sealed(struct site *site, void *arg)
{
    struct store_image image;

    (void)arg;
    assert_int_equal(store_image_get(site->store, "base", 1, &image, NULL), 0);
    if (!strcmp(image.state, IMAGE_STATE_ERROR))
        fail_msg("%s", image.error);
    return !strcmp(image.state, IMAGE_STATE_SEALED);
}

void site_open(struct site *site, const char *host_uri)
{
    struct error e = {0};
    char command[256];

    *site = (struct site){.dir = "/tmp/carrel-pm-XXXXXX"};
    assert_non_null(mkdtemp(site->dir));
    snprintf(site->uri, sizeof site->uri, "sqlite:%s/carrel.db", site->dir);
    snprintf(command, sizeof command, "qemu-img create -q -f qcow2 %s/base.qcow2 64M", site->dir);
    run_program(command);
    const struct store_options options = {.uri = site->uri, .migrate = true};
    if (store_open(&options, &site->store, &e))
        fail_msg("%s", err_message(&e));
    add_image(site);
    site_add_host(site, "h1", host_uri);
    site_start(site);
    assert_true(site_run_until(site, image_is_sealed, NULL));
    assert_int_equal(store_image_move(site->store, 0, "base", 1, IMAGE_STATE_SEALED, IMAGE_STATE_PUBLISHED, NULL,
                                      clock_wall_ms(), NULL),
                     0);
}

void site_close(struct site *site)
{
    char command[128];

    site_stop(site);
    store_close(site->store);
    fake_reset();
    snprintf(command, sizeof command, "chmod -R u+w %s && rm -rf %s", site->dir, site->dir);
    run_program(command);
}

void site_start(struct site *site)
{
    struct error e = {0};

    site->daemon = MEM_NEW(struct daemon);
    assert_non_null(site->daemon);
    assert_int_equal(options_defaults(&poolmgr_conf_set, &site->daemon->conf, &e), 0);
    set(site, "poolmgr", "store", "/carrel.db");
    set(site, "poolmgr", "internal_socket", "/pm.sock");
    set(site, "poolmgr", "storage_dir", "/storage");
    set(site, "limits", "disk_reserve", "1M");
    set(site, "desktops", "rdp_port", "33890");
    set(site, "times", "pass", "500ms");
    set(site, "times", "probe", "50ms");
    set(site, "times", "guest_answer", "1s");
    set(site, "times", "host_failed", "2s");
    if (daemon_start(site->daemon, &e))
        fail_msg("%s", err_message(&e));
    leader_start(site->daemon->manager.leader);
}

void site_stop(struct site *site)
{
    if (!site->daemon)
        return;
    assert_true(daemon_stop(site->daemon));
    options_done(&poolmgr_conf_set, &site->daemon->conf);
    free(TAKE_PTR(site->daemon));
}

static void on_nap(void *arg)
{
    (void)arg;
}

bool site_run_until(struct site *site, bool (*done)(struct site *site, void *arg), void *arg)
{
    struct loop *loop = site->daemon->manager.loop;
    struct loop_timer *nap = loop_timer_new(loop, on_nap, NULL);
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    bool is_done = false;

    loop_timer_start(nap, 10, 10);
    while (!(is_done = done(site, arg)) && clock_mono_ms() < end)
        loop_run_once(loop, true);
    loop_timer_free(nap);
    return is_done;
}

static bool time_is_over(struct site *site, void *arg)
{
    (void)site;
    return clock_mono_ms() >= *(int64_t *)arg;
}

void site_run(struct site *site, int64_t ms)
{
    int64_t end = clock_mono_ms() + ms;

    site_run_until(site, time_is_over, &end);
}

size_t site_count(struct site *site, const char *pool, int state, bool free_only)
{
    struct store_desktop *rows CLEANUP_FREE = NULL;
    const struct store_desktop_filter filter = {
        .pool = pool, .states = state < 0 ? 0 : SM_TO(state), .free_only = free_only};
    size_t count = 0;

    assert_int_equal(store_desktop_list(site->store, &filter, NULL, &rows, &count, NULL), 0);
    return count;
}

bool site_has(struct site *site, const char *pool, int state, size_t count)
{
    return site_count(site, pool, state, false) == count;
}

void site_connect(struct site *site, const char *pool, const char *person, struct store_session *ret_session)
{
    const struct store_session_want want = {
        .pool = pool, .person = person, .display = person, .now_ms = clock_wall_ms()};
    uint32_t position;
    struct error e = {0};

    if (store_session_open(site->store, &want, ret_session, &position, NULL, &e))
        fail_msg("%s", err_message(&e));
}

static size_t list_overlays(struct site *site, char (*ret)[64], size_t most)
{
    char path[128];
    size_t count = 0;

    snprintf(path, sizeof path, "%s/storage", site->dir);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        const char *end = strstr(e->d_name, ".qcow2");
        if (!end || e->d_name[0] == '.')
            continue;
        if (count < most)
            snprintf(ret[count], sizeof ret[count], "%.*s", (int)(end - e->d_name), e->d_name);
        count++;
    }
    closedir(dir);
    return count;
}

size_t site_overlays(struct site *site)
{
    return list_overlays(site, NULL, 0);
}

void site_judge(struct site *site)
{
    static char files[2048][64];
    struct store_desktop *rows CLEANUP_FREE = NULL;
    const struct store_desktop_filter filter = {0};
    size_t count = 0, overlays = list_overlays(site, files, 2048), known = 0;

    assert_int_equal(store_desktop_list(site->store, &filter, NULL, &rows, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].state, DESKTOP_READY);
        assert_true(rows[i].address[0] && rows[i].cert_sha256[0] && rows[i].host[0]);
        bool found = false;
        for (size_t f = 0; f < overlays; f++)
            found = found || !strcmp(files[f], rows[i].name);
        if (!found)
            fail_msg("desktop %s has no overlay", rows[i].name);
        known++;
        for (size_t other = 0; other < i; other++) {
            assert_string_not_equal(rows[i].name, rows[other].name);
            if (!strcmp(rows[i].host, rows[other].host))
                assert_string_not_equal(rows[i].address, rows[other].address);
        }
    }
    assert_int_equal(overlays, known);
}
