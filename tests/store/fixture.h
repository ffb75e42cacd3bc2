/* A fresh store for each test, on SQLite and on PostgreSQL. CMocka's headers come first.
 *
 *   int main(void) {
 *       const struct CMUnitTest tests[] = {FIXTURE_BOTH(a_pool_is_found_again), …};
 *       return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
 *   } */
#ifndef CARREL_TESTS_STORE_FIXTURE_H
#define CARREL_TESTS_STORE_FIXTURE_H

#include "lib/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct store *store;
    char uri[256];
    char folder[128]; /* of the SQLite file */
    bool pg;
};

int fixture_start(void **state);
int fixture_stop(void **state);
int fixture_sqlite(void **state);
int fixture_pg(void **state);
int fixture_done(void **state);

/* One more handle to the same store, as another process would have. store_close(). */
struct store *fixture_open(const struct fixture *f);

#define FIXTURE_SQLITE(test)                                                                                           \
    {                                                                                                                  \
#test " [sqlite]", test, fixture_sqlite, fixture_done, NULL                                                    \
    }
#define FIXTURE_PG(test)                                                                                               \
    {                                                                                                                  \
#test " [postgresql]", test, fixture_pg, fixture_done, NULL                                                    \
    }
#define FIXTURE_BOTH(test) FIXTURE_SQLITE(test), FIXTURE_PG(test)

/* Fails the test with the store's own sentence. */
#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        struct error e_ = {0};                                                                                         \
        int rc_ = call;                                                                                                \
        if (rc_ != 0)                                                                                                  \
            fail_msg("%s: %s: %s", #call, err_name(rc_), err_message(&e_));                                            \
    } while (0)
/* The last argument of a call inside assert_ok. */
#define ERR &e_

#endif
