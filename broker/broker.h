/* The broker process: what its parts share. Everything here belongs to the loop's thread but `store` and `auth`, which
 * any worker may call, and `conf`, which does not change. Invariant: the store is the truth. In memory are only
 * desktops' passwords (vault), open event streams (watch, lines) and what gateways say that they carry; after kill -9
 * people log on again nowhere, clients ask again, gateways say hello. */
#ifndef CARREL_BROKER_BROKER_H
#define CARREL_BROKER_BROKER_H

#include "auth/auth.h"
#include "broker/conf.h"
#include "lib/net/httpc.h"
#include "lib/net/httpd.h"
#include "lib/net/workpool.h"
#include "lib/store/store.h"

struct vault;
struct watch;
struct lines;
struct chores;
struct broker;

/* What a handler gets as its argument: on which of the sockets the request came. */
struct broker_door {
    struct broker *broker;
    bool for_gateways;
};

struct broker {
    struct broker_conf conf;
    struct loop *loop;
    struct store *store;
    struct auth *auth;
    struct workpool *store_work, *directory_work;
    struct httpc *httpc;
    struct httpd *local, *gateways;
    struct broker_door local_door, gateway_door;
    struct vault *vault;
    struct watch *watch;
    struct lines *lines;
    struct chores *chores;
};

/* Opens everything by broker->conf, which the caller has filled. On failure broker_stop() is right. Errors carry a
 * sentence for the operator: what, why. */
int broker_start(struct broker *broker, struct error *reterr);
/* Answers what is under way, closes everything. */
void broker_stop(struct broker *broker);

/* Tells the pool manager that intents lie in the store. A hint: its failure is not looked at. */
void broker_wake_poolmgr(struct broker *broker);

#endif
