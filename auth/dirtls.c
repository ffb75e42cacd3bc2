#include "auth/dirtls.h"

#include "lib/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdbool.h>

static int library_error(int code, const char *what, struct error *reterr)
{
    unsigned long why = ERR_get_error();
    const char *reason = why ? ERR_reason_error_string(why) : NULL;
    ERR_clear_error();
    return err_set_lib(reterr, code, (long)why, "%s: %s", what, reason ? reason : "the connection was cut");
}

int dirtls_context(const char *ca_file, SSL_CTX **ret, struct error *reterr)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int rc = *ca_file ? SSL_CTX_load_verify_file(context, ca_file) : SSL_CTX_set_default_verify_paths(context);
    if (rc != 1) {
        SSL_CTX_free(context);
        return library_error(ERR_CONFIG, *ca_file ? ca_file : "the system's certificate authorities", reterr);
    }
    *ret = context;
    return 0;
}

/* Waits for what the last call on the SSL object wanted. 0, or an errno. */
static int wait_wanted(struct dirtls *tls, SSL *ssl, int result)
{
    int wanted = SSL_get_error(ssl, result);
    if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE)
        return ECONNRESET;
    struct pollfd wait = {.fd = tls->fd, .events = wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT};
    for (;;) {
        int64_t left = tls->deadline_ms - clock_mono_ms();
        int rc = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (rc > 0)
            return 0;
        if (rc == 0)
            return ETIMEDOUT;
        if (errno != EINTR)
            return errno;
    }
}

static int on_setup(Sockbuf_IO_Desc *layer, void *arg)
{
    layer->sbiod_pvt = arg;
    return 0;
}

static int on_remove(Sockbuf_IO_Desc *layer)
{
    struct dirtls *tls = layer->sbiod_pvt;
    SSL_free(tls->ssl);
    tls->ssl = NULL;
    return 0;
}

static int on_control(Sockbuf_IO_Desc *layer, int option, void *arg)
{
    struct dirtls *tls = layer->sbiod_pvt;
    if (option == LBER_SB_OPT_DATA_READY && SSL_pending(tls->ssl) > 0)
        return 1;
    return LBER_SBIOD_CTRL_NEXT(layer, option, arg);
}

static ber_slen_t on_read(Sockbuf_IO_Desc *layer, void *data, ber_len_t len)
{
    struct dirtls *tls = layer->sbiod_pvt;
    for (;;) {
        ERR_clear_error();
        int got = SSL_read(tls->ssl, data, (int)(len < INT32_MAX ? len : INT32_MAX));
        if (got > 0)
            return got;
        if (SSL_get_error(tls->ssl, got) == SSL_ERROR_ZERO_RETURN)
            return 0;
        int error = wait_wanted(tls, tls->ssl, got);
        if (error != 0) {
            errno = error;
            return -1;
        }
    }
}

static ber_slen_t on_write(Sockbuf_IO_Desc *layer, void *data, ber_len_t len)
{
    struct dirtls *tls = layer->sbiod_pvt;
    for (;;) {
        ERR_clear_error();
        int put = SSL_write(tls->ssl, data, (int)(len < INT32_MAX ? len : INT32_MAX));
        if (put > 0)
            return put;
        int error = wait_wanted(tls, tls->ssl, put);
        if (error != 0) {
            errno = error;
            return -1;
        }
    }
}

static int on_close(Sockbuf_IO_Desc *layer)
{
    struct dirtls *tls = layer->sbiod_pvt;
    ERR_clear_error();
    SSL_shutdown(tls->ssl);
    return 0;
}

static Sockbuf_IO layer_calls = {
    .sbi_setup = on_setup,
    .sbi_remove = on_remove,
    .sbi_ctrl = on_control,
    .sbi_read = on_read,
    .sbi_write = on_write,
    .sbi_close = on_close,
};

static bool set_name(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static int shake_hands(struct dirtls *tls, SSL *ssl, struct error *reterr)
{
    for (;;) {
        ERR_clear_error();
        int rc = SSL_connect(ssl);
        if (rc == 1)
            return 0;
        long verdict = SSL_get_verify_result(ssl);
        if (verdict != X509_V_OK) {
            ERR_clear_error();
            return err_set_lib(reterr, ERR_TLS, verdict, "the certificate is not trusted: %s",
                               X509_verify_cert_error_string(verdict));
        }
        if (SSL_get_error(ssl, rc) == SSL_ERROR_SSL)
            return library_error(ERR_TLS, "TLS", reterr);
        int error = wait_wanted(tls, ssl, rc);
        if (error == ETIMEDOUT)
            return err_set(reterr, ERR_TIMEOUT, "TLS: no answer in time");
        if (error != 0)
            return library_error(ERR_UNREACHABLE, "TLS", reterr);
    }
}

int dirtls_install(struct dirtls *tls, SSL_CTX *context, const char *host, int fd, Sockbuf *buffer,
                   struct error *reterr)
{
    SSL *ssl = SSL_new(context);
    tls->fd = fd;
    if (!ssl || !set_name(ssl, host) || SSL_set_fd(ssl, fd) != 1 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        SSL_free(ssl);
        return err_set(reterr, ERR_NOMEM, "out of memory");
    }
    int rc = shake_hands(tls, ssl, reterr);
    if (rc != 0) {
        SSL_free(ssl);
        return rc;
    }
    tls->ssl = ssl;
    if (ber_sockbuf_add_io(buffer, &layer_calls, LBER_SBIOD_LEVEL_TRANSPORT, tls) != 0) {
        SSL_free(ssl);
        tls->ssl = NULL;
        return err_set(reterr, ERR_NOMEM, "out of memory");
    }
    return 0;
}
