/* TLS contexts and certificates (OpenSSL). Any daemon; loop's thread, the pure functions any thread.
 *
 * Minimum TLS 1.2, forward-secret AEAD suites only, no compression, no renegotiation. ALPN offers http/1.1 only. */
#ifndef CARREL_NET_TLS_H
#define CARREL_NET_TLS_H

#include "lib/base/err.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

/* Session ticket key material, the same bytes in every worker (OpenSSL: 16 name, 32 cipher, 32 MAC). */
#define TLS_TICKET_KEYS_SIZE 80
/* Lower-case hexadecimal SHA-256 of a certificate's DER, with its NUL. */
#define TLS_FINGERPRINT_SIZE 65

struct tls_server;
struct tls_client;

struct tls_server_options {
    const char *cert_file;      /* PEM, leaf first, then its chain */
    const char *key_file;       /* PEM */
    const char *client_ca_file; /* NULL = no client certificates; else they are demanded and verified against it */
    bool no_alpn;               /* true for RDP, where the client offers none */
};

/* ret_tls: free with tls_server_free. Errors: ERR_TLS (a file is missing, unreadable or the key does not fit; text
 * names the file), ERR_NOMEM. */
int tls_server_new(const struct tls_server_options *options, struct tls_server **ret_tls, struct error *reterr);
void tls_server_free(struct tls_server *tls);
/* Read the files again. Connections that exist keep what they have; on failure everything stays as it was. */
int tls_server_reload(struct tls_server *tls, struct error *reterr);
/* Before the first connection and again after rotation. Kept over reloads. Generate them once, in the supervisor. */
int tls_server_set_ticket_keys(struct tls_server *tls, const unsigned char keys[TLS_TICKET_KEYS_SIZE],
                               struct error *reterr);
/* Borrowed until the next reload; SSL_new takes its own reference. */
SSL_CTX *tls_server_ctx(struct tls_server *tls);
/* Fingerprint of the certificate in use. */
void tls_server_fingerprint(struct tls_server *tls, char ret_hex[TLS_FINGERPRINT_SIZE]);

struct tls_client_options {
    const char *ca_file; /* verify the chain and the host name against it; NULL = see pin_sha256, else the system's */
    const char *pin_sha256; /* hexadecimal; when set the leaf must be this very certificate and no CA is asked */
    const char *cert_file;  /* own certificate and key, or NULL */
    const char *key_file;
    bool tls12_max; /* peers that break on 1.3 (old xrdp) */
};
int tls_client_new(const struct tls_client_options *options, struct tls_client **ret_tls, struct error *reterr);
void tls_client_free(struct tls_client *tls);
SSL_CTX *tls_client_ctx(struct tls_client *tls);
/* Put options on a context that a library made (libcurl). `pin_sha256` must outlive the context. */
int tls_client_setup(SSL_CTX *ctx, const struct tls_client_options *options, struct error *reterr);

/* Hexadecimal SHA-256 of the DER. ERR_TLS when it cannot be encoded. */
int tls_fingerprint(const X509 *cert, char ret_hex[TLS_FINGERPRINT_SIZE]);
/* The peer's certificate against a pin. ERR_CERT_MISMATCH (text says both), ERR_TLS (the peer showed none). */
int tls_check_pin(const SSL *ssl, const char *pin_sha256, struct error *reterr);
/* Empties OpenSSL's queue of this thread into reterr, "what: reason". Returns ERR_TLS. */
int tls_error(struct error *reterr, const char *what);

#endif
