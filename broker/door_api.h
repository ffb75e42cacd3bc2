/* Messages from gateways (lib/proto/gw.h): tickets, ends of connections, hellos, the command stream. Endpoint
 * functions: see broker/endpoint.h. */
#ifndef CARREL_BROKER_DOOR_API_H
#define CARREL_BROKER_DOOR_API_H

#include "broker/call.h"

int door_redeem_work(struct call *call, struct error *reterr);
bool door_redeem_after(struct call *call);
int door_closed_work(struct call *call, struct error *reterr);
bool door_closed_after(struct call *call);
int door_hello_work(struct call *call, struct error *reterr);
bool door_hello_after(struct call *call);
bool door_commands_after(struct call *call);

#endif
