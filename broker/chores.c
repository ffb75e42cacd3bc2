#include "broker/chores.h"

#include "broker/vault.h"
#include "lib/base/clock.h"
#include "lib/store/store_login.h"
#include "lib/store/store_session.h"
#include "lib/store/store_ticket.h"

#define EVERY_MS        30000
#define BATCH           500
#define TICKET_KEPT_MS  3600000 /* so that a refusal can say "expired" instead of "unknown" */
#define SESSION_BATCH   100
#define SESSION_KEPT_MS (INT64_C(90) * 24 * 3600 * 1000) /* ended sessions, for `carrelctl session list` */

struct chores {
    struct broker *broker;
    struct loop_timer *timer;
    struct workpool_job job;
    bool running;
};

static void work(struct workpool_job *job, void *thread_data)
{
    (void)thread_data;
    struct chores *chores = CONTAINER_OF(job, struct chores, job);
    int64_t now = clock_wall_ms();
    store_login_sweep(chores->broker->store, now, BATCH, NULL, NULL);
    store_ticket_sweep(chores->broker->store, now - TICKET_KEPT_MS, BATCH, NULL, NULL);
    store_session_sweep(chores->broker->store, now - SESSION_KEPT_MS, SESSION_BATCH, NULL, NULL);
}

static void done(struct workpool_job *job, int status)
{
    (void)status;
    CONTAINER_OF(job, struct chores, job)->running = false;
}

static void on_timer(void *arg)
{
    struct chores *chores = arg;
    vault_sweep(chores->broker->vault, chores->broker->conf.credentials_kept);
    if (chores->running)
        return;
    chores->job = (struct workpool_job){.work = work, .done = done, .deadline_ms = clock_mono_ms() + EVERY_MS};
    chores->running = workpool_submit(chores->broker->store_work, &chores->job) == 0;
}

int chores_new(struct broker *broker, struct chores **ret, struct error *reterr)
{
    struct chores *chores = MEM_NEW(struct chores);
    if (chores == NULL || (chores->timer = loop_timer_new(broker->loop, on_timer, chores)) == NULL) {
        free(chores);
        return err_set(reterr, ERR_NOMEM, "out of memory");
    }
    chores->broker = broker;
    loop_timer_start(chores->timer, EVERY_MS, EVERY_MS);
    *ret = chores;
    return 0;
}

void chores_free(struct chores *chores)
{
    if (chores == NULL)
        return;
    loop_timer_free(chores->timer);
    free(chores);
}
