/* Merges the files that bench programs wrote into one JSON list and prints the table.
 *
 *     bench_report OUT.json PART.json...
 *
 * OUT.json: one object {machine, load, time, ...}, then the rows of every part, each with the keys what, ours, peer,
 * ratio, asked, met. Exit 0; 1 when a part cannot be read, there is no row, or OUT.json cannot be written.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/carrelctl/table.h"

static const struct table_column columns[] = {
    {"what", false}, {"ours", true},   {"peer or limit", true}, {"ratio", true},
    {"95 %", false}, {"asked", false}, {"met", false},
};

static const char *const head_keys[] = {"machine", "load", "time", "quick"};

/* Four significant digits, and no exponent up to the trillions. */
static const char *figure(json_t *value, char *buf, size_t size)
{
    double n = json_number_value(value);

    if (!json_is_number(value))
        return "-";
    int digits = n == 0 ? 0 : 3 - (int)floor(log10(fabs(n)));
    snprintf(buf, size, "%.*f", digits < 0 ? 0 : digits > 6 ? 6 : digits, n);
    return buf;
}

static void row_to_table(struct table *table, json_t *row, json_t *detail)
{
    char ours[64], peer[64], ratio[64], interval[128] = "", low[64], high[64];
    json_t *met = json_object_get(row, "met");

    if (detail)
        snprintf(interval, sizeof(interval), "%s .. %s", figure(json_object_get(detail, "low"), low, sizeof(low)),
                 figure(json_object_get(detail, "high"), high, sizeof(high)));
    /* A verdict that the interval does not settle is marked, so that nobody quotes noise. */
    const char *unsure = detail && json_is_false(json_object_get(detail, "sure")) ? " (not sure)" : "";
    char verdict[32] = "";
    if (json_is_boolean(met))
        snprintf(verdict, sizeof(verdict), "%s%s", json_is_true(met) ? "yes" : "no", unsure);

    table_cell(table, json_string_value(json_object_get(row, "what")), TABLE_PLAIN);
    table_cell(table, figure(json_object_get(row, "ours"), ours, sizeof(ours)), TABLE_PLAIN);
    table_cell(table, figure(json_object_get(row, "peer"), peer, sizeof(peer)), TABLE_PLAIN);
    table_cell(table, figure(json_object_get(row, "ratio"), ratio, sizeof(ratio)), TABLE_PLAIN);
    table_cell(table, interval, TABLE_DIM);
    table_cell(table, json_string_value(json_object_get(row, "asked")), TABLE_PLAIN);
    table_cell(table, verdict, json_is_true(met) ? TABLE_GOOD : json_is_false(met) ? TABLE_BAD : TABLE_PLAIN);
}

static void take_part(json_t *part, json_t *head, json_t *list, json_t *notes, struct table *table)
{
    json_t *row, *note, *detail = json_object_get(part, "detail");
    size_t i;

    json_array_foreach(json_object_get(part, "rows"), i, row)
    {
        const char *what = json_string_value(json_object_get(row, "what"));
        row_to_table(table, row, what ? json_object_get(detail, what) : NULL);
        json_array_append(list, row);
    }
    json_array_foreach(json_object_get(part, "notes"), i, note) json_array_append_new(
        notes, json_sprintf("%s: %s", json_string_value(json_object_get(part, "bench")), json_string_value(note)));
    json_object_update(json_object_get(head, "intervals"), detail);
    /* The first part's machine, load and time stand for the run: later parts load the machine themselves. */
    for (i = 0; i < sizeof(head_keys) / sizeof(head_keys[0]); i++)
        if (!json_object_get(head, head_keys[i]))
            json_object_set(head, head_keys[i], json_object_get(part, head_keys[i]));
}

static void print_report(json_t *head, json_t *notes, struct table *table)
{
    json_t *machine = json_object_get(head, "machine"), *load = json_object_get(head, "load"), *note;
    size_t i;

    table_print(table, stdout, isatty(STDOUT_FILENO) == 1);
    printf("\n%s, %lld cores, %lld MiB%s; %s, Linux %s; %s; load %.2f at the start, %s%s\n",
           json_string_value(json_object_get(machine, "cpu")),
           (long long)json_integer_value(json_object_get(machine, "cores")),
           (long long)json_integer_value(json_object_get(machine, "memory_mib")),
           json_is_true(json_object_get(machine, "virtual")) ? " (a virtual machine)" : "",
           json_string_value(json_object_get(machine, "system")), json_string_value(json_object_get(machine, "kernel")),
           json_string_value(json_object_get(machine, "compiler")), json_number_value(json_array_get(load, 0)),
           json_string_value(json_object_get(head, "time")),
           json_is_true(json_object_get(head, "quick")) ? "; a quick run, not to be quoted" : "");
    json_array_foreach(notes, i, note) printf("%s\n", json_string_value(note));
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_report OUT.json PART.json...\n");
        return 2;
    }
    json_t *notes = json_array(), *head = json_pack("{s:{}, s:O}", "intervals", "notes", notes), *list = json_array();
    struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
    int status = head && list && notes && table ? 0 : 1;

    for (int i = 2; status == 0 && i < argc; i++) {
        json_error_t error;
        json_t *part = json_load_file(argv[i], 0, &error);
        if (part)
            take_part(part, head, list, notes, table);
        else
            status = fprintf(stderr, "bench_report: %s: %s\n", argv[i], error.text) != 0;
        json_decref(part);
    }
    if (status == 0 && json_array_size(list) == 0)
        status = fprintf(stderr, "bench_report: there is no row in %d files\n", argc - 2) != 0;
    if (status == 0) {
        print_report(head, notes, table);
        json_array_insert(list, 0, head);
        if (json_dump_file(list, argv[1], JSON_INDENT(1) | JSON_REAL_PRECISION(6)) < 0)
            status = fprintf(stderr, "bench_report: cannot write %s\n", argv[1]) != 0;
    }
    table_free(table);
    json_decref(head);
    json_decref(list);
    json_decref(notes);
    return status;
}
