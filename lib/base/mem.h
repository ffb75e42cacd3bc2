/* Allocation and cleanup attributes. Any thread.
 *
 * Allocation failure is an ordinary error: callers get NULL and return ERR_NOMEM. Tests make the n-th allocation fail
 * through mem_fail_after(). */
#ifndef CARREL_BASE_MEM_H
#define CARREL_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* Zeroed memory for `n` objects of `size` bytes, or NULL (also on overflow). Free with free(). */
void *mem_zalloc(size_t n, size_t size) __attribute__((malloc, warn_unused_result));
#define MEM_NEW(type)      ((type *)mem_zalloc(1, sizeof(type)))
#define MEM_ARRAY(type, n) ((type *)mem_zalloc((n), sizeof(type)))

/* Grow `*ptr` (an array of `size`-byte objects, capacity `*cap`) so that it holds `need` objects, at most `max`.
 * Returns 0, ERR_NOMEM, or ERR_TOO_BIG when need > max; `*ptr` and `*cap` are untouched on failure. */
int mem_grow(void *ptr, size_t *cap, size_t need, size_t size, size_t max);

char *mem_strdup(const char *s) __attribute__((malloc, warn_unused_result));
char *mem_strndup(const char *s, size_t n) __attribute__((malloc, warn_unused_result));
/* printf into fresh memory; NULL when out of memory. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, warn_unused_result));

/* Tests only: let `n` allocations of this thread succeed and fail the one after (once); negative = never. */
void mem_fail_after(long n);

/* Hand ownership on: the variable becomes NULL / -1 so that its cleanup does nothing. */
#define TAKE_PTR(p)                                                                                                    \
    ({                                                                                                                 \
        __typeof__(p) *take_p_ = &(p);                                                                                 \
        __typeof__(p) take_v_ = *take_p_;                                                                              \
        *take_p_ = NULL;                                                                                               \
        take_v_;                                                                                                       \
    })
#define TAKE_FD(fd)                                                                                                    \
    ({                                                                                                                 \
        int *take_p_ = &(fd);                                                                                          \
        int take_v_ = *take_p_;                                                                                        \
        *take_p_ = -1;                                                                                                 \
        take_v_;                                                                                                       \
    })

#define CLEANUP(func) __attribute__((cleanup(func)))

static inline void mem_free_ptr(void *p)
{
    free(*(void **)p);
}
static inline void mem_close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
/* char *name CLEANUP_FREE = NULL;  int fd CLEANUP_CLOSE = -1; */
#define CLEANUP_FREE  CLEANUP(mem_free_ptr)
#define CLEANUP_CLOSE CLEANUP(mem_close_fd)

/* Defines `void NAMEp(TYPE **)` that calls `func` on the pointer, for CLEANUP(NAMEp). */
#define DEFINE_CLEANUP(type, func)                                                                                     \
    static inline void func##p(type **p)                                                                               \
    {                                                                                                                  \
        if (*p != NULL)                                                                                                \
            func(*p);                                                                                                  \
    }

#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
