#include "lib/proto/pm.h"

#include "lib/base/mem.h"
#include "lib/base/text.h"
#include "lib/proto/doc.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "/internal/v1/sessions/", suffix[] = "/prepare";

void pm_prepare_path(const char *session_id, char ret_path[PM_PATH_SIZE])
{
    snprintf(ret_path, PM_PATH_SIZE, "%s%.*s%s", prefix, ID_SIZE - 1, session_id, suffix);
}

bool pm_prepare_path_match(const char *path, char ret_session[ID_SIZE])
{
    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
        return false;
    const char *id = path + sizeof(prefix) - 1;
    size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (len == 0 || len >= ID_SIZE || strcmp(id + len, suffix) != 0)
        return false;
    memcpy(ret_session, id, len);
    ret_session[len] = '\0';
    return true;
}

static int check_version(const json_t *doc, struct error *reterr)
{
    int64_t version = 0;
    return doc_int(doc, "v", DOC_REQUIRED, PM_VERSION, PM_VERSION, &version, reterr);
}

char *pm_prepare_write(const struct pm_prepare *prepare)
{
    json_t *doc CLEANUP(doc_freep) = json_pack("{si ss}", "v", PM_VERSION, "fullname", prepare->fullname);
    return doc ? doc_write(doc) : NULL;
}

int pm_prepare_read(const char *body, size_t len, struct pm_prepare *ret, struct error *reterr)
{
    json_t *doc CLEANUP(doc_freep) = NULL;
    struct pm_prepare got = {0};
    int rc = doc_parse(body, len, &doc, reterr);
    if (rc == 0)
        rc = check_version(doc, reterr);
    if (rc == 0)
        rc = doc_copy(doc, "fullname", DOC_OPTIONAL, got.fullname, sizeof(got.fullname), reterr);
    if (rc == 0)
        *ret = got;
    return rc;
}

void pm_credentials_done(struct pm_credentials *credentials)
{
    secret_free(credentials->password);
    *credentials = (struct pm_credentials){0};
}

char *pm_credentials_write(const struct pm_credentials *credentials)
{
    json_t *doc CLEANUP(doc_freep) =
        json_pack("{si ss ss ss}", "v", PM_VERSION, "username", credentials->username, "domain", credentials->domain,
                  "password", secret_bytes(credentials->password));
    return doc ? doc_write(doc) : NULL;
}

int pm_credentials_read(const char *body, size_t len, struct pm_credentials *ret, struct error *reterr)
{
    json_t *doc CLEANUP(doc_freep) = NULL;
    struct pm_credentials got = {0};
    const char *password = NULL;
    int rc = doc_parse(body, len, &doc, reterr);
    if (rc == 0)
        rc = check_version(doc, reterr);
    if (rc == 0)
        rc = doc_copy(doc, "username", DOC_REQUIRED, got.username, sizeof(got.username), reterr);
    if (rc == 0)
        rc = doc_copy(doc, "domain", DOC_OPTIONAL, got.domain, sizeof(got.domain), reterr);
    if (rc == 0)
        rc = doc_text(doc, "password", DOC_REQUIRED, 1, 256, &password, reterr);
    if (rc == ERR_INVALID) {
        err_prefix(reterr, "the pool manager's answer");
        return ERR_PROTOCOL;
    }
    if (rc != 0)
        return rc;
    got.password = secret_from_str(password);
    if (!got.password)
        return err_set(reterr, ERR_NOMEM, "out of memory");
    *ret = got;
    return 0;
}
