/* The files that the gateway serves, read into memory at start. A worker's loop thread.
 *
 * A flat folder: index.html is "/", any other file "/web/<name>". Only known kinds of files are served. */
#ifndef CARREL_GATEWAY_HTTPS_PAGES_H
#define CARREL_GATEWAY_HTTPS_PAGES_H

#include "lib/base/err.h"
#include "lib/net/httpd.h"

struct pages;

/* ret_pages: free with pages_free. Errors: ERR_NOT_FOUND (no such folder, or no index.html in it), ERR_IO, ERR_TOO_BIG
 * (a file over 4 MiB, over 256 files), ERR_NOMEM. */
int pages_load(const char *dir, struct pages **ret_pages, struct error *reterr);
void pages_free(struct pages *pages);
/* Answers with the file, 304 when the client has it, or 404. pages NULL = there are none. */
void pages_request(const struct pages *pages, const char *name, struct httpd_request *req);

#endif
