/* A message as DATA carries it. Pure. */
#ifndef NET_MAIL_TEXT_H
#define NET_MAIL_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/* Appends `data` with every line ending in CRLF, a dot doubled at the start of a line, and the
 * line with a single dot that ends it. A lone CR or LF becomes CRLF: servers disagree whether a
 * dot between lone LFs is the end, and what follows it would then be commands, chosen by whoever
 * wrote the log line that the mail quotes. */
void mail_text(struct buf *out, const char *data, size_t len);

#endif
