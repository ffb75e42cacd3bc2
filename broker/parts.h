/* Brings up and takes down the broker's parts that have state of their own: directory, pool manager link, preparation
 * of sessions, watchers, gateways. Loop's thread, once each. */
#ifndef CARREL_BROKER_PARTS_H
#define CARREL_BROKER_PARTS_H

#include "broker/broker.h"

int parts_start(struct broker *broker, struct error *reterr);
/* After the servers and the pools of threads are gone. */
void parts_stop(struct broker *broker);

#endif
