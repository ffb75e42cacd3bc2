/* The columns of the tables that several entities read. Internal to lib/store. Constant. */
#ifndef CARREL_STORE_TABLES_H
#define CARREL_STORE_TABLES_H

#include "lib/store/sql.h"

extern const struct sql_table tables_pool;
extern const struct sql_table tables_desktop;
extern const struct sql_table tables_session;
extern const struct sql_table tables_assignment;
extern const struct sql_table tables_connection;

#endif
