#include "lib/proto/problem.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/proto/doc.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    int status;
    const char *title;
} titles[] = {
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
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *title_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

struct problem *problem_set(struct problem *problem, int status, const char *code, const char *fmt, ...)
{
    va_list ap;
    problem->status = status;
    snprintf(problem->code, sizeof(problem->code), "%s", code);
    snprintf(problem->title, sizeof(problem->title), "%s", title_of(status));
    va_start(ap, fmt);
    vsnprintf(problem->detail, sizeof(problem->detail), fmt, ap);
    va_end(ap);
    return problem;
}

char *problem_write(const struct problem *problem)
{
    char type[64];
    snprintf(type, sizeof(type), "urn:carrel:problem:%s", problem->code);
    json_t *doc CLEANUP(doc_freep) = json_pack("{ss ss si ss ss}", "type", type, "title", problem->title, "status",
                                               problem->status, "code", problem->code, "detail", problem->detail);
    return doc ? doc_write(doc) : NULL;
}

void problem_read(struct problem *ret, int status, const char *body, size_t len)
{
    json_t *doc CLEANUP(doc_freep) = NULL;
    struct problem got = {.status = status};
    if (doc_parse(body, len, &doc, NULL) == 0 &&
        doc_copy(doc, "code", DOC_REQUIRED, got.code, sizeof(got.code), NULL) == 0 &&
        doc_copy(doc, "detail", DOC_REQUIRED, got.detail, sizeof(got.detail), NULL) == 0) {
        snprintf(got.title, sizeof(got.title), "%s", title_of(status));
        *ret = got;
        return;
    }
    char code[40];
    snprintf(code, sizeof(code), "http_%d", status);
    problem_set(ret, status, code, "The other side answered with status %d and gave no reason.", status);
}
