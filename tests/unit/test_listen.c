/* gateway/supervisor/listen and gateway/worker/inherit: sockets that are shared, and how a worker gets them. */
#include "gateway/supervisor/listen.h"
#include "gateway/worker/inherit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A free port: the kernel's choice, given back. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void each_worker_has_a_socket_of_each_address(void **state)
{
    struct listen_set set;
    char list[64];
    struct error e = {0};
    (void)state;
    snprintf(list, sizeof(list), "127.0.0.1:%d, 127.0.0.2:%d", free_port(), free_port());
    assert_int_equal(listen_open("rdp", list, 3, &set, &e), 0);
    assert_int_equal(set.addresses, 2);
    for (size_t w = 0; w < 3; w++) {
        for (size_t a = 0; a < 2; a++) {
            int listening = 0;
            socklen_t len = sizeof(listening);
            assert_int_equal(getsockopt(listen_of(&set, w)[a], SOL_SOCKET, SO_ACCEPTCONN, &listening, &len), 0);
            assert_int_equal(listening, 1);
            assert_true(fcntl(listen_of(&set, w)[a], F_GETFD) & FD_CLOEXEC);
        }
    }
    listen_close(&set);
}

/* Even one that shares its port, as a second gateway would. */
static void a_taken_port_is_named(void **state)
{
    struct listen_set first, second;
    char list[64], port[16];
    struct error e = {0};
    (void)state;
    snprintf(port, sizeof(port), "%d", free_port());
    snprintf(list, sizeof(list), "127.0.0.1:%s", port);
    assert_int_equal(listen_open("rdp", list, 2, &first, &e), 0);
    assert_int_equal(listen_open("rdp", list, 2, &second, &e), ERR_EXISTS);
    assert_non_null(strstr(e.text, port));
    assert_non_null(strstr(e.text, "ss -ltnp"));
    listen_close(&first);
}

static void what_is_no_address_is_a_configuration_error(void **state)
{
    static const char *const bad[] = {"127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "localhost:3389", "[::1:3389",
                                      "3389",      ":",           "127.0.0.1:33x"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct listen_set set;
        struct error e = {0};
        assert_int_equal(listen_open("https", bad[i], 1, &set, &e), ERR_CONFIG);
        assert_non_null(strstr(e.text, "[listen] https"));
    }
}

static void an_empty_list_opens_nothing(void **state)
{
    struct listen_set set;
    (void)state;
    assert_int_equal(listen_open("https", "", 2, &set, NULL), 0);
    assert_int_equal(set.addresses, 0);
    listen_close(&set);
}

static void inheritance_comes_back(void **state)
{
    char text[INHERIT_TEXT_SIZE];
    struct inherit out = {.worker = 3, .supervisor = 4711, .rdp_count = 2, .https_count = 1}, in;
    (void)state;
    out.tickets = dup(0);
    out.rdp[0] = dup(0);
    out.rdp[1] = dup(0);
    out.https[0] = dup(0);
    inherit_write(&out, text);
    assert_true(strncmp(text, INHERIT_VARIABLE "=", strlen(INHERIT_VARIABLE) + 1) == 0);
    assert_int_equal(inherit_read(strchr(text, '=') + 1, &in, NULL), 0);
    assert_memory_equal(&in, &out, sizeof(in));
    assert_true(fcntl(in.rdp[1], F_GETFD) & FD_CLOEXEC);
    close(out.tickets);
    close(out.rdp[0]);
    close(out.rdp[1]);
    close(out.https[0]);
}

static void a_made_up_inheritance_is_refused(void **state)
{
    static const char *const bad[] = {"", "0", "0 1 999999 0 0", "0 1 0 9 0 0", "0 1 0 0 0 x", "0 1 0 -1 0", "a b c"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct inherit in;
        assert_int_equal(inherit_read(bad[i], &in, NULL), ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_has_a_socket_of_each_address),
        cmocka_unit_test(a_taken_port_is_named),
        cmocka_unit_test(what_is_no_address_is_a_configuration_error),
        cmocka_unit_test(an_empty_list_opens_nothing),
        cmocka_unit_test(inheritance_comes_back),
        cmocka_unit_test(a_made_up_inheritance_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
