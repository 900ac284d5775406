/* A notice as the table that a channel template is called with (docs/channels.md). */
#ifndef CHANNEL_TREE_H
#define CHANNEL_TREE_H

#include <stddef.h>

#include "model/notice.h"
#include "tocsin/template.h"

/* At most `max_alerts` alerts (0: all); those left out are counted in `truncated`. NULL: no
 * memory. */
struct template_tree *notice_tree(const struct notice *x, size_t max_alerts);

#endif
