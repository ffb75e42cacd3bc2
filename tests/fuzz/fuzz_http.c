/* Heads of HTTP requests, with what routing makes of their paths and queries. */
/* fuzz also: lib/net/http_head.c lib/net/http_route.c */
#include "lib/base/text.h"
#include "lib/net/http_head.h"
#include "lib/net/http_route.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const patterns[] = {"/", "/api/v1/admin/*", "/api/v1/pools/{name}/connect", "/{a}/{b}/{c}", "/*"};

static void route(const struct http_head *head)
{
    static struct http_params params;
    char value[64];
    if (http_path_check(head->path) == 0) {
        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
            if (http_route_match(patterns[i], head->path, &params) < 0)
                continue;
            for (size_t p = 0; p < params.count; p++) {
                const char *got = params.items[p].value;
                /* a value never smuggles a segment past the check, the rest of "*" has no way up */
                if (!text_is_utf8(got, strlen(got)) || strcmp(got, "..") == 0 || strstr(got, "/../") != NULL)
                    abort();
            }
        }
    }
    if (http_query_get(head->query, "q", value, sizeof(value)) == 0 && strlen(value) >= sizeof(value))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    const char *why = NULL;
    size_t skip;
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    size_t len = http_head_end(text, size, &skip);
    if (len > size - skip)
        abort();
    char *copy = len > 0 ? malloc(len) : NULL; /* exact, so that reading past the end is seen */
    if (copy != NULL) {
        memcpy(copy, text + skip, len);
        int status = http_head_parse(copy, len, &head, &why);
        if ((status == 0) != (why == NULL) || (status != 0 && (status < 400 || status > 505)))
            abort();
        if (status == 0) {
            if (head.content_length < -1 || (head.minor == 1 && http_head_field(&head, "HOST") == NULL))
                abort();
            for (size_t i = 0; i < head.field_count; i++)
                if (strpbrk(head.fields[i].value, "\r\n") != NULL || strlen(head.fields[i].name) == 0)
                    abort();
            http_list_has(head.query, "close");
            route(&head);
        }
        free(copy);
    }
    free(text);
    return 0;
}
