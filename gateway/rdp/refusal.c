#include "gateway/rdp/refusal.h"

#include "gateway/rdp/secure.h"
#include "lib/base/mem.h"
#include "lib/proto/mcs.h"
#include "lib/proto/x224.h"

#include <string.h>

#define SEQUENCE_MS 10000 /* TLS and the connection sequence */
#define LINGER_MS   2000  /* until the client has read the reason and hung up */

enum stage { STAGE_TLS, STAGE_SEQUENCE, STAGE_LINGER };

struct refusal {
    struct refusal_options options;
    struct stream *client;
    struct loop_timer *timer;
    enum stage stage;
    size_t have;
    uint8_t data[MCS_PACKET_MAX];
};

void refusal_free(struct refusal *refusal)
{
    if (refusal == NULL)
        return;
    stream_free(refusal->client);
    loop_timer_free(refusal->timer);
    free(refusal);
}

static void over(void *arg)
{
    struct refusal *refusal = arg;
    stream_free(refusal->client);
    refusal->client = NULL;
    loop_timer_stop(refusal->timer);
    refusal->options.on_end(refusal, refusal->options.arg);
}

/* Answers are far smaller than any socket buffer: one that does not go out at once is a client not worth waiting for.
 */
static int say(struct refusal *refusal, const uint8_t *data, size_t len)
{
    size_t n = 0;
    int r = stream_write(refusal->client, data, len, &n, NULL);
    return r == 0 && n == len ? 0 : ERR_CLOSED;
}

/* Everything in one record, then only wait: closing with unread bytes would reset the connection under the reason. */
static int say_reason(struct refusal *refusal)
{
    uint8_t out[3 * MCS_ANSWER_MAX];
    size_t len = mcs_write_license(out);
    len += mcs_write_set_error_info(refusal->options.errinfo, out + len);
    len += mcs_write_disconnect(out + len);
    refusal->stage = STAGE_LINGER;
    loop_timer_start(refusal->timer, LINGER_MS, 0);
    return say(refusal, out, len);
}

static int answer(struct refusal *refusal, const struct mcs_packet *packet)
{
    uint8_t out[MCS_ANSWER_MAX];
    switch (packet->kind) {
    case MCS_CONNECT_INITIAL:
        return say(refusal, out, mcs_write_connect_response(packet->channels, refusal->options.protocols, out));
    case MCS_ATTACH_USER:
        return say(refusal, out, mcs_write_attach_user_confirm(out));
    case MCS_CHANNEL_JOIN:
        return say(refusal, out, mcs_write_channel_join_confirm(packet->channel, out));
    case MCS_SEND_DATA:
        return say_reason(refusal);
    case MCS_ERECT_DOMAIN:
        return 0;
    case MCS_DISCONNECT:
    default:
        return ERR_CLOSED;
    }
}

static int answer_all(struct refusal *refusal)
{
    while (refusal->stage == STAGE_SEQUENCE) {
        struct mcs_packet packet;
        int r = mcs_parse(refusal->data, refusal->have, &packet, NULL);
        if (r == ERR_AGAIN)
            return refusal->have == sizeof(refusal->data) ? ERR_TOO_BIG : 0;
        if (r == 0)
            r = answer(refusal, &packet);
        if (r < 0)
            return r;
        if (refusal->stage != STAGE_SEQUENCE)
            return 0;
        refusal->have -= packet.length;
        memmove(refusal->data, refusal->data + packet.length, refusal->have);
    }
    return 0;
}

static int read_some(struct refusal *refusal)
{
    size_t n = 0;
    if (refusal->stage == STAGE_LINGER)
        refusal->have = 0;
    int r =
        stream_read(refusal->client, refusal->data + refusal->have, sizeof(refusal->data) - refusal->have, &n, NULL);
    if (r < 0)
        return r;
    refusal->have += n;
    return answer_all(refusal);
}

static void on_client(struct stream *s, unsigned events, void *arg)
{
    struct refusal *refusal = arg;
    (void)s;
    (void)events;
    int r = 0;
    if (refusal->stage == STAGE_TLS) {
        r = secure_step(refusal->client, NULL);
        if (r == 0)
            refusal->stage = STAGE_SEQUENCE;
    }
    for (int rounds = 0; r == 0 && rounds < 16; rounds++)
        r = read_some(refusal);
    if (r < 0 && r != ERR_AGAIN)
        over(refusal);
    else if (refusal->stage != STAGE_TLS)
        stream_watch(refusal->client, STREAM_READABLE);
}

/* Answer the Connection Request. 0: TLS comes next. */
static int confirm(struct refusal *refusal)
{
    uint8_t out[X224_ANSWER_SIZE];
    if (!(refusal->options.protocols & X224_PROTOCOL_SSL)) {
        say(refusal, out, x224_failure_write(X224_FAILURE_SSL_REQUIRED, out));
        return ERR_UNSUPPORTED;
    }
    int r = say(refusal, out, x224_confirm_write(X224_PROTOCOL_SSL, out));
    return r < 0 ? r : secure_begin(refusal->options.loop, &refusal->client, refusal->options.tls, true, NULL);
}

static void start(struct refusal *refusal)
{
    bool confirmed = stream_is_tls(refusal->client) || confirm(refusal) == 0;
    refusal->stage = STAGE_LINGER;
    if (confirmed)
        refusal->stage = SSL_is_init_finished(stream_ssl(refusal->client)) ? STAGE_SEQUENCE : STAGE_TLS;
    stream_set_handler(refusal->client, on_client, refusal);
    stream_watch(refusal->client, STREAM_READABLE);
    loop_timer_start(refusal->timer, confirmed ? SEQUENCE_MS : LINGER_MS, 0);
}

int refusal_new(const struct refusal_options *options, struct stream *take_client, struct refusal **ret_refusal,
                struct error *reterr)
{
    struct refusal *refusal = MEM_NEW(struct refusal);
    struct loop_timer *timer = refusal != NULL ? loop_timer_new(options->loop, over, refusal) : NULL;
    if (timer == NULL) {
        free(refusal);
        stream_free(take_client);
        return err_set(reterr, ERR_NOMEM, "no memory to refuse a client");
    }
    refusal->options = *options;
    refusal->client = take_client;
    refusal->timer = timer;
    start(refusal);
    *ret_refusal = refusal;
    return 0;
}
