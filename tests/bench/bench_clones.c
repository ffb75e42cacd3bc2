/* Linked clones a second: overlay_make_many, durable, beside `qemu-img create -b`, which does not wait for the disk. */
#include "lib/base/mem.h"
#include "linkedclone/command.h"
#include "linkedclone/folder.h"
#include "linkedclone/overlay.h"
#include "tests/bench/bench.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 512
#define PEERS 16

struct site {
    char dir[PATH_MAX / 2], base[PATH_MAX];
    struct overlay_template *template;
    char paths[BATCH][PATH_MAX];
    unsigned round;
    struct error error;
};

static int remove_file(int dir_fd, const char *name, void *arg, struct error *reterr)
{
    (void)arg;
    (void)reterr;
    return unlinkat(dir_fd, name, 0);
}

/* Clones a second of one batch; the disk is quiet before, and all are on it when the clock stops. Nothing is deleted
 * meanwhile: a file system that discards freed blocks would be measured at that. */
static int make_ours(void *ctx, double *ret)
{
    struct site *site = ctx;
    const char *paths[BATCH];
    site->round++;
    sync();
    for (int i = 0; i < BATCH; i++) {
        snprintf(site->paths[i], PATH_MAX, "%s/clones/ours-%u-%03d.qcow2", site->dir, site->round, i);
        paths[i] = site->paths[i];
    }
    double began = bench_now();
    int rc = overlay_make_many(site->template, paths, BATCH, (uid_t)-1, (gid_t)-1, &site->error);
    *ret = BATCH / (bench_now() - began);
    return rc;
}

/* As often as needed for a pool that grows by one. */
static int make_single(void *ctx, double *ret)
{
    struct site *site = ctx;
    int rc = 0;
    site->round++;
    sync();
    double began = bench_now();
    for (int i = 0; rc == 0 && i < PEERS; i++) {
        snprintf(site->paths[i], PATH_MAX, "%s/clones/single-%u-%03d.qcow2", site->dir, site->round, i);
        rc = overlay_make(site->template, site->paths[i], (uid_t)-1, (gid_t)-1, &site->error);
    }
    *ret = PEERS / (bench_now() - began);
    return rc;
}

static int make_theirs(void *ctx, double *ret)
{
    struct site *site = ctx;
    int rc = 0;
    site->round++;
    sync();
    double began = bench_now();
    for (int i = 0; rc == 0 && i < PEERS; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/clones/theirs-%u-%03d.qcow2", site->dir, site->round, i);
        const char *argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", "-b", site->base, "-F", "qcow2", path, NULL};
        struct command command = {.argv = argv};
        rc = command_run(&command, &site->error);
    }
    *ret = PEERS / (bench_now() - began);
    return rc;
}

static int prepare(struct site *site)
{
    char clones[PATH_MAX];
    char here[PATH_MAX / 4];
    if (getcwd(here, sizeof(here)) == NULL)
        return err_set(&site->error, ERR_IO, "no current folder");
    snprintf(site->dir, sizeof(site->dir), "%s/build/bench-clones-%d", here, (int)getpid());
    snprintf(site->base, sizeof(site->base), "%s/base.qcow2", site->dir);
    snprintf(clones, sizeof(clones), "%s/clones", site->dir);
    if (mkdir(site->dir, 0755) < 0 || mkdir(clones, 0755) < 0)
        return err_set(&site->error, ERR_IO, "no folder for the clones");
    const char *argv[] = {"qemu-img", "create", "-q", "-f", "qcow2", site->base, "20G", NULL};
    struct command command = {.argv = argv};
    int rc = command_run(&command, &site->error);
    struct overlay_base base = {site->base, "qcow2", 0};
    return rc == 0 ? overlay_template_new(&base, site->dir, &site->template, &site->error) : rc;
}

static void finish(struct site *site)
{
    char clones[PATH_MAX];
    snprintf(clones, sizeof(clones), "%s/clones", site->dir);
    (void)folder_each(clones, remove_file, NULL, NULL);
    rmdir(clones);
    unlink(site->base);
    rmdir(site->dir);
    overlay_template_free(site->template);
}

static int measure(struct bench *bench, struct site *site)
{
    size_t pairs = bench_quick(bench) ? 3 : 15;
    struct ratio r;
    struct stat st;
    if (bench_alternate(pairs, make_ours, make_theirs, site, &r) < 0)
        return -1;
    bench_compare(bench, "linked clones a second, durable, in batches of 512, beside qemu-img create", &r,
                  BENCH_AT_LEAST, 50);
    if (bench_alternate(pairs, make_single, make_theirs, site, &r) < 0)
        return -1;
    bench_compare(bench, "linked clones a second, each durable by itself, beside qemu-img create", &r, BENCH_AT_LEAST,
                  1);
    if (make_single(site, &(double){0}) < 0 || stat(site->paths[0], &st) < 0)
        return -1;
    bench_limit(bench, "bytes on disk per linked clone", (double)st.st_blocks * 512, 16384, BENCH_AT_MOST);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench *bench = bench_open(argc, argv, "clones");
    struct site *site = MEM_NEW(struct site);
    if (site == NULL)
        return bench_fail(bench, "out of memory");
    int rc = prepare(site);
    if (rc == 0)
        rc = measure(bench, site);
    finish(site);
    if (rc < 0) {
        int status = bench_fail(bench, "%s", err_message(&site->error));
        free(site);
        return status;
    }
    free(site);
    bench_note(bench, "qemu-img create does not wait for the disk; ours does, and checks each header");
    return bench_close(bench);
}
