/* The administrator's endpoints (/api/v1/admin). They write rows and intents; the pool manager does the work. Worker
 * threads. Each function is one line of broker/endpoints.def. */
#ifndef CARREL_BROKER_ADMIN_H
#define CARREL_BROKER_ADMIN_H

#include "broker/call.h"

/* admin_image.c */
void admin_image_list(struct call *call);
void admin_image_import(struct call *call);
void admin_image_show(struct call *call);
void admin_image_publish(struct call *call);
/* admin_host.c */
void admin_host_list(struct call *call);
void admin_host_add(struct call *call);
/* admin_pool.c */
void admin_pool_list(struct call *call);
void admin_pool_create(struct call *call);
void admin_pool_show(struct call *call);
void admin_pool_change(struct call *call);
/* admin_entitlement.c */
void admin_entitlement_list(struct call *call);
void admin_entitlement_add(struct call *call);
void admin_entitlement_remove(struct call *call);
/* admin_fleet.c */
void admin_desktop_list(struct call *call);
void admin_desktop_show(struct call *call);
void admin_session_list(struct call *call);
void admin_session_show(struct call *call);
void admin_session_disconnect(struct call *call);
void admin_session_logoff(struct call *call);

#endif
