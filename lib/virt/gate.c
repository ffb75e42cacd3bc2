#include "lib/virt/gate.h"

void gate_init(struct gate *gate)
{
    *gate = (struct gate){.shut = false};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->left, NULL);
}

void gate_done(struct gate *gate)
{
    pthread_cond_destroy(&gate->left);
    pthread_mutex_destroy(&gate->lock);
}

bool gate_enter(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->inside && !gate->shut)
        pthread_cond_wait(&gate->left, &gate->lock);
    bool open = !gate->shut;
    if (open) {
        gate->inside = true;
        gate->who = pthread_self();
    }
    pthread_mutex_unlock(&gate->lock);
    return open;
}

void gate_leave(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->inside = false;
    pthread_cond_broadcast(&gate->left);
    pthread_mutex_unlock(&gate->lock);
}

void gate_shut(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->shut = true;
    pthread_cond_broadcast(&gate->left);
    while (gate->inside && !pthread_equal(gate->who, pthread_self()))
        pthread_cond_wait(&gate->left, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}
