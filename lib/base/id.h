/* Random identifiers and tokens. Any thread. */
#ifndef CARREL_BASE_ID_H
#define CARREL_BASE_ID_H

#include <stddef.h>
#include <stdint.h>

#define ID_SIZE      32 /* room for any id with its NUL */
#define ID_HASH_SIZE 65 /* hexadecimal SHA-256 with its NUL */

/* `prefix` + "-" + 16 random base32 characters (80 bits) into `ret_id`. Prefix ≤ 8 characters. */
void id_new(const char *prefix, char ret_id[ID_SIZE]);

/* `random_bytes` bytes of the system's generator as lower-case base32 without padding; ERR_TOO_BIG when `size` is too
 * small (needs (8 * random_bytes + 4) / 5 + 1). */
int id_random_text(size_t random_bytes, char *ret_text, size_t size);

/* Random bytes from getrandom(2); aborts the process if the kernel has none (our own precondition). */
void id_random(void *ret_bytes, size_t len);

/* Hexadecimal SHA-256 of `len` bytes, for tokens that are stored only as hashes. */
void id_hash(const void *data, size_t len, char ret_hex[ID_HASH_SIZE]);

#endif
