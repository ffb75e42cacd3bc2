#include "lib/proto/guest.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static const char *const CMD_NAMES[] = {
    [GUEST_CMD_HELLO] = "hello",   [GUEST_CMD_ACCOUNT] = "account",   [GUEST_CMD_ACCOUNT_REMOVE] = "account_remove",
    [GUEST_CMD_LOGOFF] = "logoff", [GUEST_CMD_SESSIONS] = "sessions",
};
#define CMD_COUNT (sizeof(CMD_NAMES) / sizeof(CMD_NAMES[0]))

static void json_drop(json_t **j)
{
    json_decref(*j);
}
#define CLEANUP_JSON __attribute__((cleanup(json_drop)))

bool guest_user_valid(const char *user)
{
    size_t len = strnlen(user, GUEST_USER_SIZE);
    if (len == 0 || len >= GUEST_USER_SIZE || user[0] == '-' || user[0] == '.')
        return false;
    return strspn(user, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == len && strspn(user, "0123456789") != len;
}

bool guest_password_valid(const char *password)
{
    size_t len = strnlen(password, GUEST_PASSWORD_SIZE);
    if (len == 0 || len >= GUEST_PASSWORD_SIZE)
        return false;
    for (size_t i = 0; i < len; i++)
        if (password[i] <= ' ' || password[i] > '~' || password[i] == ':')
            return false;
    return true;
}

const char *guest_cmd_name(enum guest_cmd cmd)
{
    return (size_t)cmd < CMD_COUNT ? CMD_NAMES[cmd] : "unknown";
}

void guest_request_wipe(struct guest_request *r)
{
    explicit_bzero(r, sizeof(*r));
}

/* No control characters: these texts reach logs and terminals. */
static bool text_clean(const char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < ' ' || *s == 127)
            return false;
    return true;
}

static bool hex_or_empty(const char *s, size_t digits)
{
    size_t len = strlen(s);
    return len == 0 || (len == digits && strspn(s, "0123456789abcdef") == digits);
}

static bool hostname_clean(const char *s)
{
    return s[0] != '-' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == strlen(s);
}

static bool identity_valid(const struct guest_identity *i)
{
    return i->version >= 1 && hex_or_empty(i->machine_id, 32) && hex_or_empty(i->rdp_cert_sha256, 64) &&
           hostname_clean(i->hostname) && text_clean(i->os) && text_clean(i->helper_version);
}

/* Append `root` as one line. Takes the reference; NULL means that building it ran out of memory. */
static int line_append(json_t *take_root, struct buf *out)
{
    json_t *root CLEANUP_JSON = take_root;
    if (root == NULL)
        return ERR_NOMEM;
    size_t size = json_dumpb(root, NULL, 0, JSON_COMPACT);
    if (size == 0)
        return ERR_INVALID; /* not UTF-8 */
    if (size > GUEST_LINE_MAX)
        return ERR_TOO_BIG;
    char *room;
    int r = buf_reserve(out, size + 1, &room);
    if (r < 0)
        return r;
    json_dumpb(root, room, size, JSON_COMPACT);
    room[size] = '\n';
    buf_commit(out, size + 1);
    return 0;
}

static bool cmd_has_user(enum guest_cmd cmd)
{
    return cmd == GUEST_CMD_ACCOUNT || cmd == GUEST_CMD_ACCOUNT_REMOVE || cmd == GUEST_CMD_LOGOFF;
}

static bool request_valid(const struct guest_request *r)
{
    if (r->id < 1 || r->id > GUEST_ID_MAX || (size_t)r->cmd >= CMD_COUNT)
        return false;
    if (cmd_has_user(r->cmd) && !guest_user_valid(r->user))
        return false;
    return r->cmd != GUEST_CMD_ACCOUNT || (guest_password_valid(r->password) && text_clean(r->fullname));
}

int guest_request_encode(const struct guest_request *r, struct buf *out)
{
    if (!request_valid(r))
        return ERR_INVALID;
    json_t *root = json_pack("{s:I,s:s,s:i}", "id", (json_int_t)r->id, "cmd", CMD_NAMES[r->cmd], "v", GUEST_VERSION);
    if (root == NULL)
        return ERR_NOMEM;
    if (cmd_has_user(r->cmd))
        json_object_set_new(root, "user", json_string(r->user));
    if (r->cmd == GUEST_CMD_ACCOUNT) {
        json_object_set_new(root, "password", json_string(r->password));
        json_object_set_new(root, "fullname", json_string(r->fullname));
    }
    return line_append(root, out);
}

static int identity_put(const struct guest_identity *i, json_t *root)
{
    if (!identity_valid(i))
        return ERR_INVALID;
    json_t *more CLEANUP_JSON = json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:b}", "v", i->version, "machine_id", i->machine_id,
                                          "hostname", i->hostname, "rdp_cert_sha256", i->rdp_cert_sha256, "os", i->os,
                                          "helper_version", i->helper_version, "rdp_listening", (int)i->rdp_listening);
    return more != NULL && json_object_update(root, more) == 0 ? 0 : ERR_NOMEM;
}

static int sessions_put(const struct guest_message *m, json_t *root)
{
    json_t *list = json_array();
    if (json_object_set_new(root, "sessions", list) < 0 || m->n_sessions > GUEST_SESSIONS_MAX)
        return ERR_INVALID;
    for (size_t i = 0; i < m->n_sessions; i++) {
        const struct guest_session *s = &m->sessions[i];
        if (json_array_append_new(list, json_pack("{s:s,s:s}", "user", s->user, "state", s->state)) < 0)
            return ERR_NOMEM;
    }
    return 0;
}

static json_t *message_head(const struct guest_message *m)
{
    switch (m->kind) {
    case GUEST_MESSAGE_ANSWER:
        return json_pack("{s:I,s:b}", "id", (json_int_t)m->id, "ok", 1);
    case GUEST_MESSAGE_REFUSAL:
        return json_pack("{s:I,s:b,s:s}", "id", (json_int_t)m->id, "ok", 0, "error", m->error);
    case GUEST_MESSAGE_UP:
        return json_pack("{s:s}", "event", "up");
    case GUEST_MESSAGE_LOGON:
        return json_pack("{s:s,s:s}", "event", "logon", "user", m->user);
    case GUEST_MESSAGE_LOGOFF:
        return json_pack("{s:s,s:s}", "event", "logoff", "user", m->user);
    }
    return NULL;
}

int guest_message_encode(const struct guest_message *m, struct buf *out)
{
    json_t *root CLEANUP_JSON = message_head(m);
    if (root == NULL)
        return ERR_INVALID; /* a text is not UTF-8 */
    int r = 0;
    if (m->has_identity)
        r = identity_put(&m->identity, root);
    if (r == 0 && m->has_sessions)
        r = sessions_put(m, root);
    return r < 0 ? r : line_append(json_incref(root), out);
}

static int line_parse(const char *line, size_t len, json_t **ret, struct error *reterr)
{
    if (len > GUEST_LINE_MAX)
        return err_set(reterr, ERR_TOO_BIG, "a line of the guest channel has %zu bytes; %d are allowed", len,
                       GUEST_LINE_MAX);
    json_error_t where;
    json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL && json_error_code(&where) == json_error_out_of_memory)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    if (root == NULL)
        return err_set(reterr, ERR_PROTOCOL, "a line of the guest channel is not JSON (byte %d)", where.position);
    if (!json_is_object(root)) {
        json_decref(root);
        return err_set(reterr, ERR_PROTOCOL, "a line of the guest channel is not an object");
    }
    *ret = root;
    return 0;
}

/* Copy member `name` into out[size]. A missing member is an error when `needed`. */
static int text_get(const json_t *root, const char *name, bool needed, char *out, size_t size, struct error *reterr)
{
    const json_t *v = json_object_get(root, name);
    if (v == NULL && !needed)
        return 0;
    const char *s = json_string_value(v);
    if (s == NULL)
        return err_set(reterr, ERR_PROTOCOL, "guest channel: \"%s\" is missing or not text", name);
    size_t len = json_string_length(v);
    if (len >= size || strlen(s) != len)
        return err_set(reterr, ERR_PROTOCOL, "guest channel: \"%s\" has more than %zu bytes or a NUL", name, size - 1);
    memcpy(out, s, len + 1);
    return 0;
}

static int user_get(const json_t *root, char *out, struct error *reterr)
{
    char user[GUEST_USER_SIZE] = "";
    int r = text_get(root, "user", true, user, sizeof(user), reterr);
    if (r < 0)
        return r;
    if (!guest_user_valid(user))
        return err_set(reterr, ERR_PROTOCOL, "guest channel: \"user\" is not a name that a desktop account may have");
    memcpy(out, user, sizeof(user));
    return 0;
}

static int id_get(const json_t *root, int64_t *ret, struct error *reterr)
{
    const json_t *v = json_object_get(root, "id");
    if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > GUEST_ID_MAX)
        return err_set(reterr, ERR_PROTOCOL, "guest channel: \"id\" is missing or out of range");
    *ret = json_integer_value(v);
    return 0;
}

static int cmd_get(const json_t *root, enum guest_cmd *ret, struct error *reterr)
{
    const char *name = json_string_value(json_object_get(root, "cmd"));
    if (name == NULL)
        return err_set(reterr, ERR_PROTOCOL, "guest channel: \"cmd\" is missing or not text");
    for (size_t i = 0; i < CMD_COUNT; i++) {
        if (strcmp(name, CMD_NAMES[i]) == 0) {
            *ret = (enum guest_cmd)i;
            return 0;
        }
    }
    return err_set(reterr, ERR_UNSUPPORTED, "this guest helper does not know that command");
}

static int account_get(const json_t *root, struct guest_request *r, struct error *reterr)
{
    int e = text_get(root, "password", true, r->password, sizeof(r->password), reterr);
    if (e == 0)
        e = text_get(root, "fullname", false, r->fullname, sizeof(r->fullname), reterr);
    if (e < 0)
        return e;
    if (!guest_password_valid(r->password))
        return err_set(reterr, ERR_PROTOCOL, "guest channel: \"password\" has characters that are not allowed");
    if (!text_clean(r->fullname))
        return err_set(reterr, ERR_PROTOCOL, "guest channel: \"fullname\" has control characters");
    return 0;
}

int guest_request_decode(const char *line, size_t len, struct guest_request *ret, struct error *reterr)
{
    json_t *root CLEANUP_JSON = NULL;
    struct guest_request q = {0};
    int r = line_parse(line, len, &root, reterr);
    if (r == 0)
        r = id_get(root, &q.id, reterr);
    if (r < 0)
        return r;
    ret->id = q.id;
    r = cmd_get(root, &q.cmd, reterr);
    if (r == 0 && cmd_has_user(q.cmd))
        r = user_get(root, q.user, reterr);
    if (r == 0 && q.cmd == GUEST_CMD_ACCOUNT)
        r = account_get(root, &q, reterr);
    if (r == 0)
        *ret = q;
    guest_request_wipe(&q);
    return r;
}

static int identity_get(const json_t *root, struct guest_identity *i, struct error *reterr)
{
    const json_t *v = json_object_get(root, "v");
    if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > 1000)
        return err_set(reterr, ERR_PROTOCOL, "guest channel: \"v\" is missing or out of range");
    i->version = (int)json_integer_value(v);
    i->rdp_listening = json_is_true(json_object_get(root, "rdp_listening"));
    const struct {
        const char *name;
        char *out;
        size_t size;
    } texts[] = {
        {"machine_id", i->machine_id, sizeof(i->machine_id)},
        {"hostname", i->hostname, sizeof(i->hostname)},
        {"rdp_cert_sha256", i->rdp_cert_sha256, sizeof(i->rdp_cert_sha256)},
        {"os", i->os, sizeof(i->os)},
        {"helper_version", i->helper_version, sizeof(i->helper_version)},
    };
    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        int r = text_get(root, texts[n].name, false, texts[n].out, texts[n].size, reterr);
        if (r < 0)
            return r;
    }
    return identity_valid(i) ? 0 : err_set(reterr, ERR_PROTOCOL, "guest channel: the identity is malformed");
}

static int sessions_get(const json_t *list, struct guest_message *m, struct error *reterr)
{
    if (!json_is_array(list) || json_array_size(list) > GUEST_SESSIONS_MAX)
        return err_set(reterr, ERR_PROTOCOL, "guest channel: \"sessions\" is no list of at most %d",
                       GUEST_SESSIONS_MAX);
    m->has_sessions = true;
    m->n_sessions = json_array_size(list);
    for (size_t i = 0; i < m->n_sessions; i++) {
        const json_t *one = json_array_get(list, i);
        int r = user_get(one, m->sessions[i].user, reterr);
        if (r == 0)
            r = text_get(one, "state", true, m->sessions[i].state, sizeof(m->sessions[i].state), reterr);
        if (r == 0 && !text_clean(m->sessions[i].state))
            r = err_set(reterr, ERR_PROTOCOL, "guest channel: \"state\" has control characters");
        if (r < 0)
            return r;
    }
    return 0;
}

static int event_get(const json_t *root, const char *event, struct guest_message *m, struct error *reterr)
{
    if (strcmp(event, "up") == 0) {
        m->kind = GUEST_MESSAGE_UP;
        m->has_identity = true;
        return identity_get(root, &m->identity, reterr);
    }
    if (strcmp(event, "logon") == 0)
        m->kind = GUEST_MESSAGE_LOGON;
    else if (strcmp(event, "logoff") == 0)
        m->kind = GUEST_MESSAGE_LOGOFF;
    else
        return err_set(reterr, ERR_UNSUPPORTED, "guest channel: an event of an unknown kind");
    return user_get(root, m->user, reterr);
}

static int answer_get(const json_t *root, struct guest_message *m, struct error *reterr)
{
    int r = id_get(root, &m->id, reterr);
    if (r < 0)
        return r;
    const json_t *ok = json_object_get(root, "ok");
    if (!json_is_boolean(ok))
        return err_set(reterr, ERR_PROTOCOL, "guest channel: neither an answer nor an event");
    if (json_is_false(ok)) {
        m->kind = GUEST_MESSAGE_REFUSAL;
        r = text_get(root, "error", true, m->error, sizeof(m->error), reterr);
        if (r == 0 && !text_clean(m->error))
            r = err_set(reterr, ERR_PROTOCOL, "guest channel: \"error\" has control characters");
        return r;
    }
    m->kind = GUEST_MESSAGE_ANSWER;
    const json_t *sessions = json_object_get(root, "sessions");
    if (sessions != NULL)
        r = sessions_get(sessions, m, reterr);
    if (r == 0 && json_object_get(root, "v") != NULL) {
        m->has_identity = true;
        r = identity_get(root, &m->identity, reterr);
    }
    return r;
}

int guest_message_decode(const char *line, size_t len, struct guest_message *ret, struct error *reterr)
{
    json_t *root CLEANUP_JSON = NULL;
    struct guest_message m = {0};
    int r = line_parse(line, len, &root, reterr);
    if (r < 0)
        return r;
    const char *event = json_string_value(json_object_get(root, "event"));
    r = event != NULL ? event_get(root, event, &m, reterr) : answer_get(root, &m, reterr);
    if (r == 0)
        *ret = m;
    return r;
}

void guest_lines_init(struct guest_lines *l)
{
    memset(l, 0, sizeof(*l));
    buf_init(&l->buf, GUEST_LINE_MAX + 1);
}

/* Passwords pass through here. */
static void lines_wipe(struct guest_lines *l)
{
    if (l->buf.data != NULL)
        explicit_bzero(l->buf.data, l->buf.cap);
    buf_reset(&l->buf);
    l->taken = 0;
}

void guest_lines_done(struct guest_lines *l)
{
    lines_wipe(l);
    buf_done(&l->buf);
}

void guest_lines_reset(struct guest_lines *l)
{
    lines_wipe(l);
    l->skipping = false;
    l->report = false;
}

static void lines_drop_taken(struct guest_lines *l)
{
    if (l->taken == 0)
        return;
    explicit_bzero(l->buf.data, l->taken);
    buf_consume(&l->buf, l->taken);
    l->taken = 0;
}

long guest_lines_feed(struct guest_lines *l, const char *data, size_t len)
{
    char *whole;
    if (l->buf.cap == 0 && buf_reserve(&l->buf, l->buf.max, &whole) < 0)
        return ERR_NOMEM; /* at once, since growing would leave copies of what passed through */
    lines_drop_taken(l);
    size_t used = 0;
    if (l->skipping) {
        const char *end = memchr(data, '\n', len);
        if (end == NULL)
            return (long)len;
        l->skipping = false;
        l->report = true;
        used = (size_t)(end - data) + 1;
    }
    size_t room = l->buf.max - l->buf.len;
    size_t n = len - used < room ? len - used : room;
    if (buf_append(&l->buf, data + used, n) < 0)
        return ERR_NOMEM;
    return (long)(used + n);
}

int guest_lines_next(struct guest_lines *l, const char **ret_line, size_t *ret_len)
{
    lines_drop_taken(l);
    if (l->report) {
        l->report = false;
        return ERR_TOO_BIG;
    }
    char *end = l->buf.len > 0 ? memchr(l->buf.data, '\n', l->buf.len) : NULL;
    if (end == NULL && l->buf.len == l->buf.max) {
        lines_wipe(l);
        l->skipping = true;
    }
    if (end == NULL)
        return ERR_AGAIN;
    *end = '\0';
    *ret_line = l->buf.data;
    *ret_len = (size_t)(end - l->buf.data);
    l->taken = *ret_len + 1;
    return 0;
}
