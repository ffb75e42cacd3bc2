/* Accounts in desktops: asks the pool manager for each session's, once at a time, and keeps the passwords in memory.
 * Loop's thread. Invariants: a password is never in the store, in a log line or in core dumps; there is at most one
 * question under way per session; an entry belongs to one session on one desktop. Lost at a restart: asking again makes
 * a new password. */
#ifndef CARREL_BROKER_VAULT_H
#define CARREL_BROKER_VAULT_H

#include "broker/session.h"
#include "lib/net/httpc.h"
#include "lib/proto/pm.h"

struct broker;
struct vault;

/* changed: something about that session is new (an account is there, or could not be made). */
int vault_new(struct broker *broker, void (*changed)(struct broker *broker), struct vault **ret, struct error *reterr);
void vault_free(struct vault *vault);

enum vault_state {
    VAULT_NOT_WANTED, /* the session needs no account, or has no desktop yet */
    VAULT_ASKING,
    VAULT_READY,
    VAULT_FAILED /* will be asked again; the sentence is for the person */
};

struct vault_answer {
    enum vault_state state;
    const struct pm_credentials *credentials; /* READY: borrowed until the next call of the vault */
    const char *sentence;                     /* FAILED: borrowed likewise */
};

/* What there is for the session; asks the pool manager when it is time to. */
struct vault_answer vault_look(struct vault *vault, const struct session_view *view);
/* The session is over: wipes its password. */
void vault_forget(struct vault *vault, const char *session_id);
/* Wipes those that nobody has looked at for `kept_ms`. */
void vault_sweep(struct vault *vault, int64_t kept_ms);

#endif
