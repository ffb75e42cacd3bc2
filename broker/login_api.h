/* Messages of logging in and out. Endpoint functions: see broker/endpoint.h. */
#ifndef CARREL_BROKER_LOGIN_API_H
#define CARREL_BROKER_LOGIN_API_H

#include "broker/call.h"

bool login_start(struct call *call);
int login_end_work(struct call *call, struct error *reterr);

#endif
