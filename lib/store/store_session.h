/* Sessions: rows and transitions. Any worker thread. Machine: lib/model/session.h.
 *
 * Invariants (also enforced by unique indexes)
 *  - One open (not ended) session per person and pool.
 *  - A session waits exactly while it is open and has no desktop; its queue number `seq` never changes. */
#ifndef CARREL_STORE_STORE_SESSION_H
#define CARREL_STORE_STORE_SESSION_H

#include "lib/model/session.h"
#include "lib/store/store.h"

/* A session that has a desktop but no client yet ends after this ("never-came"): its deadline from assignment. */
#define STORE_SESSION_COME_MS 600000
/* A session that waits ends after this, unless its person asks again: its deadline from store_session_open. */
#define STORE_SESSION_WAIT_MS 1800000

struct store_session {
    char id[ID_SIZE];
    int64_t seq; /* queue number, grows over the whole store */
    char pool[STORE_NAME_SIZE];
    char person[STORE_SUBJECT_SIZE];    /* user name of the directory */
    char display[STORE_SUBJECT_SIZE];   /* the person's name */
    int state;                          /* enum session_state */
    char desktop[ID_SIZE];              /* "" = waits */
    char desktop_name[STORE_NAME_SIZE]; /* of that desktop; kept after it is gone */
    char assignment[ID_SIZE];
    char connection[ID_SIZE];         /* the open one; "" = none */
    char intent[STORE_WORD_SIZE];     /* SESSION_INTENT_… */
    char guest_user[STORE_NAME_SIZE]; /* account in the desktop; "" until prepared */
    int64_t created_at;
    int64_t assigned_at;  /* when it got its desktop */
    int64_t ready_at;     /* when its account was first prepared */
    int64_t logged_on_at; /* when the person logged on in the desktop; 0 = not seen */
    int64_t state_at;
    int64_t deadline; /* when the sweep ends it (never-came, grace-over, waited too long); 0 = never */
    int64_t ended_at;
    char end_reason[STORE_WORD_SIZE]; /* SESSION_END_… */
};

struct store_session_want {
    const char *pool;
    const char *person;
    const char *display;
    int64_t now_ms;
};

/* Which sessions; zeroed = all. */
struct store_session_filter {
    const char *pool;        /* NULL = any */
    const char *person;      /* NULL = any */
    const char *desktop;     /* NULL = any */
    uint32_t states;         /* SM_TO() bits; 0 = any */
    bool open_only;          /* not ended */
    bool waiting_only;       /* open, without a desktop: the queue, in its order */
    bool intent_only;        /* somebody asked for something */
    int64_t deadline_before; /* those with a deadline at or before this; 0 = no matter */
};

/* What the end of a session leaves to do. */
struct store_session_end {
    char pool[STORE_NAME_SIZE];
    char desktop[ID_SIZE];    /* "" = it had none. A floating one is in state "deleting" now */
    char connection[ID_SIZE]; /* open until now: the gateway has to drop it; "" = none */
    char gateway[STORE_NAME_SIZE];
    char guest_user[STORE_NAME_SIZE];
};

/* The person's open session in the pool, or a new one at the end of the queue; then the queue is served
 * (store_assignment_fill). Waiting sessions get a new deadline. Does not check entitlement.
 * ret_place: 0 = it has a desktop, else its place in the queue from 1. ret_created (may be NULL): whether it is new.
 * Errors: ERR_NOT_FOUND (no such pool), ERR_POOL_CLOSED (and there is no open session). */
int store_session_open(struct store *store, const struct store_session_want *want, struct store_session *ret_session,
                       uint32_t *ret_place, bool *ret_created, struct error *reterr);
int store_session_get(struct store *store, const char *id, struct store_session *ret_session, struct error *reterr);
/* In the order of seq; page->after is the seq of the last row seen, as decimal text. *ret_sessions: free(). */
int store_session_list(struct store *store, const struct store_session_filter *filter, const struct store_page *page,
                       struct store_session **ret_sessions, size_t *ret_count, struct error *reterr);
/* Place in the queue: 0 = has a desktop or has ended; else from 1. ERR_NOT_FOUND. */
int store_session_place(struct store *store, const char *id, uint32_t *ret_place, struct error *reterr);
/* Its account in the desktop is there (again). Sets ready_at the first time.
 * Errors: ERR_CONFLICT (ended, or no longer on `desktop`), ERR_NOT_FOUND. */
int store_session_prepared(struct store *store, const char *id, const char *desktop, const char *guest_user,
                           int64_t now_ms, struct error *reterr);
/* The person was seen to log on inside the desktop (carrel-guest). 0 also when it was known. */
int store_session_logged_on(struct store *store, const char *id, int64_t now_ms, struct error *reterr);
/* Write what somebody wants (SESSION_INTENT_…); "logoff" is never weakened to "disconnect". ERR_CONFLICT: ended. */
int store_session_ask(struct store *store, const char *id, const char *intent, struct error *reterr);
/* The intent was carried out: clear it if it still is `intent`. */
int store_session_asked_done(struct store *store, int64_t gen, const char *id, const char *intent,
                             struct error *reterr);
/* Set the deadline of an open session; 0 = none. ERR_CONFLICT: ended. */
int store_session_set_deadline(struct store *store, const char *id, int64_t deadline, struct error *reterr);
/* End it: session ended, open connection closed, tickets void, floating assignment released and its desktop moved to
 * "deleting" — in one transaction. reason: SESSION_END_…. if_deadline > 0: only if its deadline is still that one
 * (the sweep; a person who came back meanwhile keeps the session).
 * Errors: ERR_CONFLICT (it has ended already, or the deadline changed), ERR_NOT_FOUND, ERR_FENCED. */
int store_session_end(struct store *store, int64_t gen, const char *id, const char *reason, int64_t if_deadline,
                      int64_t now_ms, struct store_session_end *ret_end, struct error *reterr);
/* Forget up to `limit` sessions that ended before `before_ms`, with their connections, tickets and released
 * assignments. Without it the store grows for ever. ret_count may be NULL. */
int store_session_sweep(struct store *store, int64_t before_ms, unsigned limit, size_t *ret_count,
                        struct error *reterr);

#endif
