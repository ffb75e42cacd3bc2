#include "gateway/worker/inherit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static void add_list(char *text, size_t *len, const int *fds, size_t count)
{
    *len += (size_t)snprintf(text + *len, INHERIT_TEXT_SIZE - *len, " %zu", count);
    for (size_t i = 0; i < count; i++)
        *len += (size_t)snprintf(text + *len, INHERIT_TEXT_SIZE - *len, " %d", fds[i]);
}

void inherit_write(const struct inherit *inherit, char ret_text[INHERIT_TEXT_SIZE])
{
    size_t len = (size_t)snprintf(ret_text, INHERIT_TEXT_SIZE, INHERIT_VARIABLE "=%d %d %d", inherit->worker,
                                  inherit->supervisor, inherit->tickets);
    add_list(ret_text, &len, inherit->rdp, inherit->rdp_count);
    add_list(ret_text, &len, inherit->https, inherit->https_count);
}

static int number(const char **cursor, long max, int *ret)
{
    char *end = NULL;
    long n = strtol(*cursor, &end, 10);
    if (end == *cursor || n < 0 || n > max)
        return ERR_INVALID;
    *cursor = end;
    *ret = (int)n;
    return 0;
}

static int descriptor(const char **cursor, int *ret)
{
    int r = number(cursor, 1000000, ret);
    if (r == 0 && fcntl(*ret, F_SETFD, FD_CLOEXEC) < 0)
        return ERR_INVALID;
    return r;
}

static int list(const char **cursor, int *fds, size_t *ret_count)
{
    int count = 0;
    int r = number(cursor, INHERIT_FDS_MAX, &count);
    for (int i = 0; i < count && r == 0; i++)
        r = descriptor(cursor, &fds[i]);
    *ret_count = (size_t)count;
    return r;
}

int inherit_read(const char *value, struct inherit *ret, struct error *reterr)
{
    struct inherit in = {0};
    int r = number(&value, 1000000, &in.worker);
    if (r == 0)
        r = number(&value, 0x7fffffff, &in.supervisor);
    if (r == 0)
        r = descriptor(&value, &in.tickets);
    if (r == 0)
        r = list(&value, in.rdp, &in.rdp_count);
    if (r == 0)
        r = list(&value, in.https, &in.https_count);
    if (r < 0 || *value != '\0')
        return err_set(reterr, ERR_INVALID, INHERIT_VARIABLE " is for the supervisor's own use");
    *ret = in;
    return 0;
}
