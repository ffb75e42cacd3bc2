#include "poolmgr/strays.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "linkedclone/image.h"
#include "linkedclone/overlay.h"
#include "poolmgr/reconcile.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS       300000
#define LEAD_LEFT_MS  2000 /* the lead has to last this long for a removal to begin */
#define SUFFIX        ".qcow2"
#define OVERLAYS_MOST 1000 /* looked at in one go */

struct domain_job {
    struct host_job job;
    struct manager *manager;
    char host[STORE_NAME_SIZE];
    char domain[VIRT_NAME_SIZE];
    bool removed;
    int code;
    struct error error;
};

struct files_job {
    struct workpool_job job;
    struct manager *manager;
    bool leftovers;
    int64_t until_ms; /* monotonic: the lead is safe until then */
    size_t removed;
};

bool strays_overlay_name(const char *file, char ret_desktop[STORE_NAME_SIZE])
{
    size_t n = strlen(file), suffix = strlen(SUFFIX);
    char name[STORE_NAME_SIZE];

    if (n <= suffix || n - suffix >= sizeof name || strcmp(file + n - suffix, SUFFIX) != 0)
        return false;
    memcpy(name, file, n - suffix);
    name[n - suffix] = '\0';
    const char *number = strrchr(name, '-');
    if (!number || number == name || strlen(number + 1) < 3 || strspn(number + 1, "0123456789") != strlen(number + 1))
        return false;
    if (!text_is_name(name, sizeof name - 1))
        return false;
    memcpy(ret_desktop, name, sizeof name);
    return true;
}

/* ---- domains */

static void run_domain(struct host_job *base)
{
    struct domain_job *job = CONTAINER_OF(base, struct domain_job, job);
    struct store_desktop row;

    int r = store_desktop_get_named(job->manager->env.store, job->domain + strlen(job->manager->conf->domain_prefix),
                                    &row, &job->error);
    if (r != ERR_NOT_FOUND && (r || !strcmp(row.host, job->host)))
        return; /* it has a row, or that cannot be known now */
    job->error = (struct error){0};
    job->code = virt_domain_destroy(base->virt, job->domain, &job->error);
    if (!job->code)
        job->code = virt_domain_undefine(base->virt, job->domain, &job->error);
    job->removed = !job->code;
}

static void finish_domain(struct host_job *base, int status)
{
    struct domain_job *job = CONTAINER_OF(base, struct domain_job, job);

    if (!status && job->removed) {
        job->manager->counters.strays++;
        log_event(EV_DOMAIN_STRAY, LOG_STR("host", job->host), LOG_STR("domain", job->domain));
    } else if (!status && job->code) {
        log_event(EV_DOMAIN_STRAY_FAILED, LOG_STR("host", job->host), LOG_STR("domain", job->domain),
                  LOG_ERR(&job->error));
    }
    free(job);
}

void strays_domain(struct manager *m, struct fleet_host *host, const char *domain)
{
    struct domain_job *job = leader_left_ms(m->leader) > LEAD_LEFT_MS ? MEM_NEW(struct domain_job) : NULL;

    if (!job)
        return;
    job->manager = m;
    snprintf(job->host, sizeof job->host, "%s", host_link_row(host->link)->name);
    snprintf(job->domain, sizeof job->domain, "%s", domain);
    job->job.run = run_domain;
    job->job.finish = finish_domain;
    if (host_link_submit(host->link, &job->job))
        free(job);
}

/* ---- overlays */

static void treat_overlay(struct files_job *job, const char *file, const char *desktop)
{
    const struct work_env *env = &job->manager->env;
    struct store_desktop row;
    struct error e = {0};
    char path[STORE_PATH_SIZE];

    if (store_desktop_get_named(env->store, desktop, &row, &e) != ERR_NOT_FOUND ||
        desktop_work_overlay_path(env, desktop, path, NULL))
        return;
    e = (struct error){0};
    if (overlay_remove(path, &e)) {
        log_event(EV_OVERLAY_STRAY_FAILED, LOG_STR("file", file), LOG_ERR(&e));
        return;
    }
    job->removed++;
    log_event(EV_OVERLAY_STRAY, LOG_STR("file", file));
}

static void look_at_overlays(struct files_job *job)
{
    DIR *dir = opendir(job->manager->conf->storage_dir);
    char desktop[STORE_NAME_SIZE];

    if (!dir)
        return;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (job->removed >= OVERLAYS_MOST || clock_mono_ms() + LEAD_LEFT_MS > job->until_ms)
            break;
        if (strays_overlay_name(entry->d_name, desktop))
            treat_overlay(job, entry->d_name, desktop);
    }
    closedir(dir);
}

static void work_files(struct workpool_job *base, void *thread_data)
{
    struct files_job *job = CONTAINER_OF(base, struct files_job, job);
    char images[STORE_PATH_SIZE];

    (void)thread_data;
    if (job->leftovers) {
        snprintf(images, sizeof images, "%s/images", job->manager->conf->storage_dir);
        overlay_cleanup(job->manager->conf->storage_dir, NULL, NULL);
        image_cleanup(images, NULL, NULL);
    }
    look_at_overlays(job);
}

static void done_files(struct workpool_job *base, int status)
{
    struct files_job *job = CONTAINER_OF(base, struct files_job, job);
    struct manager *m = job->manager;

    m->sweeping = false;
    if (job->leftovers) {
        m->clean = true;
        reconcile_soon(m);
    }
    if (!status) {
        m->swept_ms = clock_mono_ms();
        m->counters.strays += job->removed;
    }
    free(job);
}

void strays_look(struct manager *m)
{
    bool first = !m->swept_files;
    bool due = first || clock_mono_ms() - m->swept_ms > LOOK_MS;
    struct files_job *job = due && !m->sweeping ? MEM_NEW(struct files_job) : NULL;

    if (!job)
        return;
    job->manager = m;
    /* Leftovers of crashed clonings look like those under way: only before the first clone of this process. */
    job->leftovers = !m->cleaning;
    job->until_ms = clock_mono_ms() + leader_left_ms(m->leader);
    job->job.work = work_files;
    job->job.done = done_files;
    if (workpool_submit(m->store_pool, &job->job)) {
        free(job);
        return;
    }
    m->sweeping = m->swept_files = m->cleaning = true;
}
