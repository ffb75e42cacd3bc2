/* The store's part of a logon storm, on both engines: login, entitlement, session with its desktop, ticket, redemption;
 * so many a second, every write on disk. Threads as a broker's worker pool has them. PostgreSQL runs privately, with
 * its own durability on. */
#include "lib/base/clock.h"
#include "lib/model/pool.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_entitlement.h"
#include "lib/store/store_image.h"
#include "lib/store/store_login.h"
#include "lib/store/store_session.h"
#include "lib/store/store_ticket.h"
#include "tests/bench/bench.h"
#include "tests/store/pg_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define THREADS 16
#define NOW     INT64_C(1700000000000)

struct storm {
    struct store *store;
    int people;
    atomic_int next;
    atomic_int failed;
    int64_t *took_ns; /* per person */
};

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        struct error e_ = {0};                                                                                         \
        if ((call) != 0) {                                                                                             \
            fprintf(stderr, "bench_store: %s\n", err_message(&e_));                                                    \
            return -1;                                                                                                 \
        }                                                                                                              \
    } while (0)

static int make_ready(struct store *store)
{
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;
    struct store_desktop d;
    patch.address = "10.0.0.1";
    patch.rdp_port = 3389;
    TRY(store_desktop_add(store, 0, "office", "bench", NOW, &d, &e_));
    for (int s = DESKTOP_REQUESTED; s < DESKTOP_READY; s++)
        TRY(store_desktop_move(store, 0, d.id, (enum desktop_state)s, (enum desktop_state)(s + 1), "bench", 0, &patch,
                               NOW + d.number, &e_));
    return 0;
}

static int make_site(struct store *store)
{
    struct store_image image = {.name = "debian"};
    struct store_pool pool = {.name = "office",
                              .kind = POOL_KIND_FLOATING,
                              .image = "debian",
                              .image_version = 1,
                              .size_max = 100000,
                              .security = POOL_SECURITY_TLS,
                              .grace_s = 300};
    TRY(store_image_add(store, &image, NOW, &e_));
    TRY(store_pool_add(store, &pool, NOW, &e_));
    TRY(store_entitlement_add(store, "office", STORE_ENTITLEMENT_GROUP, "engineers", NOW, &e_));
    return 0;
}

static int log_on(struct store *store, int number)
{
    static const char *const groups[] = {"staff", "engineers"};
    char person[32], login_hash[ID_HASH_SIZE], ticket_hash[ID_HASH_SIZE];
    struct store_session session;
    struct store_ticket_grant grant;
    enum store_ticket_refusal why;
    uint32_t place;
    snprintf(person, sizeof(person), "person-%d", number);
    id_hash(person, strlen(person), login_hash);
    struct store_login login = {.groups = (char[]){"[\"staff\",\"engineers\"]"},
                                .roles = "user",
                                .created_at = NOW,
                                .seen_at = NOW,
                                .expires_at = NOW + 1000000};
    struct store_login got = {.groups = NULL};
    memcpy(login.hash, login_hash, sizeof(login.hash));
    memcpy(login.username, person, sizeof(person));
    TRY(store_login_add(store, &login, &e_));
    TRY(store_login_get(store, login_hash, NOW, &got, &e_));
    store_login_done(&got);
    TRY(store_entitlement_check(store, "office", person, groups, 2, NULL, &e_));
    const struct store_session_want want = {"office", person, person, NOW};
    TRY(store_session_open(store, &want, &session, &place, NULL, &e_));
    id_hash(session.id, strlen(session.id), ticket_hash);
    const struct store_ticket_mint mint = {ticket_hash, session.id, "rdp", NULL, NOW, 0};
    TRY(store_ticket_mint(store, &mint, &e_));
    const struct store_ticket_use use = {ticket_hash, "rdp", "192.0.2.1", "g", "i", "w", NOW};
    TRY(store_ticket_redeem(store, &use, &grant, &why, &e_));
    return 0;
}

static void *prepare_thread(void *arg)
{
    struct storm *s = arg;
    while (atomic_fetch_add(&s->next, 1) < s->people) {
        if (make_ready(s->store) != 0)
            s->failed = 1;
    }
    return NULL;
}

static void *storm_thread(void *arg)
{
    struct storm *s = arg;
    int number;
    while ((number = atomic_fetch_add(&s->next, 1)) < s->people) {
        int64_t begin = clock_mono_ns();
        if (log_on(s->store, number) != 0)
            s->failed = 1;
        s->took_ns[number] = clock_mono_ns() - begin;
    }
    return NULL;
}

static int run_threads(struct storm *s, void *(*thread)(void *))
{
    pthread_t threads[THREADS];
    s->next = 0;
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, thread, s) != 0)
            abort();
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return s->failed != 0 ? -1 : 0;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int measure(struct bench *bench, const char *uri, int people)
{
    struct storm s = {.people = people, .took_ns = MEM_ARRAY(int64_t, (size_t)people)};
    int64_t *took CLEANUP_FREE = s.took_ns;
    const struct store_options options = {.uri = uri, .migrate = true, .connections = THREADS};
    char what[128];
    struct store_stats before, after;
    TRY(store_open(&options, &s.store, &e_));
    struct store *store CLEANUP(store_closep) = s.store;
    if (took == NULL || make_site(store) != 0 || run_threads(&s, prepare_thread) != 0)
        return -1;
    store_stats(store, &before);
    double begin = bench_now(), cpu = bench_cpu();
    if (run_threads(&s, storm_thread) != 0)
        return -1;
    double seconds = bench_now() - begin;
    store_stats(store, &after);
    qsort(took, (size_t)people, sizeof(*took), by_size);
    snprintf(what, sizeof(what), "logons a second in the store, %s, beside the 500 a storm asks for",
             store_engine(store));
    bench_limit(bench, what, people / seconds, 500, BENCH_AT_LEAST);
    snprintf(what, sizeof(what), "p99 of a logon's store part, ms, %s", store_engine(store));
    bench_tell(bench, what, (double)took[(size_t)people * 99 / 100] / 1e6);
    bench_note(bench,
               "%s: %d people, %d threads, %.2f ms CPU of this process a logon, %.1f operations a commit, %llu retries",
               store_engine(store), people, THREADS, (bench_cpu() - cpu) * 1000 / people,
               (double)(after.operations - before.operations) / (double)(after.commits - before.commits),
               (unsigned long long)(after.retries - before.retries));
    return 0;
}

int main(int argc, char **argv)
{
    struct bench *bench = bench_open(argc, argv, "store");
    int people = bench_quick(bench) ? 200 : 3000;
    char folder[] = "/tmp/carrel-bench-XXXXXX", uri[256], command[64];
    if (mkdtemp(folder) == NULL)
        return bench_fail(bench, "no folder for the database");
    snprintf(uri, sizeof(uri), "sqlite:%s/store.db", folder);
    int rc = measure(bench, uri, people);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (system(command) != 0 || rc != 0)
        return bench_fail(bench, "SQLite failed");
    pg_server_start_durable();
    snprintf(uri, sizeof(uri), "postgresql:///postgres?host=%s&user=postgres", pg_server_folder());
    rc = measure(bench, uri, people);
    pg_server_stop();
    return rc != 0 ? bench_fail(bench, "PostgreSQL failed") : bench_close(bench);
}
