/* A small HTTP site for the tests of httpd and httpc: one loop with a server on a unix socket and on TCP, run by a
 * thread, so that blocking clients (sockets, httpc_call) can talk to it. */
#ifndef CARREL_TEST_NET_SITE_H
#define CARREL_TEST_NET_SITE_H

#include "lib/net/httpc.h"
#include "lib/net/httpd.h"

#include <pthread.h>
#include <stdatomic.h>

struct site {
    struct loop *loop;
    struct httpd *httpd;
    struct tls_server *tls;
    char dir[64];
    char unix_path[96];
    char cert_file[96], key_file[96];
    char fingerprint[TLS_FINGERPRINT_SIZE];
    uint16_t port, tls_port;
    pthread_t thread;
    struct loop_task task;
    void (*call_fn)(struct site *site, void *arg);
    void *call_arg;
    pthread_mutex_t lock;
    pthread_cond_t called;
    bool call_done;

    atomic_int gone;               /* requests whose client left */
    atomic_int closed;             /* connections that ended */
    struct httpd_request *held[8]; /* by /hold; loop's thread only */
    unsigned held_count;
    atomic_int holding;
    char raw_first[512];
    struct stream *raw;
    char received[64];
};

/* Starts it; asserts that all went well. */
void site_start(struct site *site, const struct httpd_limits *limits);
void site_stop(struct site *site);
/* Runs `fn` on the site's thread and waits for it. */
void site_call(struct site *site, void (*fn)(struct site *site, void *arg), void *arg);

/* A blocking socket to the site: unix, or TCP when `tcp`. Reads give up after 10 s. */
int site_connect(struct site *site, bool tcp);
/* Sends all. */
void site_send(int fd, const char *text);
/* Reads until the peer closes or `size - 1` bytes are there; returns the length. */
size_t site_read_all(int fd, char *ret, size_t size);
/* Reads until `stop` appeared. */
void site_read_until(int fd, char *ret, size_t size, const char *stop);
/* A self-signed certificate for localhost. */
void site_make_cert(const char *cert_file, const char *key_file);
/* Spins, yielding, until *counter reaches `value`. */
void site_wait(atomic_int *counter, int value);

#endif
