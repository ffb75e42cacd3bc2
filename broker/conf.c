#include "broker/conf.h"

#include "lib/base/log.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define OPTION_STRUCT struct broker_conf
#define SOCKET_MAX    107 /* sun_path */

static const struct option_def defs[] = {BROKER_CONF(OPTION_DEF)};

const struct option_set broker_conf_set =
    OPTION_SET("carrel-broker", "logs people in and hands them their desktops", "/etc/carrel/broker.conf", defs);

static int check_socket(const char *name, const char *path, const char *mode, struct error *reterr)
{
    if (path[0] != '/' || strlen(path) > SOCKET_MAX)
        return err_set(reterr, ERR_CONFIG, "%s has to be an absolute path of at most %d characters", name, SOCKET_MAX);
    if (strlen(mode) < 3 || strlen(mode) > 4 || strspn(mode, "01234567") != strlen(mode))
        return err_set(reterr, ERR_CONFIG, "%s_mode has to be octal, such as 0660", name);
    return 0;
}

int broker_conf_check(const struct broker_conf *conf, struct error *reterr)
{
    enum log_level level;
    int rc = check_socket("socket", conf->socket, conf->socket_mode, reterr);
    if (rc == 0)
        rc = check_socket("internal_socket", conf->internal_socket, conf->internal_socket_mode, reterr);
    if (rc == 0 && strcmp(conf->socket, conf->internal_socket) == 0)
        rc = err_set(reterr, ERR_CONFIG,
                     "socket and internal_socket must differ: root is administrator on the first one");
    if (rc == 0 && log_level_parse(conf->log_level, &level) != 0)
        rc = err_set(reterr, ERR_CONFIG, "log_level has to be error, warning, notice, info or debug");
    return rc;
}

unsigned broker_conf_mode(const char *octal)
{
    return (unsigned)strtoul(octal, NULL, 8) & 0777;
}

static int read_password(const char *path, struct secret **ret, struct error *reterr)
{
    char line[SECRET_MAX];
    int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        err_set_errno(reterr, ERR_CONFIG, errno, "ldap_bind_password_file %s", path);
        return ERR_CONFIG;
    }
    ssize_t got = read(fd, line, sizeof(line) - 1);
    line[got > 0 ? got : 0] = '\0';
    size_t len = strcspn(line, "\r\n");
    struct secret *secret = len > 0 ? secret_new(line, len) : NULL;
    secret_wipe(line, sizeof(line));
    if (len == 0)
        return err_set(reterr, ERR_CONFIG, "ldap_bind_password_file %s: its first line is empty", path);
    if (!secret)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    *ret = secret;
    return 0;
}

int broker_conf_directory(const struct broker_conf *conf, struct ldap_conf *ret, struct secret **ret_password,
                          struct error *reterr)
{
    struct secret *password = NULL;
    if (*conf->ldap_bind_dn && !*conf->ldap_bind_password_file)
        return err_set(reterr, ERR_CONFIG, "ldap_bind_dn is set, but ldap_bind_password_file is not");
    if (*conf->ldap_bind_password_file) {
        int rc = read_password(conf->ldap_bind_password_file, &password, reterr);
        if (rc != 0)
            return rc;
    }
    *ret = (struct ldap_conf){
        .servers = conf->ldap_servers,
        .starttls = conf->ldap_starttls,
        .ca_file = conf->ldap_ca_file,
        .bind_dn = conf->ldap_bind_dn,
        .bind_password = password,
        .user_base = conf->ldap_user_base,
        .user_filter = conf->ldap_user_filter,
        .user_attribute = conf->ldap_user_attribute,
        .display_attribute = conf->ldap_display_attribute,
        .group_base = conf->ldap_group_base,
        .group_member = conf->ldap_group_member,
        .group_posix = conf->ldap_group_posix,
        .group_member_of = conf->ldap_group_member_of,
        .connect_ms = conf->ldap_connect_timeout,
        .search_ms = conf->ldap_search_timeout,
        .bind_ms = conf->ldap_bind_timeout,
        .server_ms = conf->ldap_server_timeout,
    };
    *ret_password = password;
    return 0;
}
