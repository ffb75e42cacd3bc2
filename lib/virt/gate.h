/* A gate between callbacks of a library's event thread and the owner who wants to end them. Any thread.
 *
 * Each callback is wrapped in gate_enter and gate_leave; gate_shut lets the one that is inside finish and no other in.
 * At most one thread is inside. */
#ifndef CARREL_VIRT_GATE_H
#define CARREL_VIRT_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    bool shut, inside;
    pthread_t who;
};

void gate_init(struct gate *gate);
void gate_done(struct gate *gate);
/* False: it is shut, do nothing. True: gate_leave must follow. */
bool gate_enter(struct gate *gate);
void gate_leave(struct gate *gate);
/* Waits for who is inside, unless it is the caller. May be called again. */
void gate_shut(struct gate *gate);

#endif
