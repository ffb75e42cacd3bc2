#include "lib/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *err_name(int code)
{
    switch (code) {
    case 0:
        return "OK";
#define X(name, value, text)                                                                                           \
    case -(value):                                                                                                     \
        return #name;
        ERR_TABLE(X)
#undef X
    default:
        return "UNKNOWN";
    }
}

const char *err_text(int code)
{
    switch (code) {
    case 0:
        return "no error";
#define X(name, value, text)                                                                                           \
    case -(value):                                                                                                     \
        return text;
        ERR_TABLE(X)
#undef X
    default:
        return "unknown error";
    }
}

static void fill(struct error *e, int code, long lib_code, const char *fmt, va_list ap)
{
    if (e == NULL)
        return;
    e->code = code;
    e->lib_code = lib_code;
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
}

int err_set(struct error *reterr, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(reterr, code, 0, fmt, ap);
    va_end(ap);
    return code;
}

int err_set_lib(struct error *reterr, int code, long lib_code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(reterr, code, lib_code, fmt, ap);
    va_end(ap);
    return code;
}

static int code_of_errno(int code, int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return code;
    }
}

int err_set_errno(struct error *reterr, int code, int errno_value, const char *fmt, ...)
{
    int result = code_of_errno(code, errno_value);
    if (reterr == NULL)
        return result;
    va_list ap;
    va_start(ap, fmt);
    fill(reterr, result, errno_value, fmt, ap);
    va_end(ap);
    size_t used = strlen(reterr->text);
    snprintf(reterr->text + used, sizeof(reterr->text) - used, ": %s", strerror(errno_value));
    return result;
}

void err_prefix(struct error *reterr, const char *fmt, ...)
{
    if (reterr == NULL)
        return;
    char old[sizeof(reterr->text)];
    memcpy(old, reterr->text, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reterr->text, sizeof(reterr->text), fmt, ap);
    va_end(ap);
    size_t used = strlen(reterr->text);
    if (used + 2 < sizeof(reterr->text))
        snprintf(reterr->text + used, sizeof(reterr->text) - used, ": %.*s", (int)(sizeof(reterr->text) - used - 3),
                 old);
}

const char *err_message(const struct error *e)
{
    return e->text[0] != '\0' ? e->text : err_text(e->code);
}
