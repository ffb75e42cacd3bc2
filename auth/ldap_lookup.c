#include "auth/ldap_lookup.h"

#include "auth/dirgroups.h"
#include "auth/dirtext.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/options.h"
#include "lib/base/text.h"

#include <string.h>
#include <strings.h>

#define GROUPS_FILTER_MAX (128 * 1024)

struct search_job {
    struct dirconn_query query;
    dirconn_row *row;
    void *arg;
};

static int search_work(struct dirconn *conn, int64_t deadline_ms, void *arg, struct error *reterr)
{
    struct search_job *job = arg;
    return dirconn_search(conn, &job->query, deadline_ms, job->row, job->arg, reterr);
}

void ldap_lookup_conf_done(struct ldap_lookup_conf *lookup)
{
    free(lookup->user_base);
    free(lookup->user_filter);
    free(lookup->user_attribute);
    free(lookup->display_attribute);
    free(lookup->group_base);
    *lookup = (struct ldap_lookup_conf){0};
}

static bool attribute_ok(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == strlen(name);
}

static int check(const struct ldap_conf *conf, struct error *reterr)
{
    char probe[DIRTEXT_FILTER_MAX];
    if (!*conf->user_base)
        return err_set(reterr, ERR_CONFIG, "user_base is empty");
    if (!strstr(conf->user_filter, "%u") || !dirtext_expand(conf->user_filter, "x", probe, sizeof(probe)))
        return err_set(reterr, ERR_CONFIG, "user_filter \"%s\" must hold %%u for the name and no other %%",
                       conf->user_filter);
    if (!attribute_ok(conf->user_attribute) || !attribute_ok(conf->display_attribute))
        return err_set(reterr, ERR_CONFIG,
                       "user_attribute and display_attribute must each be the name of one attribute");
    return 0;
}

static int set_members(struct ldap_lookup_conf *lookup, const char *list, struct error *reterr)
{
    size_t count = 0;
    char name[64];
    for (const char *cursor = list; options_list_next(&cursor, name, sizeof(name));) {
        if (count == LDAP_MEMBER_ATTRIBUTES - 1 || !attribute_ok(name))
            return err_set(reterr, ERR_CONFIG, "group_member: at most %d names of attributes",
                           LDAP_MEMBER_ATTRIBUTES - 1);
        memcpy(lookup->member[count++], name, sizeof(name));
    }
    return 0;
}

int ldap_lookup_conf_init(struct ldap_lookup_conf *lookup, const struct ldap_conf *conf, struct error *reterr)
{
    *lookup = (struct ldap_lookup_conf){
        .user_base = mem_strdup(conf->user_base),
        .user_filter = mem_strdup(conf->user_filter),
        .user_attribute = mem_strdup(conf->user_attribute),
        .display_attribute = mem_strdup(conf->display_attribute),
        .group_base = mem_strdup(conf->group_base),
        .posix = conf->group_posix,
        .member_of = conf->group_member_of,
        .search_ms = conf->search_ms,
    };
    if (!lookup->user_base || !lookup->user_filter || !lookup->user_attribute || !lookup->display_attribute ||
        !lookup->group_base)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    int rc = check(conf, reterr);
    return rc != 0 ? rc : set_members(lookup, conf->group_member, reterr);
}

struct found {
    const struct ldap_lookup_conf *lookup;
    const char *typed;
    struct person *person;
    char *gid;
    size_t count;
};

/* The value of the name attribute that was typed (it may have several), else the first. */
static const char *own_name(struct dirconn_entry *entry, const char *attribute, const char *typed)
{
    const char *value;
    for (size_t n = 0; (value = dirconn_entry_value(entry, attribute, n)) != NULL; n++)
        if (strcasecmp(value, typed) == 0)
            return value;
    return dirconn_entry_value(entry, attribute, 0);
}

static void on_person(void *arg, struct dirconn_entry *entry)
{
    struct found *found = arg;
    const struct ldap_lookup_conf *lookup = found->lookup;
    if (found->count++ > 0)
        return;
    const char *name = own_name(entry, lookup->user_attribute, found->typed);
    char username[DIRTEXT_NAME_MAX + 1];
    if (!name || !dirtext_name_ok(name, strlen(name)) || text_copy(username, sizeof(username), name) != 0)
        return;
    found->person =
        person_new(username, dirconn_entry_dn(entry), dirconn_entry_value(entry, lookup->display_attribute, 0));
    if (!found->person)
        return;
    const char *value = dirconn_entry_value(entry, "gidNumber", 0);
    if (value && strspn(value, "0123456789") == strlen(value))
        text_copy(found->gid, LDAP_GID_SIZE, value);
    if (!lookup->member_of)
        return;
    for (size_t n = 0; (value = dirconn_entry_value(entry, "memberOf", n)) != NULL; n++)
        person_add_group(found->person, value, NULL, 1);
}

int ldap_lookup_person(const struct ldap_lookup_conf *lookup, struct dirserver *server, const char *username,
                       int64_t deadline_ms, struct person **ret, char ret_gid[LDAP_GID_SIZE], struct error *reterr)
{
    char filter[DIRTEXT_FILTER_MAX], gid[LDAP_GID_SIZE] = "";
    const char *attributes[] = {lookup->user_attribute, lookup->display_attribute, "gidNumber",
                                lookup->member_of ? "memberOf" : NULL, NULL};
    if (!dirtext_expand(lookup->user_filter, username, filter, sizeof(filter)))
        return err_set(reterr, ERR_NOT_FOUND, "the name does not fit into the filter");
    struct found found = {.lookup = lookup, .typed = username, .gid = gid};
    struct search_job job = {
        .query = {.base = lookup->user_base, .filter = filter, .attributes = attributes, .limit = 2},
        .row = on_person,
        .arg = &found,
    };
    int rc = dirserver_run(server, DIRSERVER_SEARCH, lookup->search_ms, deadline_ms, search_work, &job, reterr);
    if (rc == 0 && (found.count != 1 || !found.person))
        rc = err_set(reterr, ERR_NOT_FOUND, found.count > 1 ? "the name means more than one entry" : "no such person");
    if (rc != 0) {
        person_free(found.person);
        return rc;
    }
    memcpy(ret_gid, gid, sizeof(gid));
    *ret = found.person;
    return 0;
}

struct groups_walk {
    const struct ldap_lookup_conf *lookup;
    struct dirserver *server;
    int64_t deadline_ms;
    dirgroups_found *found;
    void *found_arg;
};

static void on_group(void *arg, struct dirconn_entry *entry)
{
    struct groups_walk *walk = arg;
    walk->found(walk->found_arg, dirconn_entry_dn(entry), dirconn_entry_value(entry, "cn", 0));
}

static int search_groups(struct groups_walk *walk, const char *filter, struct error *reterr)
{
    static const char *const attributes[] = {"cn", NULL};
    struct search_job job = {
        .query = {.base = walk->lookup->group_base,
                  .filter = filter,
                  .attributes = attributes,
                  .limit = PERSON_GROUPS_MAX},
        .row = on_group,
        .arg = walk,
    };
    return dirserver_run(walk->server, DIRSERVER_SEARCH, walk->lookup->search_ms, walk->deadline_ms, search_work, &job,
                         reterr);
}

/* (|(member=dn1)(uniqueMember=dn1)(member=dn2)...) */
static int parents(void *arg, const char *const *dns, size_t count, dirgroups_found *found, void *found_arg,
                   struct error *reterr)
{
    struct groups_walk *walk = arg;
    struct buf filter CLEANUP(buf_done);
    buf_init(&filter, GROUPS_FILTER_MAX);
    int rc = buf_append_str(&filter, "(|");
    for (size_t i = 0; i < count && rc == 0; i++) {
        char escaped[3 * DIRTEXT_DN_MAX];
        if (!dirtext_escape_filter(dns[i], escaped, sizeof(escaped)))
            continue;
        for (size_t k = 0; walk->lookup->member[k][0] && rc == 0; k++)
            rc = buf_printf(&filter, "(%s=%s)", walk->lookup->member[k], escaped);
    }
    if (rc == 0)
        rc = buf_append_str(&filter, ")");
    if (rc != 0)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    walk->found = found;
    walk->found_arg = found_arg;
    return search_groups(walk, buf_str(&filter), reterr);
}

static void add_direct(void *arg, const char *dn, const char *cn)
{
    person_add_group(arg, dn, cn, 1);
}

/* RFC 2307: groups list names, and the primary group is a number in the person's entry. */
static int posix_groups(struct groups_walk *walk, struct person *person, const char *gid, struct error *reterr)
{
    char name[3 * DIRTEXT_NAME_MAX + 1], filter[DIRTEXT_FILTER_MAX];
    if (!dirtext_escape_filter(person->username, name, sizeof(name)))
        return err_set(reterr, ERR_TOO_BIG, "the name is too long");
    if (*gid)
        snprintf(filter, sizeof(filter), "(&(objectClass=posixGroup)(|(memberUid=%s)(gidNumber=%s)))", name, gid);
    else
        snprintf(filter, sizeof(filter), "(&(objectClass=posixGroup)(memberUid=%s))", name);
    walk->found = add_direct;
    walk->found_arg = person;
    return search_groups(walk, filter, reterr);
}

int ldap_lookup_groups(const struct ldap_lookup_conf *lookup, struct dirserver *server, struct person *person,
                       const char *gid, int64_t deadline_ms, struct error *reterr)
{
    struct groups_walk walk = {.lookup = lookup, .server = server, .deadline_ms = deadline_ms};
    struct dirgroups_source source = {.parents = parents, .arg = &walk};
    int rc = 0;
    if (!*lookup->group_base)
        return 0;
    if (lookup->posix)
        rc = posix_groups(&walk, person, gid, reterr);
    if (rc == 0 && lookup->member[0][0])
        rc = dirgroups_resolve(&source, person, reterr);
    return rc;
}
