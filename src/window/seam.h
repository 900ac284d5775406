/* First samples of series that await what came before them (seam.c). */
#ifndef TOCSIN_WINDOW_SEAM_H
#define TOCSIN_WINDOW_SEAM_H

#include <stdbool.h>
#include <stdint.h>

#include "model/sample.h"
#include "tocsin/window.h"

struct windows;
struct leaf;
struct plan;

struct kept {
    struct sample s; /* its time, and that of its block, are the windows' own */
    int64_t now_ms;
    uint32_t block; /* that it came with */
};

/* Keeps a sample that is a base and nothing more, where a leaf of the plan awaits its fill; it is not
 * to count in leaves that do. False: there is none, or no memory. */
bool seam_keep(struct windows *w, const struct plan *p, const struct sample *s);
/* Applies to the windows that leaves are filled from what was kept since the first of them was made,
 * and ends their waiting. What these have already is a repetition to them. */
void seam_give(struct windows *w, const leaf_id *leaves, size_t n, struct windows *to);
void seam_end(struct windows *w, struct leaf *l); /* the leaf awaits nothing any more */

#endif
