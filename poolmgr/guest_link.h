/* The conversation with one desktop's guest helper over its virtio-serial channel.
 *
 * carrel-poolmgr. Loop thread, except guest_link_channel_handlers, whose functions the hypervisor library calls in its
 * event thread: they copy bytes into a bounded inbox and wake the loop. What a guest says is hostile: bytes, lines,
 * messages per second and questions under way are bounded, and who breaks a bound or the protocol loses the channel. A
 * link only ever speaks for its own desktop: no message names another.
 *
 * Life: guest_link_new → virt_channel_open (worker, arg = the link) → guest_link_opened → … → guest_link_detach →
 * virt_channel_close (worker) → guest_link_free. */
#ifndef POOLMGR_GUEST_LINK_H
#define POOLMGR_GUEST_LINK_H

#include "lib/net/loop.h"
#include "lib/proto/guest.h"
#include "lib/virt/virt.h"

struct guest_link;

struct guest_link_events {
    /* The guest told who it is, unasked or in answer to hello. */
    void (*up)(void *arg, const struct guest_identity *identity);
    void (*logon)(void *arg, const char *user);
    void (*logoff)(void *arg, const char *user);
    /* Once: the channel is gone, or the guest misbehaved and is no longer listened to. The owner detaches. */
    void (*lost)(void *arg, const char *why, bool misbehaved);
};

/* The answer to a question, once per guest_link_ask that returned 0. code: 0 (`answer` is set), ERR_GUEST (refused, why
 * in `e`), ERR_TIMEOUT, ERR_CLOSED. */
typedef void guest_link_answer_fn(void *arg, int code, const struct guest_message *answer, const struct error *e);

/* NULL when memory is out. `events` is borrowed as long as the link lives. */
struct guest_link *guest_link_new(struct loop *loop, const struct guest_link_events *events, void *arg);
/* For virt_channel_open, with the link as arg. */
extern const struct virt_channel_handlers guest_link_channel_handlers;
/* The channel is open; take_channel is the link's until guest_link_detach. Asks the guest who it is. */
void guest_link_opened(struct guest_link *link, struct virt_channel *take_channel);
bool guest_link_is_open(const struct guest_link *link);

/* Ask; request->id is filled in here. Errors (answer is not called then): ERR_CLOSED, ERR_BUSY (too many questions
 * under way, or the guest does not read), ERR_INVALID, ERR_NOMEM. */
int guest_link_ask(struct guest_link *link, struct guest_request *request, uint32_t deadline_ms,
                   guest_link_answer_fn *answer, void *arg, struct error *reterr);

/* No more events; questions under way are answered with ERR_CLOSED. The channel, or NULL, is the caller's, to be closed
 * on a worker thread before guest_link_free. */
struct virt_channel *guest_link_detach(struct guest_link *link);
/* After detach and the channel's end. NULL is fine. */
void guest_link_free(struct guest_link *link);

#endif
