/* What tests do to simulated hosts: delays, faults, crashes; see fake.h. */
#include "lib/virt/fake_host.h"

#include <string.h>

static void lose(struct fake_host *host)
{
    for (struct fake_domain *d = host->domains; d != NULL; d = d->next)
        for (size_t i = 0; i < ARRAY_LEN(d->channels); i++)
            if (d->channels[i] != NULL)
                fake_channel_end(d->channels[i], "the connection to the host is lost");
    for (struct fake_conn *conn = host->conns; conn != NULL; conn = conn->next) {
        fake_conn_event(conn, VIRT_EVENT_LOST, "", "");
        conn->lost = true;
    }
    pthread_cond_broadcast(&host->changed);
}

void fake_delay(struct fake_host *host, enum fake_op op, uint32_t ms)
{
    pthread_mutex_lock(&host->lock);
    host->ops[op].delay_ms = ms;
    pthread_mutex_unlock(&host->lock);
}

void fake_fail(struct fake_host *host, enum fake_op op, uint32_t count, int code)
{
    pthread_mutex_lock(&host->lock);
    host->ops[op].before = count;
    host->ops[op].before_code = code;
    pthread_mutex_unlock(&host->lock);
}

void fake_fail_after(struct fake_host *host, enum fake_op op, uint32_t count, int code)
{
    pthread_mutex_lock(&host->lock);
    host->ops[op].after = count;
    host->ops[op].after_code = code;
    pthread_mutex_unlock(&host->lock);
}

void fake_hang(struct fake_host *host, enum fake_op op, bool on)
{
    pthread_mutex_lock(&host->lock);
    host->ops[op].hang = on;
    pthread_cond_broadcast(&host->changed);
    pthread_mutex_unlock(&host->lock);
}

uint32_t fake_calls(struct fake_host *host, enum fake_op op)
{
    pthread_mutex_lock(&host->lock);
    uint32_t calls = host->ops[op].calls;
    pthread_mutex_unlock(&host->lock);
    return calls;
}

void fake_down(struct fake_host *host, bool down)
{
    pthread_mutex_lock(&host->lock);
    if (down && !host->down)
        lose(host);
    host->down = down;
    pthread_mutex_unlock(&host->lock);
}

void fake_disconnect(struct fake_host *host)
{
    pthread_mutex_lock(&host->lock);
    lose(host);
    pthread_mutex_unlock(&host->lock);
}

void fake_power_loss(struct fake_host *host)
{
    pthread_mutex_lock(&host->lock);
    lose(host);
    for (struct fake_domain *d = host->domains, *next; d != NULL; d = next) {
        next = d->next;
        if (fake_domain_is_on(d)) {
            d->state = VIRT_DOMAIN_STOPPED;
            fake_guest_power_off(d, "the host lost power");
            fake_domain_settle(d);
        }
    }
    pthread_mutex_unlock(&host->lock);
}

static int stop_by_test(struct fake_host *host, const char *name, enum virt_event_kind kind, const char *why)
{
    pthread_mutex_lock(&host->lock);
    struct fake_domain *d = fake_domain_find(host, name);
    if (d != NULL)
        fake_domain_stop(d, kind, why);
    pthread_mutex_unlock(&host->lock);
    return d != NULL ? 0 : ERR_NOT_FOUND;
}

int fake_domain_crash(struct fake_host *host, const char *domain)
{
    return stop_by_test(host, domain, VIRT_EVENT_CRASHED, "failed");
}

int fake_domain_poweroff(struct fake_host *host, const char *domain)
{
    return stop_by_test(host, domain, VIRT_EVENT_STOPPED, "shutdown");
}
