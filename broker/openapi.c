#include "broker/openapi.h"

#include "broker/endpoint.h"
#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/proto/doc.h"

#include <stdio.h>
#include <string.h>

/* What bodies hold: "name:type" words, a '!' behind what must be there. Types: text, number, truth. */
static const struct {
    const char *endpoint, *members;
} bodies[] = {
    {"login", "username:text! password:text!"},
    {"connect", "door:text"},
    {"admin_image_add",
     "name:text! path:text! format:text! version:number os:text kernel:text initrd:text cmdline:text"},
    {"admin_host_add", "name:text! uri:text! labels:text max_desktops:number"},
    {"admin_pool_add",
     "name:text! image:text! kind:text min:number max:number spare:number network:text memory_mib:number "
     "vcpus:number host:text credentials:text security:text grace_s:number idle_s:number "
     "bind_address:truth description:text"},
    {"admin_pool_change",
     "image:text min:number max:number spare:number network:text memory_mib:number vcpus:number host:text "
     "credentials:text security:text grace_s:number idle_s:number bind_address:truth description:text "
     "state:text"},
    {"admin_entitlement_add", "pool:text! group:text user:text"},
};

static json_t *member_type(const char *word)
{
    return json_pack("{ss}", "type",
                     strcmp(word, "number") == 0  ? "integer"
                     : strcmp(word, "truth") == 0 ? "boolean"
                                                  : "string");
}

static json_t *body_schema(const char *members)
{
    json_t *properties = json_object(), *required = json_array();
    char copy[512];
    if (text_copy(copy, sizeof(copy), members) != 0)
        return NULL;
    for (char *save = NULL, *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        size_t len = strlen(word);
        bool must = word[len - 1] == '!';
        if (must)
            word[len - 1] = '\0';
        char *type = strchr(word, ':');
        *type++ = '\0';
        json_object_set_new(properties, word, member_type(type));
        if (must)
            json_array_append_new(required, json_string(word));
    }
    return json_pack("{ss so so sb}", "type", "object", "properties", properties, "required", required,
                     "additionalProperties", 0);
}

static json_t *request_body(const struct endpoint *endpoint)
{
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        if (strcmp(bodies[i].endpoint, endpoint->name) == 0)
            return json_pack("{s{s{so}}}", "content", "application/json", "schema", body_schema(bodies[i].members));
    return NULL;
}

/* The {names} of a pattern. */
static json_t *parameters(const char *pattern)
{
    json_t *list = json_array();
    for (const char *at = strchr(pattern, '{'); at != NULL; at = strchr(at, '{')) {
        char name[32];
        at++;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "}"), at);
        json_array_append_new(
            list, json_pack("{ss ss sb s{ss}}", "name", name, "in", "path", "required", 1, "schema", "type", "string"));
    }
    return list;
}

static json_t *operation(const struct endpoint *endpoint)
{
    bool stream = strstr(endpoint->pattern, "/events") != NULL;
    json_t *doc =
        json_pack("{ss ss so s{s{ss} s{s s s{s{s{ss}}}}}}", "operationId", endpoint->name, "summary", endpoint->summary,
                  "parameters", parameters(endpoint->pattern), "responses", stream ? "200" : "2XX", "description",
                  stream ? "A stream of server-sent events" : "It is done", "default", "description",
                  "A problem document (RFC 9457) with a stable code", "content", "application/problem+json", "schema",
                  "$ref", "#/components/schemas/problem");
    json_t *body = request_body(endpoint);
    if (doc != NULL && body != NULL)
        json_object_set_new(doc, "requestBody", body);
    if (doc != NULL && endpoint->need == NEED_NOTHING)
        json_object_set_new(doc, "security", json_array());
    if (doc != NULL && endpoint->need == NEED_ADMIN)
        json_object_set_new(doc, "x-carrel-role", json_string("admin"));
    return doc;
}

static void add(json_t *paths, const struct endpoint *endpoint)
{
    char method[16];
    json_t *path = json_object_get(paths, endpoint->pattern);
    if (path == NULL) {
        path = json_object();
        json_object_set_new(paths, endpoint->pattern, path);
    }
    text_copy(method, sizeof(method), endpoint->method);
    text_lower(method);
    json_object_set_new(path, method, operation(endpoint));
}

json_t *openapi_document(void)
{
    json_t *paths = json_object();
    for (size_t i = 0; i < n_endpoints; i++)
        if (endpoints[i].need != NEED_GATEWAY)
            add(paths, &endpoints[i]);
    return json_pack("{ss s{ss ss} so s[{s[]}] s{s{s{ss ss}} s{s{ss s{s{ss} s{ss} s{ss} s{ss} s{ss}}}}}}", "openapi",
                     "3.1.0", "info", "title", "Carrel", "version", "1", "paths", paths, "security", "bearer",
                     "components", "securitySchemes", "bearer", "type", "http", "scheme", "bearer", "schemas",
                     "problem", "type", "object", "properties", "type", "type", "string", "title", "type", "string",
                     "status", "type", "integer", "detail", "type", "string", "code", "type", "string");
}
