#include "client/carrelctl/call.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/proto/doc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_LIMIT 8192

/* The value of "{name}": an argument of that name. */
static const char *argument(const struct invocation *inv, const char *name, size_t len)
{
    const struct param *args = inv->command->args;

    for (size_t i = 0; args && args[i].name; i++)
        if (strlen(args[i].name) == len && strncmp(args[i].name, name, len) == 0)
            return inv->args[i];
    return NULL;
}

static int append_encoded(struct buf *b, const char *text)
{
    char *encoded CLEANUP_FREE = site_encode(text);

    return encoded ? buf_append_str(b, encoded) : ERR_NOMEM;
}

static int append_query(struct buf *b, const struct param *list, const char *const *values)
{
    int r = 0;

    for (size_t i = 0; r == 0 && list && list[i].name; i++) {
        if (list[i].use != PARAM_QUERY || !values[i])
            continue;
        r = buf_printf(b, "%c%s=", strchr(buf_str(b), '?') ? '&' : '?', list[i].key ? list[i].key : list[i].name);
        if (r == 0)
            r = list[i].kind == PARAM_FLAG ? buf_append_str(b, "1") : append_encoded(b, values[i]);
    }
    return r;
}

char *call_path(const struct invocation *inv, bool own)
{
    const struct command *c = inv->command;
    const char *p = own && c->own_path ? c->own_path : c->path;
    struct buf b;
    int r = 0;

    buf_init(&b, PATH_LIMIT);
    while (r == 0 && *p) {
        size_t plain = strcspn(p, "{");
        r = buf_append(&b, p, plain);
        p += plain;
        if (r == 0 && *p == '{') {
            size_t len = strcspn(p, "}");
            r = append_encoded(&b, argument(inv, p + 1, len - 1));
            p += len + 1;
        }
    }
    if (r == 0)
        r = append_query(&b, c->args, inv->args);
    if (r == 0)
        r = append_query(&b, c->options, inv->options);
    char *path = r == 0 ? mem_strdup(buf_str(&b)) : NULL;
    buf_done(&b);
    return path;
}

/* Absolute, without resolving links: the path means a file on the pool manager's machine, which need not exist here. */
static char *absolute(const char *path)
{
    char here[4096];

    if (*path == '/')
        return mem_strdup(path);
    return getcwd(here, sizeof(here)) ? mem_printf("%s/%s", here, path) : NULL;
}

static json_t *value_of(const struct param *p, const char *text)
{
    int64_t n = 0;

    switch (p->kind) {
    case PARAM_INT:
        return text_to_int(text, 0, INT32_MAX, &n) == 0 ? json_integer(n) : NULL;
    case PARAM_TIME:
        return parse_time(text, &n) == 0 ? json_integer(n / 1000) : NULL;
    case PARAM_FLAG:
        return json_true();
    case PARAM_FILE: {
        char *path CLEANUP_FREE = absolute(text);
        return path ? json_string(path) : NULL;
    }
    case PARAM_TEXT:
    case PARAM_CHOICE:
    case PARAM_IMAGE:
        break;
    }
    return json_string(text);
}

static int add_members(json_t *body, const struct param *list, const char *const *values, struct error *reterr)
{
    for (size_t i = 0; list && list[i].name; i++) {
        if (list[i].use != PARAM_BODY || !values[i])
            continue;
        if (json_object_set_new(body, list[i].key ? list[i].key : list[i].name, value_of(&list[i], values[i])) < 0)
            return err_set(reterr, ERR_INVALID, "the value of %s cannot be used", list[i].name);
    }
    return 0;
}

int call_body(const struct invocation *inv, json_t **ret, struct error *reterr)
{
    json_t *body CLEANUP(doc_freep) = json_object();

    int r =
        body ? add_members(body, inv->command->args, inv->args, reterr) : err_set(reterr, ERR_NOMEM, "out of memory");
    if (r == 0)
        r = add_members(body, inv->command->options, inv->options, reterr);
    if (r == 0)
        *ret = json_object_size(body) > 0 ? TAKE_PTR(body) : NULL;
    return r;
}

bool call_is_own(const struct ctl *ctl)
{
    return !ctl->is_staff || parse_option(ctl->inv, "mine") != NULL;
}

int call_send(struct ctl *ctl, json_t **ret)
{
    bool own = call_is_own(ctl);
    char *path CLEANUP_FREE = call_path(ctl->inv, own);
    json_t *body CLEANUP(doc_freep) = NULL;
    struct error e = {0};

    if (!path)
        return outcome_fail(&ctl->failure, OUTCOME_REFUSED, "out of memory");
    if (call_body(ctl->inv, &body, &e) < 0)
        return outcome_fail(&ctl->failure, OUTCOME_USAGE, "%s", err_message(&e));
    return site_call(&ctl->site, ctl->inv->command->method, path, body, ret, &ctl->failure);
}

int call_show(struct ctl *ctl, const struct column *columns, const char *list, const json_t *answer)
{
    int r = show_answer(&ctl->show, columns, list, answer);

    if (r == ERR_PROTOCOL)
        return outcome_fail(&ctl->failure, OUTCOME_UNREACHABLE, "%s does not answer as a Carrel site does",
                            site_where(&ctl->site));
    if (r < 0)
        return outcome_fail(&ctl->failure, OUTCOME_REFUSED, "the answer cannot be written: %s", err_text(r));
    return OUTCOME_OK;
}

int ctl_call(struct ctl *ctl)
{
    const struct command *c = ctl->inv->command;
    json_t *answer CLEANUP(doc_freep) = NULL;

    int outcome = call_send(ctl, &answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    if (answer && c->columns && !(c->done && ctl->show.form == SHOW_TABLE))
        return call_show(ctl, call_is_own(ctl) && c->own_columns ? c->own_columns : c->columns, c->list, answer);
    if (ctl->show.form == SHOW_TABLE)
        printf("%s\n", c->done ? c->done : "Done.");
    else if (answer)
        return call_show(ctl, NULL, NULL, answer);
    return OUTCOME_OK;
}
