#include "lib/net/tls.h"

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct tls_server {
    SSL_CTX *ctx;
    char *cert_file, *key_file, *client_ca_file;
    bool no_alpn;
    bool has_tickets;
    unsigned char tickets[TLS_TICKET_KEYS_SIZE];
};

struct tls_client {
    SSL_CTX *ctx;
    char *pin;
};

DEFINE_CLEANUP(SSL_CTX, SSL_CTX_free)

int tls_error(struct error *reterr, const char *what)
{
    unsigned long code = ERR_get_error();
    char reason[160] = "no reason given";
    if (code != 0)
        ERR_error_string_n(code, reason, sizeof(reason));
    ERR_clear_error();
    return err_set_lib(reterr, ERR_TLS, (long)code, "%s: %s", what, reason);
}

static int alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                       unsigned in_len, void *arg)
{
    static const unsigned char http11[] = "\x08http/1.1";
    (void)ssl;
    (void)arg;
    unsigned char *chosen = NULL;
    /* A client that offers only others gets no answer rather than an alert: RD Gateway clients offer odd lists. */
    if (SSL_select_next_proto(&chosen, out_len, http11, sizeof(http11) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_common(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}

static int load_pair(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct error *reterr)
{
    char what[300];
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
        snprintf(what, sizeof(what), "cannot use the certificate %s", cert_file);
        return tls_error(reterr, what);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
        snprintf(what, sizeof(what), "cannot use the key %s", key_file);
        return tls_error(reterr, what);
    }
    return 0;
}

static int load_client_ca(SSL_CTX *ctx, const char *file, struct error *reterr)
{
    char what[300];
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (names == NULL || SSL_CTX_load_verify_file(ctx, file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        snprintf(what, sizeof(what), "cannot use the CA file %s", file);
        return tls_error(reterr, what);
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

static int make_server_ctx(const struct tls_server *tls, SSL_CTX **ret_ctx, struct error *reterr)
{
    static const unsigned char session_context[] = "carrel";
    SSL_CTX *ctx CLEANUP(SSL_CTX_freep) = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL)
        return tls_error(reterr, "cannot make a TLS context");
    set_common(ctx);
    if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        return tls_error(reterr, "cannot choose TLS cipher suites");
    SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1);
    /* Sessions live in tickets only: any worker can resume them, none has to remember them. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (!tls->no_alpn)
        SSL_CTX_set_alpn_select_cb(ctx, alpn_select, NULL);
    int r = load_pair(ctx, tls->cert_file, tls->key_file, reterr);
    if (r == 0 && tls->client_ca_file != NULL)
        r = load_client_ca(ctx, tls->client_ca_file, reterr);
    if (r < 0)
        return r;
    if (tls->has_tickets && SSL_CTX_set_tlsext_ticket_keys(ctx, (void *)tls->tickets, TLS_TICKET_KEYS_SIZE) != 1)
        return tls_error(reterr, "cannot use the session ticket keys");
    *ret_ctx = TAKE_PTR(ctx);
    return 0;
}

int tls_server_new(const struct tls_server_options *options, struct tls_server **ret_tls, struct error *reterr)
{
    struct tls_server *tls = MEM_NEW(struct tls_server);
    if (tls == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a TLS context");
    tls->cert_file = mem_strdup(options->cert_file);
    tls->key_file = mem_strdup(options->key_file);
    if (options->client_ca_file != NULL)
        tls->client_ca_file = mem_strdup(options->client_ca_file);
    tls->no_alpn = options->no_alpn;
    int r = 0;
    if (tls->cert_file == NULL || tls->key_file == NULL ||
        (options->client_ca_file != NULL && tls->client_ca_file == NULL))
        r = err_set(reterr, ERR_NOMEM, "no memory for a TLS context");
    if (r == 0)
        r = make_server_ctx(tls, &tls->ctx, reterr);
    if (r < 0) {
        tls_server_free(tls);
        return r;
    }
    *ret_tls = tls;
    return 0;
}

void tls_server_free(struct tls_server *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    secret_wipe(tls->tickets, sizeof(tls->tickets));
    free(tls->cert_file);
    free(tls->key_file);
    free(tls->client_ca_file);
    free(tls);
}

int tls_server_reload(struct tls_server *tls, struct error *reterr)
{
    SSL_CTX *ctx = NULL;
    int r = make_server_ctx(tls, &ctx, reterr);
    if (r < 0)
        return r;
    SSL_CTX_free(tls->ctx);
    tls->ctx = ctx;
    return 0;
}

int tls_server_set_ticket_keys(struct tls_server *tls, const unsigned char keys[TLS_TICKET_KEYS_SIZE],
                               struct error *reterr)
{
    memcpy(tls->tickets, keys, TLS_TICKET_KEYS_SIZE);
    tls->has_tickets = true;
    if (SSL_CTX_set_tlsext_ticket_keys(tls->ctx, tls->tickets, TLS_TICKET_KEYS_SIZE) != 1)
        return tls_error(reterr, "cannot use the session ticket keys");
    return 0;
}

SSL_CTX *tls_server_ctx(struct tls_server *tls)
{
    return tls->ctx;
}

void tls_server_fingerprint(struct tls_server *tls, char ret_hex[TLS_FINGERPRINT_SIZE])
{
    ret_hex[0] = '\0';
    tls_fingerprint(SSL_CTX_get0_certificate(tls->ctx), ret_hex);
}

int tls_fingerprint(const X509 *cert, char ret_hex[TLS_FINGERPRINT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (cert == NULL || X509_digest(cert, EVP_sha256(), digest, &len) != 1 || len != 32)
        return ERR_TLS;
    text_hex(digest, len, ret_hex);
    return 0;
}

static int compare_pin(const X509 *cert, const char *pin, struct error *reterr)
{
    char hex[TLS_FINGERPRINT_SIZE];
    if (tls_fingerprint(cert, hex) < 0)
        return err_set(reterr, ERR_TLS, "the peer showed no certificate");
    if (strcasecmp(hex, pin) != 0)
        return err_set(reterr, ERR_CERT_MISMATCH, "the certificate is %s, expected was %.64s", hex, pin);
    return 0;
}

int tls_check_pin(const SSL *ssl, const char *pin_sha256, struct error *reterr)
{
    return compare_pin(SSL_get0_peer_certificate(ssl), pin_sha256, reterr);
}

/* In place of OpenSSL's chain verification: the pinned certificate needs no CA. */
static int verify_pinned(X509_STORE_CTX *store, void *pin)
{
    bool same = compare_pin(X509_STORE_CTX_get0_cert(store), pin, NULL) == 0;
    X509_STORE_CTX_set_error(store, same ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return same ? 1 : 0;
}

int tls_client_setup(SSL_CTX *ctx, const struct tls_client_options *options, struct error *reterr)
{
    char what[300];
    set_common(ctx);
    if (options->tls12_max)
        SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (options->pin_sha256 != NULL) {
        SSL_CTX_set_cert_verify_callback(ctx, verify_pinned, (void *)(uintptr_t)options->pin_sha256);
    } else if (options->ca_file != NULL && SSL_CTX_load_verify_file(ctx, options->ca_file) != 1) {
        snprintf(what, sizeof(what), "cannot use the CA file %s", options->ca_file);
        return tls_error(reterr, what);
    } else if (options->ca_file == NULL && SSL_CTX_set_default_verify_paths(ctx) != 1) {
        return tls_error(reterr, "cannot use the system's CA files");
    }
    if (options->cert_file != NULL)
        return load_pair(ctx, options->cert_file, options->key_file, reterr);
    return 0;
}

int tls_client_new(const struct tls_client_options *options, struct tls_client **ret_tls, struct error *reterr)
{
    struct tls_client *tls = MEM_NEW(struct tls_client);
    if (tls == NULL)
        return err_set(reterr, ERR_NOMEM, "no memory for a TLS context");
    struct tls_client_options own = *options;
    int r = 0;
    if (options->pin_sha256 != NULL && (tls->pin = mem_strdup(options->pin_sha256)) == NULL)
        r = err_set(reterr, ERR_NOMEM, "no memory for a TLS context");
    own.pin_sha256 = tls->pin;
    if (r == 0 && (tls->ctx = SSL_CTX_new(TLS_client_method())) == NULL)
        r = tls_error(reterr, "cannot make a TLS context");
    if (r == 0)
        r = tls_client_setup(tls->ctx, &own, reterr);
    if (r < 0) {
        tls_client_free(tls);
        return r;
    }
    *ret_tls = tls;
    return 0;
}

void tls_client_free(struct tls_client *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls->pin);
    free(tls);
}

SSL_CTX *tls_client_ctx(struct tls_client *tls)
{
    return tls->ctx;
}
