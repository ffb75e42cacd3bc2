/* Commands that begin work at the site and can wait for it. The work goes on when the waiting ends. */
#include "client/carrelctl/call.h"

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/proto/doc.h"

#include <string.h>
#include <unistd.h>

#define POLL_FIRST_MS 250
#define POLL_MOST_MS  2000

/* Looks at an answer: OUTCOME_OK = the work is done, -1 = go on, else it has failed (ctl->failure says how). */
typedef int judge_fn(struct ctl *ctl, const json_t *answer);

/* Asks for `path` until `judge` has decided or the time is over. ret: the last answer. */
static int wait_for(struct ctl *ctl, const char *path, judge_fn *judge, json_t **ret)
{
    int64_t deadline = clock_mono_ms() + ctl->wait_ms;
    unsigned pause_ms = POLL_FIRST_MS;
    int outcome = -1;

    progress_interruptible("carrelctl: interrupted; the work goes on at the site.\n");
    while (outcome == -1) {
        json_decref(TAKE_PTR(*ret));
        outcome = site_call(&ctl->site, "GET", path, NULL, ret, &ctl->failure);
        if (outcome == OUTCOME_OK)
            outcome = judge(ctl, *ret);
        if (outcome == -1 && clock_mono_ms() >= deadline) {
            outcome = outcome_fail(&ctl->failure, OUTCOME_REFUSED, "it is not done yet; the work goes on at the site");
            outcome_hint(&ctl->failure, "A longer wait: --timeout 2h");
        }
        if (outcome == -1)
            usleep(pause_ms * 1000);
        pause_ms = pause_ms * 3 / 2 < POLL_MOST_MS ? pause_ms * 3 / 2 : POLL_MOST_MS;
    }
    progress_uninterruptible();
    progress_end(&ctl->progress);
    return outcome;
}

static const char *text_of(const json_t *doc, const char *name)
{
    const char *text = json_string_value(json_object_get(doc, name));

    return text ? text : "";
}

static long long number_of(const json_t *doc, const char *name)
{
    return (long long)json_integer_value(json_object_get(doc, name));
}

static int judge_image(struct ctl *ctl, const json_t *image)
{
    const char *state = text_of(image, "state"), *why = text_of(image, "error");

    if (strcmp(state, "sealed") == 0 || strcmp(state, "published") == 0)
        return OUTCOME_OK;
    if (strcmp(state, "importing") != 0)
        return outcome_fail(&ctl->failure, OUTCOME_REFUSED, "the image could not be taken in: %s", *why ? why : state);
    progress_say(&ctl->progress, "image %s@%lld: %lld %%", text_of(image, "name"), number_of(image, "version"),
                 number_of(image, "progress"));
    return -1;
}

static char *image_path(const json_t *image, const char *tail)
{
    char *name CLEANUP_FREE = site_encode(text_of(image, "name"));

    return name ? mem_printf("/api/v1/admin/images/%s@%lld%s", name, number_of(image, "version"), tail) : NULL;
}

int ctl_import(struct ctl *ctl)
{
    bool publish = parse_option(ctl->inv, "publish") != NULL;
    json_t *answer CLEANUP(doc_freep) = NULL, *published CLEANUP(doc_freep) = NULL;

    int outcome = call_send(ctl, &answer);
    if (outcome != OUTCOME_OK)
        return outcome;
    char *path CLEANUP_FREE = image_path(answer, ""), *publish_path CLEANUP_FREE = image_path(answer, "/publish");
    if (!path || !publish_path)
        return outcome_fail(&ctl->failure, OUTCOME_REFUSED, "out of memory");
    if (publish || parse_option(ctl->inv, "wait"))
        outcome = wait_for(ctl, path, judge_image, &answer);
    if (outcome == OUTCOME_OK && publish && strcmp(text_of(answer, "state"), "published") != 0)
        outcome = site_call(&ctl->site, "POST", publish_path, NULL, &published, &ctl->failure);
    return outcome != OUTCOME_OK ? outcome
                                 : call_show(ctl, ctl->inv->command->columns, NULL, published ? published : answer);
}

static int judge_pool(struct ctl *ctl, const json_t *pool)
{
    long long ready = number_of(pool, "ready") + number_of(pool, "used"), min = number_of(pool, "min");
    const char *note = text_of(pool, "note");

    if (ready >= min)
        return OUTCOME_OK;
    progress_say(&ctl->progress, "pool %s: %lld of %lld desktops ready%s%s", text_of(pool, "name"), ready, min,
                 *note ? "; " : "", note);
    return -1;
}

int ctl_pool_wait(struct ctl *ctl)
{
    json_t *answer CLEANUP(doc_freep) = NULL;

    int outcome = call_send(ctl, &answer);
    if (outcome == OUTCOME_OK && parse_option(ctl->inv, "wait")) {
        char *name CLEANUP_FREE = site_encode(ctl->inv->args[0]);
        char *path CLEANUP_FREE = name ? mem_printf("/api/v1/admin/pools/%s", name) : NULL;
        outcome = path ? wait_for(ctl, path, judge_pool, &answer)
                       : outcome_fail(&ctl->failure, OUTCOME_REFUSED, "out of memory");
    }
    return outcome != OUTCOME_OK ? outcome : call_show(ctl, ctl->inv->command->columns, NULL, answer);
}
