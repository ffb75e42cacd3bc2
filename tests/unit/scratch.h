/* For tests: a folder of their own under build/, and files in it. */
#ifndef CARREL_TESTS_SCRATCH_H
#define CARREL_TESTS_SCRATCH_H

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Run a shell command; its exit status. */
__attribute__((format(printf, 1, 2))) static inline int scratch_sh(const char *format, ...)
{
    char command[2 * PATH_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    return system(command);
}

/* Make it and go there, so that relative names are in it. Absolute path into ret. */
static inline int scratch_enter(const char *name, char ret[PATH_MAX])
{
    char base[PATH_MAX];
    if (getcwd(base, sizeof(base)) == NULL)
        return -1;
    snprintf(ret, PATH_MAX, "%.3000s/build/scratch-%s-%d", base, name, (int)getpid());
    if (scratch_sh("mkdir -p '%s'", ret) != 0)
        return -1;
    return chdir(ret);
}

static inline void scratch_leave(const char *dir)
{
    if (chdir(dir) == 0 && chdir("../..") == 0)
        (void)scratch_sh("rm -rf '%s'", dir);
}

#endif
