#include "broker/vault.h"

#include "broker/broker.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/proto/problem.h"

#include <stdio.h>
#include <string.h>

#define BUCKETS      4096
#define ANSWER_MS    45000 /* carrel-guest may have to wait for the desktop's disk */
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 10000

struct entry {
    struct vault *vault;
    struct entry *next;
    char session[ID_SIZE], desktop[ID_SIZE];
    enum vault_state state;
    struct pm_credentials credentials;
    char sentence[200];
    int64_t retry_ms, wait_ms, looked_ms;
    struct httpc_exchange *exchange; /* NULL unless ASKING */
};

struct vault {
    struct broker *broker;
    void (*changed)(struct broker *broker);
    struct entry *buckets[BUCKETS];
};

/* Notes in the store that the account is there. */
struct note {
    struct workpool_job job;
    struct broker *broker;
    char session[ID_SIZE], desktop[ID_SIZE], user[sizeof(((struct pm_credentials *)0)->username)];
    int rc;
    struct error error;
};

int vault_new(struct broker *broker, void (*changed)(struct broker *broker), struct vault **ret, struct error *reterr)
{
    struct vault *vault = MEM_NEW(struct vault);
    if (vault == NULL)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    vault->broker = broker;
    vault->changed = changed;
    *ret = vault;
    return 0;
}

static void entry_free(struct entry *entry)
{
    if (entry->exchange != NULL)
        httpc_cancel(entry->exchange);
    pm_credentials_done(&entry->credentials);
    free(entry);
}

void vault_free(struct vault *vault)
{
    if (vault == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (vault->buckets[i] != NULL) {
            struct entry *entry = vault->buckets[i];
            vault->buckets[i] = entry->next;
            entry_free(entry);
        }
    }
    free(vault);
}

static struct entry **bucket_of(struct vault *vault, const char *id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *id != '\0'; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return &vault->buckets[hash % BUCKETS];
}

static struct entry **find(struct vault *vault, const char *id)
{
    struct entry **at = bucket_of(vault, id);
    while (*at != NULL && strcmp((*at)->session, id) != 0)
        at = &(*at)->next;
    return at;
}

static void drop(struct entry **at)
{
    struct entry *entry = *at;
    *at = entry->next;
    entry_free(entry);
}

static void note_work(struct workpool_job *job, void *thread_data)
{
    (void)thread_data;
    struct note *note = CONTAINER_OF(job, struct note, job);
    note->rc = store_session_prepared(note->broker->store, note->session, note->desktop, note->user, clock_wall_ms(),
                                      &note->error);
}

static void noted(struct workpool_job *job, int status)
{
    struct note *note = CONTAINER_OF(job, struct note, job);
    int rc = status != 0 ? status : note->rc;
    if (rc != 0 && rc != ERR_CONFLICT && rc != ERR_NOT_FOUND)
        log_event(EV_ACCOUNT_NOT_NOTED, LOG_STR("session", note->session), LOG_ERR(&note->error));
    free(note);
}

static void write_note(const struct entry *entry)
{
    struct note *note = MEM_NEW(struct note);
    if (note == NULL)
        return;
    note->broker = entry->vault->broker;
    text_copy(note->session, sizeof(note->session), entry->session);
    text_copy(note->desktop, sizeof(note->desktop), entry->desktop);
    text_copy(note->user, sizeof(note->user), entry->credentials.username);
    note->job = (struct workpool_job){.work = note_work, .done = noted};
    if (workpool_submit(note->broker->store_work, &note->job) != 0)
        free(note);
}

static void failed(struct entry *entry, const char *code, const char *why)
{
    static const struct {
        const char *code, *sentence;
    } table[] = {
        {PM_DESKTOP_NOT_READY, "The desktop is not quite up yet."},
        {PM_GUEST_FAILED, "The desktop is up, but your account in it could not be made. It is being tried again."},
        {PM_NOT_LEADER, "The pool manager is being changed over. This takes a moment."},
        {PM_NO_SESSION, "The desktop is being handed over. This takes a moment."},
    };
    const char *sentence = "The pool manager does not answer. Your desktop is kept; it is being tried again.";
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(code, table[i].code) == 0)
            sentence = table[i].sentence;
    entry->state = VAULT_FAILED;
    entry->wait_ms = entry->wait_ms == 0                 ? RETRY_MIN_MS
                     : entry->wait_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS
                                                         : entry->wait_ms * 2;
    entry->retry_ms = clock_mono_ms() + entry->wait_ms;
    text_copy(entry->sentence, sizeof(entry->sentence), sentence);
    log_event(EV_ACCOUNT_FAILED, LOG_STR("session", entry->session), LOG_STR("desktop", entry->desktop),
              LOG_STR("code", code), LOG_STR("why", why), LOG_INT("again_in_ms", entry->wait_ms));
}

static void on_answer(int err, const struct error *e, const struct httpc_response *response, void *arg)
{
    struct entry *entry = arg;
    struct vault *vault = entry->vault;
    struct error why = {0};
    entry->exchange = NULL;
    if (err != 0) {
        failed(entry, "unreachable", e != NULL ? err_message(e) : err_text(err));
    } else if (response->status != 200) {
        struct problem problem;
        problem_read(&problem, response->status, response->body, response->body_len);
        failed(entry, problem.code, problem.detail);
    } else if (pm_credentials_read(response->body, response->body_len, &entry->credentials, &why) != 0) {
        failed(entry, "protocol", why.text);
    } else {
        entry->state = VAULT_READY;
        entry->wait_ms = 0;
        log_event(EV_ACCOUNT_READY, LOG_STR("session", entry->session), LOG_STR("desktop", entry->desktop),
                  LOG_STR("account", entry->credentials.username));
        write_note(entry);
    }
    if (response != NULL)
        secret_wipe((void *)(uintptr_t)response->body, response->body_len);
    vault->changed(vault->broker);
}

static void ask(struct entry *entry, const struct session_view *view)
{
    struct broker *broker = entry->vault->broker;
    struct pm_prepare prepare = {0};
    char path[PM_PATH_SIZE];
    struct error why = {0};
    text_copy(prepare.fullname, sizeof(prepare.fullname), view->row.display);
    char *body CLEANUP_FREE = pm_prepare_write(&prepare);
    pm_prepare_path(entry->session, path);
    struct httpc_request request = {
        .target = {.base_url = "http://poolmgr", .unix_path = broker->conf.poolmgr_socket},
        .method = "POST",
        .path = path,
        .body = body != NULL ? body : "{}",
        .body_len = body != NULL ? strlen(body) : 2,
        .max_body = PM_BODY_MAX,
        .connect_ms = 2000,
        .total_ms = ANSWER_MS,
    };
    struct httpc_handlers handlers = {.done = on_answer, .arg = entry};
    entry->state = VAULT_ASKING;
    if (httpc_start(broker->httpc, &request, &handlers, &entry->exchange, &why) != 0)
        failed(entry, "unreachable", err_message(&why));
}

static struct entry *entry_of(struct vault *vault, const struct session_view *view)
{
    struct entry **at = find(vault, view->row.id);
    if (*at != NULL && strcmp((*at)->desktop, view->row.desktop) != 0)
        drop(at);
    if (*at != NULL)
        return *at;
    struct entry *entry = MEM_NEW(struct entry);
    if (entry == NULL)
        return NULL;
    entry->vault = vault;
    entry->state = VAULT_FAILED; /* with retry_ms 0: asked at once */
    text_copy(entry->session, sizeof(entry->session), view->row.id);
    text_copy(entry->desktop, sizeof(entry->desktop), view->row.desktop);
    at = bucket_of(vault, view->row.id);
    entry->next = *at;
    *at = entry;
    return entry;
}

struct vault_answer vault_look(struct vault *vault, const struct session_view *view)
{
    if (!session_wants_account(view)) {
        vault_forget(vault, view->row.id);
        return (struct vault_answer){.state = VAULT_NOT_WANTED};
    }
    struct entry *entry = entry_of(vault, view);
    if (entry == NULL)
        return (struct vault_answer){.state = VAULT_FAILED, .sentence = "The broker has no memory for this."};
    entry->looked_ms = clock_mono_ms();
    if (entry->state == VAULT_FAILED && entry->looked_ms >= entry->retry_ms)
        ask(entry, view);
    return (struct vault_answer){
        .state = entry->state, .credentials = &entry->credentials, .sentence = entry->sentence};
}

void vault_forget(struct vault *vault, const char *session_id)
{
    struct entry **at = find(vault, session_id);
    if (*at != NULL)
        drop(at);
}

void vault_sweep(struct vault *vault, int64_t kept_ms)
{
    int64_t before = clock_mono_ms() - kept_ms;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct entry **at = &vault->buckets[i];
        while (*at != NULL) {
            if ((*at)->state != VAULT_ASKING && (*at)->looked_ms < before)
                drop(at);
            else
                at = &(*at)->next;
        }
    }
}
