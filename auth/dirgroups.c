#include "auth/dirgroups.h"

#include "lib/base/mem.h"

struct level {
    struct person *person;
    size_t depth;
};

static void add(void *arg, const char *dn, const char *cn)
{
    struct level *level = arg;
    person_add_group(level->person, dn, cn, level->depth);
}

/* Asks for the parents of groups [from, to) in batches; new ones are appended behind `to`. */
static int climb(const struct dirgroups_source *source, struct level *level, size_t from, size_t to,
                 struct error *reterr)
{
    while (from < to) {
        const char *dns[DIRGROUPS_BATCH];
        size_t count = 0;
        for (; count < DIRGROUPS_BATCH && from < to; from++)
            dns[count++] = level->person->groups[from].dn;
        int rc = source->parents(source->arg, dns, count, add, level, reterr);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int dirgroups_resolve(const struct dirgroups_source *source, struct person *person, struct error *reterr)
{
    struct level level = {.person = person, .depth = 1};
    const char *self = person->dn;
    int rc = source->parents(source->arg, &self, 1, add, &level, reterr);
    size_t asked = 0;
    while (rc == 0 && asked < person->n_groups) {
        if (++level.depth > DIRGROUPS_DEPTH) {
            person->truncated = true;
            break;
        }
        size_t known = person->n_groups;
        rc = climb(source, &level, asked, known, reterr);
        asked = known;
    }
    return rc;
}
