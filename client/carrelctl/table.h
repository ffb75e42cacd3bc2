/* Aligned columns for people.
 *
 * Runs in carrelctl and in the bench report, one thread at a time. Cells are cleaned when they are put in (screen.h),
 * so that whatever a server sent, a row is one line. Invariant: every row printed has the same number of cells as there
 * are columns.
 */
#ifndef CARREL_CARRELCTL_TABLE_H
#define CARREL_CARRELCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum table_mark {
    TABLE_PLAIN,
    TABLE_GOOD, /* green */
    TABLE_BAD,  /* red */
    TABLE_DIM,  /* grey */
};

struct table_column {
    const char *head;
    bool right; /* numbers stand at the right */
};

struct table;

/* columns: borrowed, must outlive the table. NULL when memory is out. */
struct table *table_new(const struct table_column *columns, size_t n_columns);
void table_free(struct table *table);

/* The next cell, left to right; after the last column a new row begins. An empty or NULL text shows as "-". Text is
 * copied. Returns false when memory is out. */
bool table_cell(struct table *table, const char *text, enum table_mark mark);

/* Complete rows so far. */
size_t table_rows(const struct table *table);

/* Prints the heads and the complete rows. colour: whether marks become escape sequences; the caller knows whether `out`
 * is a terminal. */
void table_print(const struct table *table, FILE *out, bool colour);
/* The same without the heads. */
void table_print_body(const struct table *table, FILE *out, bool colour);

#endif
