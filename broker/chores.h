/* What the broker does now and then by itself: forgets logins and tickets that are over, wipes passwords that nobody
 * asks for. Loop's thread. */
#ifndef CARREL_BROKER_CHORES_H
#define CARREL_BROKER_CHORES_H

#include "broker/broker.h"

int chores_new(struct broker *broker, struct chores **ret, struct error *reterr);
void chores_free(struct chores *chores);

#endif
