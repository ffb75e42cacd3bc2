/* Begin TLS on a connection whose first packets went in clear. Worker's loop thread. */
#ifndef CARREL_GATEWAY_RDP_SECURE_H
#define CARREL_GATEWAY_RDP_SECURE_H

#include "lib/net/stream.h"

/* Replaces the plain `*stream` by one that speaks TLS on the same connection; nothing may have been read ahead of the
 * handshake. On failure `*stream` is as it was. Errors: ERR_IO, ERR_NOMEM, ERR_TLS. */
int secure_begin(struct loop *loop, struct stream **stream, SSL_CTX *tls, bool server, struct error *reterr);
/* A step of the handshake: 0 = done; ERR_AGAIN: the stream was told what to watch for; ERR_TLS, ERR_IO, ERR_CLOSED. */
int secure_step(struct stream *stream, struct error *reterr);

#endif
