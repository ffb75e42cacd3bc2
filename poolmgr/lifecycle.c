#include "poolmgr/lifecycle.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

typedef struct lifecycle_step handler_fn(const struct lifecycle_view *view);

static struct lifecycle_step stay(const struct lifecycle_view *view, enum lifecycle_action action)
{
    return (struct lifecycle_step){action, view->state, NULL};
}

static struct lifecycle_step move(enum desktop_state to, const char *cause)
{
    return (struct lifecycle_step){LIFECYCLE_MOVE, to, cause};
}

static struct lifecycle_step act(enum lifecycle_action action, enum desktop_state to)
{
    return (struct lifecycle_step){action, to, NULL};
}

static bool late(const struct lifecycle_view *view)
{
    return view->deadline_ms && view->now_ms >= view->deadline_ms;
}

static bool resting(const struct lifecycle_view *view)
{
    return view->now_ms < view->retry_ms;
}

static bool domain_is_down(const struct lifecycle_view *view)
{
    return view->domain == LIFECYCLE_DOMAIN_ABSENT || view->domain == LIFECYCLE_DOMAIN_OFF ||
           view->domain == LIFECYCLE_DOMAIN_CRASHED;
}

/* Waits for a host for as long as it takes: the pool says why there is none, a deadline would only churn rows. */
static struct lifecycle_step on_requested(const struct lifecycle_view *view)
{
    return resting(view) ? stay(view, LIFECYCLE_WAIT) : act(LIFECYCLE_PLACE, DESKTOP_CLONING);
}

static struct lifecycle_step on_cloning(const struct lifecycle_view *view)
{
    if (view->host_failed)
        return move(DESKTOP_DELETING, "its host failed before it was made");
    if (!view->host_up || resting(view))
        return stay(view, LIFECYCLE_WAIT);
    if (late(view))
        return move(DESKTOP_ERROR, "its linked clone was not made in time");
    return stay(view, LIFECYCLE_MAKE);
}

static struct lifecycle_step on_defined(const struct lifecycle_view *view)
{
    if (view->host_failed)
        return move(DESKTOP_DELETING, "its host failed before it was started");
    if (!view->host_up || resting(view))
        return stay(view, LIFECYCLE_WAIT);
    if (view->domain == LIFECYCLE_DOMAIN_ABSENT)
        return move(DESKTOP_ERROR, "its domain vanished before it was started");
    /* Its turn among those starting comes in time: the deadline is not the desktop's own. */
    return view->may_start ? act(LIFECYCLE_START, DESKTOP_STARTING) : stay(view, LIFECYCLE_WAIT);
}

static struct lifecycle_step on_starting(const struct lifecycle_view *view)
{
    if (view->host_failed)
        return move(DESKTOP_UNKNOWN, "its host does not answer");
    if (!view->host_up)
        return stay(view, LIFECYCLE_WAIT);
    if (view->domain == LIFECYCLE_DOMAIN_RUNNING)
        return move(DESKTOP_BOOTING, NULL);
    if (late(view))
        return move(DESKTOP_ERROR, "the hypervisor did not start it in time");
    return resting(view) ? stay(view, LIFECYCLE_WAIT) : stay(view, LIFECYCLE_START);
}

static struct lifecycle_step on_booting(const struct lifecycle_view *view)
{
    if (view->host_failed)
        return move(DESKTOP_UNKNOWN, "its host does not answer");
    if (!view->host_up)
        return stay(view, LIFECYCLE_WAIT);
    if (domain_is_down(view))
        return move(DESKTOP_ERROR, "it stopped while it was booting");
    if (view->domain == LIFECYCLE_DOMAIN_PAUSED)
        return move(DESKTOP_ERROR, "its hypervisor paused it while it was booting (disk full or I/O error?)");
    if (view->guest_up && view->rdp_answers)
        return act(LIFECYCLE_HAND_OUT, DESKTOP_READY);
    if (late(view))
        return move(DESKTOP_ERROR, view->guest_up ? "its RDP server did not answer in time"
                                   : view->rdp_answers
                                       ? "its guest helper did not report in time"
                                       : "neither its guest helper nor its RDP server answered in time");
    return stay(view, LIFECYCLE_WATCH);
}

static struct lifecycle_step on_ready(const struct lifecycle_view *view)
{
    if (view->host_failed)
        return move(DESKTOP_UNKNOWN, "its host does not answer");
    if (!view->host_up)
        return stay(view, LIFECYCLE_WAIT);
    if (domain_is_down(view))
        return move(DESKTOP_ERROR,
                    view->domain == LIFECYCLE_DOMAIN_ABSENT ? "its domain vanished" : "it was shut down");
    /* A paused one that somebody works on may be resumed once there is space: leave that to the operator. */
    if (view->domain == LIFECYCLE_DOMAIN_PAUSED && !view->used)
        return move(DESKTOP_ERROR, "its hypervisor paused it (disk full or I/O error?)");
    return stay(view, LIFECYCLE_WATCH);
}

/* Its host answers again, or is given up. */
static struct lifecycle_step on_unknown(const struct lifecycle_view *view)
{
    if (!view->host_up || view->domain == LIFECYCLE_DOMAIN_UNSEEN)
        return stay(view, LIFECYCLE_WAIT);
    if (view->domain == LIFECYCLE_DOMAIN_RUNNING)
        return move(DESKTOP_BOOTING, NULL);
    return move(DESKTOP_ERROR, "it no longer ran when its host came back");
}

static struct lifecycle_step on_deleting(const struct lifecycle_view *view)
{
    if (!view->placed)
        return act(LIFECYCLE_FORGET, DESKTOP_GONE);
    if (!view->host_up || resting(view))
        return stay(view, LIFECYCLE_WAIT);
    return stay(view, LIFECYCLE_REMOVE);
}

static struct lifecycle_step on_gone(const struct lifecycle_view *view)
{
    return stay(view, LIFECYCLE_FORGET);
}

/* A failed desktop is worth nothing to a floating pool. A dedicated one holds somebody's work: an operator decides. */
static struct lifecycle_step on_error(const struct lifecycle_view *view)
{
    if (view->floating || !view->used)
        return move(DESKTOP_DELETING, "it failed and is replaced");
    return stay(view, LIFECYCLE_WAIT);
}

/* States that only an administrator or a later step enters and leaves. */
static struct lifecycle_step on_rest(const struct lifecycle_view *view)
{
    return stay(view, LIFECYCLE_WAIT);
}

static handler_fn *const handlers[DESKTOP_STATE_COUNT] = {
    [DESKTOP_REQUESTED] = on_requested, [DESKTOP_CLONING] = on_cloning,   [DESKTOP_DEFINED] = on_defined,
    [DESKTOP_STARTING] = on_starting,   [DESKTOP_BOOTING] = on_booting,   [DESKTOP_READY] = on_ready,
    [DESKTOP_STOPPED] = on_rest,        [DESKTOP_SUSPENDED] = on_rest,    [DESKTOP_MIGRATING] = on_rest,
    [DESKTOP_RESETTING] = on_rest,      [DESKTOP_DELETING] = on_deleting, [DESKTOP_GONE] = on_gone,
    [DESKTOP_UNKNOWN] = on_unknown,     [DESKTOP_ERROR] = on_error,       [DESKTOP_MAINTENANCE] = on_rest,
};

struct lifecycle_step lifecycle_next(const struct lifecycle_view *view)
{
    if ((unsigned)view->state >= DESKTOP_STATE_COUNT)
        return stay(view, LIFECYCLE_WAIT);
    return handlers[view->state](view);
}

/* Not the desktop's fault: it will work as soon as the cause is gone. */
static bool is_surroundings(int code)
{
    switch (code) {
    case ERR_HOST_DOWN:
    case ERR_UNREACHABLE:
    case ERR_NO_SPACE:
    case ERR_STORE:
    case ERR_STORE_DOWN:
    case ERR_BUSY:
    case ERR_CANCELLED:
        return true;
    default:
        return false;
    }
}

enum lifecycle_verdict lifecycle_failed(enum desktop_state state, uint32_t attempts, int code, uint32_t *ret_wait_ms)
{
    uint32_t doublings = attempts < 5 ? attempts : 5;

    *ret_wait_ms = 1000u << doublings;
    if (is_surroundings(code))
        return LIFECYCLE_POSTPONE;
    if (state == DESKTOP_DELETING)
        return LIFECYCLE_RETRY;
    if (code == ERR_IMAGE || code == ERR_SEALED || code == ERR_UNSUPPORTED || code == ERR_ILLEGAL_MOVE)
        return LIFECYCLE_GIVE_UP;
    return attempts + 1 < LIFECYCLE_ATTEMPTS ? LIFECYCLE_RETRY : LIFECYCLE_GIVE_UP;
}

const char *lifecycle_advice(int code)
{
    static const struct {
        int code;
        const char *advice;
    } table[] = {
        {ERR_HOST_DOWN, "see whether libvirtd runs on the host and its URI is right"},
        {ERR_UNREACHABLE, "see whether libvirtd runs on the host and its URI is right"},
        {ERR_NO_SPACE, "free space in storage_dir or make the pool smaller"},
        {ERR_IMAGE, "look at the pool's image with `carrelctl image list` and import it again"},
        {ERR_DENIED, "look at owner and mode of storage_dir and at image_user and image_group"},
        {ERR_NOT_FOUND, "see whether the image's files are in storage_dir and the network exists on the host"},
        {ERR_TIMEOUT, "look at the desktop's console and at the load of its host"},
        {ERR_STORE_DOWN, "see whether the store's server or file can be reached"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].code == code)
            return table[i].advice;
    return "look at the hypervisor's log on the host";
}

uint32_t lifecycle_progress(enum desktop_state state)
{
    return state <= DESKTOP_READY ? (uint32_t)state : 0;
}
