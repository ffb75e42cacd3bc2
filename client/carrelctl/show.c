#include "client/carrelctl/show.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "client/carrelctl/screen.h"
#include "client/carrelctl/table.h"
#include "client/carrelctl/yaml.h"

#define COLUMNS_MAX 16

enum show_form show_form_of(const char *word)
{
    if (word && strcmp(word, "json") == 0)
        return SHOW_JSON;
    return word && strcmp(word, "yaml") == 0 ? SHOW_YAML : SHOW_TABLE;
}

/* Member by a key with dots; NULL when a step is missing. */
static const json_t *member(const json_t *object, const char *key)
{
    char step[64];

    while (object && key) {
        size_t len = strcspn(key, ".");
        if (len >= sizeof(step))
            return NULL;
        memcpy(step, key, len);
        step[len] = '\0';
        object = json_object_get(object, step);
        key = key[len] ? key + len + 1 : NULL;
    }
    return object;
}

int64_t show_moment(const json_t *value)
{
    struct tm tm = {0};

    if (json_is_integer(value))
        return json_integer_value(value);
    if (!json_is_string(value) || !strptime(json_string_value(value), "%Y-%m-%dT%H:%M:%S", &tm))
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}

static char *list_text(const json_t *value)
{
    char *out = NULL;
    size_t size, i;
    json_t *item;
    FILE *f = open_memstream(&out, &size);

    if (!f)
        return NULL;
    json_array_foreach((json_t *)value, i, item) if (json_is_string(item))
        fprintf(f, "%s%s", i ? ", " : "", json_string_value(item));
    fclose(f);
    return out;
}

static char *plain_text(const json_t *value);

/* "ready 2, booting 1". */
static char *members_text(const json_t *value)
{
    char *out = NULL;
    size_t size, n = 0;
    const char *key;
    json_t *item;
    FILE *f = open_memstream(&out, &size);

    if (!f)
        return NULL;
    json_object_foreach((json_t *)value, key, item)
    {
        char *text CLEANUP_FREE = plain_text(item);
        fprintf(f, "%s%s %s", n++ ? ", " : "", key, text ? text : "");
    }
    fclose(f);
    return out;
}

static char *plain_text(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return mem_strdup(json_string_value(value));
    case JSON_INTEGER:
        return mem_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        return mem_printf("%.6g", json_real_value(value));
    case JSON_TRUE:
        return mem_strdup("yes");
    case JSON_FALSE:
        return mem_strdup("no");
    case JSON_ARRAY:
        return list_text(value);
    case JSON_OBJECT:
        return members_text(value);
    case JSON_NULL:
        break;
    }
    return mem_strdup("");
}

static char *distance_text(const json_t *value, int64_t now_ms, bool ahead)
{
    char buf[32];
    int64_t at = show_moment(value);

    if (at <= 0)
        return mem_strdup("");
    int64_t ms = ahead ? at - now_ms : now_ms - at;
    return mem_strdup(ms < 0 ? (ahead ? "over" : "0s") : screen_duration(ms, buf, sizeof(buf)));
}

char *show_cell(const struct column *column, const json_t *object, int64_t now_ms)
{
    const json_t *value = member(object, column->key);
    char buf[32];

    if (!value || json_is_null(value))
        return mem_strdup("");
    switch (column->kind) {
    case COLUMN_AGE:
    case COLUMN_UNTIL:
        return distance_text(value, now_ms, column->kind == COLUMN_UNTIL);
    case COLUMN_BYTES:
    case COLUMN_MIB:
        if (!json_is_integer(value) || json_integer_value(value) <= 0 || json_integer_value(value) > INT64_MAX >> 20)
            return mem_strdup("");
        return mem_strdup(
            screen_bytes(json_integer_value(value) << (column->kind == COLUMN_MIB ? 20 : 0), buf, sizeof(buf)));
    case COLUMN_SECONDS:
        return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < INT64_MAX / 1000
                   ? mem_strdup(screen_duration(json_integer_value(value) * 1000, buf, sizeof(buf)))
                   : plain_text(value);
    case COLUMN_PERCENT:
        return json_is_number(value) ? mem_printf("%.0f %%", json_number_value(value)) : plain_text(value);
    case COLUMN_IMAGE: {
        const json_t *version = json_object_get(object, "version");
        return json_is_string(value) && json_is_integer(version)
                   ? mem_printf("%s@%" JSON_INTEGER_FORMAT, json_string_value(value), json_integer_value(version))
                   : plain_text(value);
    }
    case COLUMN_TEXT:
    case COLUMN_NUMBER:
    case COLUMN_STATE:
    case COLUMN_LIST:
        break;
    }
    return plain_text(value);
}

static enum table_mark mark_of(const struct column *column, const char *text)
{
    static const char *const good[] = {"ready", "connected", "published", "active", "open"};
    static const char *const bad[] = {"error", "failed", "unknown", "closed"};
    static const char *const past[] = {"ended", "gone", "retired", "deleting"};

    if (column->kind != COLUMN_STATE)
        return TABLE_PLAIN;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (strcmp(text, good[i]) == 0)
            return TABLE_GOOD;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (strcmp(text, bad[i]) == 0)
            return TABLE_BAD;
    for (size_t i = 0; i < ARRAY_LEN(past); i++)
        if (strcmp(text, past[i]) == 0)
            return TABLE_DIM;
    return TABLE_PLAIN;
}

static bool is_right(enum column_kind kind)
{
    return kind == COLUMN_NUMBER || kind == COLUMN_BYTES || kind == COLUMN_MIB || kind == COLUMN_PERCENT ||
           kind == COLUMN_AGE || kind == COLUMN_UNTIL;
}

static int show_rows(const struct show *show, const struct column *columns, const json_t *rows)
{
    struct table_column heads[COLUMNS_MAX];
    size_t n = 0, i;
    json_t *row;

    for (; n < COLUMNS_MAX && columns[n].head; n++)
        heads[n] = (struct table_column){columns[n].head, is_right(columns[n].kind)};
    struct table *table = table_new(heads, n);
    int r = table ? 0 : ERR_NOMEM;
    json_array_foreach((json_t *)rows, i, row)
    {
        for (size_t c = 0; r == 0 && c < n; c++) {
            char *text CLEANUP_FREE = show_cell(&columns[c], row, show->now_ms);
            if (!text || !table_cell(table, text, mark_of(&columns[c], text)))
                r = ERR_NOMEM;
        }
    }
    if (r == 0)
        table_print(table, show->out, show->colour);
    table_free(table);
    return r;
}

/* Whether one of the columns tells this member already. */
static bool is_told(const struct column *columns, const char *key)
{
    for (size_t c = 0; columns[c].head; c++)
        if (strcmp(columns[c].key, key) == 0 || (columns[c].kind == COLUMN_IMAGE && strcmp(key, "version") == 0))
            return true;
    return false;
}

/* A line of the two-column form; what is empty has none. text: NULL when memory is out. */
static bool add_line(struct table *table, const char *head, const char *text, enum table_mark mark)
{
    if (!text)
        return false;
    return !*text || (table_cell(table, head, TABLE_DIM) && table_cell(table, text, mark));
}

/* The unit that a member's name ends with is told as people write it. */
static const struct {
    const char *suffix;
    enum column_kind kind;
} units[] = {{"_mib", COLUMN_MIB}, {"_bytes", COLUMN_BYTES}, {"_s", COLUMN_SECONDS}};

static bool add_member(struct table *table, const json_t *object, const char *key, int64_t now_ms)
{
    char head[64];
    size_t len = strlen(key);
    struct column column = {.head = head, .key = key, .kind = COLUMN_TEXT};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        size_t tail = strlen(units[i].suffix);
        if (len > tail && strcmp(key + len - tail, units[i].suffix) == 0) {
            column.kind = units[i].kind;
            len -= tail;
            break;
        }
    }
    snprintf(head, sizeof(head), "%.*s", (int)len, key);
    for (char *p = head; *p; p++)
        *p = *p == '_' ? ' ' : (char)toupper((unsigned char)*p);
    char *text CLEANUP_FREE = show_cell(&column, object, now_ms);
    return add_line(table, head, text, TABLE_PLAIN);
}

/* What the server tells beyond our columns: a newer broker's members show up without a newer carrelctl. */
static bool add_untold(struct table *table, const struct column *columns, const json_t *object, int64_t now_ms)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)object, key,
                        value) if (!is_told(columns, key) && !add_member(table, object, key, now_ms)) return false;
    return true;
}

static int show_object(const struct show *show, const struct column *columns, const json_t *object)
{
    static const struct table_column heads[] = {{"", false}, {"", false}};
    struct table *table = table_new(heads, 2);
    bool ok = table != NULL;

    for (size_t c = 0; ok && columns[c].head; c++) {
        char *text CLEANUP_FREE = show_cell(&columns[c], object, show->now_ms);
        ok = add_line(table, columns[c].head, text, text ? mark_of(&columns[c], text) : TABLE_PLAIN);
    }
    ok = ok && add_untold(table, columns, object, show->now_ms);
    if (ok)
        table_print_body(table, show->out, show->colour);
    table_free(table);
    return ok ? 0 : ERR_NOMEM;
}

/* Whether any text in the document would have to be cleaned for a terminal. */
static bool holds_unsafe(const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_string(value)) {
        char *clean CLEANUP_FREE = screen_clean(json_string_value(value));
        return !clean || strcmp(clean, json_string_value(value)) != 0;
    }
    json_object_foreach((json_t *)value, key, item)
    {
        char *clean CLEANUP_FREE = screen_clean(key);
        if (!clean || strcmp(clean, key) != 0 || holds_unsafe(item))
            return true;
    }
    json_array_foreach((json_t *)value, i, item) if (holds_unsafe(item)) return true;
    return false;
}

int show_answer(const struct show *show, const struct column *columns, const char *list, const json_t *answer)
{
    const json_t *rows = list ? json_object_get(answer, list) : answer;
    int r = 0;

    if (list ? !json_is_array(rows) : !json_is_object(rows))
        return ERR_PROTOCOL;
    if (show->form == SHOW_TABLE) {
        r = !list ? show_object(show, columns, answer) : show_rows(show, columns, rows);
    } else {
        /* Escaped, the document is still the same document. */
        bool ascii = holds_unsafe(rows);
        if (show->form == SHOW_YAML)
            r = yaml_write(rows, ascii, show->out);
        else if (json_dumpf(rows, show->out, JSON_INDENT(2) | (ascii ? JSON_ENSURE_ASCII : 0)) < 0 ||
                 fputc('\n', show->out) == EOF)
            r = ERR_IO;
    }
    return fflush(show->out) == 0 ? r : ERR_IO;
}
