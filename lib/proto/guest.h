/* The lines that carrel-poolmgr and carrel-guest exchange over the virtio-serial port org.carrel.guest.0. Pure: no I/O,
 * no clock, no log; any thread. Linked into both programs, so it uses libc, lib/base/{buf,err} and jansson only.
 *
 * One message a line: UTF-8 JSON, at most GUEST_LINE_MAX bytes without the LF. The host asks, the guest answers with
 * the same id; the guest also sends events without id. docs/golden-image.md has the whole protocol.
 *
 * Both sides treat what they read as hostile: every text has a bound, user names a narrow alphabet, duplicate keys and
 * wrong types are refused. Unknown members are passed over, so that a later version can add some. */
#ifndef CARREL_PROTO_GUEST_H
#define CARREL_PROTO_GUEST_H

#include "lib/base/buf.h"
#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PORT_NAME    "org.carrel.guest.0"
#define GUEST_VERSION      1
#define GUEST_LINE_MAX     16384
#define GUEST_SESSIONS_MAX 64
#define GUEST_ID_MAX       INT64_C(0x1fffffffffffff) /* what every JSON reader keeps exactly: 2^53 - 1 */

#define GUEST_USER_SIZE     33 /* sizes count the NUL */
#define GUEST_PASSWORD_SIZE 129
#define GUEST_TEXT_SIZE     129
#define GUEST_ERROR_SIZE    257

enum guest_cmd {
    GUEST_CMD_HELLO,          /* who are you? */
    GUEST_CMD_ACCOUNT,        /* make the account if missing, set its password; repeating it is harmless */
    GUEST_CMD_ACCOUNT_REMOVE, /* end what the person runs, remove account and home */
    GUEST_CMD_LOGOFF,         /* end the person's desktop sessions; the event "logoff" follows each */
    GUEST_CMD_SESSIONS,       /* which desktop sessions are open? */
};

struct guest_request {
    int64_t id; /* 1 … GUEST_ID_MAX, chosen by the host */
    enum guest_cmd cmd;
    char user[GUEST_USER_SIZE];         /* account, account_remove, logoff */
    char password[GUEST_PASSWORD_SIZE]; /* account; wipe it (guest_request_wipe) */
    char fullname[GUEST_TEXT_SIZE];     /* account; may be empty */
};

/* What a guest says of itself. Nothing of it is proof of anything. */
struct guest_identity {
    int version;              /* of this protocol */
    char machine_id[33];      /* 32 hex digits, or empty */
    char hostname[65];        /* letters, digits, '-', '.' ; may be empty */
    char rdp_cert_sha256[65]; /* 64 lower-case hex digits of the DER, or empty while there is none */
    char os[GUEST_TEXT_SIZE]; /* for people */
    char helper_version[33];  /* for people */
    bool rdp_listening;       /* something listens on TCP port 3389 */
};

struct guest_session {
    char user[GUEST_USER_SIZE];
    char state[17]; /* "open"; "closing" once a logoff was asked */
};

enum guest_message_kind {
    GUEST_MESSAGE_ANSWER,  /* ok; id is set; identity or sessions where the request asks for them */
    GUEST_MESSAGE_REFUSAL, /* not ok; id and error are set */
    GUEST_MESSAGE_UP,      /* the port was opened, or the RDP port began to listen; identity is set. Events may have
                            * been lost before it: ask for the sessions */
    GUEST_MESSAGE_LOGON,   /* user is set */
    GUEST_MESSAGE_LOGOFF,  /* user is set */
};

struct guest_message {
    enum guest_message_kind kind;
    int64_t id;
    char error[GUEST_ERROR_SIZE]; /* a sentence; printable UTF-8 */
    char user[GUEST_USER_SIZE];
    bool has_identity;
    struct guest_identity identity;
    bool has_sessions;
    size_t n_sessions; /* ≤ GUEST_SESSIONS_MAX */
    struct guest_session sessions[GUEST_SESSIONS_MAX];
};

/* A name that a desktop account may have: 1-32 of a-z 0-9 _ . -, first a letter, digit or _, not digits alone. */
bool guest_user_valid(const char *user);
/* A password that passes through every part of a guest: 1-128 printable ASCII characters, no ':' and no space. */
bool guest_password_valid(const char *password);
/* The protocol's word for a command ("account_remove"). */
const char *guest_cmd_name(enum guest_cmd cmd);
/* Zero the request, password included. */
void guest_request_wipe(struct guest_request *r);

/* Append one line with its LF to `out`. Errors: ERR_INVALID (a field is not acceptable to the other side), ERR_TOO_BIG
 * (`out` is full), ERR_NOMEM; nothing is appended then. An encoded account request holds the password: wipe `out`. */
int guest_request_encode(const struct guest_request *r, struct buf *out);
int guest_message_encode(const struct guest_message *m, struct buf *out);

/* Read one line, without its LF. *ret is all zero but for the fields read, and untouched on failure, with one
 * exception: an unusable request whose id could be read sets ret->id, so that it can be refused by number.
 * Errors: ERR_TOO_BIG, ERR_PROTOCOL (not JSON, wrong type, field out of bounds), ERR_UNSUPPORTED (command or event of
 * a later version), ERR_NOMEM. The texts never repeat what was received. */
int guest_request_decode(const char *line, size_t len, struct guest_request *ret, struct error *reterr);
int guest_message_decode(const char *line, size_t len, struct guest_message *ret, struct error *reterr);

/* Cut a byte stream into lines. Feed what was read; take lines until there is none. A line over GUEST_LINE_MAX is
 * passed over up to its LF and reported once as ERR_TOO_BIG, in its place. Owned by one thread. */
struct guest_lines {
    struct buf buf;
    size_t taken;  /* bytes at the front that the last line taken used */
    bool skipping; /* inside a line that is too long */
    bool report;   /* its end has been seen: say ERR_TOO_BIG */
};
void guest_lines_init(struct guest_lines *l);
void guest_lines_done(struct guest_lines *l);
/* Forget everything read: the port was opened anew. */
void guest_lines_reset(struct guest_lines *l);
/* Returns the number of bytes used, which is less than `len` when the buffer is full: take lines, then feed the rest.
 * Negative: ERR_NOMEM. */
long guest_lines_feed(struct guest_lines *l, const char *data, size_t len);
/* The next line, NUL-terminated, valid until the next call on `l`. Returns 0, ERR_AGAIN or ERR_TOO_BIG. */
int guest_lines_next(struct guest_lines *l, const char **ret_line, size_t *ret_len);

#endif
