/* lib/store: both engines answer alike. The same random life of a site is led on SQLite and on PostgreSQL in step; each
 * answer is compared, and all rows at the end. The seeds are fixed. */
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/store_assignment.h"
#include "lib/store/store_connection.h"
#include "lib/store/store_gateway.h"
#include "tests/store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS    400
#define PEOPLE   9
#define DESKTOPS 12

/* What one engine's site is known by: ids differ between the two, people, numbers and indexes do not. */
struct site {
    struct store *store;
    char desktop[DESKTOPS][ID_SIZE];
    char session[PEOPLE][ID_SIZE];
    char ticket[PEOPLE][ID_HASH_SIZE];
    char connection[PEOPLE][ID_SIZE];
};

struct step {
    int what, who, which;
    int64_t now_ms;
    int number; /* of the step: makes hashes differ */
};

static int open_one(struct site *s, const struct step *step, char *ret_told, size_t size)
{
    char person[16];
    struct store_session session;
    uint32_t place = 0;
    bool created = false;
    snprintf(person, sizeof(person), "p%d", step->who);
    const struct store_session_want want = {"office", person, person, step->now_ms};
    int rc = store_session_open(s->store, &want, &session, &place, &created, NULL);
    if (rc == 0) {
        memcpy(s->session[step->who], session.id, ID_SIZE);
        snprintf(ret_told, size, "place %u, %s, desktop %s", place, created ? "new" : "known", session.desktop_name);
    }
    return rc;
}

static int mint_one(struct site *s, const struct step *step)
{
    char seed[48];
    snprintf(seed, sizeof(seed), "%s-%d", s->session[step->who], step->number);
    id_hash(seed, strlen(seed), s->ticket[step->who]);
    const struct store_ticket_mint mint = {s->ticket[step->who], s->session[step->who], "rdp", NULL, step->now_ms, 0};
    return store_ticket_mint(s->store, &mint, NULL);
}

static int redeem_one(struct site *s, const struct step *step, char *ret_told, size_t size)
{
    const struct store_ticket_use use = {s->ticket[step->who], "rdp", "192.0.2.1", "g1", "i1", "w", step->now_ms};
    struct store_ticket_grant grant;
    enum store_ticket_refusal why = STORE_TICKET_NONE;
    int rc = store_ticket_redeem(s->store, &use, &grant, &why, NULL);
    if (rc == 0)
        memcpy(s->connection[step->who], grant.connection, ID_SIZE);
    snprintf(ret_told, size, "%s %s", store_ticket_refusal_word(why), rc == 0 ? grant.desktop_name : "");
    return rc;
}

static int close_one(struct site *s, const struct step *step, char *ret_told, size_t size)
{
    const struct store_connection_close close = {s->connection[step->who], step->number, 2, "gone", step->now_ms};
    struct store_connection_closed closed = {.disconnected = false};
    int rc = store_connection_close(s->store, &close, &closed, NULL);
    snprintf(ret_told, size, "%d %lld", closed.disconnected, (long long)closed.session_deadline);
    return rc;
}

static int end_one(struct site *s, const struct step *step)
{
    struct store_session_end end;
    return store_session_end(s->store, 0, s->session[step->who], SESSION_END_ADMIN, 0, step->now_ms, &end, NULL);
}

static int release_one(struct site *s, const struct step *step)
{
    struct store_session session;
    int rc = store_session_get(s->store, s->session[step->who], &session, NULL);
    return rc != 0 ? rc : store_assignment_release(s->store, 0, session.assignment, step->now_ms, NULL);
}

/* The next state of a desktop on its way through life, or one that the model forbids. */
static int move_one(struct site *s, const struct step *step, char *ret_told, size_t size)
{
    struct store_desktop d;
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;
    const char *id = s->desktop[step->which];
    int rc = store_desktop_get(s->store, id, &d, NULL);
    if (rc != 0) {
        rc = store_desktop_add(s->store, 0, "office", "w", step->now_ms, &d, NULL);
        memcpy(s->desktop[step->which], d.id, rc == 0 ? ID_SIZE : 0);
        return rc;
    }
    patch.address = "10.0.0.1";
    patch.rdp_port = 3389;
    if (d.state == DESKTOP_GONE)
        rc = store_desktop_remove(s->store, 0, id, NULL);
    else if (d.state == DESKTOP_READY)
        rc = store_desktop_take_down(s->store, 0, id, DESKTOP_READY, "w", 0, step->now_ms, NULL);
    else
        rc = store_desktop_move(s->store, 0, id, (enum desktop_state)d.state,
                                d.state == DESKTOP_DELETING ? DESKTOP_GONE : (enum desktop_state)(d.state + 1), "w", 0,
                                &patch, step->now_ms, NULL);
    snprintf(ret_told, size, "%s %s", d.name, sm_name(&desktop_sm, d.state));
    return rc;
}

static int fill_all(struct site *s, const struct step *step, char *ret_told, size_t size)
{
    struct store_assignment *made = NULL;
    size_t count = 0;
    int rc = store_assignment_fill(s->store, "office", step->now_ms, &made, &count, NULL);
    snprintf(ret_told, size, "%zu:", count);
    for (size_t i = 0; i < count; i++)
        snprintf(ret_told + strlen(ret_told), size - strlen(ret_told), " %s", made[i].person);
    free(made);
    return rc;
}

static int hello(struct site *s, const struct step *step, char *ret_told, size_t size)
{
    const char *live[] = {s->connection[step->who], s->connection[(step->who + 1) % PEOPLE]};
    const struct store_gateway_hello h = {"g1", "i1", "", live, 2, step->now_ms};
    char(*drop)[ID_SIZE] = NULL, (*closed)[ID_SIZE] = NULL;
    size_t drops = 0, count = 0;
    int rc = store_gateway_hello(s->store, &h, &drop, &drops, &closed, &count, NULL);
    free(drop);
    free(closed);
    snprintf(ret_told, size, "%zu %zu", drops, count);
    return rc;
}

static int do_step(struct site *s, const struct step *step, char *ret_told, size_t size)
{
    ret_told[0] = '\0';
    switch (step->what) {
    case 0:
    case 1:
        return open_one(s, step, ret_told, size);
    case 2:
        return mint_one(s, step);
    case 3:
        return redeem_one(s, step, ret_told, size);
    case 4:
        return close_one(s, step, ret_told, size);
    case 5:
        return end_one(s, step);
    case 6:
        return release_one(s, step);
    case 7:
        return fill_all(s, step, ret_told, size);
    case 8:
        return store_session_ask(s->store, s->session[step->who],
                                 step->which % 8 == 0 ? SESSION_INTENT_LOGOFF : SESSION_INTENT_DISCONNECT, NULL);
    case 9:
        return hello(s, step, ret_told, size);
    default:
        return move_one(s, step, ret_told, size);
    }
}

static void compare_sessions(const struct site *a, const struct site *b)
{
    struct store_session *x = NULL, *y = NULL;
    size_t n = 0, m = 0;
    assert_ok(store_session_list(a->store, NULL, NULL, &x, &n, ERR));
    assert_ok(store_session_list(b->store, NULL, NULL, &y, &m, ERR));
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(x[i].person, y[i].person);
        assert_int_equal(x[i].state, y[i].state);
        assert_string_equal(x[i].desktop_name, y[i].desktop_name);
        assert_string_equal(x[i].intent, y[i].intent);
        assert_int_equal(x[i].deadline, y[i].deadline);
        assert_int_equal(x[i].assigned_at, y[i].assigned_at);
        assert_int_equal(x[i].connection[0] == '\0', y[i].connection[0] == '\0');
    }
    assert_true(n > PEOPLE);
    free(x);
    free(y);
}

static void compare_counts(const struct site *a, const struct site *b)
{
    struct store_pool_counts x, y;
    assert_ok(store_pool_counts(a->store, "office", &x, ERR));
    assert_ok(store_pool_counts(b->store, "office", &y, ERR));
    assert_memory_equal(&x, &y, sizeof(x));
}

static struct step next_step(unsigned *seed, int number)
{
    struct step step = {.number = number, .now_ms = ROWS_NOW + number * INT64_C(1500)};
    step.what = rand_r(seed) % 22;
    step.who = rand_r(seed) % PEOPLE;
    step.which = rand_r(seed) % DESKTOPS;
    return step;
}

static void live_in_step(unsigned seed)
{
    void *sqlite = NULL, *pg = NULL;
    struct site a = {.store = NULL}, b = {.store = NULL};
    int worked = 0, refused = 0;
    assert_int_equal(fixture_sqlite(&sqlite), 0);
    assert_int_equal(fixture_pg(&pg), 0);
    a.store = ((struct fixture *)sqlite)->store;
    b.store = ((struct fixture *)pg)->store;
    rows_pool(a.store, "office", POOL_KIND_FLOATING);
    rows_pool(b.store, "office", POOL_KIND_FLOATING);
    for (int i = 0; i < STEPS; i++) {
        char told_a[300], told_b[300];
        struct step step = next_step(&seed, i);
        int x = do_step(&a, &step, told_a, sizeof(told_a));
        int y = do_step(&b, &step, told_b, sizeof(told_b));
        if (x != y || strcmp(told_a, told_b) != 0)
            fail_msg("step %d (%d): sqlite %s '%s', postgresql %s '%s'", i, step.what, err_name(x), told_a, err_name(y),
                     told_b);
        assert_true(x != ERR_STORE && x != ERR_INTERNAL);
        worked += x == 0;
        refused += x != 0;
    }
    compare_sessions(&a, &b);
    compare_counts(&a, &b);
    assert_true(worked > STEPS / 3);
    assert_true(refused > STEPS / 20);
    fixture_done(&sqlite);
    fixture_done(&pg);
}

static void both_engines_answer_alike(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 6; seed++)
        live_in_step(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_engines_answer_alike)};
    return cmocka_run_group_tests_name("store_same", tests, fixture_start, fixture_stop);
}
