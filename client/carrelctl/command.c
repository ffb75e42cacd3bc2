#include "client/carrelctl/command.h"

#include <string.h>

#include "lib/base/mem.h"

#define API   "/api/v1"
#define ADMIN "/api/v1/admin"

/* Name, word for its value, help, kind, use; then designated members. */
#define P(name_, value_, help_, kind_, use_, ...)                                                                      \
    {                                                                                                                  \
        .name = name_, .value = value_, .help = help_, .kind = PARAM_##kind_, .use = PARAM_##use_, __VA_ARGS__         \
    }
#define END_PARAMS                                                                                                     \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define END_COLUMNS                                                                                                    \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define WAIT_OPTION P("wait", NULL, "Show progress until it is done; Ctrl-C leaves it running", FLAG, LOCAL)
#define MINE_OPTION P("mine", NULL, "Only what is mine, although I am an administrator", FLAG, LOCAL)

const struct param globals[GLOBAL_COUNT + 1] = {
    [GLOBAL_URL] =
        P("url", "URL", "Where the site answers, https://HOST[:PORT] (CARREL_URL; else the last login's)", TEXT, LOCAL),
    [GLOBAL_CA] =
        P("ca", "FILE", "Authority that signed its certificate, PEM (CARREL_CA; else the system's)", FILE, LOCAL),
    [GLOBAL_SOCKET] =
        P("socket", "PATH",
          "The broker's local socket, where root is administrator (CARREL_SOCKET; else /run/carrel/broker.sock)", FILE,
          LOCAL),
    [GLOBAL_STATE] = P("state", "DIR", "Where logins are kept (CARREL_STATE; else ~/.local/state/carrel)", FILE, LOCAL),
    [GLOBAL_OUTPUT] =
        P("output", "FORM", "How to show answers", CHOICE, LOCAL, .choices = "table|json|yaml", .letter = 'o'),
    [GLOBAL_TIMEOUT] =
        P("timeout", "TIME", "How long to wait for an answer (30s), and with --wait for the work (30m)", TIME, LOCAL),
    [GLOBAL_QUIET] = P("quiet", NULL, "No progress on standard error", FLAG, LOCAL, .letter = 'q'),
    [GLOBAL_HELP] = P("help", NULL, "Explain the command", FLAG, LOCAL, .letter = 'h'),
    [GLOBAL_VERSION] = P("version", NULL, "Print the version", FLAG, LOCAL),
    [GLOBAL_MAN] = P("man", NULL, "Print the manual page", FLAG, LOCAL),
    [GLOBAL_COMPLETION] = P("completion", NULL, "Print the completion for bash", FLAG, LOCAL),
    [GLOBAL_COUNT] = END_PARAMS,
};

static const struct param login_args[] = {P("user", NULL, "Name in the directory", TEXT, LOCAL, .required = true),
                                          END_PARAMS};
static const struct param login_options[] = {
    P("password-stdin", NULL, "Read the password from the first line of standard input", FLAG, LOCAL), END_PARAMS};
static const struct column login_columns[] = {{"USER", "username", COLUMN_TEXT},
                                              {"NAME", "display_name", COLUMN_TEXT},
                                              {"ROLES", "roles", COLUMN_LIST},
                                              {"EXPIRES IN", "expires_at", COLUMN_UNTIL},
                                              END_COLUMNS};

static const struct param image_import_args[] = {
    P("name", NULL, "Name of the golden image", TEXT, BODY, .required = true),
    P("file", NULL, "The disk, as a path on the machine where the pool manager runs", FILE, BODY, .key = "path",
      .required = true),
    END_PARAMS};
static const struct param image_import_options[] = {
    P("format", "FORMAT", "Format of the disk; it is never guessed", CHOICE, BODY, .choices = "qcow2|raw",
      .required = true),
    P("version", "N", "Version (default: one more than the newest)", INT, BODY),
    P("os", "OS", "Operating system in it", CHOICE, BODY, .choices = "linux|windows"),
    P("kernel", "FILE", "Kernel to boot it with, where the image has no boot loader", FILE, BODY),
    P("initrd", "FILE", "Initial RAM disk to that kernel", FILE, BODY),
    P("cmdline", "TEXT", "Command line of that kernel", TEXT, BODY),
    P("publish", NULL, "Wait for it, then let pools use it", FLAG, LOCAL),
    WAIT_OPTION,
    END_PARAMS};
static const struct param image_args[] = {P("image", NULL, "NAME@VERSION", IMAGE, PATH, .required = true), END_PARAMS};
static const struct column image_columns[] = {{"IMAGE", "name", COLUMN_IMAGE},      {"STATE", "state", COLUMN_STATE},
                                              {"DONE", "progress", COLUMN_PERCENT}, {"OS", "os", COLUMN_TEXT},
                                              {"SIZE", "size_bytes", COLUMN_BYTES}, {"AGE", "created_at", COLUMN_AGE},
                                              {"NOTE", "error", COLUMN_TEXT},       END_COLUMNS};

static const struct param host_add_args[] = {P("name", NULL, "Name of the host", TEXT, BODY, .required = true),
                                             P("uri", NULL,
                                               "Its hypervisor, for example qemu:///system or qemu+tls://HOST/system",
                                               TEXT, BODY, .required = true),
                                             END_PARAMS};
static const struct column host_columns[] = {
    {"HOST", "name", COLUMN_TEXT},   {"STATE", "state", COLUMN_STATE},     {"URI", "uri", COLUMN_TEXT},
    {"CPUS", "cpus", COLUMN_NUMBER}, {"MEMORY", "memory_mib", COLUMN_MIB}, {"DESKTOPS", "desktops", COLUMN_NUMBER},
    {"SEEN", "seen_at", COLUMN_AGE}, {"NOTE", "error", COLUMN_TEXT},       END_COLUMNS};

static const struct param pool_args[] = {P("pool", NULL, "Name of the pool", TEXT, PATH, .required = true), END_PARAMS};
static const struct param pool_create_args[] = {
    P("name", NULL, "Name of the pool; its desktops are NAME-001, NAME-002 and so on", TEXT, BODY, .required = true),
    END_PARAMS};
static const struct param pool_create_options[] = {
    P("image", "IMAGE", "Published golden image, NAME@VERSION", IMAGE, BODY, .required = true),
    P("kind", "KIND", "A desktop for a session, or one for good", CHOICE, BODY, .choices = "floating|dedicated"),
    P("min", "N", "Desktops that always exist", INT, BODY),
    P("max", "N", "Desktops that may exist", INT, BODY),
    P("spare", "N", "Ready desktops kept free", INT, BODY),
    P("network", "NAME", "Network of the hypervisor that they are on", TEXT, BODY),
    P("memory", "MIB", "Memory of a desktop in MiB", INT, BODY, .key = "memory_mib"),
    P("vcpus", "N", "Processors of a desktop", INT, BODY),
    P("host", "HOST", "Host that runs them", TEXT, BODY),
    P("credentials", "MODE", "How a person gets into the desktop", CHOICE, BODY, .choices = "session-password|none"),
    P("security", "MODE", "Security of the desktop's RDP port", CHOICE, BODY, .choices = "tls|raw"),
    P("grace", "TIME", "How long a session is kept after a disconnect", TIME, BODY, .key = "grace_s"),
    P("description", "TEXT", "What people are told that it is", TEXT, BODY),
    WAIT_OPTION,
    END_PARAMS};
static const struct param pool_scale_options[] = {
    P("min", "N", "Desktops that always exist", INT, BODY), P("max", "N", "Desktops that may exist", INT, BODY),
    P("spare", "N", "Ready desktops kept free", INT, BODY), WAIT_OPTION, END_PARAMS};
static const struct param mine_options[] = {MINE_OPTION, END_PARAMS};
static const struct column pool_columns[] = {
    {"POOL", "name", COLUMN_TEXT},      {"STATE", "state", COLUMN_STATE},  {"KIND", "kind", COLUMN_TEXT},
    {"IMAGE", "image", COLUMN_TEXT},    {"MIN", "min", COLUMN_NUMBER},     {"MAX", "max", COLUMN_NUMBER},
    {"SPARE", "spare", COLUMN_NUMBER},  {"READY", "ready", COLUMN_NUMBER}, {"USED", "used", COLUMN_NUMBER},
    {"QUEUE", "queued", COLUMN_NUMBER}, {"NOTE", "note", COLUMN_TEXT},     END_COLUMNS};

static const struct column own_pool_columns[] = {{"POOL", "name", COLUMN_TEXT},
                                                 {"STATE", "state", COLUMN_STATE},
                                                 {"KIND", "kind", COLUMN_TEXT},
                                                 {"SESSION", "session.state", COLUMN_STATE},
                                                 {"DESKTOP", "session.desktop", COLUMN_TEXT},
                                                 {"DESCRIPTION", "description", COLUMN_TEXT},
                                                 END_COLUMNS};

static const struct param entitlement_args[] = {P("pool", NULL, "Name of the pool", TEXT, BODY, .required = true),
                                                END_PARAMS};
static const struct param entitlement_options[] = {
    P("group", "GROUP", "Everybody in this group of the directory, and in the groups in it", TEXT, BODY),
    P("user", "USER", "This one person", TEXT, BODY), END_PARAMS};
static const struct param entitlement_remove_args[] = {
    P("pool", NULL, "Name of the pool", TEXT, QUERY, .required = true), END_PARAMS};
static const struct param entitlement_remove_options[] = {
    P("group", "GROUP", "The group that was entitled", TEXT, QUERY),
    P("user", "USER", "The person who was entitled", TEXT, QUERY), END_PARAMS};
static const struct param entitlement_list_options[] = {P("pool", "POOL", "Only of this pool", TEXT, QUERY),
                                                        END_PARAMS};
static const struct column entitlement_columns[] = {{"POOL", "pool", COLUMN_TEXT},
                                                    {"KIND", "kind", COLUMN_TEXT},
                                                    {"NAME", "name", COLUMN_TEXT},
                                                    {"AGE", "created_at", COLUMN_AGE},
                                                    END_COLUMNS};

static const struct param desktop_args[] = {P("desktop", NULL, "Name of the desktop", TEXT, PATH, .required = true),
                                            END_PARAMS};
static const struct param desktop_list_options[] = {P("pool", "POOL", "Only of this pool", TEXT, QUERY), END_PARAMS};
static const struct column desktop_columns[] = {
    {"DESKTOP", "name", COLUMN_TEXT},    {"POOL", "pool", COLUMN_TEXT},
    {"STATE", "state", COLUMN_STATE},    {"USER", "username", COLUMN_TEXT},
    {"IMAGE", "image", COLUMN_TEXT},     {"HOST", "host", COLUMN_TEXT},
    {"ADDRESS", "address", COLUMN_TEXT}, {"SINCE", "state_since", COLUMN_AGE},
    {"NOTE", "error", COLUMN_TEXT},      END_COLUMNS};

static const struct param session_args[] = {
    P("session", NULL, "Its id, as `session list` shows it", TEXT, PATH, .required = true), END_PARAMS};
static const struct param session_list_options[] = {P("pool", "POOL", "Only of this pool", TEXT, QUERY),
                                                    P("open", NULL, "Only those that have not ended", FLAG, QUERY),
                                                    MINE_OPTION, END_PARAMS};
static const struct column session_columns[] = {{"SESSION", "id", COLUMN_TEXT},
                                                {"POOL", "pool", COLUMN_TEXT},
                                                {"USER", "username", COLUMN_TEXT},
                                                {"STATE", "state", COLUMN_STATE},
                                                {"PLACE", "position", COLUMN_NUMBER},
                                                {"DESKTOP", "desktop", COLUMN_TEXT},
                                                {"AGE", "created_at", COLUMN_AGE},
                                                {"ENDS IN", "deadline_at", COLUMN_UNTIL},
                                                END_COLUMNS};

static const struct param connect_args[] = {P("pool", NULL, "Name of the pool", TEXT, PATH, .required = true),
                                            END_PARAMS};
static const struct param connect_options[] = {
    P("client", "PROGRAM", "RDP client to start, of FreeRDP 3 (default: xfreerdp3, else xfreerdp)", TEXT, LOCAL),
    P("print-command", NULL, "Say what would be started, with secrets masked, and do not start it", FLAG, LOCAL),
    END_PARAMS};

const struct command commands[] = {
    {"login", NULL, "Log in at a site and keep the login",
     "Asks for the password without showing it. The login is kept in a file that only you can read, one per URL, until "
     "it expires or you "
     "log out; later commands use the last one unless --url says otherwise.",
     ACTION_LOGIN, "POST", API "/login", API "/login", .args = login_args, .options = login_options,
     .columns = login_columns},
    {"logout", NULL, "End the kept login", .action = ACTION_LOGOUT, .method = "POST", .path = API "/logout",
     .own_path = API "/logout"},
    {"connect", NULL, "Take a desktop of a pool and open it",
     "Waits for a desktop, showing the place in the queue, then starts the RDP client. Ticket and password reach the "
     "client through a pipe "
     "and never stand on a command line. The gateway's certificate must verify with --ca or the system's authorities. "
     "Words after -- are "
     "given to the client, for example: carrelctl connect office -- /f +clipboard",
     ACTION_CONNECT, "POST", API "/pools/{pool}/connect", API "/pools/{pool}/connect", .args = connect_args,
     .options = connect_options, .rest = true},

    {"image", "import", "Take a disk in as a golden image",
     "The pool manager copies the file into its storage, checks it and seals it: from then on nothing writes to it. "
     "Without --publish no pool "
     "may use it yet.",
     ACTION_IMPORT, "POST", ADMIN "/images", .args = image_import_args, .options = image_import_options,
     .columns = image_columns},
    {"image", "list", "List golden images", NULL, ACTION_CALL, "GET", ADMIN "/images", .list = "images",
     .columns = image_columns},
    {"image", "show", "Show one version of a golden image", NULL, ACTION_CALL, "GET", ADMIN "/images/{image}",
     .args = image_args, .columns = image_columns},
    {"image", "publish", "Let pools use a sealed image", NULL, ACTION_CALL, "POST", ADMIN "/images/{image}/publish",
     .args = image_args, .columns = image_columns},

    {"host", "add", "Add a machine that runs desktops", NULL, ACTION_CALL, "POST", ADMIN "/hosts",
     .args = host_add_args, .columns = host_columns},
    {"host", "list", "List the machines that run desktops", NULL, ACTION_CALL, "GET", ADMIN "/hosts", .list = "hosts",
     .columns = host_columns},

    {"pool", "create", "Create a pool of linked clones",
     "The pool manager makes the desktops. With --wait the command ends when as many are ready as --min asks.",
     ACTION_POOL_WAIT, "POST", ADMIN "/pools", .args = pool_create_args, .options = pool_create_options,
     .columns = pool_columns},
    {"pool", "list", "List pools", NULL, ACTION_CALL, "GET", ADMIN "/pools", API "/pools", "pools",
     .options = mine_options, .columns = pool_columns, .own_columns = own_pool_columns},
    {"pool", "show", "Show one pool", NULL, ACTION_CALL, "GET", ADMIN "/pools/{pool}", .args = pool_args,
     .columns = pool_columns},
    {"pool", "scale", "Change the size of a pool", "At least one of --min, --max and --spare.", ACTION_POOL_WAIT,
     "PATCH", ADMIN "/pools/{pool}", .args = pool_args, .options = pool_scale_options, .columns = pool_columns},

    {"entitlement", "add", "Let people use a pool", "Exactly one of --group and --user.", ACTION_CALL, "POST",
     ADMIN "/entitlements", .args = entitlement_args, .options = entitlement_options, .columns = entitlement_columns},
    {"entitlement", "list", "List who may use what", NULL, ACTION_CALL, "GET", ADMIN "/entitlements",
     .list = "entitlements", .options = entitlement_list_options, .columns = entitlement_columns},
    {"entitlement", "remove", "Take the right to a pool back",
     "Exactly one of --group and --user. Sessions that are open go on.", ACTION_CALL, "DELETE", ADMIN "/entitlements",
     .args = entitlement_remove_args, .options = entitlement_remove_options, .done = "The entitlement is removed."},

    {"desktop", "list", "List desktops", NULL, ACTION_CALL, "GET", ADMIN "/desktops", .list = "desktops",
     .options = desktop_list_options, .columns = desktop_columns},
    {"desktop", "show", "Show one desktop", NULL, ACTION_CALL, "GET", ADMIN "/desktops/{desktop}", .args = desktop_args,
     .columns = desktop_columns},

    {"session", "list", "List sessions", NULL, ACTION_CALL, "GET", ADMIN "/sessions", API "/sessions", "sessions",
     .options = session_list_options, .columns = session_columns},
    {"session", "show", "Show one session", NULL, ACTION_CALL, "GET", ADMIN "/sessions/{session}",
     API "/sessions/{session}", .args = session_args, .options = mine_options, .columns = session_columns},
    {"session", "disconnect", "Cut the connection; the programs run on", NULL, ACTION_CALL, "POST",
     ADMIN "/sessions/{session}/disconnect", API "/sessions/{session}/disconnect", .args = session_args,
     .options = mine_options, .columns = session_columns, .done = "The session is being disconnected."},
    {"session", "logoff", "End the session and everything that runs in it", NULL, ACTION_CALL, "POST",
     ADMIN "/sessions/{session}/logoff", API "/sessions/{session}/logoff", .args = session_args,
     .options = mine_options, .columns = session_columns, .done = "The session is being logged off."},
};
const size_t n_commands = ARRAY_LEN(commands);

const struct command *command_find(const char *noun, const char *verb)
{
    for (size_t i = 0; i < n_commands; i++) {
        const struct command *c = &commands[i];
        if (strcmp(c->noun, noun) == 0 && (c->verb ? verb && strcmp(c->verb, verb) == 0 : !verb))
            return c;
    }
    return NULL;
}

bool command_has_noun(const char *noun, bool *ret_without_verb)
{
    for (size_t i = 0; i < n_commands; i++) {
        if (strcmp(commands[i].noun, noun) == 0) {
            *ret_without_verb = commands[i].verb == NULL;
            return true;
        }
    }
    return false;
}

int command_option(const struct param *options, const char *name)
{
    for (int i = 0; options && options[i].name; i++)
        if (strcmp(options[i].name, name) == 0)
            return i;
    return -1;
}

size_t command_params(const struct param *list)
{
    size_t n = 0;

    while (list && list[n].name)
        n++;
    return n;
}
