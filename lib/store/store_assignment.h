/* Assignments person ↔ desktop: rows and the fair queue. Any worker thread. Machine: lib/model/assignment.h.
 *
 * Invariants (also enforced by unique indexes)
 *  - At most one open assignment per desktop, and only on a desktop that was ready when it was made.
 *  - A pool's ready desktops go to its waiting sessions in the order of their queue numbers: nobody overtakes.
 * Who makes a desktop ready, opens a session or releases an assignment calls store_assignment_fill afterwards
 * (store_session_open does it itself); then no free desktop and waiting session of one pool remain side by side. */
#ifndef CARREL_STORE_STORE_ASSIGNMENT_H
#define CARREL_STORE_STORE_ASSIGNMENT_H

#include "lib/model/assignment.h"
#include "lib/store/store.h"

struct store_assignment {
    char id[ID_SIZE];
    char pool[STORE_NAME_SIZE];
    char person[STORE_SUBJECT_SIZE];
    char desktop[ID_SIZE];
    char session[ID_SIZE];      /* the session it was made for */
    char kind[STORE_WORD_SIZE]; /* POOL_KIND_FLOATING: released with its session; POOL_KIND_DEDICATED: for good */
    int state;                  /* enum assignment_state */
    int64_t opened_at;
    int64_t released_at;
};

struct store_assignment_filter {
    const char *pool;    /* NULL = any */
    const char *person;  /* NULL = any */
    const char *desktop; /* NULL = any */
    bool open_only;
};

/* Give `pool`'s free ready desktops to the heads of its queue, as long as there are both. ret_made (may be NULL): those
 * made, free(); at most STORE_PAGE_MAX in one call. 0 also when there was nothing to do. */
int store_assignment_fill(struct store *store, const char *pool, int64_t now_ms, struct store_assignment **ret_made,
                          size_t *ret_count, struct error *reterr);
int store_assignment_get(struct store *store, const char *id, struct store_assignment *ret_assignment,
                         struct error *reterr);
/* In the order of ids. *ret_rows: free(). */
int store_assignment_list(struct store *store, const struct store_assignment_filter *filter,
                          const struct store_page *page, struct store_assignment **ret_rows, size_t *ret_count,
                          struct error *reterr);
/* Take the desktop away again, before its session was ever connected (the desktop failed while it was being prepared):
 * the session goes back to its old place in the queue. Also ends a dedicated assignment without an open session.
 * Errors: ERR_CONFLICT (its session was connected: end the session instead; or it is released), ERR_NOT_FOUND. */
int store_assignment_release(struct store *store, int64_t gen, const char *id, int64_t now_ms, struct error *reterr);

#endif
