/* A person as the directory knows them, and the groups they are in, nesting resolved. Plain data, any thread.
 * Invariant: no two groups of a person have the same dirtext_dn_key(), and there are at most PERSON_GROUPS_MAX. */
#ifndef CARREL_AUTH_PERSON_H
#define CARREL_AUTH_PERSON_H

#include <stdbool.h>
#include <stddef.h>

#define PERSON_GROUPS_MAX 1024

struct person_group {
    char *dn;     /* as the directory spells it */
    char *cn;     /* its short name; the first RDN's value when the entry shows no cn */
    char *key;    /* dirtext_dn_key(dn) */
    size_t depth; /* 1: a direct member; 2: through one group; ... */
};

struct person {
    char *username; /* the directory's spelling, not the typed one */
    char *dn;
    char *display_name; /* never NULL; the username when the directory has none */
    struct person_group *groups;
    size_t n_groups;
    size_t cap_groups; /* allocated */
    bool truncated;    /* more groups than PERSON_GROUPS_MAX or nesting deeper than the bound: some are left out */
};

/* NULL when memory is out. Copies its arguments; `display_name` may be NULL. */
struct person *person_new(const char *username, const char *dn, const char *display_name);
void person_free(struct person *person);
static inline void person_freep(struct person **person)
{
    person_free(*person);
}

enum person_added { PERSON_GROUP_NEW, PERSON_GROUP_KNOWN, PERSON_GROUP_IGNORED };

/* Adds a group. `cn` may be NULL. KNOWN: they were in it already (a cycle, or two ways to one group). IGNORED: no
 * memory, not a DN, or the bound is reached (`truncated` is then set). */
enum person_added person_add_group(struct person *person, const char *dn, const char *cn, size_t depth);

#endif
