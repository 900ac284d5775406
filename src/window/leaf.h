/* A leaf at work: its panes, its groups, its memory. Private to the windows.
 *
 *   leaf ── index: labels -> slot        labels[slot]  refs[slot]  owner[slot]
 *        └─ pages of slots:  [ slot | panes … ] [ slot | panes … ] …       fixed stride
 *
 * Panes are numbered by the seconds of the clock: pane k of length p holds the samples with
 * (k-1)p < t <= kp, so that a window ending on a pane boundary is exact. Pane k lives in cell
 * k mod the panes of its ring; cells are emptied when the ring moves on, by the next sample, so a
 * group without samples costs nothing as time passes. */
#ifndef TOCSIN_WINDOW_LEAF_H
#define TOCSIN_WINDOW_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/idtable.h"
#include "model/leaf.h"
#include "model/round.h"
#include "tocsin/window.h"
#include "window/wmem.h"

struct windows;
struct leaf_kind;

#define AHEAD_MS    60000                /* samples may be that far ahead; more is clamped */
#define TIME_MAX_S  UINT32_C(4000000000) /* year 2096: seconds fit 32 bits with room for a pane */
#define TIME_MAX_MS ((int64_t)TIME_MAX_S * 1000)

/* x / d and x % d of 32-bit numbers by multiplication (Lemire, Kaser, Kurz 2019): a division is
 * the dearest instruction of an add. */
struct divider {
    uint64_t magic;
    uint32_t d;
};

static inline struct divider divider_of(uint32_t d)
{
    return (struct divider){UINT64_MAX / d + 1, d};
}

static inline uint32_t div32(struct divider d, uint32_t x)
{
    return d.d == 1 ? x : (uint32_t)(((unsigned __int128)d.magic * x) >> 64);
}

static inline uint32_t mod32(struct divider d, uint32_t x)
{
    return d.d == 1 ? 0 : (uint32_t)(((unsigned __int128)(d.magic * x) * d.d) >> 64);
}

enum slot_flags {
    SLOT_HIDDEN = 1, /* free, or no data (any more): not there for those outside */
    SLOT_ZERO = 2,   /* adds up increments that are sent as such: an empty window is 0 */
    SLOT_STALE = 4,  /* the newest entry is a staleness marker */
    SLOT_SET = 8,    /* counts distinct members: a pointer stands in the place of the panes */
};

/* The head of every group's state. 16 bytes; the kind's own follow. */
struct slot {
    int64_t newest_ms;   /* 0: no sample yet */
    uint32_t head;       /* newest pane that is valid in the ring; 0: none */
    uint32_t touch : 28; /* 1 + place in the list of touched ones; 0: not touched */
    uint32_t flags : 4;
};

static inline void slot_flag(struct slot *s, enum slot_flags flag)
{
    s->flags = (s->flags | (uint32_t)flag) & 15;
}

static inline void slot_unflag(struct slot *s, enum slot_flags flag)
{
    s->flags = s->flags & ~(uint32_t)flag & 15;
}

/* Of slots, with a fixed stride: they never move. A page without groups is given back. */
struct pages {
    char **page;
    uint16_t *live; /* groups in each */
    size_t cap, cap_live;
    uint32_t stride, shift; /* 1 << shift slots a page */
};

struct signature {
    uint64_t names;
    uint32_t count, example; /* a slot; SLOT_NONE: to be looked for */
};

struct group_round {
    struct round round;
    uint32_t born; /* block that brought its first data; 0: before anybody watched */
};

struct leaf {
    const struct leaf_kind *kind;
    struct leaf_spec *spec;
    int64_t moved_ms;    /* its times are those of the wall clock less this; whole panes */
    char *text;          /* canonical: its identity */
    char *bucket_metric; /* of a distribution: NAME_bucket */
    uint32_t id, users;
    bool dead;        /* released, still named by plans */
    bool asleep;      /* takes nothing before windows_wake() */
    int64_t made_ms;  /* here */
    int64_t since_ms; /* from when it has seen all that came */
    int64_t ttl_ms;
    bool fresh;          /* what was before it was made has not been read into it */
    bool awaits;         /* and is being read: see seam.c */
    uint32_t made_block; /* the last one that is not counted here then */
    double window_s;

    struct divider pane;   /* seconds of a pane */
    struct divider ring;   /* panes of a ring */
    struct divider sketch; /* seconds of a sketch's pane */
    uint32_t sketch_panes;

    struct pages pages;
    labelset *labels;      /* LABELSET_NONE: free */
    uint32_t *refs;        /* plans that name the slot; of a free one: the next free one */
    uint32_t *owner;       /* per-series leaves: the series, so that cuts need no label text */
    uint32_t *since;       /* second of the group's first sample; NULL: its windows cover nothing */
    uint32_t newest_since; /* of any group, ever */
    size_t cap_labels, cap_refs, cap_owner, cap_since;
    uint32_t n_slots, shown_end, free_slot, used, visible;
    struct idtable index;
    uint64_t epoch;
    struct signature *signatures;
    size_t n_signatures, cap_signatures;

    struct label_names names, bucket_names; /* what groups keep or drop */
    uint32_t *log_matchers;                 /* places in the list of log matchers */
    uint32_t n_by;                          /* of logs: grouping fields */

    bool watched;               /* somebody asks whether its groups are complete */
    uint32_t round_ms;          /* the longest round of its groups */
    struct group_round *rounds; /* [slot], of watched leaves that merge series */
    size_t cap_rounds;

    struct group_ends *ends; /* [slot], of leaves that merge series */
    size_t cap_ends;

    struct touched *touched;
    size_t n_touched, cap_touched;
    bool listed; /* among the touched leaves */
};

/* Does what it says depend on how much of its window was seen? The newest sample does not. */
static inline bool leaf_covers(const struct leaf *l)
{
    return l->spec->window_ms > 0 && l->spec->fn != LEAF_LAST && l->spec->fn != LEAF_IRATE;
}

/* What a look asks: (from, to], as panes lo…hi with the oldest one weighed. */
struct span {
    int64_t from_ms, to_ms;
    uint32_t lo, hi, hi_at; /* hi_at: cell of pane hi */
    double weight;          /* share of pane lo that is inside */
    uint32_t sketch_lo, sketch_hi;
};

static inline uint32_t second_of(int64_t t_ms) /* the second that ends at or after t */
{
    return (uint32_t)((t_ms + 999) / 1000);
}

static inline uint32_t pane_of(struct divider pane, uint32_t second)
{
    return div32(pane, second + pane.d - 1);
}

static inline int64_t whole_of(int64_t ms, int64_t unit_ms) /* rounded down */
{
    return ms / unit_ms - (ms % unit_ms < 0);
}

/* Times of a leaf as the wall clock calls them; 0 is none. */
static inline int64_t leaf_wall_ms(const struct leaf *l, int64_t t_ms)
{
    return t_ms ? t_ms + l->moved_ms : 0;
}

static inline uint32_t leaf_wall_s(const struct leaf *l, uint32_t second)
{
    return second ? (uint32_t)(second + l->moved_ms / 1000) : 0;
}

/* Panes of sketches are longer than those the leaf was moved by: the rest goes into the past. */
static inline uint32_t leaf_wall_pane(const struct leaf *l, struct divider pane, uint32_t k)
{
    return k ? (uint32_t)(k + whole_of(l->moved_ms, (int64_t)pane.d * 1000)) : 0;
}

static inline struct slot *leaf_slot(const struct leaf *l, uint32_t slot)
{
    return (struct slot *)(l->pages.page[slot >> l->pages.shift] +
                           (size_t)(slot & ((1u << l->pages.shift) - 1)) * l->pages.stride);
}

/* Panes, strides and times of a spec; -1 with a reason when it is over a bound. */
int leaf_measure(struct leaf *l, const struct leaf_spec *spec, struct err *e) MUST_USE;
struct span leaf_span(const struct leaf *l, int64_t at_ms); /* of the wall clock */

/* --- groups (group.c) --- */

/* The slot of the group with these labels, created (hidden) when new; takes over the caller's
 * reference of `labels`. SLOT_NONE: over a bound or no memory, counted. */
uint32_t leaf_group_take(struct windows *w, struct leaf *l, labelset labels, uint32_t owner);
uint32_t leaf_group_find(const struct leaf *l, labelset labels); /* hidden ones too */
void leaf_group_show(struct windows *w, struct leaf *l, uint32_t slot);
/* A group that was kept elsewhere goes on from the first sample that was seen there. */
void leaf_group_began(struct leaf *l, uint32_t slot, uint32_t second);
void leaf_group_unref(struct windows *w, struct leaf *l, uint32_t slot);
/* Forgets its data; the slot is freed when no plan names it. */
void leaf_group_forget(struct windows *w, struct leaf *l, uint32_t slot);
void leaf_groups_clear(struct windows *w, struct leaf *l); /* all of them, with their memory */
void leaf_touch(struct windows *w, struct leaf *l, uint32_t slot, struct slot *s);

#endif
