/* Rows that many of the store's tests begin with. */
#ifndef CARREL_TESTS_STORE_ROWS_H
#define CARREL_TESTS_STORE_ROWS_H

#include "lib/store/store_desktop.h"
#include "lib/store/store_pool.h"
#include "lib/store/store_session.h"
#include "lib/store/store_ticket.h"
#include "tests/store/fixture.h"

#define ROWS_NOW INT64_C(1700000000000)

/* Image debian@1 (published) and an open pool of that name and kind with room for 2000 desktops, grace 300 s. */
void rows_pool(struct store *store, const char *name, const char *kind);
/* A desktop of the pool in state ready at an address; ready_at ROWS_NOW + number. */
void rows_ready(struct store *store, const char *pool, struct store_desktop *ret_desktop);
/* A session of `person`; place 0 = it has a desktop. */
struct store_session rows_session(struct store *store, const char *pool, const char *person, uint32_t *ret_place);
/* A ticket with a hash made of `seed`, for the door rdp, at ROWS_NOW. */
void rows_ticket(struct store *store, const char *session, const char *seed, char ret_hash[ID_HASH_SIZE]);
/* Redeem it at gateway g1; the result of store_ticket_redeem. */
int rows_redeem(struct store *store, const char *hash, struct store_ticket_grant *ret_grant,
                enum store_ticket_refusal *ret_why);

#endif
