/* Members and what holds messages of them back. */
#ifndef TOCSIN_NOTIFY_HOLDS_H
#define TOCSIN_NOTIFY_HOLDS_H

#include <stdint.h>

struct member;
struct notify;
struct silence;

/* Looks again at what holds a member; notes when a hold ended with it still on. Without memory the
 * hold stays as it was, and its incident is incomplete. */
void hold_update(struct notify *n, struct member *m, int64_t at_ms);
/* A silence began, ended or changed: the members that it matches are looked at again, and no others.
 * Bound: one test of its first label for each alert of the open incidents. */
void holds_look_again(struct notify *n, const struct silence *s);

#endif
