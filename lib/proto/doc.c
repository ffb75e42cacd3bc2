#include "lib/proto/doc.h"

#include "lib/base/secret.h"
#include "lib/base/text.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Nesting outside of texts. jansson's own bound is 2,048, as many frames of its parser. */
static bool too_deep(const char *bytes, size_t len)
{
    size_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < len; i++) {
        if (in_text) {
            if (bytes[i] == '\\')
                i++;
            else if (bytes[i] == '"')
                in_text = false;
        } else if (bytes[i] == '"') {
            in_text = true;
        } else if (bytes[i] == '{' || bytes[i] == '[') {
            if (++depth > DOC_DEPTH)
                return true;
        } else if ((bytes[i] == '}' || bytes[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

int doc_parse(const char *bytes, size_t len, json_t **ret, struct error *reterr)
{
    json_error_t why;
    if (len == 0)
        return err_set(reterr, ERR_INVALID, "a JSON object is expected, but there is nothing");
    if (too_deep(bytes, len))
        return err_set(reterr, ERR_INVALID, "the JSON document is nested more than %d deep", DOC_DEPTH);
    json_t *doc = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
    if (!doc && json_error_code(&why) == json_error_out_of_memory)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    if (!doc)
        return err_set(reterr, ERR_INVALID, "the body is not a JSON object (line %d, column %d)", why.line, why.column);
    if (!json_is_object(doc)) {
        json_decref(doc);
        return err_set(reterr, ERR_INVALID, "the body is JSON, but not an object");
    }
    *ret = doc;
    return 0;
}

/* 1: there, 0: missing and that is allowed. */
static int find(const json_t *object, const char *name, enum doc_need need, json_t **ret, struct error *reterr)
{
    json_t *member = json_object_get(object, name);
    if (member && !json_is_null(member)) {
        *ret = member;
        return 1;
    }
    if (need == DOC_REQUIRED)
        return err_set(reterr, ERR_INVALID, "\"%s\" is missing", name);
    return 0;
}

int doc_text(const json_t *object, const char *name, enum doc_need need, size_t min, size_t max, const char **ret,
             struct error *reterr)
{
    json_t *member = NULL;
    int rc = find(object, name, need, &member, reterr);
    if (rc <= 0)
        return rc;
    if (!json_is_string(member))
        return err_set(reterr, ERR_INVALID, "\"%s\" must be text", name);
    size_t len = json_string_length(member);
    if (len < min)
        return err_set(reterr, ERR_INVALID, min == 1 ? "\"%s\" is empty" : "\"%s\" is too short", name);
    if (len > max)
        return err_set(reterr, ERR_INVALID, "\"%s\" is longer than %zu bytes", name, max);
    *ret = json_string_value(member);
    return 0;
}

int doc_copy(const json_t *object, const char *name, enum doc_need need, char *ret, size_t size, struct error *reterr)
{
    const char *text = NULL;
    int rc = doc_text(object, name, need, need == DOC_REQUIRED, size - 1, &text, reterr);
    if (rc != 0 || !text)
        return rc;
    return text_copy(ret, size, text);
}

int doc_int(const json_t *object, const char *name, enum doc_need need, int64_t min, int64_t max, int64_t *ret,
            struct error *reterr)
{
    json_t *member = NULL;
    int rc = find(object, name, need, &member, reterr);
    if (rc <= 0)
        return rc;
    if (!json_is_integer(member))
        return err_set(reterr, ERR_INVALID, "\"%s\" must be a whole number", name);
    int64_t value = json_integer_value(member);
    if (value < min || value > max)
        return err_set(reterr, ERR_INVALID, "\"%s\" must be between %lld and %lld", name, (long long)min,
                       (long long)max);
    *ret = value;
    return 0;
}

int doc_bool(const json_t *object, const char *name, enum doc_need need, bool *ret, struct error *reterr)
{
    json_t *member = NULL;
    int rc = find(object, name, need, &member, reterr);
    if (rc <= 0)
        return rc;
    if (!json_is_boolean(member))
        return err_set(reterr, ERR_INVALID, "\"%s\" must be true or false", name);
    *ret = json_is_true(member);
    return 0;
}

int doc_array(const json_t *object, const char *name, enum doc_need need, size_t max, json_t **ret,
              struct error *reterr)
{
    json_t *member = NULL;
    int rc = find(object, name, need, &member, reterr);
    if (rc <= 0)
        return rc;
    if (!json_is_array(member))
        return err_set(reterr, ERR_INVALID, "\"%s\" must be a list", name);
    if (json_array_size(member) > max)
        return err_set(reterr, ERR_INVALID, "\"%s\" has more than %zu elements", name, max);
    *ret = member;
    return 0;
}

static bool listed(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

int doc_only(const json_t *object, const char *const *names, struct error *reterr)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        char quoted[128];
        if (listed(names, name))
            continue;
        return err_set(reterr, ERR_INVALID, "\"%s\" is not known here",
                       text_quote(name, strlen(name), 32, quoted, sizeof(quoted)));
    }
    return 0;
}

char *doc_write(const json_t *doc)
{
    return json_dumps(doc, JSON_COMPACT);
}

static void wiping_free(void *memory)
{
    if (memory)
        secret_wipe(memory, malloc_usable_size(memory));
    free(memory);
}

void doc_wipe_on_free(void)
{
    json_set_alloc_funcs(malloc, wiping_free);
}
