/* Desktops and sessions as administrators look at them. */
#include "broker/admin_api.h"
#include "broker/admin_json.h"
#include "broker/session.h"
#include "broker/session_json.h"
#include "lib/store/store_assignment.h"

#include <stdio.h>
#include <string.h>

static int read_page(struct call *call, struct store_page *ret, struct error *reterr)
{
    int64_t limit = STORE_PAGE_MAX;
    int rc = call_number(call, CALL_LIMIT, 1, STORE_PAGE_MAX, STORE_PAGE_MAX, &limit, reterr);
    *ret = (struct store_page){.after = call->params[CALL_AFTER], .limit = (unsigned)limit};
    return rc;
}

/* The key to go on from; null on the last page. */
static json_t *next_key(const struct store_page *page, size_t count, const char *key)
{
    return count == page->limit ? json_string(key) : json_null();
}

static const char *or_null(const char *text)
{
    return *text != '\0' ? text : NULL;
}

/* ---- desktops */

/* Open assignments of the pool, by desktop, walked along with its desktops: at most one page. */
static const char *person_of(const struct store_assignment *rows, size_t count, const char *desktop)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].desktop, desktop) == 0)
            return rows[i].person;
    return "";
}

int admin_desktops_work(struct call *call, struct error *reterr)
{
    struct store_desktop *rows CLEANUP_FREE = NULL;
    struct store_assignment *taken CLEANUP_FREE = NULL;
    size_t count = 0, n_taken = 0;
    struct store_desktop_filter filter = {.pool = or_null(call_param(call, CALL_POOL))};
    struct store_assignment_filter open = {.pool = filter.pool, .open_only = true};
    struct store_page page;
    int rc = read_page(call, &page, reterr);
    if (rc == 0)
        rc = store_desktop_list(call->broker->store, &filter, &page, &rows, &count, reterr);
    if (rc == 0)
        rc = store_assignment_list(call->broker->store, &open, NULL, &taken, &n_taken, reterr);
    if (rc != 0)
        return rc;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, admin_desktop_json(&rows[i], person_of(taken, n_taken, rows[i].id)));
    call->answer =
        json_pack("{so so}", "desktops", list, "next", next_key(&page, count, count > 0 ? rows[count - 1].id : ""));
    return 0;
}

int admin_desktop_work(struct call *call, struct error *reterr)
{
    struct store_desktop desktop;
    struct store_assignment taken = {0};
    int rc = store_desktop_get_named(call->broker->store, call_param(call, CALL_NAME), &desktop, reterr);
    if (rc == ERR_NOT_FOUND || rc == ERR_INVALID || rc == ERR_TOO_BIG)
        return call_refuse(call, 404, "no_desktop", "There is no desktop \"%.63s\".", call_param(call, CALL_NAME));
    if (rc == 0 && desktop.assignment[0] != '\0')
        rc = store_assignment_get(call->broker->store, desktop.assignment, &taken, reterr);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        return rc;
    call->answer = admin_desktop_json(&desktop, taken.person);
    return 0;
}

/* ---- sessions */

int admin_sessions_work(struct call *call, struct error *reterr)
{
    struct store_session *rows CLEANUP_FREE = NULL;
    json_t *list CLEANUP(doc_freep) = json_array();
    size_t count = 0;
    char key[32] = "";
    const char *open = call_param(call, CALL_OPEN);
    struct store_session_filter filter = {
        .pool = or_null(call_param(call, CALL_POOL)),
        .person = or_null(call_param(call, CALL_USER)),
        .open_only = strcmp(open, "1") == 0 || strcmp(open, "true") == 0,
    };
    struct store_page page;
    int rc = read_page(call, &page, reterr);
    if (rc == 0)
        rc = store_session_list(call->broker->store, &filter, &page, &rows, &count, reterr);
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct session_view view = {.row = rows[i]};
        rc = session_complete(call->broker->store, &view, reterr);
        json_array_append_new(list, session_json_row(&view));
        snprintf(key, sizeof(key), "%lld", (long long)rows[i].seq);
    }
    if (rc == 0)
        call->answer = json_pack("{sO so}", "sessions", list, "next", next_key(&page, count, key));
    return rc;
}

int admin_session_work(struct call *call, struct error *reterr)
{
    struct session_view view;
    int rc = session_load(call->broker->store, call_param(call, CALL_ID), NULL, &view, reterr);
    if (rc == ERR_NOT_FOUND)
        return call_refuse(call, 404, "not_found", "There is no session \"%.40s\".", call_param(call, CALL_ID));
    if (rc == 0)
        call->answer = session_json_row(&view);
    return rc;
}
