/* Messages about people's sessions. Endpoint functions: see broker/endpoint.h. */
#ifndef CARREL_BROKER_SESSION_API_H
#define CARREL_BROKER_SESSION_API_H

#include "broker/call.h"

int session_pools_work(struct call *call, struct error *reterr);
int session_connect_work(struct call *call, struct error *reterr);
bool session_connect_after(struct call *call);
int session_list_work(struct call *call, struct error *reterr);
bool session_list_after(struct call *call);
int session_get_work(struct call *call, struct error *reterr);
bool session_get_after(struct call *call);
bool session_events_after(struct call *call);
int session_rdp_work(struct call *call, struct error *reterr);
bool session_rdp_after(struct call *call);
/* For the person, and for administrators under /admin. */
int session_disconnect_work(struct call *call, struct error *reterr);
int session_logoff_work(struct call *call, struct error *reterr);
bool session_cut_after(struct call *call);

#endif
