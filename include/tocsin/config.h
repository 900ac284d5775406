/* tocsin.lua: the configuration, checked, complete and immutable.
 *
 * The file runs once, in the sandbox of the rules, and becomes this tree of plain structs; no Lua
 * is left afterwards. Defaults are filled in, receivers are resolved to pointers, and what a
 * route inherits from its parents stands in the route itself. Everything is owned by the
 * `struct config` and lives until its last reference goes. Strings are NUL-terminated; lists are
 * (pointer, n_…), NULL when empty. Times are milliseconds.
 *
 * Rooms that only read the tree (notify) need this header and no function of it. */
#ifndef TOCSIN_CONFIG_H
#define TOCSIN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/redact.h"
#include "base/secret.h"
#include "model/inhibit_rule.h"
#include "model/matcher.h"
#include "model/rule_def.h"
#include "tocsin/channel.h"
#include "tocsin/roster.h"

/* --- server { … } --- */
enum config_role { ROLE_INGEST = 1, ROLE_READ = 2, ROLE_RESPOND = 4, ROLE_ADMIN = 8 };

struct config_token { /* one line of the tokens file: name role[,role] scope token */
    const char *name;
    unsigned roles;         /* of enum config_role, or-ed */
    struct matcher **scope; /* matchers implied on everything it does; none: no scope */
    size_t n_scope;
    const struct secret *token;
};

struct config_server {
    const char *listen; /* "127.0.0.1:9393"; port 0: any free one */
    const char *zone;   /* that people read times in, it exists; NULL: the machine's */
    const char *statsd; /* "address:port", NULL: off */
    const char
        *peer_url; /* where another Tocsin on the same Redis reaches this one; NULL: not given */
    const char
        *peer_ca; /* certificates to trust where the other one is https; NULL: the system's */
    int64_t resolve_timeout_ms; /* of an alert of a sender that gives no end; default: 5 min */
    const char *external_url;   /* without a final slash; NULL: not given */
    const struct secret *redis; /* "embedded", or a URL (may hold a password) */
    bool redis_embedded;
    const char *redis_ca; /* file of certificates that rediss trusts; NULL: the system's */
    const char *data_dir;
    const char **rules; /* globs */
    size_t n_rules;
    const char **deny_outgoing; /* networks that nothing is sent to: "169.254.0.0/16" */
    size_t n_deny_outgoing;
    const char *tls_cert, *tls_key; /* both or none */
    bool tokens_given; /* then nobody comes in without one, also where no line is left */
    const struct config_token *tokens;
    size_t n_tokens;
    bool log_json;             /* log = "json" */
    struct redact_also redact; /* words hidden in texts of events beside the usual secrets */
};

/* --- limits { … }: each 0 where it is not given, and the room has its own default --- */
struct config_limits {
    uint64_t redis_memory;    /* bytes, of the embedded Redis */
    uint64_t journal_percent; /* of Redis' memory that blocks may take */
    uint64_t journal_memory;  /* bytes, where Redis has no bound */
    int64_t retention_ms;     /* of blocks */
    uint64_t pending_memory;  /* bytes of blocks that wait for Redis */
    uint64_t window_memory;   /* bytes */
    uint64_t groups;          /* of one window function */
    uint64_t series, new_series_per_minute;
    uint64_t label_memory, label_memory_per_token; /* bytes, of series */
    uint64_t incidents;                            /* kept after their end */
    int64_t incidents_keep_ms;
    uint64_t silences, history;
};

/* --- receiver "name" { channel {…}, … } --- */
struct config_receiver {
    const char *name;
    int line;
    const struct config_channel *channels; /* at least one */
    size_t n_channels;
    const struct config_receiver *fallback; /* told when a delivery fails for good; NULL: nobody */
    int64_t if_undelivered_ms; /* after this long the fallback is told; default: 5 min */
};

/* --- route { … } --- */
#define CONFIG_ROUTES_MAX      64   /* that one alert can reach; more are refused at load */
#define GROUP_WAIT_BY_PRIORITY (-1) /* 0 s for P1 and P2, 10 s for the rest */

struct config_hours { /* a calendar that a route names */
    const char *name;
    struct calendar *calendar; /* of `config.roster` */
};

struct config_route {
    int line;
    const char *id;         /* "0", "0.1": place in the tree, for people; not stable */
    struct matcher **match; /* all of them; none: everything */
    size_t n_match;
    const struct config_receiver **receivers; /* at least one; inherited unless given */
    size_t n_receivers;
    bool group_by_all;     /* group_by = { "..." }: every label */
    const char **group_by; /* sorted; may be empty: one group; inherited */
    size_t n_group_by;
    int64_t group_wait_ms;      /* or GROUP_WAIT_BY_PRIORITY when no parent gave one either */
    int64_t group_interval_ms;  /* default: 1 min; inherited */
    int64_t repeat_interval_ms; /* default: 4 h; inherited */
    bool continue_matching;     /* never inherited, nor are these: */
    const struct config_hours *active; /* messages go out while one of them holds; none: always */
    size_t n_active;
    const struct config_hours *mute; /* and while none of these does */
    size_t n_mute;
    const struct config_route *parent;          /* NULL: the root */
    const struct config_route *const *children; /* in the order written */
    size_t n_children;
};

/* --- the rest --- */
struct config_priority { /* priorities { critical = "P1", … } */
    const char *severity;
    int priority; /* 1…5 */
};

struct config_deadman {
    const struct secret *url; /* NULL: none */
    int64_t every_ms;         /* default: 60 s */
};

struct config {
    const char *path; /* as loaded; "" for the built-in one */
    const char *dir;  /* relative paths were resolved against it; "" : none */
    struct config_server server;
    struct config_limits limits;
    const struct config_receiver *receivers;
    size_t n_receivers;
    const struct config_route *root;
    const struct inhibit_rule *inhibits;
    size_t n_inhibits;
    const struct config_priority *priorities; /* sorted by severity */
    size_t n_priorities;
    struct config_deadman deadman;
    const struct roster_config *on_call; /* calendars, people, rotations, schedules, escalations */
    struct roster *roster;               /* the same, names resolved: tocsin/oncall.h */
    const char *const *inputs;           /* files read: included ones, secrets; to be watched */
    size_t n_inputs;
    uint64_t content; /* the same for the same files and variables, read again by this process */
    const char *const *warnings; /* "tocsin.lua:12: …" */
    size_t n_warnings;
};

struct config_options {
    /* seams of tests; 0 or NULL, as in the program: what is said */
    /* Reads an included or secret file; NULL: from disk. Bytes to be freed with mem_free(), or
     * NULL with `e`. */
    char *(*read)(const char *path, size_t *len, void *arg, struct err *e);
    /* Value of an environment variable or NULL; NULL: getenv(). */
    const char *(*env)(const char *name, void *arg);
    void *arg;
};

/* Loads one file. `path` is for errors ("tocsin.lua:12: …", its last component) and its folder is
 * where relative paths start. `o` may be NULL. NULL with `e`: the first error. */
struct config *config_load(const char *path, const char *source, size_t len,
                           const struct config_options *o, struct err *e);
/* What holds without a file: receiver "everyone" with the inbox, rules/<all>.lua, data_dir "data".
 * NULL: no memory. */
struct config *config_default(void);
struct config *config_ref(const struct config *c);
void config_unref(const struct config *c); /* NULL is fine */

const struct config_receiver *config_receiver_find(const struct config *c, const char *name);
/* Priority of a severity label (external alerts): 1…5, 0 when it is not in the table. */
int config_priority_of(const struct config *c, const char *severity);
/* The table read backwards: the severity label of a priority, the alphabetically first one where
 * several map to it; NULL when none does. */
const char *config_severity_of(const struct config *c, int priority);

#endif
