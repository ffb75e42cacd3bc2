#include "auth/dirconn.h"

#include "auth/account.h"
#include "auth/dirsocket.h"
#include "auth/dirtls.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <assert.h>
#include <ldap.h>
#include <openldap.h>
#include <string.h>
#include <sys/time.h>

#define PAGE_ENTRIES 500

struct dirconn {
    const struct dirconn_target *target;
    LDAP *ld;
    struct dirtls tls;
    int64_t used_ms;
};

struct dirconn_entry {
    LDAP *ld;
    LDAPMessage *message;
    char *dn;
    struct berval **values; /* of the attribute asked for last */
    char attribute[64];
};

static void message_free(LDAPMessage **message)
{
    if (*message)
        ldap_msgfree(*message);
}
static void control_free(LDAPControl **control)
{
    if (*control)
        ldap_control_free(*control);
}
static void controls_free(LDAPControl ***controls)
{
    if (*controls)
        ldap_controls_free(*controls);
}
static void text_free(char **text)
{
    if (*text)
        ldap_memfree(*text);
}

void dirconn_target_done(struct dirconn_target *target)
{
    free(target->uri);
    free(target->host);
    free(target->port);
    SSL_CTX_free(target->context);
    *target = (struct dirconn_target){0};
}

static void url_free(LDAPURLDesc **url)
{
    if (*url)
        ldap_free_urldesc(*url);
}

int dirconn_target_init(struct dirconn_target *target, const char *uri, bool starttls, const char *ca_file,
                        struct error *reterr)
{
    LDAPURLDesc *url CLEANUP(url_free) = NULL;
    if (ldap_url_parse(uri, &url) != LDAP_URL_SUCCESS || !url->lud_host || !*url->lud_host)
        return err_set(reterr, ERR_CONFIG, "\"%s\" is not ldap://HOST[:PORT] or ldaps://HOST[:PORT]", uri);
    bool ldaps = strcmp(url->lud_scheme, "ldaps") == 0;
    if (!ldaps && strcmp(url->lud_scheme, "ldap") != 0)
        return err_set(reterr, ERR_CONFIG, "\"%s\": only ldap:// and ldaps:// are served", uri);
    struct dirconn_target made = {
        .uri = mem_strdup(uri),
        .host = mem_strdup(url->lud_host),
        .port = mem_printf("%d", url->lud_port),
        .tls = ldaps      ? DIRCONN_TLS_LDAPS
               : starttls ? DIRCONN_TLS_STARTTLS
                          : DIRCONN_TLS_NONE,
    };
    int rc = made.uri && made.host && made.port ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
    if (rc == 0 && made.tls != DIRCONN_TLS_NONE)
        rc = dirtls_context(ca_file, &made.context, reterr);
    if (rc != 0) {
        dirconn_target_done(&made);
        return rc;
    }
    *target = made;
    return 0;
}

static struct timeval time_left(int64_t deadline_ms)
{
    int64_t left = deadline_ms - clock_mono_ms();
    if (left < 1)
        left = 1; /* zero would poll, negative would wait for ever */
    return (struct timeval){.tv_sec = left / 1000, .tv_usec = (left % 1000) * 1000};
}

/* Sockets carry the rest of the deadline as well: libldap reads a record that has begun without looking at the clock.
 */
static void arm(struct dirconn *conn, int64_t deadline_ms)
{
    struct timeval left = time_left(deadline_ms);
    int fd = -1;
    conn->tls.deadline_ms = deadline_ms;
    if (ldap_get_option(conn->ld, LDAP_OPT_DESC, &fd) == LDAP_OPT_SUCCESS && fd >= 0)
        dirsocket_set_timeout(fd, &left);
}

static int lost(struct dirconn *conn, int rc, const char *what, struct error *reterr)
{
    int err = rc == LDAP_TIMEOUT || rc == LDAP_BUSY ? ERR_TIMEOUT : ERR_UNREACHABLE;
    return err_set_lib(reterr, err, rc, "%s: %s: %s", conn->target->uri, what, ldap_err2string(rc));
}

/* Waits for the whole answer to `msgid`. */
static int await(struct dirconn *conn, int msgid, const char *what, int64_t deadline_ms, LDAPMessage **ret,
                 struct error *reterr)
{
    struct timeval left = time_left(deadline_ms);
    LDAPMessage *answer = NULL;
    int rc = ldap_result(conn->ld, msgid, LDAP_MSG_ALL, &left, &answer);
    if (rc > 0) {
        *ret = answer;
        conn->used_ms = clock_mono_ms();
        return 0;
    }
    if (rc == 0)
        return err_set_lib(reterr, ERR_TIMEOUT, LDAP_TIMEOUT, "%s: %s: no answer in time", conn->target->uri, what);
    int code = LDAP_SERVER_DOWN;
    if (clock_mono_ms() >= deadline_ms)
        return lost(conn, LDAP_TIMEOUT, what, reterr);
    ldap_get_option(conn->ld, LDAP_OPT_RESULT_CODE, &code);
    return lost(conn, code, what, reterr);
}

static int start_tls(struct dirconn *conn, int64_t deadline_ms, struct error *reterr)
{
    int msgid = 0, result = LDAP_OTHER;
    LDAPMessage *answer CLEANUP(message_free) = NULL;
    int rc = ldap_start_tls(conn->ld, NULL, NULL, &msgid);
    if (rc != LDAP_SUCCESS)
        return lost(conn, rc, "StartTLS", reterr);
    rc = await(conn, msgid, "StartTLS", deadline_ms, &answer, reterr);
    if (rc != 0)
        return rc;
    rc = ldap_parse_result(conn->ld, answer, &result, NULL, NULL, NULL, NULL, 0);
    if (rc != LDAP_SUCCESS)
        return lost(conn, rc, "StartTLS", reterr);
    if (result != LDAP_SUCCESS)
        return err_set_lib(reterr, ERR_TLS, result, "%s: the server refuses StartTLS: %s", conn->target->uri,
                           ldap_err2string(result));
    return 0;
}

static int secure(struct dirconn *conn, int64_t deadline_ms, struct error *reterr)
{
    Sockbuf *buffer = NULL;
    int fd = -1;
    if (conn->target->tls == DIRCONN_TLS_NONE)
        return 0;
    if (conn->target->tls == DIRCONN_TLS_STARTTLS) {
        int rc = start_tls(conn, deadline_ms, reterr);
        if (rc != 0)
            return rc;
    }
    ldap_get_option(conn->ld, LDAP_OPT_SOCKBUF, &buffer);
    ldap_get_option(conn->ld, LDAP_OPT_DESC, &fd);
    int rc = dirtls_install(&conn->tls, conn->target->context, conn->target->host, fd, buffer, reterr);
    if (rc != 0)
        err_prefix(reterr, "%s", conn->target->uri);
    return rc;
}

static int adopt(struct dirconn *conn, int fd, struct error *reterr)
{
    int version = LDAP_VERSION3;
    int rc = ldap_init_fd(fd, LDAP_PROTO_TCP, conn->target->uri, &conn->ld);
    if (rc != LDAP_SUCCESS) {
        dirsocket_close(fd);
        return err_set_lib(reterr, ERR_NOMEM, rc, "%s: %s", conn->target->uri, ldap_err2string(rc));
    }
    ldap_set_option(conn->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(conn->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(conn->ld, LDAP_OPT_RESTART, LDAP_OPT_OFF);
    return 0;
}

int dirconn_open(const struct dirconn_target *target, int64_t deadline_ms, struct dirconn **ret, struct error *reterr)
{
    int fd = -1;
    int rc = dirsocket_connect(target->host, target->port, deadline_ms, &fd, reterr);
    if (rc != 0) {
        err_prefix(reterr, "%s", target->uri);
        return rc;
    }
    struct dirconn *conn = MEM_NEW(struct dirconn);
    if (!conn) {
        dirsocket_close(fd);
        return err_set(reterr, ERR_NOMEM, "out of memory");
    }
    conn->target = target;
    rc = adopt(conn, fd, reterr);
    if (rc == 0) {
        arm(conn, deadline_ms);
        rc = secure(conn, deadline_ms, reterr);
    }
    if (rc != 0) {
        dirconn_free(conn);
        return rc;
    }
    conn->used_ms = clock_mono_ms();
    *ret = conn;
    return 0;
}

void dirconn_free(struct dirconn *conn)
{
    if (!conn)
        return;
    if (conn->ld) {
        arm(conn, clock_mono_ms() + 1);
        ldap_unbind_ext(conn->ld, NULL, NULL);
    }
    free(conn);
}

int64_t dirconn_used_ms(const struct dirconn *conn)
{
    return conn->used_ms;
}

/* The password policy's word in the answer to a bind (draft-behera-ldap-password-policy-10 section 6.2). */
static int policy_error(struct dirconn *conn, LDAPControl **controls)
{
    LDAPControl *control = controls ? ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, controls, NULL) : NULL;
    ber_int_t expire = -1, grace = -1;
    LDAPPasswordPolicyError error = PP_noError;
    if (!control || ldap_parse_passwordpolicy_control(conn->ld, control, &expire, &grace, &error) != LDAP_SUCCESS)
        return ACCOUNT_NO_POLICY;
    return error == PP_noError ? ACCOUNT_NO_POLICY : (int)error;
}

int dirconn_bind(struct dirconn *conn, const char *dn, const struct secret *password, int64_t deadline_ms,
                 struct error *reterr)
{
    assert(secret_len(password) > 0 && *dn);
    LDAPControl *policy CLEANUP(control_free) = NULL;
    LDAPMessage *answer CLEANUP(message_free) = NULL;
    LDAPControl **controls CLEANUP(controls_free) = NULL;
    char *diagnostic CLEANUP(text_free) = NULL;
    struct berval secret = {.bv_val = (char *)(uintptr_t)secret_bytes(password), .bv_len = secret_len(password)};
    int msgid = 0, result = LDAP_OTHER;
    if (ldap_create_passwordpolicy_control(conn->ld, &policy) != LDAP_SUCCESS)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    LDAPControl *asked[] = {policy, NULL};
    arm(conn, deadline_ms);
    int rc = ldap_sasl_bind(conn->ld, dn, LDAP_SASL_SIMPLE, &secret, asked, NULL, &msgid);
    if (rc != LDAP_SUCCESS)
        return lost(conn, rc, "bind", reterr);
    rc = await(conn, msgid, "bind", deadline_ms, &answer, reterr);
    if (rc != 0)
        return rc;
    rc = ldap_parse_result(conn->ld, answer, &result, NULL, &diagnostic, NULL, &controls, 0);
    if (rc != LDAP_SUCCESS)
        return lost(conn, rc, "bind", reterr);
    return account_verdict(result, diagnostic, policy_error(conn, controls), reterr);
}

/* Reports the entries of one page. */
static size_t report(struct dirconn *conn, LDAPMessage *answer, size_t limit, dirconn_row *row, void *arg)
{
    size_t count = 0;
    for (LDAPMessage *m = ldap_first_entry(conn->ld, answer); m && count < limit; m = ldap_next_entry(conn->ld, m)) {
        struct dirconn_entry entry = {.ld = conn->ld, .message = m, .dn = ldap_get_dn(conn->ld, m)};
        if (entry.dn) {
            row(arg, &entry);
            count++;
        }
        ldap_memfree(entry.dn);
        ldap_value_free_len(entry.values);
    }
    return count;
}

/* The end of a page: whether the server says that more follows. */
static int page_end(struct dirconn *conn, LDAPMessage *answer, const char *base, struct berval *cookie,
                    struct error *reterr)
{
    LDAPControl **controls CLEANUP(controls_free) = NULL;
    char *diagnostic CLEANUP(text_free) = NULL;
    int result = LDAP_OTHER;
    ber_int_t estimate = 0;
    int rc = ldap_parse_result(conn->ld, answer, &result, NULL, &diagnostic, NULL, &controls, 0);
    if (rc != LDAP_SUCCESS)
        return lost(conn, rc, "search", reterr);
    ldap_memfree(cookie->bv_val);
    *cookie = (struct berval){0};
    LDAPControl *paged = controls ? ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL) : NULL;
    if (paged && ldap_parse_pageresponse_control(conn->ld, paged, &estimate, cookie) != LDAP_SUCCESS)
        *cookie = (struct berval){0};
    if (result == LDAP_SUCCESS || result == LDAP_NO_SUCH_OBJECT || result == LDAP_SIZELIMIT_EXCEEDED ||
        result == LDAP_REFERRAL || result == LDAP_PARTIAL_RESULTS)
        return 0;
    return err_set_lib(reterr, ERR_DIRECTORY_DOWN, result, "%s: search under \"%s\": %s%s%s", conn->target->uri, base,
                       ldap_err2string(result), diagnostic && *diagnostic ? ", " : "", diagnostic ? diagnostic : "");
}

static int search_page(struct dirconn *conn, const struct dirconn_query *query, struct berval *cookie, size_t *left,
                       int64_t deadline_ms, dirconn_row *row, void *arg, struct error *reterr)
{
    LDAPControl *page CLEANUP(control_free) = NULL;
    LDAPMessage *answer CLEANUP(message_free) = NULL;
    struct timeval limit_time = time_left(deadline_ms);
    int msgid = 0;
    ber_int_t want = *left < PAGE_ENTRIES ? (ber_int_t)*left : PAGE_ENTRIES;
    if (ldap_create_page_control(conn->ld, want, cookie->bv_val ? cookie : NULL, 0, &page) != LDAP_SUCCESS)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    LDAPControl *controls[] = {page, NULL};
    arm(conn, deadline_ms);
    int rc = ldap_search_ext(conn->ld, query->base, LDAP_SCOPE_SUBTREE, query->filter,
                             (char **)(uintptr_t)query->attributes, 0, controls, NULL, &limit_time, 0, &msgid);
    if (rc != LDAP_SUCCESS)
        return lost(conn, rc, "search", reterr);
    rc = await(conn, msgid, "search", deadline_ms, &answer, reterr);
    if (rc != 0)
        return rc;
    *left -= report(conn, answer, *left, row, arg);
    return page_end(conn, answer, query->base, cookie, reterr);
}

int dirconn_search(struct dirconn *conn, const struct dirconn_query *query, int64_t deadline_ms, dirconn_row *row,
                   void *arg, struct error *reterr)
{
    struct berval cookie = {0};
    size_t left = query->limit;
    int rc;
    do {
        rc = search_page(conn, query, &cookie, &left, deadline_ms, row, arg, reterr);
    } while (rc == 0 && left > 0 && cookie.bv_len > 0);
    ldap_memfree(cookie.bv_val);
    return rc;
}

const char *dirconn_entry_dn(struct dirconn_entry *entry)
{
    return entry->dn;
}

const char *dirconn_entry_value(struct dirconn_entry *entry, const char *attribute, size_t n)
{
    /* Kept from call to call, so that walking an attribute's values decodes it once. */
    struct dirconn_entry *cache = (struct dirconn_entry *)(uintptr_t)entry;
    if (!cache->values || strcmp(cache->attribute, attribute) != 0) {
        ldap_value_free_len(cache->values);
        cache->values = ldap_get_values_len(entry->ld, entry->message, attribute);
        if (text_copy(cache->attribute, sizeof cache->attribute, attribute) != 0)
            return NULL;
    }
    if (!cache->values || n >= (size_t)ldap_count_values_len(cache->values))
        return NULL;
    const struct berval *value = cache->values[n];
    if (value->bv_len == 0 || memchr(value->bv_val, '\0', value->bv_len) || !text_is_utf8(value->bv_val, value->bv_len))
        return NULL;
    return value->bv_val;
}
