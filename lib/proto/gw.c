#include "lib/proto/gw.h"

#include "lib/base/mem.h"
#include "lib/proto/doc.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#define SMALL_MAX 4096 /* bytes of any message but a hello and its answer */

static const char *const door_names[] = {"rdp", "rdg", "web"};
static const char *const security_names[] = {"raw", "tls"};
static const char *const reason_names[] = {
#define X(id, name) name,
    GW_REASON_TABLE(X)
#undef X
};
_Static_assert(ARRAY_LEN(door_names) == GW_DOOR_COUNT, "every door has a name");
_Static_assert(ARRAY_LEN(security_names) == GW_SECURITY_COUNT, "every security has a name");

const char *gw_door_name(enum gw_door door)
{
    return (size_t)door < GW_DOOR_COUNT ? door_names[door] : "?";
}

const char *gw_security_name(enum gw_security security)
{
    return (size_t)security < GW_SECURITY_COUNT ? security_names[security] : "?";
}

const char *gw_reason_name(enum gw_reason reason)
{
    return (size_t)reason < GW_REASON_COUNT ? reason_names[reason] : "?";
}

/* Append `take_root` as text. NULL means that jansson had no memory or met invalid UTF-8. */
static int emit(json_t *take_root, struct buf *out)
{
    json_t *root CLEANUP(doc_freep) = take_root;
    char *text CLEANUP_FREE = root != NULL ? doc_write(root) : NULL;
    if (text == NULL)
        return ERR_NOMEM;
    return buf_append_str(out, text);
}

static int parse(const char *data, size_t len, size_t max, json_t **ret, struct error *reterr)
{
    if (len > max)
        return err_set(reterr, ERR_TOO_BIG, "the message has %zu bytes, allowed are %zu", len, max);
    return doc_parse(data, len, ret, reterr);
}

static int choice(const json_t *object, const char *name, const char *const *names, size_t count, int *ret,
                  struct error *reterr)
{
    char text[32] = "";
    int r = doc_copy(object, name, DOC_REQUIRED, text, sizeof(text), reterr);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret = (int)i;
            return 0;
        }
    }
    return err_set(reterr, ERR_INVALID, "\"%s\" has a value that is not known here", name);
}

static bool is_id(const char *s)
{
    return *s != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")] == '\0';
}

/* A non-empty string that may stand in a path segment. */
static int id_field(const json_t *object, const char *name, char *ret, size_t size, struct error *reterr)
{
    char text[GW_NAME_SIZE] = "";
    int r = doc_copy(object, name, DOC_REQUIRED, text, size < sizeof(text) ? size : sizeof(text), reterr);
    if (r < 0)
        return r;
    if (!is_id(text))
        return err_set(reterr, ERR_INVALID, "\"%s\" is not an identifier", name);
    strcpy(ret, text);
    return 0;
}

static int address_field(const json_t *object, const char *name, char ret[GW_ADDRESS_SIZE], struct error *reterr)
{
    char text[GW_ADDRESS_SIZE] = "";
    unsigned char raw[sizeof(struct in6_addr)];
    int r = doc_copy(object, name, DOC_REQUIRED, text, sizeof(text), reterr);
    if (r < 0)
        return r;
    if (inet_pton(AF_INET, text, raw) != 1 && inet_pton(AF_INET6, text, raw) != 1)
        return err_set(reterr, ERR_INVALID, "\"%s\" is not a numeric address", name);
    strcpy(ret, text);
    return 0;
}

int gw_redeem_encode(const struct gw_redeem *m, struct buf *out)
{
    return emit(json_pack("{s:s, s:s, s:s, s:s, s:s}", "ticket", m->ticket, "door", gw_door_name(m->door), "address",
                          m->address, "gateway", m->gateway, "instance", m->instance),
                out);
}

int gw_redeem_decode(const char *data, size_t len, struct gw_redeem *ret, struct error *reterr)
{
    json_t *root CLEANUP(doc_freep) = NULL;
    struct gw_redeem m = {0};
    int door = 0;
    int r = parse(data, len, SMALL_MAX, &root, reterr);
    if (r == 0)
        r = doc_copy(root, "ticket", DOC_REQUIRED, m.ticket, sizeof(m.ticket), reterr);
    if (r == 0)
        r = choice(root, "door", door_names, GW_DOOR_COUNT, &door, reterr);
    if (r == 0)
        r = address_field(root, "address", m.address, reterr);
    if (r == 0)
        r = id_field(root, "gateway", m.gateway, sizeof(m.gateway), reterr);
    if (r == 0)
        r = id_field(root, "instance", m.instance, sizeof(m.instance), reterr);
    if (r < 0)
        return r;
    m.door = (enum gw_door)door;
    *ret = m;
    return 0;
}

int gw_grant_encode(const struct gw_grant *m, struct buf *out)
{
    return emit(json_pack("{s:s, s:s, s:{s:s, s:i}, s:s, s:s, s:I, s:I}", "connection", m->connection, "session",
                          m->session, "target", "address", m->address, "port", (int)m->port, "security",
                          gw_security_name(m->security), "cert_sha256", m->cert_sha256, "idle_s", (json_int_t)m->idle_s,
                          "limit_s", (json_int_t)m->limit_s),
                out);
}

static int fingerprint(const json_t *object, struct gw_grant *m, struct error *reterr)
{
    int r = doc_copy(object, "cert_sha256", DOC_OPTIONAL, m->cert_sha256, sizeof(m->cert_sha256), reterr);
    if (r < 0)
        return r;
    size_t len = strspn(m->cert_sha256, "0123456789abcdef");
    if (m->cert_sha256[len] != '\0' || (len != 0 && len != 64))
        return err_set(reterr, ERR_INVALID, "\"cert_sha256\" is not a lower-case hexadecimal SHA-256");
    if (len == 0 && m->security == GW_SECURITY_TLS)
        return err_set(reterr, ERR_INVALID, "a desktop with TLS has no pinned certificate");
    return 0;
}

static int grant_target(const json_t *root, struct gw_grant *m, struct error *reterr)
{
    const json_t *target = json_object_get(root, "target");
    int64_t port = 0;
    int r = address_field(target, "address", m->address, reterr);
    if (r == 0)
        r = doc_int(target, "port", DOC_REQUIRED, 1, 65535, &port, reterr);
    m->port = (uint16_t)port;
    return r;
}

int gw_grant_decode(const char *data, size_t len, struct gw_grant *ret, struct error *reterr)
{
    json_t *root CLEANUP(doc_freep) = NULL;
    struct gw_grant m = {0};
    int security = 0;
    int r = parse(data, len, SMALL_MAX, &root, reterr);
    if (r == 0)
        r = id_field(root, "connection", m.connection, sizeof(m.connection), reterr);
    if (r == 0)
        r = id_field(root, "session", m.session, sizeof(m.session), reterr);
    if (r == 0)
        r = grant_target(root, &m, reterr);
    if (r == 0)
        r = choice(root, "security", security_names, GW_SECURITY_COUNT, &security, reterr);
    if (r < 0)
        return r;
    m.security = (enum gw_security)security;
    r = fingerprint(root, &m, reterr);
    if (r == 0)
        r = doc_int(root, "idle_s", DOC_OPTIONAL, 0, INT32_MAX, &m.idle_s, reterr);
    if (r == 0)
        r = doc_int(root, "limit_s", DOC_OPTIONAL, 0, INT32_MAX, &m.limit_s, reterr);
    if (r < 0)
        return r;
    *ret = m;
    return 0;
}

int gw_hello_encode(const struct gw_hello *m, struct buf *out)
{
    json_t *ids CLEANUP(doc_freep) = json_array();
    for (size_t i = 0; i < m->count; i++)
        if (json_array_append_new(ids, json_string(m->connections[i])) < 0)
            return ERR_NOMEM;
    return emit(json_pack("{s:s, s:O}", "instance", m->instance, "connections", ids), out);
}

void gw_hello_done(struct gw_hello *m)
{
    free(m->connections);
    *m = (struct gw_hello){0};
}

static int hello_connections(const json_t *ids, struct gw_hello *m, struct error *reterr)
{
    m->count = json_array_size(ids);
    m->connections = mem_zalloc(m->count + 1, ID_SIZE);
    if (m->connections == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for %zu connections", m->count);
    for (size_t i = 0; i < m->count; i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        if (id == NULL || strlen(id) >= ID_SIZE || !is_id(id))
            return err_set(reterr, ERR_INVALID, "element %zu of \"connections\" is not an identifier", i);
        strcpy(m->connections[i], id);
    }
    return 0;
}

int gw_hello_decode(const char *data, size_t len, struct gw_hello *ret, struct error *reterr)
{
    json_t *root CLEANUP(doc_freep) = NULL;
    struct gw_hello m CLEANUP(gw_hello_done) = {0};
    json_t *ids = NULL;
    int r = parse(data, len, GW_MESSAGE_MAX, &root, reterr);
    if (r == 0)
        r = id_field(root, "instance", m.instance, sizeof(m.instance), reterr);
    if (r == 0)
        r = doc_array(root, "connections", DOC_REQUIRED, GW_CONNECTIONS_MAX, &ids, reterr);
    if (r == 0)
        r = hello_connections(ids, &m, reterr);
    if (r < 0)
        return r;
    *ret = m;
    m = (struct gw_hello){0};
    return 0;
}

static json_t *command_pack(const struct gw_command *m)
{
    return json_pack("{s:s, s:s}", "connection", m->connection, "reason", m->reason);
}

static int command_unpack(const json_t *root, struct gw_command *ret, struct error *reterr)
{
    struct gw_command m = {0};
    if (!json_is_object(root))
        return err_set(reterr, ERR_INVALID, "a command is not a JSON object");
    int r = id_field(root, "connection", m.connection, sizeof(m.connection), reterr);
    if (r == 0)
        r = doc_copy(root, "reason", DOC_OPTIONAL, m.reason, sizeof(m.reason), reterr);
    if (r < 0)
        return r;
    *ret = m;
    return 0;
}

int gw_command_encode(const struct gw_command *m, struct buf *out)
{
    return emit(command_pack(m), out);
}

int gw_command_decode(const char *data, size_t len, struct gw_command *ret, struct error *reterr)
{
    json_t *root CLEANUP(doc_freep) = NULL;
    int r = parse(data, len, SMALL_MAX, &root, reterr);
    return r < 0 ? r : command_unpack(root, ret, reterr);
}

int gw_hello_answer_encode(const struct gw_hello_answer *m, struct buf *out)
{
    json_t *drop CLEANUP(doc_freep) = json_array();
    for (size_t i = 0; i < m->count; i++)
        if (json_array_append_new(drop, command_pack(&m->drop[i])) < 0)
            return ERR_NOMEM;
    return emit(json_pack("{s:O}", "drop", drop), out);
}

void gw_hello_answer_done(struct gw_hello_answer *m)
{
    free(m->drop);
    *m = (struct gw_hello_answer){0};
}

int gw_hello_answer_decode(const char *data, size_t len, struct gw_hello_answer *ret, struct error *reterr)
{
    json_t *root CLEANUP(doc_freep) = NULL;
    struct gw_hello_answer m CLEANUP(gw_hello_answer_done) = {0};
    json_t *drop = NULL;
    int r = parse(data, len, GW_MESSAGE_MAX, &root, reterr);
    if (r == 0)
        r = doc_array(root, "drop", DOC_REQUIRED, GW_CONNECTIONS_MAX, &drop, reterr);
    if (r < 0)
        return r;
    m.drop = MEM_ARRAY(struct gw_command, json_array_size(drop) + 1);
    if (m.drop == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for the broker's answer");
    for (; m.count < json_array_size(drop); m.count++) {
        r = command_unpack(json_array_get(drop, m.count), &m.drop[m.count], reterr);
        if (r < 0)
            return r;
    }
    *ret = m;
    m = (struct gw_hello_answer){0};
    return 0;
}

int gw_closed_encode(const struct gw_closed *m, struct buf *out)
{
    return emit(json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "gateway", m->gateway, "instance", m->instance, "bytes_up",
                          (json_int_t)m->bytes_up, "bytes_down", (json_int_t)m->bytes_down, "duration_ms",
                          (json_int_t)m->duration_ms, "reason", gw_reason_name(m->reason)),
                out);
}

int gw_closed_decode(const char *data, size_t len, struct gw_closed *ret, struct error *reterr)
{
    json_t *root CLEANUP(doc_freep) = NULL;
    struct gw_closed m = {0};
    int reason = 0;
    int r = parse(data, len, SMALL_MAX, &root, reterr);
    if (r == 0)
        r = id_field(root, "gateway", m.gateway, sizeof(m.gateway), reterr);
    if (r == 0)
        r = id_field(root, "instance", m.instance, sizeof(m.instance), reterr);
    if (r == 0)
        r = doc_int(root, "bytes_up", DOC_REQUIRED, 0, INT64_MAX, &m.bytes_up, reterr);
    if (r == 0)
        r = doc_int(root, "bytes_down", DOC_REQUIRED, 0, INT64_MAX, &m.bytes_down, reterr);
    if (r == 0)
        r = doc_int(root, "duration_ms", DOC_REQUIRED, 0, INT64_MAX, &m.duration_ms, reterr);
    if (r == 0)
        r = choice(root, "reason", reason_names, GW_REASON_COUNT, &reason, reterr);
    if (r < 0)
        return r;
    m.reason = (enum gw_reason)reason;
    *ret = m;
    return 0;
}
