/* What one run of carrelctl works with, and the commands that have code of their own. One thread. */
#ifndef CARREL_CARRELCTL_CTL_H
#define CARREL_CARRELCTL_CTL_H

#include "client/carrelctl/keep.h"
#include "client/carrelctl/outcome.h"
#include "client/carrelctl/parse.h"
#include "client/carrelctl/progress.h"
#include "client/carrelctl/show.h"
#include "client/carrelctl/site.h"

struct ctl {
    const struct invocation *inv;
    struct site site;
    struct keep_login login; /* of the site, when there is one */
    char *state;             /* directory of kept logins; NULL: there is none */
    bool is_staff;           /* which of a command's two paths is taken */
    struct show show;
    struct progress progress;
    int64_t wait_ms; /* how long --wait waits */
    struct failure failure;
};

/* Each returns an enum outcome and has said on standard output what there is to say; `failure` is filled unless it is
 * OUTCOME_OK. */
int ctl_call(struct ctl *ctl);      /* call.c: one request */
int ctl_import(struct ctl *ctl);    /* work.c: image import, with its wait and publication */
int ctl_pool_wait(struct ctl *ctl); /* work.c: pool create and scale */
int ctl_login(struct ctl *ctl);     /* login.c */
int ctl_logout(struct ctl *ctl);    /* login.c */
int ctl_connect(struct ctl *ctl);   /* connect.c */

#endif
