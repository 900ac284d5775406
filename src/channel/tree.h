/* A notice as the table that a channel template is called with (docs/channels.md). */
#ifndef CHANNEL_TREE_H
#define CHANNEL_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "model/notice.h"
#include "tocsin/template.h"

struct tree_making {
    const struct notice *x;
    struct template_tree *tree; /* to be asked whether it is ok, when all is in it */
    struct template_value *alerts;
    size_t *rank;
    size_t at, shown;
};

/* At most `max_alerts` alerts (0: all); those left out are counted in `truncated`. The notice stays until
 * tree_end(). -1: no memory. */
int tree_begin(struct tree_making *k, const struct notice *x, size_t max_alerts);
/* Adds `n` alerts, some 10 us each; true when all of them are in. */
bool tree_step(struct tree_making *k, size_t n);
void tree_end(struct tree_making *k); /* frees the tree; fine when nothing has begun */

#endif
