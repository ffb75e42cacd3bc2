/* The helper in a simulated desktop (protocol: docs/protocols/guest.md) and what it does while the machine goes on and
 * off; see fake_host.h. */
#include "lib/virt/fake_host.h"
#include "lib/virt/fake_loop.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

void fake_guest_identity(struct fake_domain *domain)
{
    static unsigned incarnation;
    char text[VIRT_NAME_SIZE + 32], hash[ID_HASH_SIZE];
    snprintf(text, sizeof(text), "%s#%u", domain->name, __atomic_add_fetch(&incarnation, 1, __ATOMIC_RELAXED));
    id_hash(text, strlen(text), domain->guest.cert_sha256);
    id_hash(domain->guest.cert_sha256, 64, hash);
    snprintf(domain->guest.machine_id, sizeof(domain->guest.machine_id), "%.32s", hash);
}

static void say(struct fake_domain *domain, json_t *take_message)
{
    json_auto_t *message = take_message;
    struct fake_channel *channel = domain->channels[0];
    if (channel == NULL || message == NULL || domain->guest.muted)
        return;
    char *text CLEANUP_FREE = json_dumps(message, JSON_COMPACT);
    char *line CLEANUP_FREE = text != NULL ? mem_printf("%s\n", text) : NULL;
    if (line != NULL)
        fake_channel_say(channel, line, strlen(line));
}

static json_t *facts(struct fake_domain *domain)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:b}", "v", 1, "machine_id", domain->guest.machine_id, "hostname",
                     domain->guest.hostname, "rdp_cert_sha256", domain->guest.cert_sha256, "os", "Simulated 1",
                     "helper_version", "fake", "rdp_listening", 1);
}

void fake_guest_greet(struct fake_domain *domain)
{
    if (!domain->guest.up)
        return;
    json_t *message = facts(domain);
    json_object_set_new(message, "event", json_string("up"));
    say(domain, message);
}

static struct fake_user *find_user(struct fake_domain *domain, const char *name)
{
    for (size_t i = 0; i < FAKE_USERS_MAX; i++)
        if (domain->guest.users[i].name[0] != '\0' && strcmp(domain->guest.users[i].name, name) == 0)
            return &domain->guest.users[i];
    return NULL;
}

static struct fake_user *add_user(struct fake_domain *domain, const char *name)
{
    struct fake_user *user = find_user(domain, name);
    for (size_t i = 0; user == NULL && i < FAKE_USERS_MAX; i++)
        if (domain->guest.users[i].name[0] == '\0') {
            user = &domain->guest.users[i];
            snprintf(user->name, sizeof(user->name), "%s", name);
        }
    return user;
}

static void tell_user(struct fake_domain *domain, const char *event, const char *user)
{
    say(domain, json_pack("{s:s, s:s}", "event", event, "user", user));
}

/* Each command fills the answer and returns NULL, or returns what is wrong. */
static const char *do_hello(struct fake_domain *domain, const json_t *request, json_t *answer)
{
    (void)request;
    json_auto_t *own = facts(domain);
    json_object_update(answer, own);
    return NULL;
}

static const char *do_account(struct fake_domain *domain, const json_t *request, json_t *answer)
{
    (void)answer;
    const char *name = json_string_value(json_object_get(request, "user"));
    const char *password = json_string_value(json_object_get(request, "password"));
    if (name == NULL || name[0] == '\0' || strlen(name) > 63 || password == NULL || strlen(password) > 127)
        return "account needs user and password";
    struct fake_user *user = add_user(domain, name);
    if (user == NULL)
        return "too many accounts";
    user->account = true;
    snprintf(user->password, sizeof(user->password), "%s", password);
    return NULL;
}

static const char *do_account_remove(struct fake_domain *domain, const json_t *request, json_t *answer)
{
    (void)answer;
    const char *name = json_string_value(json_object_get(request, "user"));
    struct fake_user *user = name != NULL ? find_user(domain, name) : NULL;
    if (user != NULL)
        explicit_bzero(user, sizeof(*user));
    return NULL;
}

static const char *do_logoff(struct fake_domain *domain, const json_t *request, json_t *answer)
{
    (void)answer;
    const char *name = json_string_value(json_object_get(request, "user"));
    struct fake_user *user = name != NULL ? find_user(domain, name) : NULL;
    if (user == NULL || !user->logged_on)
        return NULL;
    user->logged_on = false;
    tell_user(domain, "logoff", name);
    return NULL;
}

static const char *do_sessions(struct fake_domain *domain, const json_t *request, json_t *answer)
{
    (void)request;
    json_t *list = json_array();
    for (size_t i = 0; i < FAKE_USERS_MAX; i++)
        if (domain->guest.users[i].logged_on)
            json_array_append_new(list, json_pack("{s:s, s:s}", "user", domain->guest.users[i].name, "state", "open"));
    json_object_set_new(answer, "sessions", list);
    return NULL;
}

static const struct {
    const char *name;
    const char *(*run)(struct fake_domain *domain, const json_t *request, json_t *answer);
} commands[] = {
    {"hello", do_hello},   {"account", do_account},   {"account_remove", do_account_remove},
    {"logoff", do_logoff}, {"sessions", do_sessions},
};

static void answer_line(struct fake_domain *domain, const char *line, size_t len)
{
    json_auto_t *request = json_loadb(line, len, 0, NULL);
    const char *cmd = json_string_value(json_object_get(request, "cmd"));
    json_t *id = json_object_get(request, "id");
    if (cmd == NULL || !json_is_integer(id))
        return;
    const char *wrong = "unknown command";
    json_t *answer = json_object();
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, cmd) == 0)
            wrong = commands[i].run(domain, request, answer);
    json_object_set(answer, "id", id);
    json_object_set_new(answer, "ok", json_boolean(wrong == NULL));
    if (wrong != NULL)
        json_object_set_new(answer, "error", json_string(wrong));
    say(domain, answer);
}

int fake_guest_receive(struct fake_channel *channel, const void *data, size_t len, struct error *reterr)
{
    if (!channel->helper || !channel->domain->guest.up)
        return 0; /* a guest that is not up loses what it is sent */
    if (buf_append(&channel->line, data, len) < 0)
        return err_set(reterr, ERR_BUSY, "the desktop does not read its channel");
    for (;;) {
        const char *end = memchr(buf_str(&channel->line), '\n', channel->line.len);
        if (end == NULL)
            return 0;
        size_t line = (size_t)(end - buf_str(&channel->line));
        answer_line(channel->domain, buf_str(&channel->line), line);
        buf_consume(&channel->line, line + 1);
    }
}

struct boot {
    struct fake_host *host;
    char domain[VIRT_NAME_SIZE];
    uint32_t boot;
};

static void booted(void *arg)
{
    const struct boot *boot = arg;
    pthread_mutex_lock(&boot->host->lock);
    struct fake_domain *domain = fake_domain_find(boot->host, boot->domain);
    if (domain != NULL && domain->boot == boot->boot && domain->state == VIRT_DOMAIN_RUNNING) {
        const char *hostname = fake_net_hostname(domain->host, domain->network, domain->mac);
        snprintf(domain->guest.hostname, sizeof(domain->guest.hostname), "%s", hostname != NULL ? hostname : "guest");
        domain->guest.up = true;
        fake_rdp_listen(domain);
        fake_host_event(domain->host, VIRT_EVENT_AGENT_UP, domain->name, "");
        fake_guest_greet(domain);
    }
    pthread_mutex_unlock(&boot->host->lock);
}

void fake_guest_power_on(struct fake_domain *domain)
{
    struct boot *boot = MEM_NEW(struct boot);
    if (boot == NULL)
        abort();
    *boot = (struct boot){.host = domain->host, .boot = ++domain->boot};
    snprintf(boot->domain, sizeof(boot->domain), "%s", domain->name);
    fake_loop_add(domain->host->boot_ms, domain->host, booted, boot);
}

void fake_guest_power_off(struct fake_domain *domain, const char *why)
{
    domain->boot++;
    domain->guest.up = false;
    for (size_t i = 0; i < FAKE_USERS_MAX; i++)
        domain->guest.users[i].logged_on = false;
    fake_rdp_close(domain);
    for (size_t i = 0; i < ARRAY_LEN(domain->channels); i++)
        if (domain->channels[i] != NULL)
            fake_channel_end(domain->channels[i], why);
}

/* Find and lock; NULL leaves nothing locked. */
static struct fake_domain *take(struct fake_host *host, const char *name)
{
    pthread_mutex_lock(&host->lock);
    struct fake_domain *domain = fake_domain_find(host, name);
    if (domain == NULL)
        pthread_mutex_unlock(&host->lock);
    return domain;
}

int fake_guest_logon(struct fake_host *host, const char *name, const char *user)
{
    struct fake_domain *domain = take(host, name);
    if (domain == NULL)
        return ERR_NOT_FOUND;
    struct fake_user *who = add_user(domain, user);
    if (who != NULL)
        who->logged_on = true;
    tell_user(domain, "logon", user);
    pthread_mutex_unlock(&host->lock);
    return who != NULL ? 0 : ERR_TOO_BIG;
}

int fake_guest_logoff(struct fake_host *host, const char *name, const char *user)
{
    struct fake_domain *domain = take(host, name);
    if (domain == NULL)
        return ERR_NOT_FOUND;
    struct fake_user *who = find_user(domain, user);
    if (who != NULL)
        who->logged_on = false;
    tell_user(domain, "logoff", user);
    pthread_mutex_unlock(&host->lock);
    return 0;
}

int fake_guest_account(struct fake_host *host, const char *name, const char *user, char *ret, size_t size)
{
    struct fake_domain *domain = take(host, name);
    if (domain == NULL)
        return ERR_NOT_FOUND;
    const struct fake_user *who = find_user(domain, user);
    int rc = who != NULL && who->account ? 0 : ERR_NOT_FOUND;
    if (rc == 0 && ret != NULL)
        snprintf(ret, size, "%s", who->password);
    pthread_mutex_unlock(&host->lock);
    return rc;
}

int fake_guest_mute(struct fake_host *host, const char *name, bool on)
{
    struct fake_domain *domain = take(host, name);
    if (domain == NULL)
        return ERR_NOT_FOUND;
    domain->guest.muted = on;
    pthread_mutex_unlock(&host->lock);
    return 0;
}

int fake_guest_say(struct fake_host *host, const char *name, const void *data, size_t len)
{
    struct fake_domain *domain = take(host, name);
    if (domain == NULL)
        return ERR_NOT_FOUND;
    if (domain->channels[0] != NULL)
        fake_channel_say(domain->channels[0], data, len);
    pthread_mutex_unlock(&host->lock);
    return 0;
}

int fake_guest_cert(struct fake_host *host, const char *name, const char *sha256)
{
    struct fake_domain *domain = take(host, name);
    if (domain == NULL)
        return ERR_NOT_FOUND;
    snprintf(domain->guest.cert_sha256, sizeof(domain->guest.cert_sha256), "%s", sha256);
    pthread_mutex_unlock(&host->lock);
    return 0;
}
