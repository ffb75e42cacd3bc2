#include "lib/net/httpc.h"

#include "lib/base/mem.h"
#include "lib/net/httpc_easy.h"

#include <string.h>

struct httpc_exchange {
    struct httpc_exchange *next, *prev;
    struct httpc *httpc;
    struct easy easy;
    struct httpc_handlers handlers;
    bool cancelled; /* to be freed as soon as libcurl is not on the stack */
    bool resume;    /* likewise */
};

struct httpc {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    struct httpc_exchange *exchanges;
    unsigned inside; /* libcurl is on the stack */
    bool freeing;
};

/* A socket that libcurl watches. */
struct watch {
    uv_poll_t poll;
    struct httpc *httpc;
    curl_socket_t fd;
};

static void unlink_exchange(struct httpc_exchange *ex)
{
    if (ex->prev != NULL)
        ex->prev->next = ex->next;
    else
        ex->httpc->exchanges = ex->next;
    if (ex->next != NULL)
        ex->next->prev = ex->prev;
    curl_multi_remove_handle(ex->httpc->multi, ex->easy.curl);
}

static void exchange_free(struct httpc_exchange *ex)
{
    unlink_exchange(ex);
    easy_done(&ex->easy);
    free(ex);
}

/* Tell the end. The exchange is out of the list before, so that nothing else can free it meanwhile. */
static void finish(struct httpc_exchange *ex, int err, const struct error *e)
{
    struct httpc_response response;
    ex->cancelled = true;
    unlink_exchange(ex);
    easy_response(&ex->easy, &response);
    if (ex->handlers.done != NULL)
        ex->handlers.done(err, e, ex->easy.head_done ? &response : NULL, ex->handlers.arg);
    easy_done(&ex->easy);
    free(ex);
}

static void free_cancelled(struct httpc *httpc)
{
    for (struct httpc_exchange *ex = httpc->exchanges, *next; ex != NULL; ex = next) {
        next = ex->next;
        if (ex->cancelled)
            exchange_free(ex);
    }
}

static bool resume_one(struct httpc *httpc)
{
    for (struct httpc_exchange *ex = httpc->exchanges; ex != NULL; ex = ex->next) {
        if (!ex->resume)
            continue;
        ex->resume = false;
        httpc->inside++;
        curl_easy_pause(ex->easy.curl, CURLPAUSE_CONT);
        httpc->inside--;
        return true;
    }
    return false;
}

/* After every call of libcurl that may have moved transfers. */
static void settle(struct httpc *httpc)
{
    if (httpc->inside > 0)
        return;
    free_cancelled(httpc);
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(httpc->multi, &left)) != NULL) {
        struct httpc_exchange *ex = NULL;
        if (msg->msg != CURLMSG_DONE || curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &ex) != CURLE_OK)
            continue;
        struct error e = {0};
        int err = easy_outcome(&ex->easy, msg->data.result, &e);
        finish(ex, err, &e);
    }
    while (resume_one(httpc))
        free_cancelled(httpc);
}

static void act(struct httpc *httpc, curl_socket_t fd, int events)
{
    int running;
    httpc->inside++;
    curl_multi_socket_action(httpc->multi, fd, events, &running);
    httpc->inside--;
    settle(httpc);
}

static void polled(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    act(w->httpc, w->fd, flags); /* may close w */
}

static void timer_fired(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int timer_wanted(CURLM *multi, long timeout_ms, void *arg)
{
    struct httpc *httpc = arg;
    (void)multi;
    if (timeout_ms < 0)
        loop_timer_stop(httpc->timer);
    else
        loop_timer_start(httpc->timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *watch_new(struct httpc *httpc, curl_socket_t fd)
{
    struct watch *w = MEM_NEW(struct watch);
    if (w == NULL || uv_poll_init(loop_uv(httpc->loop), &w->poll, fd) < 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    w->httpc = httpc;
    w->fd = fd;
    curl_multi_assign(httpc->multi, fd, w);
    return w;
}

static int socket_wanted(CURL *curl, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct httpc *httpc = arg;
    struct watch *w = socket_arg;
    (void)curl;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL) {
            uv_poll_stop(&w->poll);
            uv_close((uv_handle_t *)&w->poll, watch_closed);
            curl_multi_assign(httpc->multi, fd, NULL);
        }
        return 0;
    }
    if (w == NULL && (w = watch_new(httpc, fd)) == NULL)
        return -1;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&w->poll, events, polled);
    return 0;
}

int httpc_new(struct loop *loop, unsigned max_connections, struct httpc **ret_httpc, struct error *reterr)
{
    struct httpc *httpc = MEM_NEW(struct httpc);
    if (httpc == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for an HTTP client");
    httpc->loop = loop;
    httpc->timer = loop_timer_new(loop, timer_fired, httpc);
    httpc->multi = curl_multi_init();
    if (httpc->timer == NULL || httpc->multi == NULL) {
        loop_timer_free(httpc->timer);
        curl_multi_cleanup(httpc->multi);
        free(httpc);
        return err_set(reterr, ERR_NOMEM, "no memory for an HTTP client");
    }
    curl_multi_setopt(httpc->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    curl_multi_setopt(httpc->multi, CURLMOPT_SOCKETDATA, httpc);
    curl_multi_setopt(httpc->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
    curl_multi_setopt(httpc->multi, CURLMOPT_TIMERDATA, httpc);
    curl_multi_setopt(httpc->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)max_connections);
    *ret_httpc = httpc;
    return 0;
}

void httpc_free(struct httpc *httpc)
{
    if (httpc == NULL)
        return;
    httpc->freeing = true;
    free_cancelled(httpc);
    struct error e = {0};
    err_set(&e, ERR_CANCELLED, "the client is being closed");
    while (httpc->exchanges != NULL)
        finish(httpc->exchanges, ERR_CANCELLED, &e);
    curl_multi_cleanup(httpc->multi);
    loop_timer_free(httpc->timer);
    free(httpc);
}

static void head_complete(struct easy *easy)
{
    struct httpc_exchange *ex = CONTAINER_OF(easy, struct httpc_exchange, easy);
    struct httpc_response response;
    if (ex->cancelled || ex->handlers.head == NULL)
        return;
    easy_response(easy, &response);
    ex->handlers.head(&response, ex->handlers.arg);
}

static int data_arrived(struct easy *easy, const void *data, size_t len)
{
    struct httpc_exchange *ex = CONTAINER_OF(easy, struct httpc_exchange, easy);
    if (ex->cancelled)
        return ERR_CANCELLED;
    int r = ex->handlers.data(data, len, ex->handlers.arg);
    return ex->cancelled ? ERR_CANCELLED : r;
}

int httpc_start(struct httpc *httpc, const struct httpc_request *request, const struct httpc_handlers *handlers,
                struct httpc_exchange **ret_exchange, struct error *reterr)
{
    if (httpc->freeing)
        return err_set(reterr, ERR_CANCELLED, "the client is being closed");
    struct httpc_exchange *ex = MEM_NEW(struct httpc_exchange);
    if (ex == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a request");
    bool streaming = handlers->data != NULL;
    int r = easy_init(&ex->easy, request, streaming, reterr);
    if (r < 0) {
        easy_done(&ex->easy);
        free(ex);
        return r;
    }
    ex->httpc = httpc;
    ex->handlers = *handlers;
    ex->easy.on_head = head_complete;
    ex->easy.on_data = streaming ? data_arrived : NULL;
    curl_easy_setopt(ex->easy.curl, CURLOPT_PRIVATE, ex);
    ex->next = httpc->exchanges;
    if (ex->next != NULL)
        ex->next->prev = ex;
    httpc->exchanges = ex;
    CURLMcode code = curl_multi_add_handle(httpc->multi, ex->easy.curl);
    if (code != CURLM_OK) {
        exchange_free(ex);
        return err_set_lib(reterr, ERR_INTERNAL, code, "cannot start a request: %s", curl_multi_strerror(code));
    }
    if (ret_exchange != NULL)
        *ret_exchange = ex;
    return 0;
}

void httpc_cancel(struct httpc_exchange *ex)
{
    if (ex->cancelled)
        return;
    ex->cancelled = true;
    if (ex->httpc->inside == 0)
        exchange_free(ex);
}

void httpc_resume(struct httpc_exchange *ex)
{
    ex->resume = true;
    settle(ex->httpc);
}
