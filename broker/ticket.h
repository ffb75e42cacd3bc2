/* The text of a connection ticket. Pure; any thread. A ticket is 128 random bits; the store knows only its hash.
 * Invariant: the text is of odd length, so that "Cookie: msts=" + text is even: the line then survives programs that
 * keep .rdp texts as UTF-16 and hand them on as bytes. It stays far below the 200 bytes that a routing token may have
 * (facts: rdp-doors). */
#ifndef CARREL_BROKER_TICKET_H
#define CARREL_BROKER_TICKET_H

#include "lib/base/err.h"
#include "lib/base/id.h"

#include <stdbool.h>

#define TICKET_TEXT_SIZE 28 /* "t", 26 characters of base32, NUL */

/* ret_hash: what the store gets. */
void ticket_new(char ret_text[TICKET_TEXT_SIZE], char ret_hash[ID_HASH_SIZE]);

/* Whether it has a ticket's form. Only for answers in words: who checks hashes it either way. */
bool ticket_form_ok(const char *text);

#endif
