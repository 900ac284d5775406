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
/* Stages of an adoption, each of which takes what it looks at off *most and says whether it is done: finds from
 * where on is to be given what was kept; gives it to the windows that leaves are filled from, where what they
 * have already is a repetition; ends the leaves' waiting. */
bool seam_find(struct windows *w, struct windows_adoption *a, size_t *most);
bool seam_give(struct windows *w, struct windows *to, struct windows_adoption *a, size_t *most);
bool seam_end_all(struct windows *w, struct windows_adoption *a, size_t *most);
void seam_end(struct windows *w, struct leaf *l); /* the leaf awaits nothing any more */

#endif
