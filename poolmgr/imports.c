#include "poolmgr/imports.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/model/pool.h"
#include "linkedclone/image.h"
#include "poolmgr/reconcile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTE_MS 1000 /* between two writes of the progress */

struct import_job {
    struct workpool_job job;
    struct manager *manager;
    struct store_image image;
    int64_t gen;
    int64_t noted_ms;
    int code;
    struct error error;
};

/* Conversion is the long part, then reading everything once more. */
static int64_t percent(enum image_step step, uint64_t done, uint64_t total)
{
    static const struct {
        int64_t from, width;
    } parts[] = {[IMAGE_STEP_CONVERT] = {0, 70}, [IMAGE_STEP_HASH] = {70, 25}, [IMAGE_STEP_SEAL] = {95, 4}};

    if (!total || done > total)
        done = total = 1;
    return parts[step].from + (int64_t)((double)done / (double)total * (double)parts[step].width);
}

static void on_progress(void *arg, enum image_step step, uint64_t done, uint64_t total)
{
    struct import_job *job = arg;
    struct store_image_patch patch = STORE_IMAGE_KEEP;
    int64_t now = clock_mono_ms();

    if (now - job->noted_ms < NOTE_MS)
        return;
    job->noted_ms = now;
    patch.progress = percent(step, done, total);
    if (store_image_note(job->manager->env.store, job->gen, job->image.name, job->image.version, &patch, NULL) ==
        ERR_FENCED)
        atomic_store(&job->manager->cancel_import, true);
}

static int import(struct import_job *job, struct image_info *info)
{
    const struct store_image *image = &job->image;
    char dir[STORE_PATH_SIZE];

    int n = snprintf(dir, sizeof dir, "%s/images/%s@%lld", job->manager->conf->storage_dir, image->name,
                     (long long)image->version);
    if (n < 0 || (size_t)n >= sizeof dir)
        return err_set(&job->error, ERR_TOO_BIG, "the image's path is too long");
    const struct image_import import = {
        .dir = dir,
        .source = image->source,
        .format = image->source_format,
        .kernel = image->kernel[0] ? image->kernel : NULL,
        .initrd = image->initrd[0] ? image->initrd : NULL,
        .uid = geteuid(),
        .gid = getegid(),
        .headroom = (uint64_t)job->manager->conf->disk_reserve,
        .progress = on_progress,
        .progress_arg = job,
        .cancel = &job->manager->cancel_import,
    };
    return image_import(&import, info, &job->error);
}

static void write_sealed(struct import_job *job, const struct image_info *info)
{
    struct store_image_patch patch = STORE_IMAGE_KEEP;

    patch.path = info->disk;
    patch.format = "qcow2";
    patch.sha256 = info->sha256;
    patch.kernel = info->kernel;
    patch.initrd = info->initrd;
    patch.error = "";
    patch.virtual_size = (int64_t)info->virtual_size;
    patch.progress = 100;
    job->code = store_image_move(job->manager->env.store, job->gen, job->image.name, job->image.version,
                                 IMAGE_STATE_IMPORTING, IMAGE_STATE_SEALED, &patch, clock_wall_ms(), &job->error);
}

static void write_failed(struct import_job *job)
{
    struct store_image_patch patch = STORE_IMAGE_KEEP;

    patch.error = err_message(&job->error);
    store_image_move(job->manager->env.store, job->gen, job->image.name, job->image.version, IMAGE_STATE_IMPORTING,
                     IMAGE_STATE_ERROR, &patch, clock_wall_ms(), NULL);
}

static void work(struct workpool_job *base, void *thread_data)
{
    struct import_job *job = CONTAINER_OF(base, struct import_job, job);
    struct image_info info = {0};

    (void)thread_data;
    job->code = import(job, &info);
    if (!job->code)
        write_sealed(job, &info);
    else if (job->code != ERR_CANCELLED)
        write_failed(job);
}

static void done(struct workpool_job *base, int status)
{
    struct import_job *job = CONTAINER_OF(base, struct import_job, job);
    struct manager *m = job->manager;

    m->importing = false;
    if (!status && !job->code)
        log_event(EV_IMAGE_SEALED, LOG_STR("image", job->image.name), LOG_INT("version", job->image.version));
    else if (!status && job->code != ERR_CANCELLED)
        log_event(EV_IMAGE_FAILED, LOG_STR("image", job->image.name), LOG_INT("version", job->image.version),
                  LOG_ERR(&job->error));
    free(job);
    reconcile_soon(m);
}

static void begin(struct manager *m, const struct store_image *image)
{
    struct import_job *job = MEM_NEW(struct import_job);

    if (!job)
        return;
    job->manager = m;
    job->image = *image;
    job->gen = leader_gen(m->leader);
    job->job.work = work;
    job->job.done = done;
    atomic_store(&m->cancel_import, false);
    if (workpool_submit(m->import_pool, &job->job)) {
        free(job);
        return;
    }
    m->importing = true;
    log_event(EV_IMAGE_IMPORTING, LOG_STR("image", image->name), LOG_INT("version", image->version),
              LOG_STR("source", image->source));
}

void imports_look(struct manager *m)
{
    for (size_t i = 0; i < m->fleet.image_count && !m->importing && m->clean; i++)
        if (!strcmp(m->fleet.images[i].state, IMAGE_STATE_IMPORTING))
            begin(m, &m->fleet.images[i]);
}
