/* Messages of administration: admin_api.c (images, hosts, entitlements), admin_pool_api.c (pools), admin_watch_api.c
 * (desktops and sessions). Intents go into the store; the pool manager carries them out. Endpoint functions: see
 * broker/endpoint.h. */
#ifndef CARREL_BROKER_ADMIN_API_H
#define CARREL_BROKER_ADMIN_API_H

#include "broker/call.h"

int admin_images_work(struct call *call, struct error *reterr);
int admin_image_add_work(struct call *call, struct error *reterr);
int admin_image_work(struct call *call, struct error *reterr);
int admin_image_publish_work(struct call *call, struct error *reterr);
int admin_hosts_work(struct call *call, struct error *reterr);
int admin_host_add_work(struct call *call, struct error *reterr);
int admin_entitlements_work(struct call *call, struct error *reterr);
int admin_entitlement_add_work(struct call *call, struct error *reterr);
int admin_entitlement_remove_work(struct call *call, struct error *reterr);

int admin_pools_work(struct call *call, struct error *reterr);
int admin_pool_add_work(struct call *call, struct error *reterr);
int admin_pool_work(struct call *call, struct error *reterr);
int admin_pool_change_work(struct call *call, struct error *reterr);

int admin_desktops_work(struct call *call, struct error *reterr);
int admin_desktop_work(struct call *call, struct error *reterr);
int admin_sessions_work(struct call *call, struct error *reterr);
int admin_session_work(struct call *call, struct error *reterr);

/* After any change that the pool manager has to look at. */
bool admin_wake_after(struct call *call);

/* "NAME@VERSION" or "NAME" (version 0: the newest published one). ERR_INVALID. */
int admin_image_name(const char *text, char ret_name[STORE_NAME_SIZE], int64_t *ret_version, struct error *reterr);
/* One log line about a change. */
void admin_log(const struct call *call, const char *what);

#endif
