/* The groups of a person with nesting resolved: breadth first, one question a level, safe against cycles, bounded. Pure
 * but for the source that it asks; the thread of the caller. Invariants: a group is asked about at most once; at most
 * DIRGROUPS_DEPTH levels and PERSON_GROUPS_MAX groups. */
#ifndef CARREL_AUTH_DIRGROUPS_H
#define CARREL_AUTH_DIRGROUPS_H

#include "auth/person.h"
#include "lib/base/err.h"

#define DIRGROUPS_DEPTH 16 /* levels of nesting followed */
#define DIRGROUPS_BATCH 32 /* member DNs in one question */

/* Called by a source for each group that it found. `cn` may be NULL. */
typedef void dirgroups_found(void *found_arg, const char *dn, const char *cn);

struct dirgroups_source {
    /* Reports every group that has one of the `count` DNs as a direct member. 0, or an error that ends the walk. */
    int (*parents)(void *source_arg, const char *const *dns, size_t count, dirgroups_found *found, void *found_arg,
                   struct error *reterr);
    void *arg;
};

/* Adds to `person` every group that their DN is a member of, and every group that those are in. Groups which the person
 * has already (from memberOf or posixGroup) are walked up from as well. 0 or the source's error; the bounds only set
 * person->truncated. */
int dirgroups_resolve(const struct dirgroups_source *source, struct person *person, struct error *reterr);

#endif
