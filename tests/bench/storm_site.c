#include "tests/bench/storm_site.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"
#include "lib/store/store_desktop.h"
#include "lib/store/store_entitlement.h"
#include "lib/store/store_host.h"
#include "lib/store/store_image.h"
#include "lib/store/store_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <ldap.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BASE     "dc=example,dc=test"
#define GROUP    "storm"
#define START_MS 10000

void storm_person(size_t n, char ret_name[32], char ret_password[48])
{
    snprintf(ret_name, 32, "person%05zu", n);
    snprintf(ret_password, 48, "%s-pw", ret_name);
}

static int ldap_fails(struct error *reterr, const char *what, int rc)
{
    return err_set_lib(reterr, ERR_IO, rc, "%s: %s", what, ldap_err2string(rc));
}

/* A connection with StartTLS, as the broker has them. The bench's certificate is not what is measured, so it is not
 * verified. */
static int open_ldap(const struct storm_site *site, LDAP **ret, struct error *reterr)
{
    int version = LDAP_VERSION3, never = LDAP_OPT_X_TLS_NEVER, client = 0;
    LDAP *ld = NULL;
    int rc = ldap_initialize(&ld, site->slapd.ldap_uri);

    if (rc == LDAP_SUCCESS) {
        ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
        ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &never);
        ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client);
        rc = ldap_start_tls_s(ld, NULL, NULL);
    }
    if (rc != LDAP_SUCCESS) {
        if (ld)
            ldap_unbind_ext_s(ld, NULL, NULL);
        return ldap_fails(reterr, "connecting to slapd", rc);
    }
    *ret = ld;
    return 0;
}

static int bind_as(LDAP *ld, const char *dn, const char *password)
{
    struct berval secret = {.bv_len = strlen(password), .bv_val = (char *)password};

    return ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

static int add_entry(LDAP *ld, const char *dn, char *const attributes[][2])
{
    LDAPMod mods[8], *list[9] = {NULL};
    char *values[8][2];

    for (size_t i = 0; attributes[i][0]; i++) {
        values[i][0] = attributes[i][1];
        values[i][1] = NULL;
        mods[i] = (LDAPMod){.mod_op = LDAP_MOD_ADD, .mod_type = attributes[i][0], .mod_values = values[i]};
        list[i] = &mods[i];
    }
    return ldap_add_ext_s(ld, dn, list, NULL, NULL);
}

static int add_person(LDAP *ld, size_t n)
{
    char name[32], password[48], dn[96];

    storm_person(n, name, password);
    snprintf(dn, sizeof(dn), "uid=%s,ou=people," BASE, name);
    char *attributes[][2] = {{"objectClass", "inetOrgPerson"}, {"uid", name}, {"cn", name}, {"sn", name},
                             {"userPassword", password},       {NULL, NULL}};
    return add_entry(ld, dn, attributes);
}

static int add_group(LDAP *ld, size_t people)
{
    char **members = MEM_ARRAY(char *, people + 1), *classes[] = {"groupOfNames", NULL}, *names[] = {GROUP, NULL};
    LDAPMod class = {.mod_op = LDAP_MOD_ADD, .mod_type = "objectClass", .mod_values = classes};
    LDAPMod cn = {.mod_op = LDAP_MOD_ADD, .mod_type = "cn", .mod_values = names};
    LDAPMod member = {.mod_op = LDAP_MOD_ADD, .mod_type = "member", .mod_values = members};
    LDAPMod *list[] = {&class, &cn, &member, NULL};
    int rc = members ? LDAP_SUCCESS : LDAP_NO_MEMORY;

    for (size_t i = 0; rc == LDAP_SUCCESS && i < people; i++) {
        char name[32], password[48];
        storm_person(i, name, password);
        members[i] = mem_printf("uid=%s,ou=people," BASE, name);
        rc = members[i] ? LDAP_SUCCESS : LDAP_NO_MEMORY;
    }
    if (rc == LDAP_SUCCESS)
        rc = ldap_add_ext_s(ld, "cn=" GROUP ",ou=groups," BASE, list, NULL, NULL);
    for (size_t i = 0; members && i < people; i++)
        free(members[i]);
    free(members);
    return rc;
}

static int fill_directory(const struct storm_site *site, struct error *reterr)
{
    LDAP *ld = NULL;
    int r = open_ldap(site, &ld, reterr);

    if (r < 0)
        return r;
    int rc = bind_as(ld, "cn=root," BASE, "root");
    for (size_t i = 0; rc == LDAP_SUCCESS && i < site->people; i++)
        rc = add_person(ld, i);
    if (rc == LDAP_SUCCESS)
        rc = add_group(ld, site->people);
    ldap_unbind_ext_s(ld, NULL, NULL);
    return rc == LDAP_SUCCESS ? 0 : ldap_fails(reterr, "filling slapd", rc);
}

static int add_desktop(struct store *store, int64_t now, struct error *reterr)
{
    static const enum desktop_state way[] = {DESKTOP_REQUESTED, DESKTOP_CLONING, DESKTOP_DEFINED,
                                             DESKTOP_STARTING,  DESKTOP_BOOTING, DESKTOP_READY};
    static const char pin[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct store_desktop_patch patch = STORE_DESKTOP_KEEP;
    struct store_desktop desktop;

    patch.host = "here";
    patch.address = "127.0.0.1";
    patch.rdp_port = 3389;
    patch.cert_sha256 = pin;
    int r = store_desktop_add(store, 0, STORM_POOL, "bench", now, &desktop, reterr);
    for (size_t i = 0; r == 0 && i + 1 < ARRAY_LEN(way); i++)
        r = store_desktop_move(store, 0, desktop.id, way[i], way[i + 1], "bench", -1, &patch, now, reterr);
    return r;
}

static int add_pool(struct store *store, size_t people, int64_t now, struct error *reterr)
{
    struct store_image image = {.name = "fake",
                                .source = "/nonexistent",
                                .source_format = "qcow2",
                                .os_kind = "linux",
                                .prep = "linux-local",
                                .firmware = "bios"};
    struct store_host host = {.name = "here", .uri = "test:///default"};
    struct store_pool pool = {.name = STORM_POOL,
                              .kind = POOL_KIND_FLOATING,
                              .image = "fake",
                              .image_version = 1,
                              .network = "default",
                              .memory_mib = 256,
                              .vcpus = 1,
                              .size_max = (int64_t)people,
                              .credentials = POOL_CREDENTIALS_NONE,
                              .security = POOL_SECURITY_TLS,
                              .grace_s = 600};

    int r = store_image_add(store, &image, now, reterr);
    if (r == 0)
        r = store_image_move(store, 0, "fake", 1, IMAGE_STATE_IMPORTING, IMAGE_STATE_SEALED, NULL, now, reterr);
    if (r == 0)
        r = store_image_move(store, 0, "fake", 1, IMAGE_STATE_SEALED, IMAGE_STATE_PUBLISHED, NULL, now, reterr);
    if (r == 0)
        r = store_host_add(store, &host, now, reterr);
    if (r == 0)
        r = store_pool_add(store, &pool, now, reterr);
    if (r == 0)
        r = store_entitlement_add(store, STORM_POOL, STORE_ENTITLEMENT_GROUP, GROUP, now, reterr);
    return r;
}

static int fill_store(const struct storm_site *site, struct error *reterr)
{
    struct store *store CLEANUP(store_closep) = NULL;
    int64_t now = clock_wall_ms();

    const struct store_options options = {.uri = site->store_uri, .migrate = true};
    int r = store_open(&options, &store, reterr);
    if (r == 0)
        r = add_pool(store, site->people, now, reterr);
    for (size_t i = 0; r == 0 && i < site->people; i++)
        r = add_desktop(store, now, reterr);
    return r;
}

static int write_conf(const struct storm_site *site, const char *path, struct error *reterr)
{
    char secret[240];
    FILE *f = fopen(path, "we");

    if (!f)
        return err_set_errno(reterr, ERR_IO, errno, "cannot write %s", path);
    snprintf(secret, sizeof(secret), "%s/bind.secret", site->dir);
    fprintf(f,
            "[broker]\nlog_level = warning\nstore = %s\nsocket = %s\ninternal_socket = %s\npoolmgr_socket = "
            "%s/poolmgr.sock\n"
            "[rdp]\nrdp_host = localhost\n[directory]\nldap_servers = %s\nldap_ca_file = %s/tls/ca.pem\n"
            "ldap_bind_dn = " SLAPD_BIND_DN "\nldap_bind_password_file = %s\nldap_user_base = ou=people," BASE "\n"
            "ldap_group_base = ou=groups," BASE "\n",
            site->store_uri, site->api_socket, site->internal_socket, site->run, site->slapd.ldap_uri, site->dir,
            secret);
    fclose(f);
    f = fopen(secret, "we");
    if (!f || fprintf(f, SLAPD_BIND_PASSWORD "\n") < 0 || fclose(f) != 0 || chmod(secret, 0600) < 0)
        return err_set_errno(reterr, ERR_IO, errno, "cannot write %s", secret);
    return 0;
}

static bool listens(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    bool up = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    close(fd);
    return up;
}

static int start_broker(struct storm_site *site, const char *program, struct error *reterr)
{
    char conf[240], log[240];
    int64_t deadline = clock_mono_ms() + START_MS;

    snprintf(conf, sizeof(conf), "%s/broker.conf", site->dir);
    snprintf(log, sizeof(log), "%s/broker.log", site->dir);
    int r = write_conf(site, conf, reterr);
    if (r < 0)
        return r;
    site->broker = fork();
    if (site->broker == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, program, "-c", conf, (char *)NULL);
        _exit(127);
    }
    while (!listens(site->internal_socket) || !listens(site->api_socket)) {
        if (waitpid(site->broker, NULL, WNOHANG) != 0) {
            site->broker = 0;
            return err_set(reterr, ERR_IO, "carrel-broker ended; see %s", log);
        }
        if (clock_mono_ms() > deadline)
            return err_set(reterr, ERR_TIMEOUT, "carrel-broker does not answer; see %s", log);
        usleep(20000);
    }
    return 0;
}

int storm_site_start(struct storm_site *site, const char *broker_program, size_t people, struct error *reterr)
{
    char tls[230], here[4096];

    *site = (struct storm_site){.people = people};
    snprintf(site->dir, sizeof(site->dir), "build/bench/storm-%d", (int)getpid());
    snprintf(site->run, sizeof(site->run), "/tmp/carrel-storm-XXXXXX");
    if (!mkdtemp(site->run))
        return err_set_errno(reterr, ERR_IO, errno, "cannot make %s", site->run);
    snprintf(site->api_socket, sizeof(site->api_socket), "%s/api.sock", site->run);
    snprintf(site->internal_socket, sizeof(site->internal_socket), "%s/internal.sock", site->run);
    snprintf(tls, sizeof(tls), "%s/tls", site->dir);
    if (!getcwd(here, sizeof(here)))
        return err_set_errno(reterr, ERR_IO, errno, "where are we");
    snprintf(site->store_uri, sizeof(site->store_uri), "sqlite:%s/%s/carrel.db", here, site->dir);
    slapd_make_certificates(tls);
    slapd_start(&site->slapd, "storm", tls);
    int r = fill_directory(site, reterr);
    if (r == 0)
        r = fill_store(site, reterr);
    if (r == 0)
        r = start_broker(site, broker_program, reterr);
    site->keep = r < 0;
    if (r < 0)
        storm_site_stop(site);
    return r;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void remove_tree(const char *dir)
{
    if (*dir)
        nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void storm_site_stop(struct storm_site *site)
{
    if (site->broker > 0) {
        kill(site->broker, SIGTERM);
        waitpid(site->broker, NULL, 0);
        site->broker = 0;
    }
    slapd_stop(&site->slapd);
    remove_tree(site->run);
    if (site->keep)
        return;
    remove_tree(site->dir);
    remove_tree(site->slapd.dir);
}

struct binder {
    const struct storm_site *site;
    atomic_size_t *next;
    size_t binds;
    int rc; /* first refusal */
    pthread_t thread;
};

static void *bind_on(void *arg)
{
    struct binder *b = arg;
    LDAP *ld = NULL;

    b->rc = open_ldap(b->site, &ld, NULL) < 0 ? LDAP_SERVER_DOWN : LDAP_SUCCESS;
    for (size_t n; b->rc == LDAP_SUCCESS && (n = atomic_fetch_add(b->next, 1)) < b->binds;) {
        char name[32], password[48], dn[96];
        storm_person(n % b->site->people, name, password);
        snprintf(dn, sizeof(dn), "uid=%s,ou=people," BASE, name);
        b->rc = bind_as(ld, dn, password);
    }
    if (ld)
        ldap_unbind_ext_s(ld, NULL, NULL);
    return NULL;
}

int storm_bind_rate(const struct storm_site *site, unsigned threads, size_t binds, double *ret_rate,
                    struct error *reterr)
{
    struct binder *binders CLEANUP_FREE = MEM_ARRAY(struct binder, threads);
    atomic_size_t next = 0;
    int rc = LDAP_SUCCESS;

    if (!binders)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    int64_t began = clock_mono_ns();
    unsigned running = 0;
    for (; running < threads; running++) {
        binders[running] = (struct binder){.site = site, .next = &next, .binds = binds};
        if (pthread_create(&binders[running].thread, NULL, bind_on, &binders[running]) != 0)
            break;
    }
    for (unsigned i = 0; i < running; i++) {
        pthread_join(binders[i].thread, NULL);
        rc = rc == LDAP_SUCCESS ? binders[i].rc : rc;
    }
    if (running == 0 || rc != LDAP_SUCCESS)
        return ldap_fails(reterr, "binding at slapd", rc);
    *ret_rate = (double)binds / ((double)(clock_mono_ns() - began) / 1e9);
    return 0;
}

double storm_broker_cpu(const struct storm_site *site)
{
    char path[64];
    unsigned long user = 0, system = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)site->broker);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    /* The name in brackets holds no blank; utime and stime are fields 14 and 15. */
    int n = fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    fclose(f);
    return n == 2 ? (double)(user + system) / (double)sysconf(_SC_CLK_TCK) : 0;
}

double storm_broker_memory(const struct storm_site *site)
{
    char path[64], line[128];
    double kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)site->broker);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (f)
        fclose(f);
    return kib / 1024;
}
