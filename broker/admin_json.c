#include "broker/admin_json.h"
#include "broker/when.h"

#include <stdio.h>

json_t *admin_image_json(const struct store_image *image)
{
    return json_pack("{ss sI ss sI ss ss ss ss ss ss ss ss ss sI so so so}", "name", image->name, "version",
                     (json_int_t)image->version, "state", image->state, "progress", (json_int_t)image->progress, "os",
                     image->os_kind, "preparation", image->prep, "firmware", image->firmware, "source", image->source,
                     "format", image->format, "path", image->path, "sha256", image->sha256, "cmdline", image->cmdline,
                     "error", image->error, "size_bytes", (json_int_t)image->virtual_size, "created_at",
                     when_json(image->created_at), "state_since", when_json(image->state_at), "published_at",
                     when_json(image->published_at));
}

json_t *admin_host_json(const struct store_host *host, size_t desktops)
{
    return json_pack("{ss ss ss ss sI sI sI sI so ss so}", "name", host->name, "state", host->state, "uri", host->uri,
                     "labels", host->labels, "cpus", (json_int_t)host->vcpus, "memory_mib",
                     (json_int_t)host->memory_mib, "max_desktops", (json_int_t)host->max_desktops, "desktops",
                     (json_int_t)desktops, "seen_at", when_json(host->seen_at), "error", host->error, "created_at",
                     when_json(host->created_at));
}

static json_t *states_json(const struct store_pool_counts *counts)
{
    json_t *doc = json_object();
    for (int state = 0; state < DESKTOP_STATE_COUNT; state++)
        if (counts->desktops[state] > 0)
            json_object_set_new(doc, sm_name(&desktop_sm, state), json_integer(counts->desktops[state]));
    return doc;
}

json_t *admin_pool_json(const struct store_pool *pool, const struct store_pool_counts *counts, const char *note)
{
    char image[STORE_NAME_SIZE + 24];
    snprintf(image, sizeof(image), "%s@%lld", pool->image, (long long)pool->image_version);
    json_t *doc =
        json_pack("{ss ss ss ss ss ss ss sI sI sI sI sI ss ss sI sI sb sI sI so so}", "name", pool->name, "description",
                  pool->description, "kind", pool->kind, "state", pool->state, "image", image, "network", pool->network,
                  "host", pool->host, "memory_mib", (json_int_t)pool->memory_mib, "vcpus", (json_int_t)pool->vcpus,
                  "min", (json_int_t)pool->size_min, "max", (json_int_t)pool->size_max, "spare",
                  (json_int_t)pool->spare, "credentials", pool->credentials, "security", pool->security, "grace_s",
                  (json_int_t)pool->grace_s, "idle_s", (json_int_t)pool->idle_s, "bind_address",
                  (int)pool->bind_address, "boot_ms", (json_int_t)pool->boot_ms, "revision", (json_int_t)pool->revision,
                  "created_at", when_json(pool->created_at), "updated_at", when_json(pool->updated_at));
    if (doc == NULL)
        return NULL;
    json_object_set_new(doc, "ready", json_integer(counts->ready_free));
    json_object_set_new(doc, "used", json_integer(counts->taken));
    json_object_set_new(doc, "queued", json_integer(counts->waiting));
    json_object_set_new(doc, "sessions", json_integer(counts->sessions));
    json_object_set_new(doc, "desktops", states_json(counts));
    json_object_set_new(doc, "note", json_string(note));
    return doc;
}

json_t *admin_entitlement_json(const struct store_entitlement *row)
{
    return json_pack("{ss ss ss so}", "pool", row->pool, "kind", row->kind, "name", row->subject, "created_at",
                     when_json(row->created_at));
}

json_t *admin_desktop_json(const struct store_desktop *d, const char *person)
{
    char image[STORE_NAME_SIZE + 24];
    snprintf(image, sizeof(image), "%s@%lld", d->image, (long long)d->image_version);
    return json_pack(
        "{ss ss ss ss ss ss ss ss ss ss sI ss ss sI so so so so}", "id", d->id, "name", d->name, "pool", d->pool,
        "state", sm_name(&desktop_sm, d->state), "username", person, "image", image, "host", d->host, "uuid", d->uuid,
        "mac", d->mac, "address", d->address, "rdp_port", (json_int_t)d->rdp_port, "cert_sha256", d->cert_sha256,
        "error", d->error, "attempts", (json_int_t)d->attempts, "state_since", when_json(d->state_at), "deadline_at",
        when_json(d->deadline), "created_at", when_json(d->created_at), "ready_at", when_json(d->ready_at));
}
