#include "poolmgr/guest_link.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define INBOX_MAX     (size_t)(4 * GUEST_LINE_MAX) /* unread bytes of one guest */
#define QUESTIONS_MAX 8
#define HELLO_MS      3000 /* asked again as long as the helper has not started */
#define TALK_BURST    200  /* messages at once … */
#define TALK_PER_S    20   /* … and in the long run */

struct question {
    int64_t id; /* 0 = free */
    int64_t deadline_ms;
    guest_link_answer_fn *answer;
    void *arg;
};

struct guest_link {
    struct loop *loop;
    const struct guest_link_events *events; /* NULL once lost or detached */
    void *arg;
    struct virt_channel *channel;
    struct loop_timer *timer;
    struct guest_lines lines;
    struct question questions[QUESTIONS_MAX];
    int64_t last_id;
    int64_t talk_ms;  /* when `talk` was last filled up */
    int64_t talk;     /* thousandths of messages that it may still send */
    int64_t hello_ms; /* when it is asked again who it is; 0 = it told */

    struct loop_task task;
    pthread_mutex_t lock; /* of what follows, written in the event thread */
    struct buf inbox;
    bool flooded;
    bool closed;
    char why[160];
};

static void on_data(void *arg, const void *data, size_t len)
{
    struct guest_link *link = arg;

    pthread_mutex_lock(&link->lock);
    if (buf_append(&link->inbox, data, len))
        link->flooded = true;
    pthread_mutex_unlock(&link->lock);
    loop_post(link->loop, &link->task);
}

static void on_channel_closed(void *arg, const struct error *why)
{
    struct guest_link *link = arg;

    pthread_mutex_lock(&link->lock);
    link->closed = true;
    snprintf(link->why, sizeof link->why, "%s", why ? err_message(why) : "the channel was closed");
    pthread_mutex_unlock(&link->lock);
    loop_post(link->loop, &link->task);
}

const struct virt_channel_handlers guest_link_channel_handlers = {.data = on_data, .closed = on_channel_closed};

/* ---- loop thread */

static void set_timer(struct guest_link *link)
{
    int64_t next = link->hello_ms, now = clock_mono_ms();

    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        if (link->questions[i].id && (!next || link->questions[i].deadline_ms < next))
            next = link->questions[i].deadline_ms;
    if (next)
        loop_timer_start(link->timer, next > now ? (uint64_t)(next - now) : 1, 0);
    else
        loop_timer_stop(link->timer);
}

static void answer(struct guest_link *link, struct question *q, int code, const struct guest_message *message,
                   const char *text)
{
    struct question done = *q;
    struct error e = {0};

    q->id = 0;
    if (code)
        err_set(&e, code, "%s", text);
    set_timer(link);
    if (done.answer)
        done.answer(done.arg, code, message, &e);
}

static void close_questions(struct guest_link *link, const char *why)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        if (link->questions[i].id)
            answer(link, &link->questions[i], ERR_CLOSED, NULL, why);
}

static void lose(struct guest_link *link, const char *why, bool misbehaved)
{
    const struct guest_link_events *events = TAKE_PTR(link->events);

    link->hello_ms = 0;
    loop_timer_stop(link->timer);
    close_questions(link, why);
    if (events)
        events->lost(link->arg, why, misbehaved);
}

static int send_request(struct guest_link *link, struct guest_request *request, struct error *reterr)
{
    struct buf line;

    request->id = ++link->last_id;
    buf_init(&line, GUEST_LINE_MAX + 1);
    int r = guest_request_encode(request, &line);
    if (r)
        err_set(reterr, r, "the question to the guest helper is not valid");
    else
        r = virt_channel_send(link->channel, line.data, line.len, reterr);
    if (line.data)
        secret_wipe(line.data, line.len);
    buf_done(&line);
    return r;
}

static void say_hello(struct guest_link *link)
{
    struct guest_request hello = {.cmd = GUEST_CMD_HELLO};

    send_request(link, &hello, NULL);
    link->hello_ms = clock_mono_ms() + HELLO_MS;
    set_timer(link);
}

static void on_timer(void *arg)
{
    struct guest_link *link = arg;
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < QUESTIONS_MAX; i++) {
        struct question *q = &link->questions[i];
        if (q->id && now >= q->deadline_ms) {
            answer(link, q, ERR_TIMEOUT, NULL, "the guest helper did not answer in time");
            if (!link->events)
                return;
        }
    }
    if (link->hello_ms && now >= link->hello_ms)
        say_hello(link);
    else
        set_timer(link);
}

static struct question *find_question(struct guest_link *link, int64_t id)
{
    for (size_t i = 0; i < QUESTIONS_MAX; i++)
        if (link->questions[i].id == id)
            return &link->questions[i];
    return NULL;
}

static void take_answer(struct guest_link *link, const struct guest_message *message)
{
    struct question *q = message->id ? find_question(link, message->id) : NULL;

    /* The answer to hello has no question: whoever asks for identity gets the event. Late answers are passed over. */
    if (message->has_identity && message->kind == GUEST_MESSAGE_ANSWER) {
        link->hello_ms = 0;
        set_timer(link);
        link->events->up(link->arg, &message->identity);
    } else if (q && message->kind == GUEST_MESSAGE_ANSWER) {
        answer(link, q, 0, message, NULL);
    } else if (q) {
        answer(link, q, ERR_GUEST, message, message->error[0] ? message->error : "the guest helper refused");
    }
}

static void take_message(struct guest_link *link, const struct guest_message *message)
{
    switch (message->kind) {
    case GUEST_MESSAGE_ANSWER:
    case GUEST_MESSAGE_REFUSAL:
        take_answer(link, message);
        break;
    case GUEST_MESSAGE_UP:
        link->hello_ms = 0;
        set_timer(link);
        link->events->up(link->arg, &message->identity);
        break;
    case GUEST_MESSAGE_LOGON:
        link->events->logon(link->arg, message->user);
        break;
    case GUEST_MESSAGE_LOGOFF:
        link->events->logoff(link->arg, message->user);
        break;
    }
}

/* Whether it may say one more thing now. */
static bool may_talk(struct guest_link *link)
{
    int64_t now = clock_mono_ms();

    link->talk += (now - link->talk_ms) * TALK_PER_S;
    link->talk_ms = now;
    if (link->talk > TALK_BURST * 1000)
        link->talk = TALK_BURST * 1000;
    link->talk -= 1000;
    return link->talk >= 0;
}

static void take_line(struct guest_link *link, const char *line, size_t len)
{
    struct guest_message message;
    struct error e = {0};

    if (!may_talk(link)) {
        lose(link, "it sends more messages than a helper ever has to say", true);
        return;
    }
    int r = guest_message_decode(line, len, &message, &e);
    if (!r)
        take_message(link, &message);
    else if (r != ERR_UNSUPPORTED) /* events of a later version are passed over */
        lose(link, err_message(&e), true);
}

static void take_lines(struct guest_link *link)
{
    const char *line;
    size_t len;
    int r = 0;

    while (link->events && r != ERR_AGAIN) {
        r = guest_lines_next(&link->lines, &line, &len);
        if (r == 0)
            take_line(link, line, len);
        else if (r != ERR_AGAIN)
            lose(link, "a line is longer than the protocol allows", true);
    }
}

static void feed(struct guest_link *link, const char *data, size_t len)
{
    while (len && link->events) {
        long n = guest_lines_feed(&link->lines, data, len);
        if (n < 0) {
            lose(link, "out of memory", false);
            return;
        }
        data += n;
        len -= (size_t)n;
        take_lines(link);
    }
}

static void on_task(struct loop_task *task)
{
    struct guest_link *link = CONTAINER_OF(task, struct guest_link, task);
    struct buf inbox;
    char why[sizeof link->why];

    if (!link->channel)
        return; /* heard before its owner knows that it is open: guest_link_opened posts this again */
    pthread_mutex_lock(&link->lock);
    inbox = link->inbox;
    buf_init(&link->inbox, INBOX_MAX);
    bool flooded = link->flooded, closed = link->closed;
    memcpy(why, link->why, sizeof why);
    pthread_mutex_unlock(&link->lock);
    feed(link, inbox.data, inbox.len);
    if (inbox.data)
        secret_wipe(inbox.data, inbox.len);
    buf_done(&inbox);
    if (link->events && (flooded || closed))
        lose(link, flooded ? "it floods its channel" : why, flooded);
}

struct guest_link *guest_link_new(struct loop *loop, const struct guest_link_events *events, void *arg)
{
    struct guest_link *link = MEM_NEW(struct guest_link);

    if (!link)
        return NULL;
    link->timer = loop_timer_new(loop, on_timer, link);
    if (!link->timer) {
        free(link);
        return NULL;
    }
    link->loop = loop;
    link->events = events;
    link->arg = arg;
    link->task.run = on_task;
    link->talk_ms = clock_mono_ms();
    link->talk = TALK_BURST * 1000;
    pthread_mutex_init(&link->lock, NULL);
    guest_lines_init(&link->lines);
    buf_init(&link->inbox, INBOX_MAX);
    return link;
}

void guest_link_opened(struct guest_link *link, struct virt_channel *take_channel)
{
    link->channel = take_channel;
    if (link->events)
        say_hello(link);
    loop_post(link->loop, &link->task);
}

bool guest_link_is_open(const struct guest_link *link)
{
    return link->channel && link->events;
}

int guest_link_ask(struct guest_link *link, struct guest_request *request, uint32_t deadline_ms,
                   guest_link_answer_fn *answer_fn, void *arg, struct error *reterr)
{
    if (!guest_link_is_open(link))
        return err_set(reterr, ERR_CLOSED, "the guest helper's channel is not open");
    struct question *q = find_question(link, 0);
    if (!q)
        return err_set(reterr, ERR_BUSY, "too many questions to this guest helper are under way");
    int r = send_request(link, request, reterr);
    if (r)
        return r;
    *q = (struct question){request->id, clock_mono_ms() + deadline_ms, answer_fn, arg};
    set_timer(link);
    return 0;
}

struct virt_channel *guest_link_detach(struct guest_link *link)
{
    link->events = NULL;
    link->hello_ms = 0;
    loop_timer_stop(link->timer);
    close_questions(link, "the guest helper's channel was closed");
    return TAKE_PTR(link->channel);
}

void guest_link_free(struct guest_link *link)
{
    if (!link)
        return;
    loop_unpost(link->loop, &link->task);
    loop_timer_free(link->timer);
    guest_lines_done(&link->lines);
    buf_done(&link->inbox);
    pthread_mutex_destroy(&link->lock);
    free(link);
}
