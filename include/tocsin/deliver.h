/* Deliver: takes what notify says is due and gets it to the provider.
 *
 * No queue of payloads: when a lane (one channel of one receiver) has something due, deliver
 * claims it, renders the message from the notice as it is then, sends it, and commits the outcome.
 * A lane that fails backs off by itself; the others go on. What a channel is: a template in Lua
 * (what the message looks like), a few rows (limits, which answers are final) and one of the
 * transports of tocsin/outbound.h. A template that fails never stops a message: plain text goes
 * out with the error in it. */
#ifndef TOCSIN_DELIVER_H
#define TOCSIN_DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "model/notice.h"
#include "tocsin/loop.h"
#include "tocsin/notify.h"
#include "tocsin/outbound.h"
#include "tocsin/store.h"

struct config;
struct deliver;

struct deliver_options {
    struct loop *loop;
    struct notify *notify;
    struct outbound *outbound;   /* borrowed */
    struct store *store;         /* the inbox is a stream in it; NULL: kept in memory only */
    const struct config *config; /* borrowed until deliver_configure() */
    const char *templates;       /* folder of NAME.lua; templates that are not there are the
                                    built-in ones */
    unsigned max_sends;          /* connections there are for messages; 0: 256 */
    bool shadow;                 /* everything but sending: each send is a success, counted */
};

struct deliver *deliver_new(const struct deliver_options *o, struct err *e);
void deliver_free(struct deliver *d); /* sends in flight are returned to notify */

/* notify_options.due and .tells, to be connected in one place. */
void deliver_due(const char *lane, void *deliver);
enum tells deliver_tells(const char *channel);

/* Another configuration; templates are loaded again. Warnings (a template that does not load)
 * are logged. */
void deliver_configure(struct deliver *d, const struct config *c);
/* Stops claiming; `drained` is called once nothing is in flight or `wait_ms` have passed. */
void deliver_drain(struct deliver *d, int64_t wait_ms, void (*drained)(void *arg), void *arg);
/* From here on nothing is sent: what is claimed and waits stays where it is, for who takes over. For good. */
void deliver_halt(struct deliver *d);

/* Loads the template of every channel of a configuration, from `folder` (NULL: those built in) and
 * fills it with sample messages: one that fires, one that got worse, one that is over. Each one that is
 * missing or fails is told once, with file, line and what uses it. Returns how many, -1: no memory.
 * Cost: a file read and three renderings for each template that is not built in. */
int deliver_check_templates(const struct config *c, const char *folder,
                            void (*found)(const char *text, void *arg), void *arg);
/* The folder of templates: `channels` beside the first pattern of rule files. */
void deliver_template_folder(const char *rules, char *out, size_t size);

/* Sends a real test message to one channel and tells the provider's answer. */
struct deliver_answer {
    const char *receiver, *channel;
    size_t channel_index;
    bool ok;
    int status; /* HTTP or SMTP, 0: none */
    int64_t took_ms;
    const char *text; /* what the provider answered, or the error; at most 1 KiB */
};
/* `each` once per channel of the receiver, then `done`. -1: no such receiver. */
int deliver_test(struct deliver *d, const char *receiver,
                 void (*each)(const struct deliver_answer *a, void *arg), void (*done)(void *arg),
                 void *arg, struct err *e) MUST_USE;

/* The inbox: messages kept, newest first, before number `before` (0: newest), after `after`
 * (0: no bound, oldest first when given): [{"n","at","receiver","incident","status","text",
 * "payload"}]. Answered from memory (the last 1,000); older ones from Redis are not read. */
void deliver_inbox(struct deliver *d, uint64_t after, uint64_t before, size_t limit,
                   struct json *out);
/* Feeds entries of the stored inbox back at the start, in any order, and says that these were the
 * newest: numbers go on from there. Inbox lanes wait for it, and read the stream by themselves when
 * they are due before. */
void deliver_inbox_restore(struct deliver *d, const char *id, const char *const *pairs, size_t n);
void deliver_inbox_restored(struct deliver *d);

struct lane_stats {
    const char *lane;
    uint64_t delivered, failed, retried;
    int64_t last_ok_ms, failing_since_ms; /* 0: never / not failing */
    unsigned in_flight;
    const char *last_error; /* "" when the last went well, for all its recipients */
};
void deliver_lanes(const struct deliver *d, void (*each)(const struct lane_stats *s, void *arg),
                   void *arg);
struct deliver_stats {
    uint64_t sent, delivered, temporary, permanent, unknown, template_errors, truncated;
    uint64_t refused_recipients; /* of mails that went to others */
    unsigned in_flight;
    int64_t worst_ms, last_ms; /* from the claim to the answer */
};
/* How long lanes have failed stays as it is when the clock steps. */
void deliver_clock_stepped(struct deliver *d, int64_t by_ms);
void deliver_stats(const struct deliver *d, struct deliver_stats *out);

#endif
