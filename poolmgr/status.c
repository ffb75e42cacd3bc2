#include "poolmgr/status.h"

#include <inttypes.h>
#include <string.h>

static json_t *host_json(const struct fleet_host *h)
{
    const struct store_host *row = host_link_row(h->link);

    return json_pack("{s:s, s:s, s:b, s:b, s:s, s:I, s:I, s:I, s:I}", "name", row->name, "state", row->state, "up",
                     host_link_is_up(h->link), "failed", host_link_is_failed(h->link), "error",
                     host_link_error(h->link), "desktops", (json_int_t)h->desktops, "starting", (json_int_t)h->starting,
                     "reserved_mib", (json_int_t)h->reserved_mib, "calls", (json_int_t)host_link_running(h->link));
}

static json_t *pool_json(const struct fleet_pool *p)
{
    const struct sizing_counts *c = &p->counts;
    json_t *pool =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", p->row.name, "coming", (json_int_t)c->coming,
                  "ready", (json_int_t)c->ready, "used", (json_int_t)c->used, "leaving", (json_int_t)c->leaving, "lost",
                  (json_int_t)c->lost, "broken", (json_int_t)c->broken, "waiting", (json_int_t)c->waiting);

    if (pool)
        json_object_set_new(pool, "degraded", p->reason[0] ? json_string(p->reason) : json_null());
    return pool;
}

static void count_states(const struct manager *m, uint64_t counts[DESKTOP_STATE_COUNT])
{
    for (const struct fleet_desktop *d = m->fleet.desktops; d; d = d->next)
        if ((unsigned)d->row.state < DESKTOP_STATE_COUNT)
            counts[d->row.state]++;
}

json_t *status_json(const struct manager *m)
{
    uint64_t counts[DESKTOP_STATE_COUNT] = {0};
    json_t *hosts = json_array(), *pools = json_array(), *desktops = json_object();

    for (const struct fleet_host *h = m->fleet.hosts; h; h = h->next)
        json_array_append_new(hosts, host_json(h));
    for (const struct fleet_pool *p = m->fleet.pools; p; p = p->next)
        json_array_append_new(pools, pool_json(p));
    count_states(m, counts);
    for (int s = 0; s < DESKTOP_STATE_COUNT; s++)
        json_object_set_new(desktops, sm_name(&desktop_sm, s), json_integer((json_int_t)counts[s]));
    return json_pack("{s:b, s:I, s:s, s:s, s:b, s:I, s:o, s:o, s:o}", "leads", leader_gen(m->leader) != 0, "generation",
                     (json_int_t)leader_gen(m->leader), "leader", leader_who(m->leader), "self", m->env.holder,
                     "store_ok", !m->pass_failing, "passes", (json_int_t)m->counters.passes, "hosts", hosts, "pools",
                     pools, "desktops", desktops);
}

static const char *const step_names[] = {"wait",     "place", "make",   "start", "watch",
                                         "hand_out", "move",  "remove", "forget"};

static void write_gauges(const struct manager *m, struct buf *out)
{
    uint64_t counts[DESKTOP_STATE_COUNT] = {0};

    buf_printf(out, "# TYPE carrel_poolmgr_leads gauge\ncarrel_poolmgr_leads %d\n", leader_gen(m->leader) != 0);
    buf_printf(out, "# TYPE carrel_desktops gauge\n");
    count_states(m, counts);
    for (int s = 0; s < DESKTOP_STATE_COUNT; s++)
        buf_printf(out, "carrel_desktops{state=\"%s\"} %" PRIu64 "\n", sm_name(&desktop_sm, s), counts[s]);
    buf_printf(out, "# TYPE carrel_host_up gauge\n");
    for (const struct fleet_host *h = m->fleet.hosts; h; h = h->next)
        buf_printf(out, "carrel_host_up{host=\"%s\"} %d\n", host_link_row(h->link)->name, host_link_is_up(h->link));
    buf_printf(out, "# TYPE carrel_host_calls gauge\n");
    for (const struct fleet_host *h = m->fleet.hosts; h; h = h->next)
        buf_printf(out, "carrel_host_calls{host=\"%s\"} %u\n", host_link_row(h->link)->name,
                   host_link_running(h->link));
    buf_printf(out, "# TYPE carrel_pool_waiting gauge\n");
    for (const struct fleet_pool *p = m->fleet.pools; p; p = p->next)
        buf_printf(out, "carrel_pool_waiting{pool=\"%s\"} %u\n", p->row.name, p->counts.waiting);
    buf_printf(out, "# TYPE carrel_pool_degraded gauge\n");
    for (const struct fleet_pool *p = m->fleet.pools; p; p = p->next)
        buf_printf(out, "carrel_pool_degraded{pool=\"%s\"} %d\n", p->row.name, p->reason[0] != '\0');
}

static void write_steps(const struct counters *c, struct buf *out)
{
    buf_printf(out, "# TYPE carrel_step_seconds summary\n");
    for (int s = 0; s <= LIFECYCLE_FORGET; s++)
        buf_printf(out,
                   "carrel_step_seconds_sum{step=\"%s\"} %.6f\ncarrel_step_seconds_count{step=\"%s\"} %" PRIu64 "\n",
                   step_names[s], (double)c->step_ns[s] / 1e9, step_names[s], c->steps[s]);
    buf_printf(out, "# TYPE carrel_step_failures_total counter\n");
    for (int s = 0; s <= LIFECYCLE_FORGET; s++)
        buf_printf(out, "carrel_step_failures_total{step=\"%s\"} %" PRIu64 "\n", step_names[s], c->step_failures[s]);
}

static void write_counters(const struct counters *c, struct buf *out)
{
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
        {"carrel_passes_total", c->passes},
        {"carrel_desktops_failed_total", c->failed},
        {"carrel_strays_removed_total", c->strays},
        {"carrel_prepare_failures_total", c->prepare_failures},
        {"carrel_sessions_ended_total", c->sessions_ended},
        {"carrel_guests_refused_total", c->guests_refused},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_printf(out, "# TYPE %s counter\n%s %" PRIu64 "\n", all[i].name, all[i].name, all[i].value);
    buf_printf(out,
               "# TYPE carrel_ready_seconds summary\ncarrel_ready_seconds_sum %.3f\ncarrel_ready_seconds_count %" PRIu64
               "\n",
               (double)c->ready_ms / 1e3, c->ready);
    buf_printf(
        out,
        "# TYPE carrel_prepare_seconds summary\ncarrel_prepare_seconds_sum %.6f\ncarrel_prepare_seconds_count %" PRIu64
        "\n",
        (double)c->prepare_ns / 1e9, c->prepared);
}

int status_metrics(const struct manager *m, struct buf *out)
{
    write_gauges(m, out);
    write_steps(&m->counters, out);
    write_counters(&m->counters, out);
    return buf_append_str(out, ""); /* an earlier failure would show here as well: the buffer is full */
}
