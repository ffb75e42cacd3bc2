/* Virtualisation hosts: rows. Any worker thread. Words of states: lib/model/pool.h. */
#ifndef CARREL_STORE_STORE_HOST_H
#define CARREL_STORE_STORE_HOST_H

#include "lib/store/store.h"

struct store_host {
    char name[STORE_NAME_SIZE];
    char uri[STORE_PATH_SIZE]; /* libvirt's, or fake:… in tests */
    char state[STORE_WORD_SIZE];
    char labels[STORE_TEXT_SIZE]; /* words with commas between */
    int64_t memory_mib;           /* what desktops may use; 0 = not known yet */
    int64_t vcpus;                /* with overcommit; 0 = not known yet */
    int64_t max_desktops;         /* 0 = no limit */
    int64_t seen_at;              /* last answer */
    char error[STORE_TEXT_SIZE];  /* why it does not answer; "" = it does */
    int64_t created_at;
};

/* Add in state "active" (created_at is filled in). ERR_EXISTS. */
int store_host_add(struct store *store, struct store_host *host, int64_t now_ms, struct error *reterr);
int store_host_get(struct store *store, const char *name, struct store_host *ret_host, struct error *reterr);
/* By name, at most STORE_PAGE_MAX. *ret_hosts: free(). */
int store_host_list(struct store *store, struct store_host **ret_hosts, size_t *ret_count, struct error *reterr);
/* An administrator's or poolmgr's change of state. ERR_CONFLICT: not in `from`; ERR_NOT_FOUND. */
int store_host_move(struct store *store, int64_t gen, const char *name, const char *from, const char *to,
                    struct error *reterr);
/* What poolmgr found: capacity (0 = leave), seen_at (0 = leave), error ("" clears it, NULL = leave). */
int store_host_report(struct store *store, int64_t gen, const char *name, int64_t memory_mib, int64_t vcpus,
                      int64_t seen_at, const char *error, struct error *reterr);
/* ERR_CONFLICT: desktops are on it. */
int store_host_remove(struct store *store, int64_t gen, const char *name, struct error *reterr);

#endif
