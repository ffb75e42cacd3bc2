#include "lib/store/dialect.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"

#include <string.h>

#define SQL_MAX (256 * 1024)

static const char *find_word(const struct dialect_word *words, const char *name, size_t len)
{
    for (; words->word != NULL; words++) {
        if (strlen(words->word) == len && memcmp(words->word, name, len) == 0)
            return words->text;
    }
    return NULL;
}

int dialect_expand(const struct dialect_word *words, const char *sql, char **ret_sql, struct error *reterr)
{
    struct buf out CLEANUP(buf_done);
    buf_init(&out, SQL_MAX);
    int rc = 0;
    while (*sql != '\0' && rc == 0) {
        size_t plain = strcspn(sql, "{");
        rc = buf_append(&out, sql, plain);
        sql += plain;
        if (rc != 0 || *sql == '\0')
            break;
        size_t len = strcspn(sql + 1, "}");
        const char *text = find_word(words, sql + 1, len);
        if (text == NULL || sql[1 + len] != '}')
            return err_set(reterr, ERR_INTERNAL, "the SQL text has an unknown word in braces: %.20s", sql);
        rc = buf_append_str(&out, text);
        sql += len + 2;
    }
    if (rc != 0)
        return err_set(reterr, rc, "the SQL text is too long");
    char *copy = mem_strndup(buf_str(&out), out.len);
    if (copy == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    *ret_sql = copy;
    return 0;
}
