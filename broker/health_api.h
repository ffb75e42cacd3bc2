/* Health, readiness and the description of the interface. Endpoint functions: see broker/endpoint.h. */
#ifndef CARREL_BROKER_HEALTH_API_H
#define CARREL_BROKER_HEALTH_API_H

#include "broker/call.h"

bool health_alive(struct call *call);
int health_ready_work(struct call *call, struct error *reterr);
bool health_ready(struct call *call);
bool openapi_answer(struct call *call);

#endif
