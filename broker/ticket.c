#include "broker/ticket.h"

#include <string.h>

void ticket_new(char ret_text[TICKET_TEXT_SIZE], char ret_hash[ID_HASH_SIZE])
{
    ret_text[0] = 't';
    id_random_text(16, ret_text + 1, TICKET_TEXT_SIZE - 1);
    id_hash(ret_text, strlen(ret_text), ret_hash);
}

bool ticket_form_ok(const char *text)
{
    return text[0] == 't' && strlen(text) == TICKET_TEXT_SIZE - 1 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz234567") == TICKET_TEXT_SIZE - 1;
}
