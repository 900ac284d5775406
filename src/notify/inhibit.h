/* Inhibition as notify uses it: every alert is told to the graph of it (tocsin/inhibit.h), and members whose
 * answer may differ are looked at again. */
#ifndef TOCSIN_NOTIFY_INHIBIT_H
#define TOCSIN_NOTIFY_INHIBIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct alert;
struct config;
struct member;
struct notify;

/* An alert was looked at, or has ended; also one that sends no messages itself. Without memory it counts as before
 * until its next look. */
void inhibit_alert(struct notify *n, const struct alert *a, int64_t at_ms);
/* Members whose holder came or went are marked, a slice a run. False: there are more. */
bool inhibit_run(struct notify *n, int64_t at_ms);
/* The rules of another configuration. Where they differ all alerts that are on are told to a new graph, in this turn: about a
 * microsecond each. Without memory for it the rules before stay in force, and it is logged. */
void inhibit_configure(struct notify *n, const struct config *c);
/* When inhibit_run() has something to do next, 0: nothing waits. */
int64_t inhibit_next_ms(const struct notify *n);
/* What an alert holds back, for people: "AppDown (12), HighLatency and 3 more"; nothing where it holds none. Returns
 * how many. Cost: the first INHIBIT_NAMED of them. */
size_t inhibit_dependents_text(const struct notify *n, const struct member *m, struct buf *out);

#endif
