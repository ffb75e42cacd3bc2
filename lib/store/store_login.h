/* API logins. Any worker thread. A login is known here only by the hash of its token. */
#ifndef CARREL_STORE_STORE_LOGIN_H
#define CARREL_STORE_STORE_LOGIN_H

#include "lib/store/store.h"

#define STORE_LOGIN_GROUPS_MAX 65536 /* bytes of the JSON array of groups */
/* seen_at is written at most this often per login. */
#define STORE_LOGIN_TOUCH_MS 60000

struct store_login {
    char hash[ID_HASH_SIZE];
    char username[STORE_SUBJECT_SIZE];
    char display[STORE_SUBJECT_SIZE];
    char dn[STORE_DN_SIZE];
    char roles[STORE_TEXT_SIZE];      /* words with commas between: "user,admin" */
    char *groups;                     /* JSON array of names; owned (store_login_done) */
    char address[STORE_ADDRESS_SIZE]; /* whence */
    int64_t created_at;
    int64_t seen_at;
    int64_t idle_ms;    /* ends when not seen for so long; 0 = no limit */
    int64_t expires_at; /* ends then in any case */
};

/* Frees what the row owns; zeroed rows are fine. */
void store_login_done(struct store_login *login);

/* Write a new login. `login` is only read. ERR_EXISTS: the hash is there; ERR_TOO_BIG: groups. */
int store_login_add(struct store *store, const struct store_login *login, struct error *reterr);
/* The login of that token. Writes seen_at when it is older than STORE_LOGIN_TOUCH_MS. ret_login: store_login_done.
 * ERR_NOT_FOUND: none, expired or idle too long. */
int store_login_get(struct store *store, const char *hash, int64_t now_ms, struct store_login *ret_login,
                    struct error *reterr);
/* Log out. 0 also when it is not there. */
int store_login_end(struct store *store, const char *hash, struct error *reterr);
/* End all logins of a person, at once. ret_count may be NULL. */
int store_login_end_person(struct store *store, const char *username, size_t *ret_count, struct error *reterr);
/* Forget up to `limit` logins that are over at now_ms. ret_count may be NULL. */
int store_login_sweep(struct store *store, int64_t now_ms, unsigned limit, size_t *ret_count, struct error *reterr);

#endif
