#include "lib/net/httpc_easy.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX     65536
#define BODY_DEFAULT    (1U << 20)
#define CONNECT_DEFAULT 5000
#define TOTAL_DEFAULT   30000

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void add_header(struct httpc_headers *headers, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (colon == NULL)
        return;
    const char *value = colon + 1;
    const char *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t before = headers->text.len;
    if (buf_append(&headers->text, line, (size_t)(colon - line)) == 0 && buf_append(&headers->text, "", 1) == 0 &&
        buf_append(&headers->text, value, (size_t)(end - value)) == 0 && buf_append(&headers->text, "", 1) == 0)
        headers->count++;
    else
        headers->text.len = before;
}

static size_t header_came(char *line, size_t size, size_t n, void *arg)
{
    struct easy *easy = arg;
    size_t len = size * n;
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
        buf_reset(&easy->headers.text);
        easy->headers.count = 0;
        return len;
    }
    bool end = len <= 2 && (line[0] == '\r' || line[0] == '\n');
    if (!end) {
        add_header(&easy->headers, line, len);
        return len;
    }
    long status = 0;
    curl_easy_getinfo(easy->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && !easy->head_done) {
        easy->head_done = true;
        easy->status = (int)status;
        if (easy->on_head != NULL)
            easy->on_head(easy);
    }
    return len;
}

static size_t data_came(char *data, size_t size, size_t n, void *arg)
{
    struct easy *easy = arg;
    size_t len = size * n;
    if (easy->on_data != NULL) {
        int r = easy->on_data(easy, data, len);
        if (r == ERR_BUSY)
            return CURL_WRITEFUNC_PAUSE;
        easy->stopped = r != 0;
        return r == 0 ? len : 0;
    }
    if (buf_append(&easy->kept, data, len) < 0) {
        easy->too_big = true;
        return 0;
    }
    return len;
}

static CURLcode set_pin(CURL *curl, void *ssl_ctx, void *arg)
{
    struct easy *easy = arg;
    (void)curl;
    struct tls_client_options options = {
        .pin_sha256 = easy->pin, .cert_file = easy->cert_file, .key_file = easy->key_file};
    return tls_client_setup(ssl_ctx, &options, NULL) < 0 ? CURLE_SSL_CERTPROBLEM : CURLE_OK;
}

static int copy_texts(struct easy *easy, const struct httpc_request *request)
{
    const struct httpc_target *t = &request->target;
    const struct {
        const char *from;
        char **to;
    } texts[] = {{t->pin_sha256, &easy->pin},
                 {t->ca_file, &easy->ca_file},
                 {t->cert_file, &easy->cert_file},
                 {t->key_file, &easy->key_file}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].from != NULL && (*texts[i].to = mem_strdup(texts[i].from)) == NULL)
            return ERR_NOMEM;
    return 0;
}

static int add_line(struct easy *easy, const char *line)
{
    struct curl_slist *more = curl_slist_append(easy->lines, line);
    if (more == NULL)
        return ERR_NOMEM;
    easy->lines = more;
    return 0;
}

static int set_lines(struct easy *easy, const struct httpc_request *request)
{
    int r = add_line(easy, "Expect:");
    for (const char *const *line = request->headers; r == 0 && line != NULL && *line != NULL; line++)
        r = add_line(easy, *line);
    if (r == 0 && request->body != NULL) {
        char *type CLEANUP_FREE =
            mem_printf("Content-Type: %s", request->content_type != NULL ? request->content_type : "application/json");
        r = type != NULL ? add_line(easy, type) : ERR_NOMEM;
    }
    curl_easy_setopt(easy->curl, CURLOPT_HTTPHEADER, easy->lines);
    return r;
}

static void set_tls(struct easy *easy)
{
    CURL *curl = easy->curl;
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (easy->pin != NULL) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L); /* the certificate itself is compared */
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, set_pin);
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, easy);
        /* libcurl's cache of connections knows nothing of the pin. */
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
        return;
    }
    if (easy->ca_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, easy->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    if (easy->cert_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, easy->cert_file);
        curl_easy_setopt(curl, CURLOPT_SSLKEY, easy->key_file);
    }
}

/* Bytes of any number are a sign of life: libcurl's own low-speed limit counts bytes a second and would end an event
 * stream that only carries its keepalive comments. */
static int watch_idle(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    struct easy *easy = arg;
    int64_t now = clock_mono_ms();
    (void)down_total;
    (void)up_total;
    if (easy->moved_ms == 0 || down + up != easy->moved) {
        easy->moved = down + up;
        easy->moved_ms = now;
    }
    easy->idle = now - easy->moved_ms > (int64_t)easy->idle_ms;
    return easy->idle ? 1 : 0;
}

static void set_idle(struct easy *easy, unsigned idle_ms)
{
    easy->idle_ms = idle_ms;
    if (idle_ms == 0)
        return;
    curl_easy_setopt(easy->curl, CURLOPT_XFERINFOFUNCTION, watch_idle);
    curl_easy_setopt(easy->curl, CURLOPT_XFERINFODATA, easy);
    curl_easy_setopt(easy->curl, CURLOPT_NOPROGRESS, 0L);
    /* Never reached; it makes libcurl look, and so call us, once a second on a silent connection. */
    curl_easy_setopt(easy->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy->curl, CURLOPT_LOW_SPEED_TIME, 10L * 365 * 86400);
}

static void set_deadlines(CURL *curl, const struct httpc_request *request, bool streaming)
{
    unsigned connect_ms = request->connect_ms != 0 ? request->connect_ms : CONNECT_DEFAULT;
    unsigned total_ms = request->total_ms != 0 || streaming ? request->total_ms : TOTAL_DEFAULT;
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)total_ms);
}

static void set_body(struct easy *easy, const struct httpc_request *request)
{
    const char *method = request->method != NULL ? request->method : "GET";
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(easy->curl, CURLOPT_NOBODY, 1L);
    else if (strcmp(method, "GET") != 0 || request->body != NULL)
        curl_easy_setopt(easy->curl, CURLOPT_CUSTOMREQUEST, method);
    bool has_body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
    if (has_body || request->body != NULL) {
        curl_easy_setopt(easy->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
        curl_easy_setopt(easy->curl, CURLOPT_COPYPOSTFIELDS, request->body != NULL ? request->body : "");
    }
}

int easy_init(struct easy *easy, const struct httpc_request *request, bool streaming, struct error *reterr)
{
    pthread_once(&once, init_curl);
    buf_init(&easy->headers.text, HEADERS_MAX);
    buf_init(&easy->kept, request->max_body != 0 ? request->max_body : BODY_DEFAULT);
    if (request->target.base_url == NULL || request->path == NULL || request->path[0] != '/')
        return err_set(reterr, ERR_INVALID, "a request needs a base URL and a path");
    CURL *curl = easy->curl = curl_easy_init();
    char *url CLEANUP_FREE = mem_printf("%s%s", request->target.base_url, request->path);
    if (curl == NULL || url == NULL || copy_texts(easy, request) < 0 || set_lines(easy, request) < 0)
        return err_set(reterr, ERR_NOMEM, "no memory for a request");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    if (request->target.unix_path != NULL)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->target.unix_path);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, easy->message);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, header_came);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, easy);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, data_came);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, easy);
    set_deadlines(curl, request, streaming);
    set_idle(easy, request->idle_ms);
    set_tls(easy);
    set_body(easy, request);
    return 0;
}

void easy_done(struct easy *easy)
{
    curl_easy_cleanup(easy->curl);
    curl_slist_free_all(easy->lines);
    buf_done(&easy->headers.text);
    buf_done(&easy->kept);
    free(easy->pin);
    free(easy->ca_file);
    free(easy->cert_file);
    free(easy->key_file);
}

static int code_of(const struct easy *easy, CURLcode code)
{
    double connected = 0;
    switch ((int)code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return ERR_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        curl_easy_getinfo(easy->curl, CURLINFO_CONNECT_TIME, &connected);
        return connected > 0 ? ERR_TIMEOUT : ERR_UNREACHABLE;
    case CURLE_PEER_FAILED_VERIFICATION:
        return easy->pin != NULL ? ERR_CERT_MISMATCH : ERR_TLS;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
        return ERR_TLS;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ERR_INVALID;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        return ERR_PROTOCOL;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

int easy_outcome(const struct easy *easy, CURLcode code, struct error *reterr)
{
    if (code == CURLE_OK)
        return 0;
    if (easy->too_big)
        return err_set(reterr, ERR_TOO_BIG, "the answer is larger than %zu bytes", easy->kept.max);
    if (easy->stopped)
        return err_set(reterr, ERR_CANCELLED, "the answer was given up");
    if (easy->idle)
        return err_set(reterr, ERR_TIMEOUT, "nothing arrived for %u s", easy->idle_ms / 1000);
    const char *why = easy->message[0] != '\0' ? easy->message : curl_easy_strerror(code);
    return err_set_lib(reterr, code_of(easy, code), code, "%s", why);
}

void easy_response(struct easy *easy, struct httpc_response *ret_response)
{
    *ret_response = (struct httpc_response){
        .status = easy->status, .body = buf_str(&easy->kept), .body_len = easy->kept.len, .headers = &easy->headers};
    const char *type = httpc_header(ret_response, "content-type");
    ret_response->content_type = type != NULL ? type : "";
}

bool httpc_header_at(const struct httpc_response *response, size_t index, const char **ret_name, const char **ret_value)
{
    if (response->headers == NULL || index >= response->headers->count)
        return false;
    const char *at = response->headers->text.data;
    while (index-- > 0) {
        at += strlen(at) + 1;
        at += strlen(at) + 1;
    }
    *ret_name = at;
    *ret_value = at + strlen(at) + 1;
    return true;
}

const char *httpc_header(const struct httpc_response *response, const char *name)
{
    const char *at_name, *value;
    for (size_t i = 0; httpc_header_at(response, i, &at_name, &value); i++)
        if (strcasecmp(at_name, name) == 0)
            return value;
    return NULL;
}
