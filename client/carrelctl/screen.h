/* Text that comes from a server, made fit for a terminal.
 *
 * Runs in carrelctl and in the bench report, on any thread; no state. What a server calls a thing is hostile here: a
 * name may hold escape sequences, newlines or direction marks that make a terminal lie. Nothing reaches a terminal but
 * through screen_clean().
 */
#ifndef CARREL_CARRELCTL_SCREEN_H
#define CARREL_CARRELCTL_SCREEN_H

#include <stddef.h>
#include <stdint.h>

/* `s` with each control character (C0, DEL, C1, line and paragraph separators, direction marks, zero-width ones) as
 * \xNN or \u{N}, and each byte that is not UTF-8 as \xNN. NULL is the empty string. Caller frees; NULL only when memory
 * is out. */
char *screen_clean(const char *s);

/* Columns that `s`, already clean UTF-8, takes on a terminal: 0 for combining characters, 2 for wide ones. */
size_t screen_width(const char *s);

/* How long ago or until, in at most five columns: "42s", "7m", "3h", "5d", "2y". ms: the distance in milliseconds,
 * either sign. buf: caller's; returns it. */
char *screen_duration(int64_t ms, char *buf, size_t size);

/* A size in bytes as "512 B", "1.5 KiB", "12 GiB"; negative ones as "-". buf: caller's; returns it. */
char *screen_bytes(int64_t bytes, char *buf, size_t size);

#endif
