/* Desktops: rows and transitions. Any worker thread. Machine: lib/model/desktop.h.
 *
 * Every transition is written before the outside world is touched, and names owner, deadline and generation. Who finds
 * a passed deadline (store_desktop_list with deadline_before) takes over. A row lives until store_desktop_remove after
 * "gone". */
#ifndef CARREL_STORE_STORE_DESKTOP_H
#define CARREL_STORE_STORE_DESKTOP_H

#include "lib/model/desktop.h"
#include "lib/store/store.h"

struct store_desktop {
    char id[ID_SIZE];
    char pool[STORE_NAME_SIZE];
    int64_t number;             /* within its pool, from 1; the lowest one that is free */
    char name[STORE_NAME_SIZE]; /* pool and number: "office-001" */
    char host[STORE_NAME_SIZE]; /* "" until placed */
    char image[STORE_NAME_SIZE];
    int64_t image_version;
    int state;                      /* enum desktop_state */
    char owner[STORE_SUBJECT_SIZE]; /* who carries out the transition under way; "" = nobody needs to */
    int64_t deadline;               /* when it must have left this state; 0 = never */
    int64_t state_at;               /* when it entered this state */
    int64_t generation;             /* of the last writer */
    char uuid[40];                  /* libvirt's */
    char mac[24];                   /* stays with the desktop for life */
    char address[STORE_ADDRESS_SIZE];
    int64_t rdp_port;               /* 0 = not known */
    char cert_sha256[ID_HASH_SIZE]; /* pinned RDP certificate, hexadecimal SHA-256 of its DER; "" = not known */
    char error[STORE_TEXT_SIZE];    /* the last failure */
    int64_t attempts;               /* failed tries so far */
    int64_t created_at;
    int64_t ready_at;         /* when it was first ready; 0 = never */
    char assignment[ID_SIZE]; /* its open assignment; "" = free */
};

/* What a move or note changes besides; NULL or negative = leave. */
struct store_desktop_patch {
    const char *host, *uuid, *mac, *address, *cert_sha256, *error;
    int64_t rdp_port;
    int64_t attempts;
};
#define STORE_DESKTOP_KEEP ((struct store_desktop_patch){.rdp_port = -1, .attempts = -1})

/* Which desktops; zeroed = all. */
struct store_desktop_filter {
    const char *pool;        /* NULL = any */
    const char *host;        /* NULL = any */
    uint32_t states;         /* SM_TO() bits; 0 = any */
    int64_t deadline_before; /* those with a deadline at or before this; 0 = no matter */
    bool free_only;          /* without an open assignment */
};

/* Add one in state "requested" to `pool`, for the pool's image version. ret_desktop: the row.
 * Errors: ERR_NOT_FOUND (no such pool), ERR_POOL_CLOSED (it is being deleted), ERR_BUSY (size_max rows are there that
 * are not on their way out: desktop_is_coming). */
int store_desktop_add(struct store *store, int64_t gen, const char *pool, const char *owner, int64_t now_ms,
                      struct store_desktop *ret_desktop, struct error *reterr);
/* By id or by name ("office-001"). ERR_NOT_FOUND. */
int store_desktop_get(struct store *store, const char *id, struct store_desktop *ret_desktop, struct error *reterr);
int store_desktop_get_named(struct store *store, const char *name, struct store_desktop *ret_desktop,
                            struct error *reterr);
/* In the order of ids (page->after is an id; page may be NULL). *ret_desktops: free(). */
int store_desktop_list(struct store *store, const struct store_desktop_filter *filter, const struct store_page *page,
                       struct store_desktop **ret_desktops, size_t *ret_count, struct error *reterr);
/* Move from one state to another. deadline: 0 = the model's own for `to`, counted from now_ms; negative = none.
 * owner: "" or NULL = nobody. patch NULL = nothing else. To "ready" sets ready_at if it was never ready. After a move
 * to ready call store_assignment_fill for the pool. Errors: ERR_ILLEGAL_MOVE (not in the model's table), ERR_CONFLICT
 * (is no longer in `from`), ERR_NOT_FOUND, ERR_FENCED. */
int store_desktop_move(struct store *store, int64_t gen, const char *id, enum desktop_state from, enum desktop_state to,
                       const char *owner, int64_t deadline, const struct store_desktop_patch *patch, int64_t now_ms,
                       struct error *reterr);
/* As store_desktop_move to "deleting", but only while it has no open assignment: a desktop that was given away
 * meanwhile is left alone (ERR_CONFLICT). For scaling down and replacing. */
int store_desktop_take_down(struct store *store, int64_t gen, const char *id, enum desktop_state from,
                            const char *owner, int64_t deadline, int64_t now_ms, struct error *reterr);
/* Change fields while it stays in `state`. owner NULL = leave; deadline 0 = leave, negative = none.
 * Errors: ERR_CONFLICT (is no longer in `state`), ERR_NOT_FOUND, ERR_FENCED. */
int store_desktop_note(struct store *store, int64_t gen, const char *id, enum desktop_state state, const char *owner,
                       int64_t deadline, const struct store_desktop_patch *patch, struct error *reterr);
/* Delete the row of a desktop in state "gone". ERR_CONFLICT: it is not, or has an open assignment. */
int store_desktop_remove(struct store *store, int64_t gen, const char *id, struct error *reterr);

#endif
