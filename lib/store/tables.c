#include "lib/store/tables.h"

#include "lib/model/assignment.h"
#include "lib/store/store_assignment.h"
#include "lib/store/store_connection.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_pool.h"
#include "lib/store/store_session.h"

#define POOL struct store_pool
static const struct sql_column pool_columns[] = {
    SQL_COLUMN(TEXT, POOL, name),        SQL_COLUMN(TEXT, POOL, description),  SQL_COLUMN(TEXT, POOL, kind),
    SQL_COLUMN(TEXT, POOL, image),       SQL_COLUMN(INT, POOL, image_version), SQL_COLUMN(TEXT, POOL, network),
    SQL_COLUMN(TEXT, POOL, host),        SQL_COLUMN(INT, POOL, memory_mib),    SQL_COLUMN(INT, POOL, vcpus),
    SQL_COLUMN(INT, POOL, size_min),     SQL_COLUMN(INT, POOL, size_max),      SQL_COLUMN(INT, POOL, spare),
    SQL_COLUMN(TEXT, POOL, credentials), SQL_COLUMN(TEXT, POOL, security),     SQL_COLUMN(INT, POOL, grace_s),
    SQL_COLUMN(INT, POOL, idle_s),       SQL_COLUMN(BOOL, POOL, bind_address), SQL_COLUMN(TEXT, POOL, state),
    SQL_COLUMN(INT, POOL, boot_ms),      SQL_COLUMN(INT, POOL, revision),      SQL_COLUMN(INT, POOL, created_at),
    SQL_COLUMN(INT, POOL, updated_at),
};
const struct sql_table tables_pool = SQL_TABLE("pools", pool_columns, POOL, NULL);

#define DESKTOP struct store_desktop
static const struct sql_column desktop_columns[] = {
    SQL_COLUMN(TEXT, DESKTOP, id),           SQL_COLUMN(TEXT, DESKTOP, pool),
    SQL_COLUMN(INT, DESKTOP, number),        SQL_COLUMN(TEXT, DESKTOP, name),
    SQL_COLUMN(TEXT, DESKTOP, host),         SQL_COLUMN(TEXT, DESKTOP, image),
    SQL_COLUMN(INT, DESKTOP, image_version), SQL_COLUMN(STATE, DESKTOP, state),
    SQL_COLUMN(TEXT, DESKTOP, owner),        SQL_COLUMN(INT, DESKTOP, deadline),
    SQL_COLUMN(INT, DESKTOP, state_at),      SQL_COLUMN(INT, DESKTOP, generation),
    SQL_COLUMN(TEXT, DESKTOP, uuid),         SQL_COLUMN(TEXT, DESKTOP, mac),
    SQL_COLUMN(TEXT, DESKTOP, address),      SQL_COLUMN(INT, DESKTOP, rdp_port),
    SQL_COLUMN(TEXT, DESKTOP, cert_sha256),  SQL_COLUMN(TEXT, DESKTOP, error),
    SQL_COLUMN(INT, DESKTOP, attempts),      SQL_COLUMN(INT, DESKTOP, created_at),
    SQL_COLUMN(INT, DESKTOP, ready_at),      SQL_COLUMN(TEXT, DESKTOP, assignment),
};
const struct sql_table tables_desktop = SQL_TABLE("desktops", desktop_columns, DESKTOP, &desktop_sm);

#define SESSION struct store_session
static const struct sql_column session_columns[] = {
    SQL_COLUMN(TEXT, SESSION, id),         SQL_COLUMN(SERIAL, SESSION, seq),
    SQL_COLUMN(TEXT, SESSION, pool),       SQL_COLUMN(TEXT, SESSION, person),
    SQL_COLUMN(TEXT, SESSION, display),    SQL_COLUMN(STATE, SESSION, state),
    SQL_COLUMN(TEXT, SESSION, desktop),    SQL_COLUMN(TEXT, SESSION, desktop_name),
    SQL_COLUMN(TEXT, SESSION, assignment), SQL_COLUMN(TEXT, SESSION, connection),
    SQL_COLUMN(TEXT, SESSION, intent),     SQL_COLUMN(TEXT, SESSION, guest_user),
    SQL_COLUMN(INT, SESSION, created_at),  SQL_COLUMN(INT, SESSION, assigned_at),
    SQL_COLUMN(INT, SESSION, ready_at),    SQL_COLUMN(INT, SESSION, logged_on_at),
    SQL_COLUMN(INT, SESSION, state_at),    SQL_COLUMN(INT, SESSION, deadline),
    SQL_COLUMN(INT, SESSION, ended_at),    SQL_COLUMN(TEXT, SESSION, end_reason),
};
const struct sql_table tables_session = SQL_TABLE("sessions", session_columns, SESSION, &session_sm);

#define ASSIGNMENT struct store_assignment
static const struct sql_column assignment_columns[] = {
    SQL_COLUMN(TEXT, ASSIGNMENT, id),         SQL_COLUMN(TEXT, ASSIGNMENT, pool),
    SQL_COLUMN(TEXT, ASSIGNMENT, person),     SQL_COLUMN(TEXT, ASSIGNMENT, desktop),
    SQL_COLUMN(TEXT, ASSIGNMENT, session),    SQL_COLUMN(TEXT, ASSIGNMENT, kind),
    SQL_COLUMN(STATE, ASSIGNMENT, state),     SQL_COLUMN(INT, ASSIGNMENT, opened_at),
    SQL_COLUMN(INT, ASSIGNMENT, released_at),
};
const struct sql_table tables_assignment = SQL_TABLE("assignments", assignment_columns, ASSIGNMENT, &assignment_sm);

#define CONNECTION struct store_connection
static const struct sql_column connection_columns[] = {
    SQL_COLUMN(TEXT, CONNECTION, id),       SQL_COLUMN(TEXT, CONNECTION, session),
    SQL_COLUMN(TEXT, CONNECTION, door),     SQL_COLUMN(TEXT, CONNECTION, gateway),
    SQL_COLUMN(TEXT, CONNECTION, instance), SQL_COLUMN(TEXT, CONNECTION, worker),
    SQL_COLUMN(TEXT, CONNECTION, address),  SQL_COLUMN(STATE, CONNECTION, state),
    SQL_COLUMN(INT, CONNECTION, opened_at), SQL_COLUMN(INT, CONNECTION, closed_at),
    SQL_COLUMN(INT, CONNECTION, bytes_up),  SQL_COLUMN(INT, CONNECTION, bytes_down),
    SQL_COLUMN(TEXT, CONNECTION, reason),
};
const struct sql_table tables_connection = SQL_TABLE("connections", connection_columns, CONNECTION, &connection_sm);
