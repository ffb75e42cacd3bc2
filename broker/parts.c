#include "broker/parts.h"

#include "auth/ldap.h"
#include "broker/poolmgr_link.h"
#include "lib/base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The first line of a file as a secret; an empty name gives an empty one. */
static int read_password(const char *path, struct secret **ret, struct error *reterr)
{
    char line[512] = "";
    if (path[0] != '\0') {
        FILE *f = fopen(path, "re");
        if (f == NULL)
            return err_set_errno(reterr, ERR_CONFIG, errno, "cannot read bind_password_file %s", path);
        if (fgets(line, sizeof(line), f) == NULL)
            line[0] = '\0';
        fclose(f);
        line[strcspn(line, "\r\n")] = '\0';
    }
    *ret = secret_from_str(line);
    secret_wipe(line, sizeof(line));
    return *ret != NULL ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");
}

static int open_directory(struct broker *broker, struct error *reterr)
{
    const struct conf *c = &broker->conf;
    struct secret *password CLEANUP(secret_freep) = NULL;
    int r = read_password(c->bind_password_file, &password, reterr);
    if (r < 0)
        return r;
    const struct ldap_conf conf = {.servers = c->servers,
                                   .starttls = c->starttls,
                                   .ca_file = c->ca_file,
                                   .bind_dn = c->bind_dn,
                                   .bind_password = password,
                                   .user_base = c->user_base,
                                   .user_filter = c->user_filter,
                                   .user_attribute = c->user_attribute,
                                   .display_attribute = c->display_attribute,
                                   .group_base = c->group_base,
                                   .group_member = c->group_member,
                                   .group_posix = c->group_posix,
                                   .group_member_of = c->group_member_of,
                                   .connect_ms = c->connect_timeout,
                                   .search_ms = c->search_timeout,
                                   .bind_ms = c->bind_timeout,
                                   .server_ms = c->server_timeout};
    return ldap_directory_new(&conf, &broker->directory, reterr);
}

int parts_start(struct broker *broker, struct error *reterr)
{
    int r = open_directory(broker, reterr);
    if (r == 0)
        r = poolmgr_link_new(broker, &broker->poolmgr, reterr);
    return r;
}

void parts_stop(struct broker *broker)
{
    poolmgr_link_free(broker->poolmgr);
    auth_free(broker->directory);
}
