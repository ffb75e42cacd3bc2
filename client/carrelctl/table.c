#include "client/carrelctl/table.h"

#include <stdlib.h>
#include <string.h>

#include "client/carrelctl/screen.h"

struct cell {
    char *text;
    size_t width;
    enum table_mark mark;
};

struct table {
    const struct table_column *columns;
    size_t n_columns;
    struct cell *cells;
    size_t n_cells, room;
};

static const char *const mark_on[] = {
    [TABLE_PLAIN] = "", [TABLE_GOOD] = "\033[32m", [TABLE_BAD] = "\033[31m", [TABLE_DIM] = "\033[90m"};

struct table *table_new(const struct table_column *columns, size_t n_columns)
{
    struct table *table = calloc(1, sizeof(*table));

    if (table) {
        table->columns = columns;
        table->n_columns = n_columns;
    }
    return table;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
}

bool table_cell(struct table *table, const char *text, enum table_mark mark)
{
    if (table->n_cells == table->room) {
        size_t room = table->room ? table->room * 2 : 64;
        struct cell *cells = reallocarray(table->cells, room, sizeof(*cells));
        if (!cells)
            return false;
        table->cells = cells;
        table->room = room;
    }
    char *clean = screen_clean(text && *text ? text : "-");
    if (!clean)
        return false;
    table->cells[table->n_cells++] = (struct cell){.text = clean, .width = screen_width(clean), .mark = mark};
    return true;
}

size_t table_rows(const struct table *table)
{
    return table->n_cells / table->n_columns;
}

static void print_cell(FILE *out, const char *text, size_t width, size_t column_width, bool right, bool last,
                       const char *on)
{
    int pad = (int)(column_width - width);

    fprintf(out, "%*s%s%s%s", right ? pad : 0, "", on, text, *on ? "\033[0m" : "");
    if (!last)
        fprintf(out, "%*s", right ? 2 : pad + 2, "");
}

static void print_row(const struct table *table, const struct cell *row, const size_t *widths, FILE *out, bool colour)
{
    for (size_t c = 0; c < table->n_columns; c++) {
        const char *text = row ? row[c].text : table->columns[c].head;
        size_t width = row ? row[c].width : screen_width(text);
        const char *on = colour ? mark_on[row ? row[c].mark : TABLE_DIM] : "";
        print_cell(out, text, width, widths[c], table->columns[c].right, c + 1 == table->n_columns, on);
    }
    fputc('\n', out);
}

static void print_table(const struct table *table, FILE *out, bool colour, bool heads)
{
    size_t *widths = calloc(table->n_columns, sizeof(*widths));

    if (!widths)
        return;
    for (size_t c = 0; heads && c < table->n_columns; c++)
        widths[c] = screen_width(table->columns[c].head);
    for (size_t i = 0; i < table_rows(table) * table->n_columns; i++)
        if (table->cells[i].width > widths[i % table->n_columns])
            widths[i % table->n_columns] = table->cells[i].width;

    if (heads)
        print_row(table, NULL, widths, out, colour);
    for (size_t r = 0; r < table_rows(table); r++)
        print_row(table, table->cells + r * table->n_columns, widths, out, colour);
    free(widths);
}

void table_print(const struct table *table, FILE *out, bool colour)
{
    print_table(table, out, colour, true);
}

void table_print_body(const struct table *table, FILE *out, bool colour)
{
    print_table(table, out, colour, false);
}
