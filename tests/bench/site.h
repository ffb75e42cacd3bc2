/* Programs and files that a bench starts for its measurements and takes down again. Single-threaded.
 *
 * Relative names that begin with '@' in an argument list stand for files in the site's own folder. */
#ifndef CARREL_BENCH_SITE_H
#define CARREL_BENCH_SITE_H

#include <stddef.h>
#include <sys/types.h>

#define SITE_PROGRAMS 16

struct site {
    char dir[64]; /* "" until site_init */
    pid_t pids[SITE_PROGRAMS];
    size_t count;
};

/* All of these say on stderr what went wrong. */
int site_init(struct site *site);
/* Ends what was started, newest first, and removes the folder. */
void site_done(struct site *site);
int site_write(struct site *site, const char *name, const char *text);
/* site.crt and site.key in the folder. */
int site_certificate(struct site *site);
/* Runs argv[0] with its output in the file `log`. Returns its pid or -1. */
pid_t site_start(struct site *site, const char *log, const char *const *argv);
/* fork; the parent's child is ended by site_done. */
pid_t site_fork(struct site *site);

/* A listening socket on a free loopback port. */
int site_listen(int *ret_port);
/* A port that was free a moment ago. */
int site_free_port(void);
/* 0 as soon as somebody accepts there; -1 after 10 s. */
int site_wait_port(int port);
/* 0 as soon as the log has such a line; -1 after 10 s. */
int site_wait_line(const struct site *site, const char *log, const char *part);
/* Its first child; -1 when it has none within 5 s. */
pid_t site_child_of(pid_t pid);
/* CPU seconds that the process' first thread has used, to the nanosecond. */
double site_cpu(pid_t pid);
void site_first_line(const char *command, char *ret, size_t size);

#endif
