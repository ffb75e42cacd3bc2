/* carrelctl connect POOL: a desktop, however long its queue, in a window. */
#include "client/carrelctl/call.h"
#include "client/carrelctl/rdp.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/proto/doc.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/carrelctl/screen.h"

#define LISTEN_S       25    /* one event stream; afterwards the session is asked for once */
#define POLL_MS        1000  /* when there is no event stream */
#define FRESH_MS       20000 /* a ticket older than this is not used: it must be opened within 60 s */
#define AFTERMATH_MS   4000  /* how long we wait to hear what became of the session */
#define AFTERMATH_POLL 300

/* The newest document of the session. */
struct visit {
    struct ctl *ctl;
    json_t *session;
    char ticket[160]; /* only the answer to connect has it; later documents of the session do not repeat it */
    int64_t asked_ms; /* when it was made */
};

static const char *word(const json_t *doc, const char *name)
{
    const char *text = json_string_value(json_object_get(doc, name));

    return text ? text : "";
}

static bool is_ready(const json_t *session)
{
    return json_is_true(json_object_get(session, "ready"));
}

static bool has_ended(const json_t *session)
{
    return strcmp(word(session, "state"), "ended") == 0;
}

static void take_session(struct visit *v, json_t *take_session)
{
    json_decref(v->session);
    v->session = take_session;
}

static void say_place(struct visit *v)
{
    long long place = (long long)json_integer_value(json_object_get(v->session, "position"));
    json_int_t eta_s = json_integer_value(json_object_get(v->session, "eta_s"));
    const char *message = word(v->session, "message");
    char eta[32], left[64] = "";

    if (eta_s > 0)
        snprintf(left, sizeof(left), ", about %s", screen_duration(eta_s * 1000, eta, sizeof(eta)));
    if (place > 0)
        progress_say(&v->ctl->progress, "waiting for a desktop of %s: place %lld%s", word(v->session, "pool"), place,
                     left);
    else
        progress_say(&v->ctl->progress, "desktop %s is being prepared%s%s%s", word(v->session, "desktop"), left,
                     *message ? ": " : "", message);
}

static bool on_session(const char *event, const json_t *doc, void *arg)
{
    struct visit *v = arg;

    if (strcmp(event, "session") != 0)
        return true;
    take_session(v, json_deep_copy(doc));
    say_place(v);
    return !is_ready(v->session) && !has_ended(v->session);
}

static int ask_connect(struct visit *v)
{
    char *path CLEANUP_FREE = call_path(v->ctl->inv, true);
    json_t *body CLEANUP(doc_freep) = json_pack("{s:s}", "door", "rdp"), *answer = NULL;

    if (!path || !body)
        return outcome_fail(&v->ctl->failure, OUTCOME_REFUSED, "out of memory");
    v->asked_ms = clock_mono_ms();
    int outcome = site_call(&v->ctl->site, "POST", path, body, &answer, &v->ctl->failure);
    if (outcome == OUTCOME_OK) {
        take_session(v, answer);
        snprintf(v->ticket, sizeof(v->ticket), "%s", word(answer, "ticket"));
    }
    return outcome;
}

static char *session_path(const struct visit *v, const char *tail)
{
    char *id CLEANUP_FREE = site_encode(word(v->session, "id"));

    return id ? mem_printf("/api/v1/sessions/%s%s", id, tail) : NULL;
}

static int ask_session(struct visit *v)
{
    char *path CLEANUP_FREE = session_path(v, "");
    json_t *answer = NULL;
    int outcome = path ? site_call(&v->ctl->site, "GET", path, NULL, &answer, &v->ctl->failure)
                       : outcome_fail(&v->ctl->failure, OUTCOME_REFUSED, "out of memory");

    if (outcome == OUTCOME_OK)
        take_session(v, answer);
    return outcome;
}

static int give_up(struct visit *v)
{
    outcome_fail(&v->ctl->failure, OUTCOME_REFUSED, "there is no desktop yet%s%s",
                 *word(v->session, "message") ? ": " : "", word(v->session, "message"));
    outcome_hint(&v->ctl->failure, "Your place is kept for a while: connect again to go on waiting.");
    return OUTCOME_REFUSED;
}

/* Until there is a desktop with its account. Events tell it at once; where no stream is to be had, polling does. */
static int wait_until_ready(struct visit *v)
{
    char *path CLEANUP_FREE = session_path(v, "/events");
    int64_t deadline = clock_mono_ms() + v->ctl->wait_ms;
    bool events = path != NULL;
    int outcome = OUTCOME_OK;

    progress_interruptible("carrelctl: interrupted; your place is kept for a while: connect again to go on waiting.\n");
    while (outcome == OUTCOME_OK && !is_ready(v->session) && !has_ended(v->session)) {
        struct failure no_stream;
        say_place(v);
        if (events && site_listen(&v->ctl->site, path, LISTEN_S, on_session, v, &no_stream) != OUTCOME_OK)
            events = false;
        if (!events)
            usleep(POLL_MS * 1000);
        if (!is_ready(v->session) && !has_ended(v->session))
            outcome = clock_mono_ms() < deadline ? ask_session(v) : give_up(v);
    }
    progress_uninterruptible();
    progress_end(&v->ctl->progress);
    if (outcome == OUTCOME_OK && has_ended(v->session))
        return outcome_fail(&v->ctl->failure, OUTCOME_REFUSED, "the session ended before it began%s%s",
                            *word(v->session, "end_reason") ? ": " : "", word(v->session, "end_reason"));
    return outcome;
}

static const json_t *find_door(const json_t *session, const char *kind)
{
    json_t *door;
    size_t i;

    json_array_foreach(json_object_get(session, "doors"), i,
                       door) if (strcmp(word(door, "kind"), kind) == 0) return door;
    return NULL;
}

/* The RDP door of the answer, with what is needed to pass it. */
static int door_of(const struct visit *v, struct rdp_door *ret, char *title, size_t title_size)
{
    const json_t *credentials = json_object_get(v->session, "credentials"), *door = find_door(v->session, "rdp");

    if (!door)
        return outcome_fail(&v->ctl->failure, OUTCOME_REFUSED, "the site offers no RDP door to this pool");
    snprintf(title, title_size, "%s", word(v->session, "pool"));
    *ret = (struct rdp_door){
        .host = word(door, "host"),
        .port = (int)json_integer_value(json_object_get(door, "port")),
        .token = *word(door, "token") ? word(door, "token") : v->ticket,
        .title = title,
        .username = json_string_value(json_object_get(credentials, "username")),
        .password = json_string_value(json_object_get(credentials, "password")),
        .domain = json_string_value(json_object_get(credentials, "domain")),
    };
    /* Without an account of the session's own the person logs on in the desktop, under the name known here. */
    if (!ret->username)
        ret->username = v->ctl->login.username;
    return OUTCOME_OK;
}

/* Returns 0. */
static int print_command(const struct ctl *ctl, const char *client, const struct buf *masked)
{
    printf("%s%s%s%s /args-from:fd:3    where descriptor 3 gives:\n", ctl->site.ca ? "SSL_CERT_FILE=" : "",
           ctl->site.ca ? ctl->site.ca : "", ctl->site.ca ? " " : "", client);
    for (const char *line = buf_str(masked); *line; line += strcspn(line, "\n") + 1) {
        char *one CLEANUP_FREE = mem_strndup(line, strcspn(line, "\n")), *clean CLEANUP_FREE = screen_clean(one);
        printf("    %s\n", clean ? clean : "");
    }
    return 0;
}

static void say_kept(const struct visit *v)
{
    int64_t until_ms = show_moment(json_object_get(v->session, "deadline_at"));
    char clock[32] = "", left[32];
    time_t until = (time_t)(until_ms / 1000);
    struct tm tm;

    if (until_ms > 0 && localtime_r(&until, &tm))
        strftime(clock, sizeof(clock), "%H:%M", &tm);
    char *desktop CLEANUP_FREE = screen_clean(word(v->session, "desktop"));
    if (*clock)
        printf("Your session on %s is kept until %s (%s).", desktop ? desktop : "", clock,
               screen_duration(until_ms - clock_wall_ms(), left, sizeof(left)));
    else
        printf("Your session on %s is kept.", desktop ? desktop : "");
    printf(" To return: carrelctl connect %s\n", v->ctl->inv->args[0]);
}

/* Asks until the gateway has told of the end, which it does a moment after the client has gone. False: the site does
 * not say. */
static bool learn_end(struct visit *v)
{
    int64_t deadline = clock_mono_ms() + AFTERMATH_MS;

    while (ask_session(v) == OUTCOME_OK) {
        if (strcmp(word(v->session, "state"), "connected") != 0 || clock_mono_ms() >= deadline)
            return true;
        usleep(AFTERMATH_POLL * 1000);
    }
    return false;
}

static void say_aftermath(struct visit *v)
{
    if (v->ctl->show.form != SHOW_TABLE) {
        json_object_del(v->session, "credentials");
        call_show(v->ctl, NULL, NULL, v->session);
    } else if (has_ended(v->session)) {
        puts("Your session has ended.");
    } else if (strcmp(word(v->session, "state"), "connected") == 0) {
        puts("Your session is open elsewhere.");
    } else {
        say_kept(v);
    }
    fflush(stdout);
}

/* What became of the session when the client has ended with `status`. */
static int conclude(struct visit *v, const char *client, const char *host, int status)
{
    const char *why = "";
    enum rdp_end end = rdp_end_of(status, &why);
    bool known = end != RDP_FAILED && learn_end(v);
    bool never_open = end == RDP_FAILED || (end == RDP_LOST && strcmp(word(v->session, "state"), "preparing") == 0);

    if (known && !never_open)
        say_aftermath(v);
    /* Where the person logs off inside the desktop, the line is cut from the other end: that is how it is meant to end.
     */
    if (known && has_ended(v->session))
        return OUTCOME_OK;
    if (end == RDP_CLOSED)
        return known ? OUTCOME_OK : (int)v->ctl->failure.outcome;
    if (!never_open)
        return outcome_fail(&v->ctl->failure, OUTCOME_REFUSED,
                            "the connection to the desktop was lost (%s ended with %d)", client, status);
    outcome_fail(&v->ctl->failure, OUTCOME_REFUSED, "the desktop could not be opened%s%s (%s ended with %d)",
                 *why ? ": " : "", why, client, status);
    if (strstr(why, "certificate"))
        outcome_hint(&v->ctl->failure,
                     "It must be signed by the authority of --ca and hold the name %s; FreeRDP takes no addresses.",
                     host);
    if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
        outcome_hint(&v->ctl->failure, "There is no display: DISPLAY is not set.");
    outcome_hint(&v->ctl->failure, "The client's own messages stand above; --print-command shows how it is called.");
    return OUTCOME_REFUSED;
}

static int start_client(struct visit *v, const char *client)
{
    char title[128], host[256];
    struct rdp_door door;
    struct error e = {0};
    struct buf args;
    bool print = parse_option(v->ctl->inv, "print-command") != NULL;
    int status = 0, outcome = door_of(v, &door, title, sizeof(title));

    if (outcome != OUTCOME_OK)
        return outcome;
    /* The door's texts go with the session's document, which is replaced afterwards. */
    snprintf(host, sizeof(host), "%s", door.host);
    buf_init(&args, RDP_ARGS_MAX);
    int r = rdp_args(&door, v->ctl->inv->rest, v->ctl->inv->n_rest, print, &args, &e);
    if (r == 0)
        r = print ? print_command(v->ctl, client, &args) : rdp_run(client, &args, v->ctl->site.ca, &status, &e);
    if (args.data)
        secret_wipe(args.data, args.len);
    buf_done(&args);
    if (r < 0)
        return outcome_fail(&v->ctl->failure, OUTCOME_REFUSED, "%s", err_message(&e));
    return print ? OUTCOME_OK : conclude(v, client, host, status);
}

int ctl_connect(struct ctl *ctl)
{
    struct visit v = {.ctl = ctl};
    char *client CLEANUP_FREE = NULL;
    struct error e = {0};

    if (!ctl->site.token) {
        outcome_fail(&ctl->failure, OUTCOME_REFUSED, "a desktop is for a person; nobody is logged in");
        outcome_hint(&ctl->failure, "Log in first: carrelctl login USER --url https://HOST");
        return OUTCOME_REFUSED;
    }
    /* Before a place in the queue is taken: without a client it would be for nothing. */
    if (rdp_find(parse_option(ctl->inv, "client"), &client, &e) < 0) {
        outcome_fail(&ctl->failure, OUTCOME_REFUSED, "%s", err_message(&e));
        outcome_hint(&ctl->failure, "Install FreeRDP 3 (freerdp3-x11), or name its client with --client.");
        return OUTCOME_REFUSED;
    }
    int outcome = ask_connect(&v);
    if (outcome == OUTCOME_OK)
        outcome = wait_until_ready(&v);
    if (outcome == OUTCOME_OK && clock_mono_ms() - v.asked_ms > FRESH_MS) {
        outcome = ask_connect(&v);
        if (outcome == OUTCOME_OK)
            outcome = wait_until_ready(&v);
    }
    if (outcome == OUTCOME_OK)
        outcome = start_client(&v, client);
    json_decref(v.session);
    secret_wipe(v.ticket, sizeof(v.ticket));
    return outcome;
}
