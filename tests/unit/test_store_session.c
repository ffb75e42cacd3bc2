/* lib/store: queue, assignment, sessions, tickets, connections, gateways, on both engines. */
#include "lib/base/text.h"
#include "lib/model/pool.h"
#include "lib/store/store_assignment.h"
#include "lib/store/store_connection.h"
#include "lib/store/store_gateway.h"
#include "lib/store/store_lease.h"
#include "tests/store/rows.h"

#include <stdio.h>
#include <string.h>

static struct store *store_of(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    rows_pool(store, "office", POOL_KIND_FLOATING);
    return store;
}

static struct store_session session_again(struct store *store, const char *id)
{
    struct store_session s;
    assert_ok(store_session_get(store, id, &s, ERR));
    return s;
}

static void a_ready_desktop_is_given_at_once(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    uint32_t place = 9;
    rows_ready(store, "office", &d);
    struct store_session s = rows_session(store, "office", "alice", &place);
    assert_int_equal(place, 0);
    assert_string_equal(s.desktop, d.id);
    assert_string_equal(s.desktop_name, "office-001");
    assert_int_equal(s.state, SESSION_PREPARING);
    assert_int_equal(s.deadline, ROWS_NOW + STORE_SESSION_COME_MS);
    assert_ok(store_desktop_get(store, d.id, &d, ERR));
    assert_string_equal(d.assignment, s.assignment);
    struct store_session again = rows_session(store, "office", "alice", &place);
    assert_string_equal(again.id, s.id);
}

static void who_came_first_is_served_first(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_assignment *made = NULL;
    size_t count = 0;
    uint32_t place;
    struct store_session alice = rows_session(store, "office", "alice", &place);
    assert_int_equal(place, 1);
    struct store_session bob = rows_session(store, "office", "bob", &place);
    assert_int_equal(place, 2);
    rows_ready(store, "office", &d);
    struct store_session carol = rows_session(store, "office", "carol", &place);
    assert_int_equal(place, 2);
    assert_string_equal(session_again(store, alice.id).desktop, d.id);
    assert_ok(store_session_place(store, bob.id, &place, ERR));
    assert_int_equal(place, 1);
    rows_ready(store, "office", &d);
    assert_ok(store_assignment_fill(store, "office", ROWS_NOW, &made, &count, ERR));
    assert_int_equal(count, 1);
    assert_string_equal(made[0].session, bob.id);
    assert_string_equal(made[0].desktop, d.id);
    free(made);
    assert_ok(store_session_place(store, carol.id, &place, ERR));
    assert_int_equal(place, 1);
}

static void asking_again_keeps_the_place_and_moves_the_deadline(void **state)
{
    struct store *store = store_of(state);
    uint32_t place;
    bool created = true;
    struct store_session s = rows_session(store, "office", "alice", &place), again;
    (void)rows_session(store, "office", "bob", &place);
    const struct store_session_want want = {"office", "alice", "A", ROWS_NOW + 5000};
    assert_ok(store_session_open(store, &want, &again, &place, &created, ERR));
    assert_false(created);
    assert_int_equal(place, 1);
    assert_string_equal(again.id, s.id);
    assert_int_equal(again.deadline, ROWS_NOW + 5000 + STORE_SESSION_WAIT_MS);
}

static void pools_do_not_mix(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    uint32_t place;
    rows_pool(store, "lab", POOL_KIND_FLOATING);
    rows_ready(store, "lab", &d);
    (void)rows_session(store, "office", "alice", &place);
    assert_int_equal(place, 1);
    struct store_session s = rows_session(store, "lab", "alice", &place);
    assert_int_equal(place, 0);
    assert_string_equal(s.desktop, d.id);
}

static void a_closed_pool_takes_nobody_new(void **state)
{
    struct store *store = store_of(state);
    struct store_pool pool;
    struct store_session s;
    uint32_t place;
    const struct store_session_want want = {"office", "bob", "B", ROWS_NOW};
    const struct store_session_want nowhere = {"cellar", "bob", "B", ROWS_NOW};
    struct store_session alice = rows_session(store, "office", "alice", NULL);
    assert_ok(store_pool_get(store, "office", &pool, ERR));
    text_copy(pool.state, sizeof(pool.state), POOL_STATE_CLOSED);
    assert_ok(store_pool_update(store, &pool, ROWS_NOW, ERR));
    assert_int_equal(store_session_open(store, &want, &s, &place, NULL, NULL), ERR_POOL_CLOSED);
    assert_int_equal(store_session_open(store, &nowhere, &s, &place, NULL, NULL), ERR_NOT_FOUND);
    assert_string_equal(rows_session(store, "office", "alice", NULL).id, alice.id);
}

static void the_end_of_a_session_takes_everything_with_it(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant grant;
    enum store_ticket_refusal why;
    struct store_session_end end;
    struct store_assignment a;
    struct store_connection c;
    struct store_pool_counts counts;
    char hash[ID_HASH_SIZE];
    rows_ready(store, "office", &d);
    struct store_session s = rows_session(store, "office", "alice", NULL);
    assert_ok(store_session_prepared(store, s.id, d.id, "alice", ROWS_NOW + 5, ERR));
    rows_ticket(store, s.id, "t1", hash);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), 0);
    assert_ok(store_session_end(store, 0, s.id, SESSION_END_LOGOFF, 0, ROWS_NOW + 2000, &end, ERR));
    assert_string_equal(end.desktop, d.id);
    assert_string_equal(end.connection, grant.connection);
    assert_string_equal(end.gateway, "g1");
    assert_string_equal(end.guest_user, "alice");
    s = session_again(store, s.id);
    assert_int_equal(s.state, SESSION_ENDED);
    assert_string_equal(s.end_reason, SESSION_END_LOGOFF);
    assert_int_equal(s.deadline, 0);
    assert_ok(store_desktop_get(store, d.id, &d, ERR));
    assert_int_equal(d.state, DESKTOP_DELETING);
    assert_string_equal(d.assignment, "");
    assert_true(d.deadline > 0);
    assert_ok(store_assignment_get(store, s.assignment, &a, ERR));
    assert_int_equal(a.state, ASSIGNMENT_RELEASED);
    assert_ok(store_connection_get(store, grant.connection, &c, ERR));
    assert_int_equal(c.state, CONNECTION_CLOSED);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_ENDED);
    assert_string_equal(grant.session, s.id);
    assert_int_equal(store_session_end(store, 0, s.id, SESSION_END_LOGOFF, 0, ROWS_NOW, &end, NULL), ERR_CONFLICT);
    assert_ok(store_pool_counts(store, "office", &counts, ERR));
    assert_int_equal(counts.sessions, 0);
    assert_int_equal(counts.taken, 0);
    assert_int_equal(counts.desktops[DESKTOP_DELETING], 1);
}

static void a_person_who_came_back_keeps_the_session(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant grant, back;
    enum store_ticket_refusal why;
    struct store_connection_closed closed;
    struct store_session_end end;
    char hash[ID_HASH_SIZE], newer[ID_HASH_SIZE];
    rows_ready(store, "office", &d);
    struct store_session s = rows_session(store, "office", "alice", NULL);
    rows_ticket(store, s.id, "t1", hash);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), 0);
    const struct store_connection_close close = {grant.connection, 10, 20, "client went away", ROWS_NOW + 3000};
    assert_ok(store_connection_close(store, &close, &closed, ERR));
    assert_true(closed.disconnected);
    assert_int_equal(closed.session_deadline, ROWS_NOW + 3000 + 300000);
    s = session_again(store, s.id);
    assert_int_equal(s.state, SESSION_DISCONNECTED);
    rows_ticket(store, s.id, "t2", newer);
    assert_int_equal(rows_redeem(store, newer, &back, &why), 0);
    assert_string_equal(back.desktop, d.id);
    assert_string_equal(back.replaced, "");
    assert_int_equal(session_again(store, s.id).deadline, 0);
    assert_int_equal(store_session_end(store, 0, s.id, SESSION_END_GRACE, s.deadline, ROWS_NOW, &end, NULL),
                     ERR_CONFLICT);
    assert_int_equal(session_again(store, s.id).state, SESSION_CONNECTED);
}

static void a_lease_replaces_its_connection_and_never_adds_one(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant first, again;
    enum store_ticket_refusal why;
    struct store_connection *rows = NULL;
    struct store_connection_closed closed;
    size_t count = 0;
    char hash[ID_HASH_SIZE];
    rows_ready(store, "office", &d);
    struct store_session s = rows_session(store, "office", "alice", NULL);
    rows_ticket(store, s.id, "t1", hash);
    assert_int_equal(rows_redeem(store, hash, &first, &why), 0);
    assert_false(first.again);
    assert_string_equal(first.address, "10.0.0.7");
    assert_int_equal(first.port, 3389);
    assert_string_equal(first.security, POOL_SECURITY_TLS);
    assert_int_equal(first.idle_s, 60);
    assert_int_equal(rows_redeem(store, hash, &again, &why), 0);
    assert_true(again.again);
    assert_string_equal(again.replaced, first.connection);
    assert_string_equal(again.replaced_gateway, "g1");
    const struct store_connection_filter filter = {.session = s.id, .open_only = true};
    assert_ok(store_connection_list(store, &filter, NULL, &rows, &count, ERR));
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].id, again.connection);
    free(rows);
    const struct store_connection_close close = {first.connection, 7, 8, "replaced", ROWS_NOW + 9000};
    assert_ok(store_connection_close(store, &close, &closed, ERR));
    assert_false(closed.disconnected);
    assert_int_equal(session_again(store, s.id).state, SESSION_CONNECTED);
    struct store_connection c;
    assert_ok(store_connection_get(store, first.connection, &c, ERR));
    assert_int_equal(c.bytes_down, 8);
    assert_int_equal(c.state, CONNECTION_CLOSED);
}

static void a_newer_ticket_takes_over(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant first, second;
    enum store_ticket_refusal why;
    char older[ID_HASH_SIZE], newer[ID_HASH_SIZE];
    rows_ready(store, "office", &d);
    struct store_session s = rows_session(store, "office", "alice", NULL);
    rows_ticket(store, s.id, "t1", older);
    rows_ticket(store, s.id, "t2", newer);
    assert_int_equal(rows_redeem(store, older, &first, &why), 0);
    assert_int_equal(rows_redeem(store, newer, &second, &why), 0);
    assert_string_equal(second.replaced, first.connection);
    assert_int_equal(rows_redeem(store, older, &first, &why), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_SUPERSEDED);
}

static void a_lease_stays_with_its_address(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant grant;
    enum store_ticket_refusal why;
    char hash[ID_HASH_SIZE];
    rows_ready(store, "office", &d);
    struct store_session s = rows_session(store, "office", "alice", NULL);
    rows_ticket(store, s.id, "t1", hash);
    struct store_ticket_use use = {hash, "rdp", "198.51.100.1", "g1", "i1", "w1", ROWS_NOW + 10};
    assert_ok(store_ticket_redeem(store, &use, &grant, &why, ERR));
    use.address = "198.51.100.2";
    assert_int_equal(store_ticket_redeem(store, &use, &grant, &why, NULL), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_WRONG_ADDRESS);
    use.address = "198.51.100.1";
    assert_ok(store_ticket_redeem(store, &use, &grant, &why, ERR));
    assert_true(grant.again);
}

static void tickets_are_refused_precisely(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant grant;
    enum store_ticket_refusal why;
    char hash[ID_HASH_SIZE];
    struct store_session waiting = rows_session(store, "office", "alice", NULL);
    id_hash("t1", 2, hash);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_UNKNOWN);
    const struct store_ticket_mint bound = {hash, waiting.id, "rdp", "198.51.100.1", ROWS_NOW, 0};
    assert_ok(store_ticket_mint(store, &bound, ERR));
    assert_int_equal(store_ticket_mint(store, &bound, NULL), ERR_EXISTS);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_WRONG_ADDRESS);
    struct store_ticket_use use = {hash, "wss", "198.51.100.1", "g1", "i1", "w1", ROWS_NOW + 10};
    assert_int_equal(store_ticket_redeem(store, &use, &grant, &why, NULL), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_WRONG_DOOR);
    use.door = "rdp";
    assert_int_equal(store_ticket_redeem(store, &use, &grant, &why, NULL), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_NOT_READY);
    rows_ready(store, "office", &d);
    assert_ok(store_assignment_fill(store, "office", ROWS_NOW, NULL, NULL, ERR));
    use.now_ms = ROWS_NOW + TICKET_OPEN_MS + 1;
    assert_int_equal(store_ticket_redeem(store, &use, &grant, &why, NULL), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_EXPIRED);
    use.now_ms = ROWS_NOW + TICKET_OPEN_MS;
    assert_ok(store_ticket_redeem(store, &use, &grant, &why, ERR));
    assert_ok(store_ticket_void(store, hash, ERR));
    assert_int_equal(store_ticket_redeem(store, &use, &grant, &why, NULL), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_SUPERSEDED);
    size_t count = 0;
    assert_ok(store_ticket_sweep(store, ROWS_NOW + TICKET_OPEN_MS + 1, 10, &count, ERR));
    assert_int_equal(count, 1);
    assert_string_equal(store_ticket_refusal_word(STORE_TICKET_WRONG_DOOR), "wrong-door");
}

static void an_intent_to_log_off_stands(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant grant;
    enum store_ticket_refusal why;
    struct store_session *found = NULL;
    size_t count = 0;
    char hash[ID_HASH_SIZE];
    rows_ready(store, "office", &d);
    struct store_session s = rows_session(store, "office", "alice", NULL);
    assert_int_equal(store_session_ask(store, s.id, "dance", NULL), ERR_INVALID);
    assert_ok(store_session_ask(store, s.id, SESSION_INTENT_LOGOFF, ERR));
    assert_ok(store_session_ask(store, s.id, SESSION_INTENT_DISCONNECT, ERR));
    const struct store_session_filter filter = {.intent_only = true};
    assert_ok(store_session_list(store, &filter, NULL, &found, &count, ERR));
    assert_int_equal(count, 1);
    assert_string_equal(found[0].intent, SESSION_INTENT_LOGOFF);
    free(found);
    rows_ticket(store, s.id, "t1", hash);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_ENDED);
    assert_ok(store_session_asked_done(store, 0, s.id, SESSION_INTENT_LOGOFF, ERR));
    assert_string_equal(session_again(store, s.id).intent, "");
}

static void preparation_counts_only_for_the_session_s_own_desktop(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    rows_ready(store, "office", &d);
    struct store_session s = rows_session(store, "office", "alice", NULL);
    assert_int_equal(store_session_prepared(store, s.id, "d-other", "alice", 5, NULL), ERR_CONFLICT);
    assert_int_equal(store_session_prepared(store, "s-none", d.id, "alice", 5, NULL), ERR_NOT_FOUND);
    assert_ok(store_session_prepared(store, s.id, d.id, "alice", 5, ERR));
    assert_ok(store_session_prepared(store, s.id, d.id, "alice", 9, ERR));
    assert_ok(store_session_logged_on(store, s.id, 11, ERR));
    assert_ok(store_session_logged_on(store, s.id, 12, ERR));
    s = session_again(store, s.id);
    assert_int_equal(s.ready_at, 5);
    assert_int_equal(s.logged_on_at, 11);
    assert_string_equal(s.guest_user, "alice");
}

static void a_failed_desktop_sends_its_session_back_to_its_old_place(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d, other;
    uint32_t place;
    rows_ready(store, "office", &d);
    struct store_session alice = rows_session(store, "office", "alice", NULL);
    struct store_session bob = rows_session(store, "office", "bob", &place);
    assert_int_equal(place, 1);
    assert_int_equal(store_desktop_take_down(store, 0, d.id, DESKTOP_READY, NULL, 0, ROWS_NOW, NULL), ERR_CONFLICT);
    assert_ok(store_desktop_move(store, 0, d.id, DESKTOP_READY, DESKTOP_ERROR, NULL, 0, NULL, ROWS_NOW, ERR));
    assert_ok(store_assignment_release(store, 0, alice.assignment, ROWS_NOW, ERR));
    assert_int_equal(store_assignment_release(store, 0, alice.assignment, ROWS_NOW, NULL), ERR_CONFLICT);
    assert_ok(store_session_place(store, alice.id, &place, ERR));
    assert_int_equal(place, 1);
    rows_ready(store, "office", &other);
    assert_ok(store_assignment_fill(store, "office", ROWS_NOW, NULL, NULL, ERR));
    assert_string_equal(session_again(store, alice.id).desktop, other.id);
    assert_string_equal(session_again(store, bob.id).desktop, "");
    assert_ok(store_desktop_take_down(store, 0, d.id, DESKTOP_ERROR, NULL, 0, ROWS_NOW, ERR));
}

static void a_connected_session_is_not_sent_back(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant grant;
    enum store_ticket_refusal why;
    char hash[ID_HASH_SIZE];
    rows_ready(store, "office", &d);
    struct store_session s = rows_session(store, "office", "alice", NULL);
    rows_ticket(store, s.id, "t1", hash);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), 0);
    assert_int_equal(store_assignment_release(store, 0, s.assignment, ROWS_NOW, NULL), ERR_CONFLICT);
    assert_string_equal(session_again(store, s.id).desktop, d.id);
}

static void a_dedicated_desktop_waits_for_its_person(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d, e;
    struct store_session_end end;
    uint32_t place;
    rows_pool(store, "own", POOL_KIND_DEDICATED);
    rows_ready(store, "own", &d);
    struct store_session s = rows_session(store, "own", "alice", &place);
    assert_ok(store_session_end(store, 0, s.id, SESSION_END_LOGOFF, 0, ROWS_NOW, &end, ERR));
    rows_ready(store, "own", &e);
    assert_string_equal(rows_session(store, "own", "bob", &place).desktop, e.id);
    struct store_session back = rows_session(store, "own", "alice", &place);
    assert_int_equal(place, 0);
    assert_string_not_equal(back.id, s.id);
    assert_string_equal(back.desktop, d.id);
    assert_ok(store_desktop_get(store, d.id, &d, ERR));
    assert_int_equal(d.state, DESKTOP_READY);
}

static void a_gateway_s_hello_settles_what_both_know(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant grants[3];
    enum store_ticket_refusal why;
    char hash[ID_HASH_SIZE], name[8];
    char(*drop)[ID_SIZE] = NULL, (*ended)[ID_SIZE] = NULL;
    size_t drops = 0, closed = 0;
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        rows_ready(store, "office", &d);
        rows_ticket(store, rows_session(store, "office", name, NULL).id, name, hash);
        assert_int_equal(rows_redeem(store, hash, &grants[i], &why), 0);
    }
    const char *live[] = {"c-invented", grants[1].connection};
    struct store_gateway_hello hello = {"g1", "i1", "10.1.1.1", live, 2, ROWS_NOW + 1500};
    assert_ok(store_gateway_hello(store, &hello, &drop, &drops, &ended, &closed, ERR));
    assert_int_equal(drops, 1);
    assert_string_equal(drop[0], "c-invented");
    assert_int_equal(closed, 0);
    free(drop);
    free(ended);
    hello.now_ms = ROWS_NOW + 1000 + STORE_GATEWAY_SETTLE_MS;
    assert_ok(store_gateway_hello(store, &hello, &drop, &drops, &ended, &closed, ERR));
    assert_int_equal(closed, 2);
    free(drop);
    free(ended);
    assert_int_equal(session_again(store, grants[0].session).state, SESSION_DISCONNECTED);
    assert_int_equal(session_again(store, grants[1].session).state, SESSION_CONNECTED);
    hello = (struct store_gateway_hello){"g1", "i2", "10.1.1.1", NULL, 0, ROWS_NOW + 2000};
    assert_ok(store_gateway_hello(store, &hello, &drop, &drops, &ended, &closed, ERR));
    assert_int_equal(drops, 0);
    assert_int_equal(closed, 1);
    assert_string_equal(ended[0], grants[1].session);
    free(drop);
    free(ended);
    struct store_gateway g;
    assert_ok(store_gateway_seen(store, "g1", ROWS_NOW + 9000, ERR));
    assert_int_equal(store_gateway_seen(store, "g9", ROWS_NOW, NULL), ERR_NOT_FOUND);
    assert_ok(store_gateway_get(store, "g1", &g, ERR));
    assert_string_equal(g.instance, "i2");
    assert_int_equal(g.started_at, ROWS_NOW + 2000);
    assert_int_equal(g.seen_at, ROWS_NOW + 9000);
}

static void the_queue_is_listed_in_its_order(void **state)
{
    struct store *store = store_of(state);
    struct store_session *rows = NULL;
    size_t count = 0;
    char after[32];
    const char *people[] = {"zoe", "alice", "mia"};
    for (size_t i = 0; i < 3; i++)
        (void)rows_session(store, "office", people[i], NULL);
    const struct store_session_filter filter = {.pool = "office", .waiting_only = true};
    struct store_page page = {.limit = 2};
    assert_ok(store_session_list(store, &filter, &page, &rows, &count, ERR));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].person, "zoe");
    snprintf(after, sizeof(after), "%lld", (long long)rows[1].seq);
    free(rows);
    page.after = after;
    assert_ok(store_session_list(store, &filter, &page, &rows, &count, ERR));
    assert_int_equal(count, 1);
    assert_string_equal(rows[0].person, "mia");
    free(rows);
    page.after = "x";
    assert_int_equal(store_session_list(store, &filter, &page, &rows, &count, NULL), ERR_INVALID);
}

static void passed_deadlines_of_sessions_are_found_and_ended(void **state)
{
    struct store *store = store_of(state);
    struct store_session *rows = NULL;
    struct store_session_end end;
    size_t count = 0;
    struct store_session s = rows_session(store, "office", "alice", NULL);
    const struct store_session_filter filter = {.open_only = true, .deadline_before = s.deadline};
    assert_ok(store_session_list(store, &filter, NULL, &rows, &count, ERR));
    assert_int_equal(count, 1);
    assert_ok(store_session_end(store, 0, rows[0].id, SESSION_END_NEVER_CAME, rows[0].deadline, ROWS_NOW, &end, ERR));
    assert_string_equal(end.desktop, "");
    free(rows);
    assert_ok(store_session_list(store, &filter, NULL, &rows, &count, ERR));
    assert_int_equal(count, 0);
    free(rows);
    assert_int_equal(store_session_set_deadline(store, s.id, 5, NULL), ERR_CONFLICT);
}

static void ended_sessions_are_forgotten_after_a_while(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant grant;
    enum store_ticket_refusal why;
    struct store_session_end end;
    struct store_connection c;
    struct store_session s;
    struct store_assignment *assignments = NULL;
    size_t count = 9;
    char hash[ID_HASH_SIZE];
    rows_ready(store, "office", &d);
    struct store_session old = rows_session(store, "office", "alice", NULL);
    rows_ticket(store, old.id, "t1", hash);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), 0);
    assert_ok(store_session_end(store, 0, old.id, SESSION_END_LOGOFF, 0, ROWS_NOW + 10, &end, ERR));
    struct store_session fresh = rows_session(store, "office", "bob", NULL);
    assert_ok(store_session_sweep(store, ROWS_NOW + 10, 100, &count, ERR));
    assert_int_equal(count, 0);
    assert_ok(store_session_sweep(store, ROWS_NOW + 11, 100, &count, ERR));
    assert_int_equal(count, 1);
    assert_int_equal(store_session_get(store, old.id, &s, NULL), ERR_NOT_FOUND);
    assert_int_equal(store_connection_get(store, grant.connection, &c, NULL), ERR_NOT_FOUND);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), ERR_TICKET_REFUSED);
    assert_int_equal(why, STORE_TICKET_UNKNOWN);
    assert_ok(store_assignment_list(store, NULL, NULL, &assignments, &count, ERR));
    assert_int_equal(count, 0);
    free(assignments);
    assert_string_equal(session_again(store, fresh.id).person, "bob");
}

/* Each filter by itself, with one session of each state. */
static void sessions_are_found_by_what_is_asked(void **state)
{
    struct store *store = store_of(state);
    struct store_desktop d;
    struct store_ticket_grant grant;
    enum store_ticket_refusal why;
    struct store_session_end end;
    char hash[ID_HASH_SIZE];
    rows_ready(store, "office", &d);
    struct store_session ended = rows_session(store, "office", "eve", NULL);
    assert_ok(store_session_end(store, 0, ended.id, SESSION_END_ADMIN, 0, ROWS_NOW, &end, ERR));
    rows_ready(store, "office", &d);
    struct store_session connected = rows_session(store, "office", "alice", NULL);
    rows_ticket(store, connected.id, "t1", hash);
    assert_int_equal(rows_redeem(store, hash, &grant, &why), 0);
    (void)rows_session(store, "office", "bob", NULL);
    const struct {
        struct store_session_filter filter;
        const char *people;
    } cases[] = {
        {{.pool = NULL}, "eve alice bob "},
        {{.open_only = true}, "alice bob "},
        {{.states = SM_TO(SESSION_CONNECTED)}, "alice "},
        {{.states = SM_TO(SESSION_ENDED) | SM_TO(SESSION_PREPARING)}, "eve bob "},
        {{.waiting_only = true}, "bob "},
        {{.person = "alice", .open_only = true}, "alice "},
        {{.person = "eve", .open_only = true}, ""},
        {{.desktop = connected.desktop}, "alice "},
        {{.pool = "lab"}, ""},
        {{.intent_only = true}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_session *rows = NULL;
        size_t count = 0;
        char people[64] = "";
        assert_ok(store_session_list(store, &cases[i].filter, NULL, &rows, &count, ERR));
        for (size_t k = 0; k < count; k++)
            snprintf(people + strlen(people), sizeof(people) - strlen(people), "%s ", rows[k].person);
        free(rows);
        assert_string_equal(people, cases[i].people);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_BOTH(a_ready_desktop_is_given_at_once),
        FIXTURE_BOTH(who_came_first_is_served_first),
        FIXTURE_BOTH(asking_again_keeps_the_place_and_moves_the_deadline),
        FIXTURE_BOTH(pools_do_not_mix),
        FIXTURE_BOTH(a_closed_pool_takes_nobody_new),
        FIXTURE_BOTH(the_end_of_a_session_takes_everything_with_it),
        FIXTURE_BOTH(a_person_who_came_back_keeps_the_session),
        FIXTURE_BOTH(a_lease_replaces_its_connection_and_never_adds_one),
        FIXTURE_BOTH(a_newer_ticket_takes_over),
        FIXTURE_BOTH(a_lease_stays_with_its_address),
        FIXTURE_BOTH(tickets_are_refused_precisely),
        FIXTURE_BOTH(an_intent_to_log_off_stands),
        FIXTURE_BOTH(preparation_counts_only_for_the_session_s_own_desktop),
        FIXTURE_BOTH(a_failed_desktop_sends_its_session_back_to_its_old_place),
        FIXTURE_BOTH(a_connected_session_is_not_sent_back),
        FIXTURE_BOTH(a_dedicated_desktop_waits_for_its_person),
        FIXTURE_BOTH(a_gateway_s_hello_settles_what_both_know),
        FIXTURE_BOTH(the_queue_is_listed_in_its_order),
        FIXTURE_BOTH(passed_deadlines_of_sessions_are_found_and_ended),
        FIXTURE_BOTH(ended_sessions_are_forgotten_after_a_while),
        FIXTURE_BOTH(sessions_are_found_by_what_is_asked),
    };
    return cmocka_run_group_tests_name("store_session", tests, fixture_start, fixture_stop);
}
