/* Silences that have changed, carried over to the alerts that fire, in slices. */
#ifndef TOCSIN_NOTIFY_HOLD_SPREAD_H
#define TOCSIN_NOTIFY_HOLD_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notify/alert_index.h"

struct member;
struct notify;
struct silence;
struct slice;

struct hold_spread {
    uint64_t version;            /* counts changes of silences */
    uint64_t done;               /* every member is right by this one */
    const struct silence **list; /* begun, ended or changed, and not carried over yet */
    size_t n, at, cap;
    bool everybody; /* the list is empty, for lack of memory: all members are looked at again */
    bool walking;
    struct alert_walk walk; /* for list[at], or everybody */
};

/* A silence has begun, ended or changed: from now on nothing is told of an alert by what held it before. The
 * incidents of those it concerns are reviewed as the spread reaches them. */
void hold_spread_add(struct notify *n, const struct silence *s);
/* It is freed; where it waits, which takes a program that slept for days, all are looked at again. Bound: those
 * that are not carried over yet. */
void hold_spread_forget(struct notify *n, const struct silence *s);
/* Silences may be changing that nobody was told of yet: no hold is known until then. */
void hold_spread_wait(struct notify *n);
/* Goes on; true: all is carried over. `told`: there is no change that was not added. Cost in all: for each silence the alerts that fire with the rarest
 * label that it fixes, or all, where it fixes none. */
bool hold_spread_step(struct notify *n, bool told, struct slice *slice);
void hold_spread_free(struct notify *n);
/* Whether what holds the member is by the silences there are now. */
bool hold_is_known(const struct notify *n, const struct member *m);

#endif
