/* A private PostgreSQL for tests: own folder under TMPDIR, unix socket only, as the user postgres when we are root. It
 * ends with the test program. */
#ifndef CARREL_TESTS_STORE_PG_SERVER_H
#define CARREL_TESTS_STORE_PG_SERVER_H

/* Make a cluster and start it. Exits the program with a clear message when PostgreSQL is not installed. */
void pg_server_start(void);
/* The same with fsync on, for measuring. */
void pg_server_start_durable(void);
/* Stop it; its data stays for pg_server_restart. */
void pg_server_halt(void);
void pg_server_restart(void);
/* Stop it and remove everything. */
void pg_server_stop(void);
/* The folder of its socket, for host=. */
const char *pg_server_folder(void);

#endif
