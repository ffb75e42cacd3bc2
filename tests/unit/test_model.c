/* lib/model: what the tables promise. */
#include "lib/base/mem.h"
#include "lib/model/assignment.h"
#include "lib/model/connection.h"
#include "lib/model/desktop.h"
#include "lib/model/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct sm *const machines[] = {&desktop_sm, &session_sm, &assignment_sm, &connection_sm, &ticket_sm};

static void names_are_unique_and_parse_back(void **state)
{
    (void)state;
    for (size_t m = 0; m < ARRAY_LEN(machines); m++) {
        for (int s = 0; s < (int)machines[m]->count; s++) {
            int parsed = -1;
            assert_non_null(machines[m]->states[s].name);
            assert_int_equal(sm_parse(machines[m], sm_name(machines[m], s), &parsed, NULL), 0);
            assert_int_equal(parsed, s);
        }
    }
}

static uint32_t reachable(const struct sm *sm)
{
    uint32_t seen = SM_TO(0), before = 0;
    while (seen != before) {
        before = seen;
        for (size_t i = 0; i < sm->count; i++)
            if ((seen & SM_TO(i)) != 0)
                seen |= sm->states[i].successors;
    }
    return seen;
}

static void every_state_is_reachable(void **state)
{
    (void)state;
    for (size_t m = 0; m < ARRAY_LEN(machines); m++)
        assert_int_equal(reachable(machines[m]), (SM_TO(machines[m]->count) - 1));
}

static void a_desktop_can_always_be_taken_down(void **state)
{
    (void)state;
    for (int s = 0; s < DESKTOP_STATE_COUNT; s++)
        if (s != DESKTOP_DELETING && s != DESKTOP_GONE)
            assert_true(sm_allowed(&desktop_sm, s, DESKTOP_DELETING));
    assert_true(sm_allowed(&desktop_sm, DESKTOP_DELETING, DESKTOP_GONE));
    assert_int_equal(desktop_sm.states[DESKTOP_GONE].successors, 0);
}

static void work_in_progress_has_a_deadline(void **state)
{
    (void)state;
    const int working[] = {DESKTOP_REQUESTED, DESKTOP_CLONING,   DESKTOP_DEFINED,   DESKTOP_STARTING,
                           DESKTOP_BOOTING,   DESKTOP_MIGRATING, DESKTOP_RESETTING, DESKTOP_DELETING};
    for (size_t i = 0; i < ARRAY_LEN(working); i++)
        assert_true(desktop_sm.states[working[i]].deadline_ms > 0);
}

static void only_ready_is_entered_through_booting_first(void **state)
{
    (void)state;
    assert_false(sm_allowed(&desktop_sm, DESKTOP_REQUESTED, DESKTOP_READY));
    assert_false(sm_allowed(&desktop_sm, DESKTOP_STARTING, DESKTOP_READY));
    assert_true(sm_allowed(&desktop_sm, DESKTOP_BOOTING, DESKTOP_READY));
    assert_true(desktop_is_coming(DESKTOP_BOOTING));
    assert_false(desktop_is_coming(DESKTOP_DELETING));
    assert_true(desktop_may_run(DESKTOP_DELETING));
    assert_false(desktop_may_run(DESKTOP_CLONING));
}

static void what_ended_stays_ended(void **state)
{
    (void)state;
    assert_int_equal(session_sm.states[SESSION_ENDED].successors, 0);
    assert_int_equal(ticket_sm.states[TICKET_VOID].successors, 0);
    assert_int_equal(assignment_sm.states[ASSIGNMENT_RELEASED].successors, 0);
    assert_false(sm_allowed(&ticket_sm, TICKET_LEASED, TICKET_NEW));
    assert_true(sm_allowed(&session_sm, SESSION_DISCONNECTED, SESSION_CONNECTED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_parse_back),
        cmocka_unit_test(every_state_is_reachable),
        cmocka_unit_test(a_desktop_can_always_be_taken_down),
        cmocka_unit_test(work_in_progress_has_a_deadline),
        cmocka_unit_test(only_ready_is_entered_through_booting_first),
        cmocka_unit_test(what_ended_stays_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
