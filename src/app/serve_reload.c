/* Rules and configuration of the running program: read at the start, and again on order.
 *
 * Reloads stand in a queue and run one at a time, each in slices of a few milliseconds a turn of the
 * loop: a thread or a child would need locks or a copy of the process, and a load that held the loop
 * would hold every page. An order by a signal or a saved file joins one that waits already, since that
 * one will read the same files; one by the API is answered by itself. The configuration is exchanged
 * first, so that rules are compared with what holds for them; a refused one leaves the old one, and the
 * rules are loaded all the same. */
#include "app/serve_impl.h"

#include <assert.h>

#include "base/builtin.h"
#include "base/log.h"
#include "base/mem.h"

/* --- rules and configuration --- */

static void load_own_rules(struct program *p)
{
    const struct builtin_file *f = builtin_find("rules/self/tocsin.lua");
    struct err e = {.text = "they are not built in"};

    if (p->own_rules)
        return;
    p->own_rules = f ? rulefile_load(f->path, f->text, f->len, NULL, &e) : NULL;
    if (!p->own_rules || rules_put(wire_parts(p->wire)->rules, f->path, p->own_rules,
                                   clock_wall_ms(p->clock), &e) < 0)
        log_error("Tocsin's own alerts do not load", "error", e.text, NULL);
    else
        rulebook_reserve(p->rulebook, p->own_rules);
    rules_link(wire_parts(p->wire)->rules, clock_wall_ms(p->clock));
    p->own_alerts = p->own_rules ? own_alerts_new(p->own_rules, &p->n_own_alerts) : NULL;
    if (p->own_alerts)
        notify_set_own(wire_parts(p->wire)->notify, p->own_alerts, p->n_own_alerts);
}

static void watch_input(const char *path, void *arg)
{
    struct program *p = arg;

    file_watch_add(p->watch, path);
}

static void watch_files(struct program *p)
{
    /* a first one counts as soon as it is there */
    file_watch_add(p->watch, p->settings.path ? p->settings.path : SETTINGS_USUAL);
    if (p->settings.config->server.tls_cert) {
        file_watch_add(p->watch, p->settings.config->server.tls_cert);
        file_watch_add(p->watch, p->settings.config->server.tls_key);
    }
    for (size_t i = 0; i < p->settings.config->n_inputs; i++)
        file_watch_add(p->watch, p->settings.config->inputs[i]);
    for (size_t i = 0; i < p->settings.n_rules; i++)
        file_watch_below(p->watch, p->settings.rules[i]);
    file_watch_add(p->watch, p->settings.templates); /* also one that is not there yet */
    rulebook_inputs(p->rulebook, watch_input, p);
}

void serve_load_rules(struct wire *w, void *arg)
{
    struct program *p = arg;

    load_own_rules(p);
    p->loads_first = true;
    rulebook_begin(p->rulebook, w, p->settings.rules, p->settings.n_rules, false);
    timer_in(p->reload_timer, 0);
}

/* Nothing was replaced, so there is nothing to tidy. */
static void end_first_load(struct program *p)
{
    p->loads_first = false;
    (void)rulebook_end(p->rulebook, p->wire, NULL);
    heartbeats_read(p->heartbeats, wire_parts(p->wire)->rules);
    watch_files(p);
    wire_rules_loaded(p->wire);
}

void serve_kept_rule_file(const char *path, const char *text, size_t len, void *arg)
{
    struct program *p = arg;

    rulebook_keep(p->rulebook, path, text, len);
}

void serve_rewrite_rule_files(struct store_table *t, void *arg)
{
    struct program *p = arg;

    rulebook_rewrite(p->rulebook, t);
}

/* A certificate that does not load leaves the old one: an expired one is better than none. */
static void renew_certificate(struct program *p)
{
    const struct config_server *s = &p->settings.config->server;
    struct err e;

    if (p->http && http_server_is_tls(p->http) && s->tls_cert &&
        http_server_certificate(p->http, s->tls_cert, s->tls_key, &e) < 0)
        log_error("the certificate does not load; the previous one is used on", "error", e.text,
                  NULL);
}

int serve_deny_outgoing(struct program *p, struct err *e)
{
    const struct config_server *s = &p->settings.config->server;

    return outbound_forbid(p->outbound, (const char *const *)s->deny_outgoing, s->n_deny_outgoing,
                           e);
}

static bool reload_config(struct program *p, struct json *out)
{
    struct err e;

    if (settings_reload(&p->settings, &e) < 0) {
        log_error("configuration refused; the previous one runs on", "error", e.text, NULL);
        if (out)
            json_kstr(out, "config_error", e.text);
        return false;
    }
    wire_configure(p->wire, p->settings.config);
    if (serve_deny_outgoing(p, &e) < 0)
        log_error("the networks of deny_outgoing stay as they were", "error", e.text, NULL);
    renew_certificate(p);
    return true;
}

/* --- reloads: one at a time, in slices ------------------------------------------------------------- */

#define SLICE_US 5000 /* of loading rule files, in one turn of the loop */

struct reload { /* one that was ordered */
    struct reload *next;
    bool dry_run, ok, exchanged;
    struct buf body;
    struct json out;
    reload_done done; /* NULL: nobody waits for it */
    void *done_arg;
};

static void reload_free(struct reload *r)
{
    buf_free(&r->body);
    mem_free(r);
}

static void begin_reload(struct program *p)
{
    struct reload *r = p->reloads;

    assert(r && !r->out.out);
    r->out = json_into(&r->body);
    json_object(&r->out);
    r->ok = r->dry_run || reload_config(p, &r->out);
    rulebook_begin(p->rulebook, p->wire, p->settings.rules, p->settings.n_rules, r->dry_run);
    timer_in(p->reload_timer, 0);
}

static void exchange(struct program *p)
{
    struct reload *r = p->reloads;

    r->ok = rulebook_end(p->rulebook, p->wire, &r->out) == 0 && r->ok;
    heartbeats_read(p->heartbeats, wire_parts(p->wire)->rules);
    r->exchanged = true;
}

static void end_reload(struct program *p)
{
    struct reload *r = p->reloads;

    assert(r && r->exchanged && r->out.depth == 1);
    json_kbool(&r->out, "ok", r->ok);
    json_object_end(&r->out);
    if (!r->dry_run)
        watch_files(p);
    p->reloads = r->next;
    if (r->done)
        r->done(&r->body, r->ok, r->done_arg);
    reload_free(r);
    if (p->reloads)
        begin_reload(p);
}

void serve_reload_step(void *arg)
{
    struct program *p = arg;
    bool done;

    if (p->loads_first) {
        done = rulebook_step(p->rulebook, SLICE_US);
        if (done)
            end_first_load(p);
    } else if (!p->reloads->exchanged) {
        done = false;
        if (rulebook_step(p->rulebook, SLICE_US))
            exchange(p);
    } else {
        done = rulebook_tidy(p->rulebook, p->wire);
        if (done)
            end_reload(p); /* may begin the next one */
    }
    if (!done)
        timer_in(p->reload_timer, 0);
}

/* Orders one; behind those that were ordered before. */
void serve_reload(bool dry_run, reload_done done, void *done_arg, void *arg)
{
    struct program *p = arg;
    struct reload *r = mem_zalloc(sizeof *r), **at = &p->reloads;

    if (!r) {
        log_error("no memory for a reload", NULL);
        if (done)
            done(NULL, false, done_arg);
        return;
    }
    *r = (struct reload){.dry_run = dry_run, .done = done, .done_arg = done_arg};
    while (*at)
        at = &(*at)->next;
    *at = r;
    if (p->reloads == r)
        begin_reload(p);
}

/* Saved files and signals: one that waits already will see what they changed. */
void serve_reload_quietly(void *arg)
{
    struct program *p = arg;
    const struct reload *r;

    p->reload_waits = !wire_is_live(p->wire);
    if (p->reload_waits)
        return;
    for (r = p->reloads ? p->reloads->next : NULL; r; r = r->next)
        if (!r->dry_run)
            return;
    serve_reload(false, NULL, NULL, p);
}

void serve_reloads_free(struct program *p)
{
    while (p->reloads) { /* who waits is answered by the API */
        struct reload *next = p->reloads->next;

        reload_free(p->reloads);
        p->reloads = next;
    }
    assert(!p->reloads);
}
