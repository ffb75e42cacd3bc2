#include "poolmgr/conf.h"

#include "lib/base/log.h"

#include <string.h>

#define PREFIX_MAX    32
#define SOCKET_MAX    107 /* sun_path */
#define OPTION_STRUCT struct poolmgr_conf

static const struct option_def defs[] = {POOLMGR_CONF(OPTION_DEF)};

const struct option_set poolmgr_conf_set = OPTION_SET(
    "carrel-poolmgr", "keeps pools of linked-clone desktops at their size", "/etc/carrel/poolmgr.conf", defs);

static int check_path(const char *name, const char *path, size_t limit, struct error *reterr)
{
    if (path[0] != '/')
        return err_set(reterr, ERR_CONFIG, "%s has to be an absolute path", name);
    if (strlen(path) > limit)
        return err_set(reterr, ERR_CONFIG, "%s is longer than %zu characters", name, limit);
    return 0;
}

int poolmgr_conf_check(const struct poolmgr_conf *conf, struct error *reterr)
{
    enum log_level level;
    size_t prefix = strlen(conf->domain_prefix);

    if (check_path("storage_dir", conf->storage_dir, 200, reterr) ||
        check_path("internal_socket", conf->internal_socket, SOCKET_MAX, reterr))
        return ERR_CONFIG;
    if (prefix > PREFIX_MAX || strspn(conf->domain_prefix, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != prefix)
        return err_set(reterr, ERR_CONFIG, "domain_prefix may hold at most %d of a-z 0-9 - _ .", PREFIX_MAX);
    if (log_level_parse(conf->log_level, &level))
        return err_set(reterr, ERR_CONFIG, "log_level has to be error, warning, notice, info or debug");
    return 0;
}
