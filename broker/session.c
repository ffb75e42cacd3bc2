#include "broker/session.h"

#include "broker/eta.h"
#include "lib/model/pool.h"

#include <string.h>

/* Desktops of the pool that will be ready without anybody doing anything. */
static int64_t on_their_way(const struct store_pool_counts *counts)
{
    int64_t coming = 0;
    for (int state = DESKTOP_REQUESTED; state <= DESKTOP_BOOTING; state++)
        coming += counts->desktops[state];
    return coming;
}

static int64_t room_of(const struct store_pool *pool, const struct store_pool_counts *counts)
{
    int64_t there = 0;
    for (int state = 0; state < DESKTOP_STATE_COUNT; state++)
        if (desktop_is_coming((enum desktop_state)state))
            there += counts->desktops[state];
    return pool->size_max > there ? pool->size_max - there : 0;
}

static int estimate(struct store *store, const struct store_pool *pool, struct session_view *view, struct error *reterr)
{
    struct store_pool_counts counts;
    uint32_t place = 0;
    int rc = store_session_place(store, view->row.id, &place, reterr);
    if (rc != 0 || place == 0)
        return rc;
    rc = store_pool_counts(store, pool->name, &counts, reterr);
    if (rc != 0)
        return rc;
    struct eta eta = {
        .place = place, .boot_ms = pool->boot_ms, .coming = on_their_way(&counts), .room = room_of(pool, &counts)};
    view->place = place;
    view->eta_s = eta_seconds(&eta);
    return 0;
}

int session_complete(struct store *store, struct session_view *view, struct error *reterr)
{
    struct store_pool pool;
    view->place = 0;
    view->eta_s = 0;
    view->passworded = false;
    if (view->row.state == SESSION_ENDED)
        return 0;
    int rc = store_pool_get(store, view->row.pool, &pool, reterr);
    if (rc != 0)
        return rc;
    view->passworded = strcmp(pool.credentials, POOL_CREDENTIALS_SESSION) == 0;
    return view->row.desktop[0] == '\0' ? estimate(store, &pool, view, reterr) : 0;
}

int session_load(struct store *store, const char *id, const char *person, struct session_view *ret,
                 struct error *reterr)
{
    struct session_view view = {0};
    int rc = store_session_get(store, id, &view.row, reterr);
    if (rc == 0 && person != NULL && strcmp(view.row.person, person) != 0)
        rc = err_set(reterr, ERR_NOT_FOUND, "the session is another person's");
    if (rc == 0)
        rc = session_complete(store, &view, reterr);
    if (rc == 0)
        *ret = view;
    return rc;
}

bool session_wants_account(const struct session_view *view)
{
    return view->passworded && view->row.state != SESSION_ENDED && view->row.desktop[0] != '\0' &&
           strcmp(view->row.intent, SESSION_INTENT_LOGOFF) != 0;
}
