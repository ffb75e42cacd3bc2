/* lifecycle.c: the story of a desktop step by step, and the rules over every possible view. */
#include "poolmgr/lifecycle.h"

#include "lib/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct lifecycle_view view_in(enum desktop_state state)
{
    return (struct lifecycle_view){.state = state,
                                   .now_ms = 1000,
                                   .placed = true,
                                   .host_up = true,
                                   .may_start = true,
                                   .floating = true,
                                   .domain = LIFECYCLE_DOMAIN_RUNNING};
}

static void expect(const char *what, const struct lifecycle_view *view, enum lifecycle_action action,
                   enum desktop_state to)
{
    struct lifecycle_step step = lifecycle_next(view);

    if (step.action != action || step.to != to)
        fail_msg("%s: action %d to %s", what, (int)step.action, sm_name(&desktop_sm, (int)step.to));
}

static void from_request_to_ready(void **state)
{
    (void)state;
    struct lifecycle_view v = view_in(DESKTOP_REQUESTED);

    v.placed = false, v.domain = LIFECYCLE_DOMAIN_UNSEEN;
    expect("a row looks for a host", &v, LIFECYCLE_PLACE, DESKTOP_CLONING);
    v = view_in(DESKTOP_CLONING), v.domain = LIFECYCLE_DOMAIN_ABSENT;
    expect("then its parts are made", &v, LIFECYCLE_MAKE, DESKTOP_CLONING);
    v = view_in(DESKTOP_DEFINED), v.domain = LIFECYCLE_DOMAIN_OFF, v.may_start = false;
    expect("it waits for its turn", &v, LIFECYCLE_WAIT, DESKTOP_DEFINED);
    v.may_start = true;
    expect("it starts", &v, LIFECYCLE_START, DESKTOP_STARTING);
    v = view_in(DESKTOP_STARTING), v.domain = LIFECYCLE_DOMAIN_OFF;
    expect("after a crash between row and call: again", &v, LIFECYCLE_START, DESKTOP_STARTING);
    v.domain = LIFECYCLE_DOMAIN_RUNNING;
    expect("after a crash between call and row: go on", &v, LIFECYCLE_MOVE, DESKTOP_BOOTING);
    v = view_in(DESKTOP_BOOTING);
    expect("it boots", &v, LIFECYCLE_WATCH, DESKTOP_BOOTING);
    v.guest_up = true;
    expect("the helper alone is not ready", &v, LIFECYCLE_WATCH, DESKTOP_BOOTING);
    v.rdp_answers = true;
    expect("it is ready", &v, LIFECYCLE_HAND_OUT, DESKTOP_READY);
    v = view_in(DESKTOP_READY);
    expect("it is watched", &v, LIFECYCLE_WATCH, DESKTOP_READY);
    v = view_in(DESKTOP_DELETING);
    expect("it is taken down", &v, LIFECYCLE_REMOVE, DESKTOP_DELETING);
}

static void what_goes_wrong(void **state)
{
    (void)state;
    struct lifecycle_view v = view_in(DESKTOP_BOOTING);

    v.deadline_ms = 1001;
    expect("in time", &v, LIFECYCLE_WATCH, DESKTOP_BOOTING);
    v.deadline_ms = 1000;
    expect("too late", &v, LIFECYCLE_MOVE, DESKTOP_ERROR);
    v.guest_up = true;
    assert_string_equal(lifecycle_next(&v).cause, "its RDP server did not answer in time");
    v.rdp_answers = true;
    expect("late, but there", &v, LIFECYCLE_HAND_OUT, DESKTOP_READY);
    v = view_in(DESKTOP_READY), v.domain = LIFECYCLE_DOMAIN_ABSENT;
    expect("the domain vanished", &v, LIFECYCLE_MOVE, DESKTOP_ERROR);
    v.host_up = false;
    expect("a host that is down proves nothing", &v, LIFECYCLE_WAIT, DESKTOP_READY);
    v.host_failed = true;
    expect("a failed host's desktops are unknown", &v, LIFECYCLE_MOVE, DESKTOP_UNKNOWN);
    v = view_in(DESKTOP_UNKNOWN);
    expect("it is back and runs", &v, LIFECYCLE_MOVE, DESKTOP_BOOTING);
    v.domain = LIFECYCLE_DOMAIN_UNSEEN;
    expect("it is back, not yet looked at", &v, LIFECYCLE_WAIT, DESKTOP_UNKNOWN);
    v.domain = LIFECYCLE_DOMAIN_ABSENT;
    expect("it is back without the desktop", &v, LIFECYCLE_MOVE, DESKTOP_ERROR);
    v = view_in(DESKTOP_ERROR);
    expect("floating: replaced", &v, LIFECYCLE_MOVE, DESKTOP_DELETING);
    v.floating = false, v.used = true;
    expect("dedicated: somebody's work is on it", &v, LIFECYCLE_WAIT, DESKTOP_ERROR);
    v = view_in(DESKTOP_DELETING), v.placed = false;
    expect("nothing was made of it", &v, LIFECYCLE_FORGET, DESKTOP_GONE);
    v = view_in(DESKTOP_CLONING), v.retry_ms = 1001;
    expect("a failed step rests", &v, LIFECYCLE_WAIT, DESKTOP_CLONING);
}

static struct lifecycle_view view_of_bits(unsigned bits)
{
    return (struct lifecycle_view){.state = (enum desktop_state)(bits % DESKTOP_STATE_COUNT),
                                   .now_ms = 1000,
                                   .deadline_ms = bits / 15 & 1 ? 999 : 0,
                                   .retry_ms = bits / 30 & 1 ? 2000 : 0,
                                   .placed = bits / 60 & 1,
                                   .host_up = bits / 120 & 1,
                                   .host_failed = bits / 240 & 1,
                                   .may_start = bits / 480 & 1,
                                   .used = bits / 960 & 1,
                                   .floating = bits / 1920 & 1,
                                   .guest_up = bits / 3840 & 1,
                                   .rdp_answers = bits / 7680 & 1,
                                   .domain = (enum lifecycle_domain)(bits / 15360 % 6)};
}

static void assert_step_is_lawful(const struct lifecycle_view *v)
{
    struct lifecycle_step step = lifecycle_next(v);
    bool moves = step.to != v->state;

    if (moves && !sm_allowed(&desktop_sm, (int)v->state, (int)step.to))
        fail_msg("%s to %s is not allowed", sm_name(&desktop_sm, (int)v->state), sm_name(&desktop_sm, (int)step.to));
    if (step.action == LIFECYCLE_MOVE)
        assert_true(moves);
    if (step.action == LIFECYCLE_WAIT || step.action == LIFECYCLE_WATCH || step.action == LIFECYCLE_REMOVE)
        assert_false(moves);
    if (moves && (step.to == DESKTOP_ERROR || step.to == DESKTOP_UNKNOWN || step.to == DESKTOP_DELETING))
        assert_non_null(step.cause);
    if (step.action == LIFECYCLE_MAKE || step.action == LIFECYCLE_START || step.action == LIFECYCLE_REMOVE)
        assert_true(v->host_up); /* the world is not touched through a host that does not answer */
    if (step.to == DESKTOP_READY && moves)
        assert_true(v->guest_up && v->rdp_answers);
    if (v->used && !v->floating)
        assert_true(step.to != DESKTOP_DELETING || v->state == DESKTOP_DELETING || v->state == DESKTOP_CLONING ||
                    v->state == DESKTOP_DEFINED);
}

static void every_view_gives_a_lawful_step(void **state)
{
    (void)state;
    unsigned count = 15360 * 6;

    for (unsigned bits = 0; bits < count; bits++) {
        struct lifecycle_view v = view_of_bits(bits);
        assert_step_is_lawful(&v);
    }
}

static void failures(void **state)
{
    (void)state;
    uint32_t wait = 0;

    assert_int_equal(lifecycle_failed(DESKTOP_CLONING, 0, ERR_VIRT, &wait), LIFECYCLE_RETRY);
    assert_int_equal(wait, 1000);
    assert_int_equal(lifecycle_failed(DESKTOP_CLONING, 1, ERR_VIRT, &wait), LIFECYCLE_RETRY);
    assert_int_equal(wait, 2000);
    assert_int_equal(lifecycle_failed(DESKTOP_CLONING, 2, ERR_VIRT, &wait), LIFECYCLE_GIVE_UP);
    assert_int_equal(lifecycle_failed(DESKTOP_CLONING, 0, ERR_IMAGE, &wait), LIFECYCLE_GIVE_UP);
    assert_int_equal(lifecycle_failed(DESKTOP_CLONING, 99, ERR_HOST_DOWN, &wait), LIFECYCLE_POSTPONE);
    assert_int_equal(lifecycle_failed(DESKTOP_CLONING, 99, ERR_NO_SPACE, &wait), LIFECYCLE_POSTPONE);
    assert_int_equal(wait, 32000);
    assert_int_equal(lifecycle_failed(DESKTOP_DELETING, 99, ERR_VIRT, &wait), LIFECYCLE_RETRY);
    assert_non_null(strstr(lifecycle_advice(ERR_NO_SPACE), "storage_dir"));
    assert_non_null(lifecycle_advice(12345));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_request_to_ready),
        cmocka_unit_test(what_goes_wrong),
        cmocka_unit_test(every_view_gives_a_lawful_step),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
