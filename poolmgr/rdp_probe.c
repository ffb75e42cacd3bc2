#include "poolmgr/rdp_probe.h"

#include "lib/base/mem.h"

#include <string.h>

#define TPKT_SIZE         4
#define CONFIRM_SIZE      7 /* length indicator, code, two references, class */
#define NEGOTIATION_SIZE  8
#define CODE_CONFIRM      0xd0
#define TYPE_RESPONSE     2
#define TYPE_FAILURE      3
#define PROTOCOL_SSL      1u
#define PROTOCOL_HYBRID   2u
#define PROTOCOL_HYBRIDEX 8u

struct rdp_probe {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_write_t write;
    rdp_probe_done_fn *done; /* NULL once called or cancelled */
    void *arg;
    size_t size;      /* bytes of the answer so far */
    unsigned handles; /* open ones; the probe is freed with the last */
    uint8_t answer[RDP_PROBE_ANSWER_MAX];
};

/* Asks for TLS or CredSSP, so that the answer tells what the desktop speaks. */
static const uint8_t request[RDP_PROBE_REQUEST_SIZE] = {
    3, 0, 0, RDP_PROBE_REQUEST_SIZE, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, PROTOCOL_SSL | PROTOCOL_HYBRID, 0, 0, 0};

static uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The optional negotiation part: a refusal of TLS and CredSSP means that the server speaks RDP's own security. */
static int parse_negotiation(const uint8_t *part, enum rdp_probe_security *ret_security)
{
    uint32_t value = little32(part + 4);

    if (part[2] != NEGOTIATION_SIZE || part[3] != 0)
        return ERR_PROTOCOL;
    if (part[0] == TYPE_FAILURE)
        *ret_security = RDP_PROBE_STANDARD;
    else if (part[0] == TYPE_RESPONSE && (value & (PROTOCOL_HYBRID | PROTOCOL_HYBRIDEX)))
        *ret_security = RDP_PROBE_NLA;
    else if (part[0] == TYPE_RESPONSE && value <= PROTOCOL_SSL)
        *ret_security = value ? RDP_PROBE_TLS : RDP_PROBE_STANDARD;
    else
        return ERR_PROTOCOL;
    return 0;
}

int rdp_probe_parse(const uint8_t *bytes, size_t size, enum rdp_probe_security *ret_security)
{
    if (size && bytes[0] != 3)
        return ERR_PROTOCOL;
    if (size < TPKT_SIZE)
        return ERR_AGAIN;
    size_t length = (size_t)bytes[2] << 8 | bytes[3];
    if (length != TPKT_SIZE + CONFIRM_SIZE && length != TPKT_SIZE + CONFIRM_SIZE + NEGOTIATION_SIZE)
        return ERR_PROTOCOL;
    if (size < length)
        return ERR_AGAIN;
    if (bytes[4] != length - TPKT_SIZE - 1 || bytes[5] != CODE_CONFIRM)
        return ERR_PROTOCOL;
    if (length == TPKT_SIZE + CONFIRM_SIZE) {
        *ret_security = RDP_PROBE_STANDARD;
        return 0;
    }
    return parse_negotiation(bytes + TPKT_SIZE + CONFIRM_SIZE, ret_security);
}

static void on_closed(uv_handle_t *handle)
{
    struct rdp_probe *probe = handle->data;

    if (!--probe->handles)
        free(probe);
}

static void close_handles(struct rdp_probe *probe)
{
    if (!uv_is_closing((uv_handle_t *)&probe->tcp))
        uv_close((uv_handle_t *)&probe->tcp, on_closed);
    if (!uv_is_closing((uv_handle_t *)&probe->timer))
        uv_close((uv_handle_t *)&probe->timer, on_closed);
}

static void finish(struct rdp_probe *probe, int code, enum rdp_probe_security security)
{
    rdp_probe_done_fn *done = TAKE_PTR(probe->done);

    close_handles(probe);
    if (done)
        done(code, security, probe->arg);
}

void rdp_probe_cancel(struct rdp_probe *probe)
{
    probe->done = NULL;
    close_handles(probe);
}

static void on_timer(uv_timer_t *timer)
{
    finish(timer->data, ERR_TIMEOUT, RDP_PROBE_STANDARD);
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct rdp_probe *probe = handle->data;

    (void)suggested;
    *buffer = uv_buf_init((char *)probe->answer + probe->size, (unsigned)(sizeof probe->answer - probe->size));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct rdp_probe *probe = stream->data;
    enum rdp_probe_security security = RDP_PROBE_STANDARD;

    (void)buffer;
    if (count == 0)
        return;
    if (count < 0) {
        finish(probe, ERR_CLOSED, security);
        return;
    }
    probe->size += (size_t)count;
    int r = rdp_probe_parse(probe->answer, probe->size, &security);
    /* The longest answer is shorter than the room, so ERR_AGAIN never meets a full buffer. */
    if (r != ERR_AGAIN)
        finish(probe, r, security);
}

static void on_written(uv_write_t *write, int status)
{
    if (status && status != UV_ECANCELED)
        finish(write->data, ERR_CLOSED, RDP_PROBE_STANDARD);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct rdp_probe *probe = connect->data;
    uv_buf_t buffer = uv_buf_init((char *)request, sizeof request);

    if (status == UV_ECANCELED)
        return;
    if (status || uv_write(&probe->write, (uv_stream_t *)&probe->tcp, &buffer, 1, on_written) ||
        uv_read_start((uv_stream_t *)&probe->tcp, give_room, on_read))
        finish(probe, ERR_UNREACHABLE, RDP_PROBE_STANDARD);
}

static int parse_address(const char *address, uint16_t port, struct sockaddr_storage *ret)
{
    if (!uv_ip4_addr(address, port, (struct sockaddr_in *)ret))
        return 0;
    return uv_ip6_addr(address, port, (struct sockaddr_in6 *)ret) ? ERR_INVALID : 0;
}

int rdp_probe_start(uv_loop_t *loop, const char *address, uint16_t port, uint32_t deadline_ms, rdp_probe_done_fn *done,
                    void *arg, struct rdp_probe **ret_probe, struct error *reterr)
{
    struct sockaddr_storage where = {0};

    if (parse_address(address, port, &where))
        return err_set(reterr, ERR_INVALID, "the desktop's address is not an IP address");
    struct rdp_probe *probe = MEM_NEW(struct rdp_probe);
    if (!probe)
        return err_set(reterr, ERR_NOMEM, "no memory to probe a desktop");
    probe->arg = arg;
    probe->tcp.data = probe->timer.data = probe->connect.data = probe->write.data = probe;
    uv_timer_init(loop, &probe->timer);
    uv_tcp_init(loop, &probe->tcp);
    probe->handles = 2;
    int r = uv_tcp_connect(&probe->connect, &probe->tcp, (const struct sockaddr *)&where, on_connected);
    if (!r)
        r = uv_timer_start(&probe->timer, on_timer, deadline_ms, 0);
    if (r) {
        close_handles(probe);
        return err_set(reterr, ERR_IO, "no connection for the probe: %s", uv_strerror(r));
    }
    probe->done = done;
    *ret_probe = probe;
    return 0;
}
