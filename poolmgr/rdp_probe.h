/* Does an RDP server answer there? One connection, one X.224 Connection Request, one answer, closed.
 *
 * carrel-poolmgr, loop thread only. *Ready* of a desktop means that this probe succeeded. The answer comes from a guest
 * and is hostile: at most RDP_PROBE_ANSWER_MAX bytes are read, and only a well-formed Connection Confirm counts.
 * Source: [MS-RDPBCGR] 2.2.1.1 and 2.2.1.2 (request, confirm, negotiation failure), RFC 1006 section 6 (TPKT). */
#ifndef POOLMGR_RDP_PROBE_H
#define POOLMGR_RDP_PROBE_H

#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define RDP_PROBE_REQUEST_SIZE 19
#define RDP_PROBE_ANSWER_MAX   64

enum rdp_probe_security {
    RDP_PROBE_STANDARD, /* RDP's own encryption only */
    RDP_PROBE_TLS,
    RDP_PROBE_NLA /* CredSSP */
};

struct rdp_probe;

/* Called once, on the loop. `code`: 0 (then `security` is what the server chose), ERR_UNREACHABLE (nothing listens),
 * ERR_TIMEOUT, ERR_PROTOCOL (something that is not RDP), ERR_CLOSED (closed without an answer). The probe is gone
 * afterwards. */
typedef void rdp_probe_done_fn(int code, enum rdp_probe_security security, void *arg);

/* Probe `address` (IPv4 or IPv6 literal) and `port`; `deadline_ms` covers connecting and the answer.
 * ret_probe: valid until `done` is called; untouched on failure, and then `done` is never called.
 * Errors: ERR_INVALID (not an address), ERR_NOMEM, ERR_IO (no socket). */
int rdp_probe_start(uv_loop_t *loop, const char *address, uint16_t port, uint32_t deadline_ms, rdp_probe_done_fn *done,
                    void *arg, struct rdp_probe **ret_probe, struct error *reterr);

/* Stop without calling `done`. */
void rdp_probe_cancel(struct rdp_probe *probe);

/* Pure: judge the first `size` bytes of an answer. 0, ERR_AGAIN (more bytes are needed), ERR_PROTOCOL. */
int rdp_probe_parse(const uint8_t *bytes, size_t size, enum rdp_probe_security *ret_security);

#endif
