#include "poolmgr/desktop_work.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"
#include "lib/store/store_assignment.h"
#include "lib/store/store_session.h"

#include <stdio.h>
#include <string.h>

/* Writes of one step share these; gen and id of the order go with each. */
static int move_row(const struct work_env *env, const struct desktop_order *order, enum desktop_state from,
                    enum desktop_state to, int64_t deadline, const struct store_desktop_patch *patch,
                    struct error *reterr)
{
    return store_desktop_move(env->store, order->gen, order->row.id, from, to, env->holder, deadline, patch,
                              clock_wall_ms(), reterr);
}

static enum desktop_state state_of(const struct desktop_order *order)
{
    return (enum desktop_state)order->row.state;
}

int desktop_work_overlay_path(const struct work_env *env, const char *desktop, char ret[STORE_PATH_SIZE],
                              struct error *reterr)
{
    int n = snprintf(ret, STORE_PATH_SIZE, "%s/%s.qcow2", env->conf->storage_dir, desktop);

    if (n < 0 || n >= STORE_PATH_SIZE)
        return err_set(reterr, ERR_TOO_BIG, "the overlay's path is too long");
    return 0;
}

int desktop_work_domain(const struct work_env *env, const char *desktop, char ret[VIRT_NAME_SIZE], struct error *reterr)
{
    int n = snprintf(ret, VIRT_NAME_SIZE, "%s%s", env->conf->domain_prefix, desktop);

    if (n < 0 || n >= VIRT_NAME_SIZE)
        return err_set(reterr, ERR_TOO_BIG, "the domain's name is too long");
    return 0;
}

static int place(const struct work_env *env, const struct desktop_order *order, struct error *reterr)
{
    char domain[VIRT_NAME_SIZE], mac[VIRT_MAC_SIZE], uuid[VIRT_UUID_SIZE];
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;

    int r = desktop_work_domain(env, order->row.name, domain, reterr);
    if (r)
        return r;
    virt_mac_from_name(domain, mac);
    virt_uuid_from_name(domain, uuid);
    patch.host = order->host;
    patch.mac = mac;
    patch.uuid = uuid;
    patch.rdp_port = env->conf->rdp_port;
    patch.error = "";
    patch.attempts = 0;
    return move_row(env, order, DESKTOP_REQUESTED, DESKTOP_CLONING, 0, &patch, reterr);
}

/* A clone that is there already is one that a crash left, made for this very row and never started. One of another base
 * is not: it goes. */
static int make_overlay(const struct work_env *env, const struct desktop_order *order, const char *path,
                        struct error *reterr)
{
    const struct overlay_base base = {order->image.path, order->image.format, 0};
    const struct overlay_template *template = NULL;

    if (!order->image.path[0])
        return err_set(reterr, ERR_IMAGE, "image %s@%lld is not imported", order->image.name,
                       (long long)order->image.version);
    int r = overlay_cache_get(env->overlays, &base, &template, reterr);
    if (r)
        return r == ERR_NOT_FOUND ? ERR_IMAGE : r;
    r = overlay_check(template, path, NULL);
    if (r == 0)
        return 0;
    if (r == ERR_IMAGE && (r = overlay_remove(path, reterr)))
        return r;
    return overlay_make(template, path, env->uid, env->gid, reterr);
}

static int define_domain(const struct work_env *env, struct virt *virt, const struct desktop_order *order,
                         const char *overlay, struct error *reterr)
{
    const struct store_image *image = &order->image;
    char domain[VIRT_NAME_SIZE], title[160], serial[STORE_PATH_SIZE] = "";

    int r = desktop_work_domain(env, order->row.name, domain, reterr);
    if (r)
        return r;
    snprintf(title, sizeof title, "Carrel desktop %s", order->row.name);
    if (env->conf->serial_dir[0])
        snprintf(serial, sizeof serial, "%s/%s.log", env->conf->serial_dir, domain);
    const bool direct = image->kernel[0] != '\0';
    const struct virt_domain_spec spec = {
        .name = domain,
        .title = title,
        .memory_mib = (uint32_t)order->pool.memory_mib,
        .vcpus = (uint32_t)order->pool.vcpus,
        .disk = {overlay, "qcow2"},
        .backing = {{image->path, image->format}},
        .backing_count = 1,
        .cache = strcmp(order->pool.kind, POOL_KIND_FLOATING) ? VIRT_CACHE_NONE : VIRT_CACHE_UNSAFE,
        .kernel = direct ? image->kernel : NULL,
        .initrd = direct && image->initrd[0] ? image->initrd : NULL,
        .cmdline = direct ? image->cmdline : NULL,
        .network = order->pool.network[0] ? order->pool.network : NULL,
        .isolated = true,
        .accel = order->kvm ? VIRT_ACCEL_KVM : VIRT_ACCEL_TCG,
        .serial_log = serial[0] ? serial : NULL,
    };
    return virt_domain_define(virt, &spec, reterr);
}

static int make(const struct work_env *env, struct virt *virt, const struct desktop_order *order, struct error *reterr)
{
    char overlay[STORE_PATH_SIZE], address[VIRT_ADDRESS_SIZE] = "";
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;

    int r = desktop_work_overlay_path(env, order->row.name, overlay, reterr);
    if (!r)
        r = make_overlay(env, order, overlay, reterr);
    if (!r && order->pool.network[0])
        r = virt_net_reserve(virt, order->pool.network, order->row.mac, order->row.name, address, reterr);
    if (!r)
        r = define_domain(env, virt, order, overlay, reterr);
    if (r)
        return r;
    patch.address = address;
    patch.error = "";
    patch.attempts = 0;
    return move_row(env, order, DESKTOP_CLONING, DESKTOP_DEFINED, 0, &patch, reterr);
}

static int start(const struct work_env *env, struct virt *virt, const struct desktop_order *order, struct error *reterr)
{
    char domain[VIRT_NAME_SIZE];
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;

    int r = desktop_work_domain(env, order->row.name, domain, reterr);
    if (!r && state_of(order) != DESKTOP_STARTING)
        r = move_row(env, order, state_of(order), DESKTOP_STARTING, 0, NULL, reterr);
    if (!r)
        r = virt_domain_start(virt, domain, reterr);
    if (r)
        return r;
    patch.error = "";
    patch.attempts = 0;
    return move_row(env, order, DESKTOP_STARTING, DESKTOP_BOOTING, clock_wall_ms() + env->conf->boot, &patch, reterr);
}

/* The move and the queue are two transactions: a crash between them leaves a free ready desktop, which the next pass
 * hands out. */
static int hand_out(const struct work_env *env, const struct desktop_order *order, size_t *ret_count,
                    struct error *reterr)
{
    struct store_assignment *made CLEANUP_FREE = NULL;
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;
    size_t count = 0;
    int64_t now = clock_wall_ms();

    patch.cert_sha256 = order->cert_sha256;
    patch.error = "";
    patch.attempts = 0;
    int r = move_row(env, order, DESKTOP_BOOTING, DESKTOP_READY, -1, &patch, reterr);
    if (r)
        return r;
    if (!order->row.ready_at)
        store_pool_booted(env->store, order->gen, order->pool.name, now - order->row.created_at, NULL);
    if (!store_assignment_fill(env->store, order->pool.name, now, &made, &count, NULL))
        *ret_count = count;
    return 0;
}

/* Who works on a desktop that is lost: one who never came goes back to the queue, all others learn that it is lost. */
static int free_of_people(const struct work_env *env, const struct desktop_order *order, struct error *reterr)
{
    struct store_session *sessions CLEANUP_FREE = NULL;
    const struct store_session_filter filter = {.desktop = order->row.id, .open_only = true};
    size_t count = 0;

    int r = store_session_list(env->store, &filter, NULL, &sessions, &count, reterr);
    for (size_t i = 0; i < count && !r; i++) {
        struct store_session_end end;
        const struct store_session *s = &sessions[i];
        r = s->state == SESSION_PREPARING
                ? store_assignment_release(env->store, order->gen, s->assignment, clock_wall_ms(), reterr)
                : ERR_CONFLICT;
        if (r == ERR_CONFLICT)
            r = store_session_end(env->store, order->gen, s->id, SESSION_END_DESKTOP_LOST, 0, clock_wall_ms(), &end,
                                  reterr);
        if (r == ERR_CONFLICT)
            r = 0; /* ended meanwhile */
    }
    return r;
}

/* A desktop that was given to somebody since the rules looked is left alone: ERR_CONFLICT. */
static int take_away(const struct work_env *env, const struct desktop_order *order, struct error *reterr)
{
    struct store_desktop row = order->row;

    if (row.assignment[0]) {
        int r = free_of_people(env, order, reterr);
        if (!r)
            r = store_desktop_get(env->store, row.id, &row, reterr);
        if (r || row.state == DESKTOP_DELETING) /* the end of a session deletes a floating desktop */
            return r;
    }
    return store_desktop_take_down(env->store, order->gen, row.id, (enum desktop_state)row.state, env->holder, 0,
                                   clock_wall_ms(), reterr);
}

static int change_state(const struct work_env *env, const struct desktop_order *order, struct error *reterr)
{
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;
    enum desktop_state to = order->step.to;

    if (to == DESKTOP_DELETING)
        return take_away(env, order, reterr);
    patch.error = order->step.cause ? order->step.cause : "";
    int64_t deadline = to == DESKTOP_BOOTING ? clock_wall_ms() + env->conf->boot : 0;
    return move_row(env, order, state_of(order), to, deadline, &patch, reterr);
}

static int forget(const struct work_env *env, const struct desktop_order *order, struct error *reterr)
{
    int r = 0;

    if (order->row.state != DESKTOP_GONE)
        r = move_row(env, order, state_of(order), DESKTOP_GONE, -1, NULL, reterr);
    return r ? r : store_desktop_remove(env->store, order->gen, order->row.id, reterr);
}

static int take_down(const struct work_env *env, struct virt *virt, const struct desktop_order *order,
                     struct error *reterr)
{
    char domain[VIRT_NAME_SIZE], overlay[STORE_PATH_SIZE];

    int r = desktop_work_domain(env, order->row.name, domain, reterr);
    if (!r)
        r = desktop_work_overlay_path(env, order->row.name, overlay, reterr);
    if (!r)
        r = virt_domain_destroy(virt, domain, reterr);
    if (!r)
        r = virt_domain_undefine(virt, domain, reterr);
    if (!r && order->pool.network[0] && order->row.mac[0])
        r = virt_net_release(virt, order->pool.network, order->row.mac, reterr);
    if (!r)
        r = overlay_remove(overlay, reterr);
    if (!r && order->row.assignment[0])
        r = free_of_people(env, order, reterr);
    return r ? r : forget(env, order, reterr);
}

static int run(const struct work_env *env, struct virt *virt, const struct desktop_order *order,
               struct desktop_outcome *ret)
{
    switch (order->step.action) {
    case LIFECYCLE_PLACE:
        return place(env, order, &ret->error);
    case LIFECYCLE_MAKE:
        return make(env, virt, order, &ret->error);
    case LIFECYCLE_START:
        return start(env, virt, order, &ret->error);
    case LIFECYCLE_HAND_OUT:
        return hand_out(env, order, &ret->handed_out, &ret->error);
    case LIFECYCLE_MOVE:
        return change_state(env, order, &ret->error);
    case LIFECYCLE_REMOVE:
        return take_down(env, virt, order, &ret->error);
    case LIFECYCLE_FORGET:
        return forget(env, order, &ret->error);
    case LIFECYCLE_WAIT:
    case LIFECYCLE_WATCH:
        break;
    }
    return err_set(&ret->error, ERR_INTERNAL, "this step has no work");
}

/* Write what a failure means for the row. A row that changed meanwhile (a session's end deletes desktops) or a lost
 * lead is no failure of the desktop: whoever changed it decides. */
static void judge_failure(const struct work_env *env, const struct desktop_order *order, struct desktop_outcome *ret)
{
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;
    const struct store_desktop *row = ret->known ? &ret->row : &order->row;
    enum desktop_state state = (enum desktop_state)row->state;
    uint32_t attempts = (uint32_t)row->attempts;

    ret->verdict = lifecycle_failed(state, attempts, ret->code, &ret->wait_ms);
    if (ret->gone || ret->code == ERR_CONFLICT || ret->code == ERR_FENCED) {
        ret->verdict = LIFECYCLE_POSTPONE;
        return;
    }
    patch.error = err_message(&ret->error);
    if (ret->verdict == LIFECYCLE_RETRY)
        patch.attempts = row->attempts + 1;
    if (ret->verdict == LIFECYCLE_GIVE_UP)
        store_desktop_move(env->store, order->gen, row->id, state, DESKTOP_ERROR, "", -1, &patch, clock_wall_ms(),
                           NULL);
    else
        store_desktop_note(env->store, order->gen, row->id, state, NULL, 0, &patch, NULL);
}

static void read_back(const struct work_env *env, const struct desktop_order *order, struct desktop_outcome *ret)
{
    int r = store_desktop_get(env->store, order->row.id, &ret->row, NULL);

    ret->known = r == 0;
    ret->gone = r == ERR_NOT_FOUND;
}

void desktop_work_run(const struct work_env *env, struct virt *virt, const struct desktop_order *order,
                      struct desktop_outcome *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->code = run(env, virt, order, ret);
    read_back(env, order, ret);
    if (!ret->code)
        return;
    if (!ret->error.code)
        err_set(&ret->error, ret->code, "%s", err_text(ret->code));
    judge_failure(env, order, ret);
    read_back(env, order, ret);
}
