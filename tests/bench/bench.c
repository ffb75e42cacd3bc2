#include "tests/bench/bench.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/bench/machine.h"

struct bench {
    const char *name;
    const char *out;
    bool quick;
    json_t *rows;   /* exactly the six keys */
    json_t *detail; /* what does not fit in them, by `what` */
    json_t *notes;
    json_t *load;
    json_t *time;
};

struct bench *bench_open(int argc, char **argv, const char *name)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    if (!bench) {
        fprintf(stderr, "bench %s: out of memory\n", name);
        exit(1);
    }
    bench->name = name;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            bench->quick = true;
        } else if (strcmp(argv[i], "--out") == 0 && i + 1 < argc) {
            bench->out = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_%s [--quick] [--out FILE]\n", name);
            exit(2);
        }
    }
    bench->rows = json_array();
    bench->detail = json_object();
    bench->notes = json_array();
    bench->load = machine_load();
    bench->time = machine_time();
    return bench;
}

bool bench_quick(const struct bench *bench)
{
    return bench->quick;
}

int bench_alternate(size_t pairs, bench_measure *ours, bench_measure *peer, void *ctx, struct ratio *ret)
{
    double *figures = calloc(pairs ? pairs * 2 : 1, sizeof(*figures));
    double unused;
    int r = figures && pairs > 0 ? 0 : -1;

    if (r == 0)
        r = ours(ctx, &unused);
    if (r == 0)
        r = peer(ctx, &unused);
    for (size_t i = 0; r == 0 && i < pairs; i++) {
        bool ours_first = i % 2 == 0;
        r = ours_first ? ours(ctx, &figures[i]) : peer(ctx, &figures[pairs + i]);
        if (r == 0)
            r = ours_first ? peer(ctx, &figures[pairs + i]) : ours(ctx, &figures[i]);
    }
    if (r == 0 && !ratio_of(figures, figures + pairs, pairs, ret))
        r = -1;
    free(figures);
    return r;
}

/* JSON has no infinities; a figure that is not finite becomes null and so never "met". */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static bool holds(double ratio, enum bench_asked asked, double threshold)
{
    return isfinite(ratio) && (asked == BENCH_AT_LEAST ? ratio >= threshold : ratio <= threshold);
}

static void add_row(struct bench *bench, const char *title, double ours, double peer, double ratio,
                    enum bench_asked asked, double threshold)
{
    char words[64] = "";

    if (asked != BENCH_NOTHING)
        snprintf(words, sizeof(words), "%s %.4g", asked == BENCH_AT_LEAST ? ">=" : "<=", threshold);
    json_t *met = asked == BENCH_NOTHING ? json_null() : json_boolean(holds(ratio, asked, threshold));
    json_array_append_new(bench->rows,
                          json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "what", title, "ours", number(ours), "peer",
                                    number(peer), "ratio", number(ratio), "asked",
                                    asked == BENCH_NOTHING ? json_null() : json_string(words), "met", met));
}

static void title_of(const struct bench *bench, const char *what, char *buf, size_t size)
{
    snprintf(buf, size, "%s: %s", bench->name, what);
}

void bench_compare(struct bench *bench, const char *what, const struct ratio *r, enum bench_asked asked,
                   double threshold)
{
    char title[512];
    bool sure = asked == BENCH_NOTHING || holds(r->low, asked, threshold) == holds(r->high, asked, threshold);

    title_of(bench, what, title, sizeof(title));
    add_row(bench, title, r->ours, r->peer, r->ratio, asked, threshold);
    if (r->pairs < 2)
        return;
    json_object_set_new(bench->detail, title,
                        json_pack("{s:o, s:o, s:I, s:b}", "low", number(r->low), "high", number(r->high), "pairs",
                                  (json_int_t)r->pairs, "sure", (int)sure));
}

void bench_limit(struct bench *bench, const char *what, double ours, double limit, enum bench_asked asked)
{
    char title[512];

    title_of(bench, what, title, sizeof(title));
    add_row(bench, title, ours, limit, ours / limit, asked, 1);
}

void bench_tell(struct bench *bench, const char *what, double ours)
{
    char title[512];

    title_of(bench, what, title, sizeof(title));
    add_row(bench, title, ours, NAN, NAN, BENCH_NOTHING, 0);
}

void bench_note(struct bench *bench, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_array_append_new(bench->notes, json_string(text));
}

static void bench_free(struct bench *bench)
{
    json_decref(bench->rows);
    json_decref(bench->detail);
    json_decref(bench->notes);
    json_decref(bench->load);
    json_decref(bench->time);
    free(bench);
}

int bench_close(struct bench *bench)
{
    json_t *part = json_pack("{s:s, s:b, s:O, s:O, s:O, s:O, s:O, s:o}", "bench", bench->name, "quick",
                             (int)bench->quick, "rows", bench->rows, "detail", bench->detail, "notes", bench->notes,
                             "load", bench->load, "time", bench->time, "machine", machine_describe());
    int status = part && json_array_size(bench->rows) > 0 ? 0 : 1;

    if (status)
        fprintf(stderr, "bench %s: there is nothing to report\n", bench->name);
    else if (!bench->out)
        status = json_dumpf(part, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) < 0;
    else if (json_dump_file(part, bench->out, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) < 0) {
        fprintf(stderr, "bench %s: cannot write %s\n", bench->name, bench->out);
        status = 1;
    }
    json_decref(part);
    bench_free(bench);
    return status;
}

int bench_fail(struct bench *bench, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "bench %s: ", bench->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    bench_free(bench);
    return 1;
}

double bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_of(int who)
{
    struct rusage u;

    if (getrusage(who, &u) < 0)
        return 0;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

double bench_cpu(void)
{
    return cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
}
