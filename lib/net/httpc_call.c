/* The blocking half of httpc.h. */
#include "lib/base/mem.h"
#include "lib/net/httpc.h"
#include "lib/net/httpc_easy.h"
#include "lib/net/sse.h"

#include <string.h>
#include <strings.h>

/* Longest event of a stream. */
#define EVENT_MAX (1U << 20)

/* What a finished blocking transfer leaves to its response; `headers` is its first member. */
struct kept {
    struct httpc_headers headers;
    struct buf body;
};

static int keep(struct easy *easy, struct httpc_response *ret_response, struct error *reterr)
{
    struct kept *kept = MEM_NEW(struct kept);
    if (kept == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for an answer");
    kept->headers = easy->headers;
    kept->body = easy->kept;
    buf_init(&easy->headers.text, 0);
    buf_init(&easy->kept, 0);
    *ret_response = (struct httpc_response){
        .status = easy->status, .body = buf_str(&kept->body), .body_len = kept->body.len, .headers = &kept->headers};
    const char *type = httpc_header(ret_response, "content-type");
    ret_response->content_type = type != NULL ? type : "";
    return 0;
}

void httpc_response_done(struct httpc_response *response)
{
    struct kept *kept = (struct kept *)(void *)response->headers;
    if (kept != NULL) {
        buf_done(&kept->headers.text);
        buf_done(&kept->body);
        free(kept);
    }
    *response = (struct httpc_response){0};
}

int httpc_call(const struct httpc_request *request, struct httpc_response *ret_response, struct error *reterr)
{
    struct easy easy CLEANUP(easy_done) = {0};
    int r = easy_init(&easy, request, false, reterr);
    if (r == 0)
        r = easy_outcome(&easy, curl_easy_perform(easy.curl), reterr);
    return r == 0 ? keep(&easy, ret_response, reterr) : r;
}

struct listening {
    struct easy easy;
    struct sse *sse;
    bool is_stream;
    bool enough;
    bool (*on_event)(const struct httpc_event *event, void *arg);
    void *arg;
};

static void head_complete(struct easy *easy)
{
    struct listening *l = CONTAINER_OF(easy, struct listening, easy);
    struct httpc_response response;
    easy_response(easy, &response);
    l->is_stream = response.status == 200 && strncasecmp(response.content_type, "text/event-stream", 17) == 0;
}

static int event_complete(const char *event, const char *id, const char *data, void *arg)
{
    struct listening *l = arg;
    struct httpc_event e = {event, id, data};
    l->enough = !l->on_event(&e, l->arg);
    return l->enough ? ERR_CANCELLED : 0;
}

static int data_arrived(struct easy *easy, const void *data, size_t len)
{
    struct listening *l = CONTAINER_OF(easy, struct listening, easy);
    if (l->is_stream)
        return sse_feed(l->sse, data, len, event_complete, l);
    int r = buf_append(&easy->kept, data, len);
    easy->too_big = r < 0;
    return r;
}

int httpc_call_events(const struct httpc_request *request, bool (*on_event)(const struct httpc_event *event, void *arg),
                      void *arg, struct httpc_response *ret_response, struct error *reterr)
{
    struct listening l = {.on_event = on_event, .arg = arg};
    l.sse = sse_new(EVENT_MAX);
    int r = l.sse != NULL ? easy_init(&l.easy, request, true, reterr)
                          : err_set(reterr, ERR_NOMEM, "no memory for an event stream");
    l.easy.on_head = head_complete;
    l.easy.on_data = data_arrived;
    if (r == 0)
        r = easy_outcome(&l.easy, curl_easy_perform(l.easy.curl), reterr);
    if (r < 0 && l.enough)
        r = 0;
    if (r == 0)
        r = keep(&l.easy, ret_response, reterr);
    easy_done(&l.easy);
    sse_free(l.sse);
    return r;
}
