#include "auth/ldap.h"

#include "auth/dirprobe.h"
#include "auth/dirserver.h"
#include "auth/dirtext.h"
#include "auth/ldap_lookup.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/options.h"
#include "lib/base/text.h"

#include <string.h>

struct ldap_directory {
    struct auth auth;
    struct ldap_lookup_conf lookup;
    char *bind_dn;
    struct secret *bind_password;
    struct dirserver_account account;
    struct dirserver *servers[LDAP_SERVERS_MAX];
    size_t n_servers;
    int64_t bind_ms, server_ms;
    struct dirprobe *probe;
};

struct bind_job {
    const char *dn;
    const struct secret *password;
};

static int bind_work(struct dirconn *conn, int64_t deadline_ms, void *arg, struct error *reterr)
{
    struct bind_job *job = arg;
    return dirconn_bind(conn, job->dn, job->password, deadline_ms, reterr);
}

/* The person is unknown: bind all the same, to an entry that cannot exist, so that the answer takes as long and says as
 * little. */
static int refuse_unknown(struct ldap_directory *dir, struct dirserver *server, const struct secret *password,
                          int64_t deadline_ms, struct error *reterr)
{
    char id[ID_SIZE], *dn CLEANUP_FREE = NULL;
    struct error ignored = {0};
    id_new("nobody", id);
    dn = mem_printf("cn=%s,%s", id, dir->lookup.user_base);
    if (!dn)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    struct bind_job job = {.dn = dn, .password = password};
    int rc = dirserver_run(server, DIRSERVER_BIND, dir->bind_ms, deadline_ms, bind_work, &job, &ignored);
    if (rc == ERR_TIMEOUT || rc == ERR_UNREACHABLE || rc == ERR_TLS || rc == ERR_DIRECTORY_DOWN) {
        *reterr = ignored;
        return rc;
    }
    return err_set(reterr, ERR_BAD_CREDENTIALS, "the directory knows no such person");
}

static int ask_server(struct ldap_directory *dir, struct dirserver *server, const char *username,
                      const struct secret *password, int64_t deadline_ms, struct person **ret, struct error *reterr)
{
    struct person *person CLEANUP(person_freep) = NULL;
    char gid[32] = "";
    int rc = ldap_lookup_person(&dir->lookup, server, username, deadline_ms, &person, gid, reterr);
    if (rc == ERR_NOT_FOUND)
        return refuse_unknown(dir, server, password, deadline_ms, reterr);
    if (rc != 0)
        return rc;
    struct bind_job job = {.dn = person->dn, .password = password};
    rc = dirserver_run(server, DIRSERVER_BIND, dir->bind_ms, deadline_ms, bind_work, &job, reterr);
    if (rc == 0)
        rc = ldap_lookup_groups(&dir->lookup, server, person, gid, deadline_ms, reterr);
    if (rc == 0)
        *ret = TAKE_PTR(person);
    return rc;
}

/* True when the answer is about the person and not about the server. */
static bool is_verdict(int rc)
{
    switch (rc) {
    case 0:
    case ERR_BAD_CREDENTIALS:
    case ERR_ACCOUNT_DISABLED:
    case ERR_ACCOUNT_LOCKED:
    case ERR_ACCOUNT_EXPIRED:
    case ERR_PASSWORD_EXPIRED:
    case ERR_NOMEM:
        return true;
    default:
        return false;
    }
}

static bool other_usable(struct ldap_directory *dir, size_t from)
{
    for (size_t i = from; i < dir->n_servers; i++)
        if (dirserver_usable(dir->servers[i]))
            return true;
    return false;
}

static int64_t server_deadline(struct ldap_directory *dir, size_t index, int64_t deadline_ms)
{
    int64_t until = clock_mono_ms() + dir->server_ms;
    return until < deadline_ms && other_usable(dir, index + 1) ? until : deadline_ms;
}

static int ask_servers(struct ldap_directory *dir, const char *username, const struct secret *password,
                       int64_t deadline_ms, struct person **ret, struct error *reterr)
{
    struct error why = {0};
    for (size_t i = 0; i < dir->n_servers && clock_mono_ms() < deadline_ms; i++) {
        struct dirserver *server = dir->servers[i];
        if (!dirserver_usable(server))
            continue;
        int rc = ask_server(dir, server, username, password, server_deadline(dir, i, deadline_ms), ret, &why);
        if (is_verdict(rc)) {
            if (rc != 0 && reterr)
                *reterr = why;
            dirprobe_worked(server);
            return rc;
        }
        dirprobe_failed(dir->probe, server, &why);
    }
    return err_set_lib(reterr, ERR_DIRECTORY_DOWN, why.lib_code, "no directory server answers%s%s",
                       why.text[0] ? "; the last one: " : "", why.text);
}

static int authenticate(struct auth *auth, const char *username, size_t username_len, const struct secret *password,
                        int64_t deadline_ms, struct person **ret_person, struct error *reterr)
{
    struct ldap_directory *dir = CONTAINER_OF(auth, struct ldap_directory, auth);
    char name[DIRTEXT_NAME_MAX + 1];
    if (!dirtext_name_ok(username, username_len))
        return err_set(reterr, ERR_BAD_CREDENTIALS, "the name is empty, too long or holds characters that no name has");
    /* RFC 4513 section 5.1.2: a bind with a name and no password succeeds as anonymous. A NUL ends some servers'
     * passwords. */
    size_t len = secret_len(password);
    if (len == 0 || len > 1024 || memchr(secret_bytes(password), '\0', len))
        return err_set(reterr, ERR_BAD_CREDENTIALS, "the password is empty, too long or holds a NUL");
    memcpy(name, username, username_len);
    name[username_len] = '\0';
    return ask_servers(dir, name, password, deadline_ms, ret_person, reterr);
}

static int ready(struct auth *auth, struct error *reterr)
{
    struct ldap_directory *dir = CONTAINER_OF(auth, struct ldap_directory, auth);
    return other_usable(dir, 0) ? 0 : err_set(reterr, ERR_DIRECTORY_DOWN, "no directory server answers");
}

static void directory_free(struct auth *auth)
{
    struct ldap_directory *dir = CONTAINER_OF(auth, struct ldap_directory, auth);
    dirprobe_free(dir->probe);
    for (size_t i = 0; i < dir->n_servers; i++)
        dirserver_free(dir->servers[i]);
    ldap_lookup_conf_done(&dir->lookup);
    secret_free(dir->bind_password);
    free(dir->bind_dn);
    free(dir);
}

static const struct auth_ops ldap_ops = {.authenticate = authenticate, .ready = ready, .free = directory_free};

static int add_servers(struct ldap_directory *dir, const struct ldap_conf *conf, struct error *reterr)
{
    char uri[512];
    for (const char *cursor = conf->servers; options_list_next(&cursor, uri, sizeof(uri));) {
        struct dirconn_target target = {0};
        if (dir->n_servers == LDAP_SERVERS_MAX)
            return err_set(reterr, ERR_CONFIG, "more than %d directory servers", LDAP_SERVERS_MAX);
        int rc = dirconn_target_init(&target, uri, conf->starttls, conf->ca_file, reterr);
        if (rc != 0)
            return rc;
        struct dirserver *server = dirserver_new(&target, &dir->account, conf->connect_ms);
        if (!server)
            return err_set(reterr, ERR_NOMEM, "out of memory");
        dir->servers[dir->n_servers++] = server;
    }
    return dir->n_servers > 0 ? 0 : err_set(reterr, ERR_CONFIG, "no directory server is named");
}

static int set_account(struct ldap_directory *dir, const struct ldap_conf *conf, struct error *reterr)
{
    if (*conf->bind_dn && (!conf->bind_password || secret_len(conf->bind_password) == 0))
        return err_set(reterr, ERR_CONFIG, "the service account \"%s\" has no password", conf->bind_dn);
    dir->bind_dn = mem_strdup(conf->bind_dn);
    dir->bind_password = conf->bind_password ? secret_dup(conf->bind_password) : secret_from_str("");
    if (!dir->bind_dn || !dir->bind_password)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    dir->account = (struct dirserver_account){.dn = dir->bind_dn, .password = dir->bind_password};
    return 0;
}

int ldap_directory_new(const struct ldap_conf *conf, struct auth **ret, struct error *reterr)
{
    struct ldap_directory *dir = MEM_NEW(struct ldap_directory);
    if (!dir)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    dir->auth.ops = &ldap_ops;
    dir->bind_ms = conf->bind_ms;
    dir->server_ms = conf->server_ms;
    int rc = ldap_lookup_conf_init(&dir->lookup, conf, reterr);
    if (rc == 0)
        rc = set_account(dir, conf, reterr);
    if (rc == 0)
        rc = add_servers(dir, conf, reterr);
    if (rc == 0)
        rc = dirprobe_start(dir->servers, dir->n_servers, dir->lookup.user_base, conf->connect_ms, &dir->probe, reterr);
    if (rc != 0) {
        directory_free(&dir->auth);
        return rc;
    }
    *ret = &dir->auth;
    return 0;
}
