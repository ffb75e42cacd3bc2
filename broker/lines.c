#include "broker/lines.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/proto/gw.h"
#include "lib/store/store_connection.h"
#include "lib/store/store_gateway.h"

#include <string.h>

#define WAITING_MAX  64 /* commands kept for a worker without a stream; its next hello replaces them */
#define LINES_MAX    4096
#define CARRIED_MAX  262144
#define SEEN_MS      10000 /* between two notes that workers are alive */
#define SETTLE_MS    2000  /* a redemption's row may be newer than the list that is compared with */
#define GONE_DROP_MS 3600000

struct line {
    struct lines *lines;
    struct line *next;
    char worker[STORE_NAME_SIZE];
    struct httpd_request *req; /* NULL = no stream now */
    int64_t since_ms;          /* that there is a stream, or none */
    struct gw_command waiting[WAITING_MAX];
    size_t n_waiting;
};

struct carried {
    char connection[ID_SIZE];
    char worker[STORE_NAME_SIZE];
    int64_t since_ms;
};

/* A look at the store for open connections. */
struct inquiry {
    struct workpool_job job;
    struct lines *lines;
    int64_t began_ms;
    char (*open)[ID_SIZE]; /* sorted: the list comes in the order of ids */
    size_t count, cap;
    int rc;
    char (*seen)[STORE_NAME_SIZE]; /* workers with a stream: noted as alive */
    size_t n_seen;
};

struct lines {
    struct broker *broker;
    struct line *first;
    size_t count;
    struct carried *carried;
    size_t n_carried, cap_carried;
    struct loop_timer *timer;
    struct inquiry *inquiry;
    int64_t seen_ms; /* when workers were noted as alive last */
};

static struct line *find(struct lines *lines, const char *worker)
{
    struct line *line = lines->first;
    while (line != NULL && strcmp(line->worker, worker) != 0)
        line = line->next;
    return line;
}

static struct line *find_or_make(struct lines *lines, const char *worker)
{
    struct line *line = find(lines, worker);
    if (line != NULL || lines->count >= LINES_MAX)
        return line;
    line = MEM_NEW(struct line);
    if (line == NULL)
        return NULL;
    line->lines = lines;
    line->since_ms = clock_mono_ms();
    text_copy(line->worker, sizeof(line->worker), worker);
    line->next = lines->first;
    lines->first = line;
    lines->count++;
    return line;
}

static void line_close(struct line *line)
{
    struct httpd_request *req = TAKE_PTR(line->req);
    if (req == NULL)
        return;
    line->since_ms = clock_mono_ms();
    httpd_on_gone(req, NULL, NULL);
    httpd_sse_end(req);
}

static void on_gone(struct httpd_request *req, void *arg)
{
    (void)req;
    struct line *line = arg;
    log_event(EV_GATEWAY_LINE_LOST, LOG_STR("worker", line->worker));
    line_close(line);
}

static bool send_command(struct line *line, const struct gw_command *command)
{
    struct buf text CLEANUP(buf_done);
    buf_init(&text, 4096);
    bool sent = line->req != NULL && gw_command_encode(command, &text) == 0 &&
                httpd_sse_send(line->req, "disconnect", NULL, buf_str(&text)) == 0;
    if (!sent)
        line_close(line);
    return sent;
}

static void keep_command(struct line *line, const struct gw_command *command)
{
    if (line->n_waiting == WAITING_MAX)
        memmove(&line->waiting[0], &line->waiting[1], --line->n_waiting * sizeof(line->waiting[0]));
    line->waiting[line->n_waiting++] = *command;
}

void lines_drop(struct lines *lines, const char *worker, const char *connection, const char *reason)
{
    struct gw_command command = {0};
    struct line *line = find_or_make(lines, worker);
    text_copy(command.connection, sizeof(command.connection), connection);
    text_copy(command.reason, sizeof(command.reason), reason);
    lines_forget(lines, connection);
    log_event(EV_CONNECTION_DROPPED, LOG_STR("connection", connection), LOG_STR("worker", worker),
              LOG_STR("reason", reason));
    if (line != NULL && !send_command(line, &command))
        keep_command(line, &command);
}

void lines_open(struct lines *lines, const char *worker, struct httpd_request *take_req)
{
    struct line *line = find_or_make(lines, worker);
    if (line == NULL) {
        httpd_problem(take_req, 503, "busy", NULL, "The broker holds too many gateways.");
        return;
    }
    line_close(line);
    httpd_sse_begin(take_req);
    line->req = take_req;
    line->since_ms = clock_mono_ms();
    httpd_on_gone(take_req, on_gone, line);
    log_event(EV_GATEWAY_LINE, LOG_STR("worker", worker), LOG_INT("waiting", line->n_waiting));
    size_t n = 0;
    while (n < line->n_waiting && send_command(line, &line->waiting[n]))
        n++;
    line->n_waiting -= n;
    memmove(&line->waiting[0], &line->waiting[n], line->n_waiting * sizeof(line->waiting[0]));
}

void lines_carries(struct lines *lines, const char *worker, const char *connection)
{
    if (mem_grow(&lines->carried, &lines->cap_carried, lines->n_carried + 1, sizeof(struct carried), CARRIED_MAX) != 0)
        return;
    struct carried *c = &lines->carried[lines->n_carried++];
    text_copy(c->connection, sizeof(c->connection), connection);
    text_copy(c->worker, sizeof(c->worker), worker);
    c->since_ms = clock_mono_ms();
}

void lines_forget(struct lines *lines, const char *connection)
{
    for (size_t i = 0; i < lines->n_carried; i++) {
        if (strcmp(lines->carried[i].connection, connection) != 0)
            continue;
        lines->carried[i] = lines->carried[--lines->n_carried];
        return;
    }
}

void lines_forget_all(struct lines *lines, const char *worker)
{
    size_t kept = 0;
    for (size_t i = 0; i < lines->n_carried; i++)
        if (strcmp(lines->carried[i].worker, worker) != 0)
            lines->carried[kept++] = lines->carried[i];
    lines->n_carried = kept;
    struct line *line = find(lines, worker);
    if (line != NULL)
        line->n_waiting = 0; /* the answer to the hello names them */
}

/* ---- the comparison with the store */

static void inquiry_free(struct inquiry *inquiry)
{
    free(inquiry->open);
    free(inquiry->seen);
    free(inquiry);
}

static int add_open(struct inquiry *inquiry, const struct store_connection *rows, size_t count)
{
    int rc = mem_grow(&inquiry->open, &inquiry->cap, inquiry->count + count, ID_SIZE, CARRIED_MAX);
    for (size_t i = 0; i < count && rc == 0; i++)
        text_copy(inquiry->open[inquiry->count++], ID_SIZE, rows[i].id);
    return rc;
}

static void inquiry_work(struct workpool_job *job, void *thread_data)
{
    (void)thread_data;
    struct inquiry *inquiry = CONTAINER_OF(job, struct inquiry, job);
    struct store *store = inquiry->lines->broker->store;
    struct store_connection_filter filter = {.open_only = true};
    char after[ID_SIZE] = "";
    size_t count;
    do {
        struct store_connection *rows CLEANUP_FREE = NULL;
        struct store_page page = {.after = after};
        count = 0;
        inquiry->rc = store_connection_list(store, &filter, &page, &rows, &count, NULL);
        if (inquiry->rc == 0)
            inquiry->rc = add_open(inquiry, rows, count);
        if (inquiry->rc == 0 && count > 0)
            text_copy(after, sizeof(after), rows[count - 1].id);
    } while (inquiry->rc == 0 && count == STORE_PAGE_MAX);
    for (size_t i = 0; i < inquiry->n_seen && inquiry->rc == 0; i++)
        store_gateway_seen(store, inquiry->seen[i], clock_wall_ms(), NULL);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void drop_ended(struct lines *lines, const struct inquiry *inquiry)
{
    for (size_t i = 0; i < lines->n_carried;) {
        struct carried c = lines->carried[i];
        if (c.since_ms + SETTLE_MS > inquiry->began_ms ||
            (inquiry->count > 0 && bsearch(c.connection, inquiry->open, inquiry->count, ID_SIZE, by_text) != NULL))
            i++;
        else
            lines_drop(lines, c.worker, c.connection, "the session has ended"); /* takes it out of the list */
    }
}

static void inquired(struct workpool_job *job, int status)
{
    struct inquiry *inquiry = CONTAINER_OF(job, struct inquiry, job);
    struct lines *lines = inquiry->lines;
    lines->inquiry = NULL;
    if (status == 0 && inquiry->rc == 0) {
        if (inquiry->count > 0)
            qsort(inquiry->open, inquiry->count, ID_SIZE, by_text); /* the engines' orders may differ from strcmp's */
        drop_ended(lines, inquiry);
    }
    inquiry_free(inquiry);
}

static void note_seen(struct lines *lines, struct inquiry *inquiry)
{
    inquiry->seen = (char(*)[STORE_NAME_SIZE])mem_zalloc(lines->count + 1, STORE_NAME_SIZE);
    for (struct line *line = lines->first; line != NULL && inquiry->seen != NULL; line = line->next)
        if (line->req != NULL)
            text_copy(inquiry->seen[inquiry->n_seen++], STORE_NAME_SIZE, line->worker);
}

void lines_reconcile(struct lines *lines)
{
    int64_t now = clock_mono_ms();
    if (lines->inquiry != NULL || (lines->n_carried == 0 && now - lines->seen_ms < SEEN_MS))
        return;
    struct inquiry *inquiry = MEM_NEW(struct inquiry);
    if (inquiry == NULL)
        return;
    inquiry->lines = lines;
    inquiry->began_ms = now;
    if (now - lines->seen_ms >= SEEN_MS) {
        note_seen(lines, inquiry);
        lines->seen_ms = now;
    }
    inquiry->job = (struct workpool_job){.work = inquiry_work, .done = inquired, .deadline_ms = now + 5000};
    if (workpool_submit(lines->broker->store_work, &inquiry->job) != 0)
        inquiry_free(inquiry);
    else
        lines->inquiry = inquiry;
}

/* A worker that has been away for an hour will not come back under that name's last instance. */
static void forget_gone(struct lines *lines)
{
    int64_t before = clock_mono_ms() - GONE_DROP_MS;
    for (struct line **at = &lines->first; *at != NULL;) {
        struct line *line = *at;
        if (line->req != NULL || line->since_ms > before) {
            at = &line->next;
            continue;
        }
        *at = line->next;
        lines->count--;
        free(line);
    }
}

static void on_timer(void *arg)
{
    forget_gone(arg);
    lines_reconcile(arg);
}

int lines_new(struct broker *broker, struct lines **ret, struct error *reterr)
{
    struct lines *lines = MEM_NEW(struct lines);
    if (lines == NULL || (lines->timer = loop_timer_new(broker->loop, on_timer, lines)) == NULL) {
        free(lines);
        return err_set(reterr, ERR_NOMEM, "out of memory");
    }
    lines->broker = broker;
    loop_timer_start(lines->timer, (uint64_t)broker->conf.reconcile, (uint64_t)broker->conf.reconcile);
    *ret = lines;
    return 0;
}

void lines_free(struct lines *lines)
{
    if (lines == NULL)
        return;
    while (lines->first != NULL) {
        struct line *line = lines->first;
        lines->first = line->next;
        line_close(line);
        free(line);
    }
    loop_timer_free(lines->timer);
    free(lines->carried);
    free(lines);
}

size_t lines_count(const struct lines *lines)
{
    size_t count = 0;
    for (const struct line *line = lines->first; line != NULL; line = line->next)
        count += line->req != NULL;
    return count;
}
