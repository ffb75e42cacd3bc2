#include "lib/net/http_head.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"

#include <string.h>
#include <strings.h>

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"};

const char *http_reason(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

bool http_method_known(const char *method)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i], method) == 0)
            return true;
    return false;
}

bool http_list_has(const char *list, const char *token)
{
    size_t want = strlen(token);
    while (*list != '\0') {
        list += strspn(list, " \t,");
        size_t len = strcspn(list, ",");
        size_t trimmed = len;
        while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == want && strncasecmp(list, token, want) == 0)
            return true;
        list += len;
    }
    return false;
}

const char *http_head_field(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (strcasecmp(head->fields[i].name, name) == 0)
            return head->fields[i].value;
    return NULL;
}

size_t http_head_end(const char *text, size_t len, size_t *ret_skip)
{
    size_t skip = 0;
    while (len - skip >= 2 && text[skip] == '\r' && text[skip + 1] == '\n')
        skip += 2;
    *ret_skip = skip;
    const char *end = memmem(text + skip, len - skip, "\r\n\r\n", 4);
    return end != NULL ? (size_t)(end - text) + 4 - skip : 0;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return len > 0;
}

static bool has_control(const char *s, size_t len, bool blanks_allowed)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (blanks_allowed && (c == ' ' || c == '\t'))
            continue;
        if (c <= ' ' || c == 0x7f)
            return true;
    }
    return false;
}

static int refuse(int status, const char *why, const char **ret_why)
{
    *ret_why = why;
    return status;
}

/* "METHOD SP origin-form SP HTTP/1.x"; line is NUL-terminated and `len` long. */
static int parse_request_line(char *line, size_t len, struct http_head *head, const char **ret_why)
{
    char *space = memchr(line, ' ', len);
    if (space == NULL || !is_token(line, (size_t)(space - line)) || space - line > 32)
        return refuse(400, "The request line has no valid method.", ret_why);
    *space = '\0';
    char *target = space + 1;
    size_t left = len - (size_t)(target - line);
    char *version = memchr(target, ' ', left);
    if (version == NULL || has_control(target, (size_t)(version - target), false))
        return refuse(400, "The request line is not valid.", ret_why);
    *version++ = '\0';
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
        bool http = strncmp(version, "HTTP/", 5) == 0;
        return refuse(http ? 505 : 400, "Only HTTP/1.1 and HTTP/1.0 are spoken here.", ret_why);
    }
    if (*target != '/' && strcmp(target, "*") != 0)
        return refuse(400, "The request target must be a path.", ret_why);
    char *query = strchr(target, '?');
    if (query != NULL)
        *query++ = '\0';
    head->method = line;
    head->path = target;
    head->query = query != NULL ? query : "";
    head->minor = version[7] - '0';
    return 0;
}

static int parse_field(char *line, size_t len, struct http_head *head, const char **ret_why)
{
    char *colon = memchr(line, ':', len);
    if (colon == NULL || !is_token(line, (size_t)(colon - line)))
        return refuse(400, "A header line is not valid.", ret_why);
    if (head->field_count == HTTP_FIELDS_MAX)
        return refuse(431, "There are too many header lines.", ret_why);
    *colon = '\0';
    char *value = colon + 1;
    char *end = line + len;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (has_control(value, (size_t)(end - value), true))
        return refuse(400, "A header value has control characters.", ret_why);
    *end = '\0';
    head->fields[head->field_count++] = (struct http_field){line, value};
    return 0;
}

static int count_fields(const struct http_head *head, const char *name)
{
    int n = 0;
    for (size_t i = 0; i < head->field_count; i++)
        n += strcasecmp(head->fields[i].name, name) == 0;
    return n;
}

/* What the fields mean for the connection and the body. */
static int read_framing(struct http_head *head, const char **ret_why)
{
    const char *length = http_head_field(head, "content-length");
    if (count_fields(head, "content-length") > 1 || count_fields(head, "host") > 1)
        return refuse(400, "A header that may come once came twice.", ret_why);
    if (http_head_field(head, "transfer-encoding") != NULL) {
        if (length != NULL)
            return refuse(400, "Content-Length and Transfer-Encoding exclude each other.", ret_why);
        return refuse(411, "Send the body with a Content-Length; transfer codings are not taken.", ret_why);
    }
    head->content_length = -1;
    if (length != NULL && (strspn(length, "0123456789") != strlen(length) ||
                           text_to_int(length, 0, INT64_MAX, &head->content_length) < 0))
        return refuse(400, "Content-Length is not a number.", ret_why);
    if (head->minor == 1 && http_head_field(head, "host") == NULL)
        return refuse(400, "The Host header is missing.", ret_why);
    const char *connection = http_head_field(head, "connection");
    head->keep_alive = head->minor == 1;
    if (connection != NULL && http_list_has(connection, "close"))
        head->keep_alive = false;
    else if (connection != NULL && http_list_has(connection, "keep-alive"))
        head->keep_alive = true;
    const char *expect = http_head_field(head, "expect");
    head->expect_continue = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    return 0;
}

int http_head_parse(char *text, size_t len, struct http_head *ret_head, const char **ret_why)
{
    memset(ret_head, 0, sizeof(*ret_head));
    if (memchr(text, '\0', len) != NULL)
        return refuse(400, "The request has a NUL character.", ret_why);
    char *line = text;
    char *stop = text + len;
    int r = 0;
    for (bool first = true; r == 0; first = false) {
        char *end = memchr(line, '\r', (size_t)(stop - line));
        if (end == NULL || end + 1 >= stop || end[1] != '\n' || memchr(line, '\n', (size_t)(end - line)) != NULL)
            return refuse(400, "A line does not end with CR LF.", ret_why);
        if (end == line)
            break;
        *end = '\0';
        size_t line_len = (size_t)(end - line);
        r = first ? parse_request_line(line, line_len, ret_head, ret_why)
                  : parse_field(line, line_len, ret_head, ret_why);
        line = end + 2;
    }
    if (r == 0 && ret_head->method == NULL)
        return refuse(400, "The request line is missing.", ret_why);
    return r != 0 ? r : read_framing(ret_head, ret_why);
}
