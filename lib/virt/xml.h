/* Text inside XML. Pure; any thread. */
#ifndef CARREL_VIRT_XML_H
#define CARREL_VIRT_XML_H

#include "lib/base/buf.h"

/* Append `text` with markup characters as entities and what XML 1.0 forbids as '?'. ERR_TOO_BIG, ERR_NOMEM. */
int xml_escape(struct buf *out, const char *text);

#endif
