/* What the parts of carrel-broker share: the loop, the store, the pools of threads. Set up by main.c before the first
 * request, torn down after the last; constant in between. */
#ifndef CARREL_BROKER_BROKER_H
#define CARREL_BROKER_BROKER_H

#include "auth/auth.h"
#include "broker/conf.h"
#include "lib/net/httpd.h"
#include "lib/net/loop.h"
#include "lib/net/workpool.h"
#include "lib/store/store.h"

struct poolmgr_link;
struct prepare;
struct watch;
struct gateways;

struct broker {
    struct conf conf;
    struct loop *loop;
    struct store *store;
    struct auth *directory;
    struct workpool *store_pool;     /* endpoints that talk to the store */
    struct workpool *directory_pool; /* logins: what waits for the directory stalls nothing else */
    struct httpd *api;               /* people, through gateways */
    struct httpd *local;             /* this machine; root is an administrator */
    struct httpd *internal;          /* gateways themselves */
    struct poolmgr_link *poolmgr;    /* wakes the pool manager */
    struct prepare *prepare;         /* accounts in desktops, and their passwords */
    struct watch *watch;             /* streams of session events */
    struct gateways *gateways;       /* command streams */
};

#endif
