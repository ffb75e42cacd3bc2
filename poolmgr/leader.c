#include "poolmgr/leader.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/store/store_lease.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RENEW_PART 3 /* of the lease's time */

struct leader {
    struct leader_options o;
    struct loop_timer *timer;
    int64_t gen;      /* 0 = does not lead */
    int64_t until_ms; /* monotonic: leads at most until then */
    bool told;        /* that another leads */
    bool stopped;
    bool busy;
    char who[STORE_SUBJECT_SIZE];
};

struct lease_job {
    struct workpool_job job;
    struct leader *leader;
    int code;
    struct error error;
    int64_t gen;
    int64_t asked_ms;
    struct store_lease holder; /* when somebody else has it */
};

/* Field 22 of /proc/PID/stat: jiffies after boot. The command before it may hold anything but ends with ')'. */
static int start_time(pid_t pid, uint64_t *ret)
{
    char path[40], text[1024];

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return ERR_NOT_FOUND;
    text[n] = '\0';
    const char *p = strrchr(text, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p && sscanf(p, " %" SCNu64, ret) == 1 ? 0 : ERR_NOT_FOUND;
}

static int machine(char *ret, size_t size)
{
    char boot[64] = "";
    struct stat ns;
    int fd CLEANUP_CLOSE = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, boot, sizeof boot - 1);

    if (n <= 0 || stat("/proc/self/ns/pid", &ns))
        return ERR_IO;
    boot[strcspn(boot, "\n")] = '\0';
    snprintf(ret, size, "%.40s/%lu", boot, (unsigned long)ns.st_ino);
    return 0;
}

int leader_holder(const char *instance, char ret[STORE_SUBJECT_SIZE], struct error *reterr)
{
    char host[80] = "", here[80];
    uint64_t started = 0;

    if (!*instance && gethostname(host, sizeof host - 1))
        return err_set_errno(reterr, ERR_IO, errno, "the machine has no name");
    if (machine(here, sizeof here) || start_time(getpid(), &started))
        return err_set(reterr, ERR_IO, "/proc cannot be read");
    snprintf(ret, STORE_SUBJECT_SIZE, "%.79s/%s/%d/%" PRIu64, *instance ? instance : host, here, (int)getpid(),
             started);
    return 0;
}

bool leader_holder_is_dead(const char *holder)
{
    char here[80], boot[41], ns[24];
    uint64_t wanted, started;
    int pid, used = 0;
    const char *p = strchr(holder, '/');

    if (!p || machine(here, sizeof here))
        return false;
    if (sscanf(p, "/%40[^/]/%23[0-9]/%d/%" SCNu64 "%n", boot, ns, &pid, &wanted, &used) != 4 || p[used] != '\0')
        return false;
    size_t n = strlen(boot);
    if (strncmp(here, boot, n) != 0 || here[n] != '/' || strcmp(here + n + 1, ns) != 0 || pid <= 0)
        return false;
    return start_time(pid, &started) || started != wanted;
}

static void take(struct lease_job *job)
{
    const struct leader_options *o = &job->leader->o;

    for (int round = 0; round < 2; round++) {
        job->asked_ms = clock_mono_ms();
        job->code = store_lease_take(o->store, STORE_LEASE_POOLMGR, o->holder, o->lease_ms, clock_wall_ms(), &job->gen,
                                     &job->error);
        if (job->code != ERR_CONFLICT || store_lease_get(o->store, STORE_LEASE_POOLMGR, &job->holder, NULL))
            return;
        if (!leader_holder_is_dead(job->holder.holder) ||
            store_lease_release(o->store, STORE_LEASE_POOLMGR, job->holder.holder, NULL))
            return;
    }
}

static void on_work(struct workpool_job *base, void *thread_data)
{
    (void)thread_data;
    take(CONTAINER_OF(base, struct lease_job, job));
}

static void set_leading(struct leader *leader, int64_t gen)
{
    bool was = leader->gen != 0;

    if (was && gen && gen != leader->gen) {
        /* The lease was lost and won again unnoticed: what was begun under the old one is void. */
        leader->gen = 0;
        leader->o.changed(leader->o.arg, false);
        was = false;
    }
    leader->gen = gen;
    if (was != (gen != 0))
        leader->o.changed(leader->o.arg, gen != 0);
}

static void end_leading(struct leader *leader)
{
    if (!leader->gen)
        return;
    log_event(EV_LEADER_LOST, LOG_INT("generation", leader->gen));
    set_leading(leader, 0);
}

static void on_done(struct workpool_job *base, int status)
{
    struct lease_job *job = CONTAINER_OF(base, struct lease_job, job);
    struct leader *leader = job->leader;

    leader->busy = false;
    if (leader->stopped || status) {
        free(job);
        return;
    }
    if (!job->code) {
        leader->until_ms = job->asked_ms + leader->o.lease_ms;
        snprintf(leader->who, sizeof leader->who, "%s", leader->o.holder);
        leader->told = false;
        if (leader->gen != job->gen)
            log_event(EV_LEADER, LOG_INT("generation", job->gen), LOG_STR("holder", leader->o.holder));
        set_leading(leader, job->gen);
    } else if (job->code == ERR_CONFLICT) {
        snprintf(leader->who, sizeof leader->who, "%s", job->holder.holder);
        end_leading(leader);
        if (!leader->told)
            log_event(EV_STANDBY, LOG_STR("holder", job->holder.holder));
        leader->told = true;
    } else {
        log_event(EV_PASS_FAILED, LOG_STR("what", "leader lease"), LOG_ERR(&job->error));
    }
    free(job);
}

static void on_timer(void *arg)
{
    struct leader *leader = arg;

    if (leader->gen && clock_mono_ms() >= leader->until_ms - leader->o.lease_ms / (2 * RENEW_PART))
        end_leading(leader);
    if (leader->busy)
        return;
    struct lease_job *job = MEM_NEW(struct lease_job);
    if (!job)
        return;
    job->job.work = on_work;
    job->job.done = on_done;
    job->leader = leader;
    if (workpool_submit(leader->o.pool, &job->job))
        free(job);
    else
        leader->busy = true;
}

struct leader *leader_new(const struct leader_options *options)
{
    struct leader *leader = MEM_NEW(struct leader);

    if (!leader)
        return NULL;
    leader->o = *options;
    leader->timer = loop_timer_new(options->loop, on_timer, leader);
    if (!leader->timer) {
        free(leader);
        return NULL;
    }
    return leader;
}

void leader_start(struct leader *leader)
{
    loop_timer_start(leader->timer, 0, leader->o.lease_ms / (2 * RENEW_PART));
}

void leader_fenced(struct leader *leader)
{
    end_leading(leader);
}

int64_t leader_gen(const struct leader *leader)
{
    return leader->gen;
}

uint32_t leader_left_ms(const struct leader *leader)
{
    int64_t left = leader->until_ms - clock_mono_ms();

    return leader->gen && left > 0 ? (uint32_t)left : 0;
}

const char *leader_who(const struct leader *leader)
{
    return leader->who;
}

void leader_stop(struct leader *leader)
{
    leader->stopped = true;
    leader->gen = 0;
    loop_timer_stop(leader->timer);
}

void leader_free(struct leader *leader)
{
    if (!leader)
        return;
    loop_timer_free(leader->timer);
    free(leader);
}
