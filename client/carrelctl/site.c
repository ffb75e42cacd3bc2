#include "client/carrelctl/site.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/net/httpc.h"
#include "lib/proto/doc.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define AUTHORIZATION "Authorization: Bearer "

void site_done(struct site *site)
{
    free(site->url);
    free(site->ca);
    free(site->socket);
    secret_free(site->token);
    memset(site, 0, sizeof(*site));
}

const char *site_where(const struct site *site)
{
    return site->url ? site->url : site->socket;
}

/* Without TLS a token crosses only to this very machine. */
static bool is_loopback(const char *authority)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(authority, names[i], len) == 0 && (authority[len] == '\0' || authority[len] == ':'))
            return true;
    }
    return false;
}

int site_set_url(struct site *site, const char *url, struct failure *f)
{
    bool tls = strncmp(url, "https://", 8) == 0, plain = strncmp(url, "http://", 7) == 0;
    const char *authority = url + (tls ? 8 : 7);

    if (!tls && !plain)
        return outcome_fail(f, OUTCOME_USAGE, "the URL must begin with https://");
    size_t len = strcspn(authority, "/");
    if (len == 0 || authority[len + strspn(authority + len, "/")] != '\0' || strcspn(authority, "@?# \\") < len)
        return outcome_fail(f, OUTCOME_USAGE, "the URL must be https://HOST or https://HOST:PORT");
    char *copy CLEANUP_FREE = mem_strndup(url, (size_t)(authority - url) + len);
    if (!copy)
        return outcome_fail(f, OUTCOME_REFUSED, "out of memory");
    if (plain && !is_loopback(copy + 7))
        return outcome_fail(f, OUTCOME_USAGE,
                            "the URL must begin with https://, or passwords would cross the network in clear");
    free(site->url);
    site->url = TAKE_PTR(copy);
    return OUTCOME_OK;
}

char *site_encode(const char *text)
{
    struct buf b;

    buf_init(&b, 3 * strlen(text) + 1);
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = isalnum(c) || strchr("-._~@", c) != NULL;
        if ((plain ? buf_append(&b, p, 1) : buf_printf(&b, "%%%02X", c)) < 0) {
            buf_done(&b);
            return NULL;
        }
    }
    char *encoded = mem_strdup(buf_str(&b));
    buf_done(&b);
    return encoded;
}

/* The request's fixed part. authorization: room for the header line, wiped by the caller. */
static struct httpc_request request_to(const struct site *site, const char *method, const char *path,
                                       const char *const *headers)
{
    return (struct httpc_request){
        .target = {.base_url = site->url ? site->url : "http://localhost",
                   .unix_path = site->url ? NULL : site->socket,
                   .ca_file = site->ca},
        .method = method,
        .path = path,
        .headers = headers,
        .max_body = SITE_ANSWER_MAX,
        .total_ms = site->timeout_ms,
    };
}

static struct secret *authorization(const struct site *site)
{
    char line[sizeof(AUTHORIZATION) + SECRET_MAX];

    if (!site->token || secret_len(site->token) > 1024)
        return NULL;
    int len = snprintf(line, sizeof(line), AUTHORIZATION "%s", secret_bytes(site->token));
    struct secret *header = secret_new(line, (size_t)len);
    secret_wipe(line, sizeof(line));
    return header;
}

/* Turns an answer of any status into an outcome. */
static int judge(const struct site *site, const struct httpc_response *response, json_t **ret, struct failure *f)
{
    struct problem problem;
    struct error e = {0};

    if (response->status < 200 || response->status > 299) {
        problem_read(&problem, response->status, response->body, response->body_len);
        return outcome_problem(f, &problem);
    }
    if (response->body_len == 0) {
        *ret = NULL;
        return OUTCOME_OK;
    }
    int r = doc_parse(response->body, response->body_len, ret, &e);
    return r < 0 ? outcome_no_answer(f, r, &e, site_where(site)) : OUTCOME_OK;
}

/* libcurl names a host and port that a socket has not; the system's own word is the better one. */
static void explain_socket(const struct site *site, int err, struct error *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (site->url || err != ERR_UNREACHABLE || text_copy(at.sun_path, sizeof(at.sun_path), site->socket) < 0)
        return;
    int fd CLEANUP_CLOSE = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
        err_set(e, err, "%s", strerror(errno));
}

int site_call(const struct site *site, const char *method, const char *path, const json_t *body, json_t **ret,
              struct failure *f)
{
    struct secret *token CLEANUP(secret_freep) = authorization(site);
    const char *headers[] = {"Accept: application/json, " PROBLEM_TYPE, token ? secret_bytes(token) : NULL, NULL};
    struct httpc_request request = request_to(site, method, path, headers);
    char *text CLEANUP_FREE = body ? doc_write(body) : NULL;
    struct httpc_response response = {0};
    struct error e = {0};

    if (body && !text)
        return outcome_fail(f, OUTCOME_REFUSED, "out of memory");
    request.body = text;
    request.body_len = text ? strlen(text) : 0;
    int r = httpc_call(&request, &response, &e);
    /* A login's body holds the password. */
    if (text)
        secret_wipe(text, strlen(text));
    explain_socket(site, r, &e);
    int outcome = r < 0 ? outcome_no_answer(f, r, &e, site_where(site)) : judge(site, &response, ret, f);
    httpc_response_done(&response);
    return outcome;
}

struct listener {
    bool (*on_event)(const char *event, const json_t *doc, void *arg);
    void *arg;
};

static bool take_event(const struct httpc_event *event, void *arg)
{
    struct listener *l = arg;
    json_t *doc CLEANUP(doc_freep) = NULL;

    /* An event that is no document tells nothing: the next one, or the poll after the stream, will. */
    if (doc_parse(event->data, strlen(event->data), &doc, NULL) < 0)
        return true;
    return l->on_event(event->event, doc, l->arg);
}

int site_listen(const struct site *site, const char *path, unsigned seconds,
                bool (*on_event)(const char *event, const json_t *doc, void *arg), void *arg, struct failure *f)
{
    struct secret *token CLEANUP(secret_freep) = authorization(site);
    const char *headers[] = {"Accept: text/event-stream, " PROBLEM_TYPE, token ? secret_bytes(token) : NULL, NULL};
    struct httpc_request request = request_to(site, "GET", path, headers);
    struct httpc_response response = {0};
    struct listener listener = {on_event, arg};
    json_t *ignored CLEANUP(doc_freep) = NULL;
    struct error e = {0};

    request.total_ms = seconds * 1000;
    int r = httpc_call_events(&request, take_event, &listener, &response, &e);
    int outcome = r == ERR_TIMEOUT         ? OUTCOME_OK
                  : r < 0                  ? outcome_no_answer(f, r, &e, site_where(site))
                  : response.status == 200 ? OUTCOME_OK
                                           : judge(site, &response, &ignored, f);
    httpc_response_done(&response);
    return outcome;
}
