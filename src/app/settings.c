/* Command line over configuration over defaults, resolved in one place, so that no other file asks twice
 * where a setting comes from.
 *
 * A reload resolves everything anew into the same struct and goes back to the old configuration when the
 * result may not stand. What was bound at the start is part of that question: a file that takes the tokens
 * away while the socket listens beyond this machine is refused, although the file alone would be fine.
 * Settings that are bound or opened once are not applied by a reload but told, rather than half applied. */
#include "app/settings.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"
#include "tocsin/address.h"
#include "tocsin/deliver.h"

#define CONFIG_MAX (4u << 20)

static struct config *read_config(const char *path, struct err *e)
{
    struct config *c;
    size_t len;
    char *text;

    if (!path) {
        c = config_default();
        if (!c)
            err_set(e, ERR_MEMORY, "no memory");
        return c;
    }
    text = file_read(path, CONFIG_MAX, &len, e);
    if (!text)
        return NULL;
    c = config_load(path, text, len, NULL, e);
    mem_free(text);
    return c;
}

/* Anyone who can reach the port can silence alerts, or feed what raises them: beyond this machine only
 * with tokens. */
static int check_address(const struct settings *s, const char *what, const char *a, struct err *e)
{
    if (!a || address_is_loopback(a) || s->config->server.tokens_given)
        return 0;
    return err_set(
        e, ERR_REFUSED,
        "refusing to listen on %s (%s) without tokens: anyone there could silence alerts. "
        "Give server { tokens = secret_file \"tokens\" }, or listen on 127.0.0.1",
        a, what);
}

static int check_listen(const struct settings *s, struct err *e)
{
    char host[256], port[6];

    if (address_split(s->listen, host, sizeof host, port, e) != 0)
        return err_prefix(e, "listen");
    if (s->statsd && address_split(s->statsd, host, sizeof host, port, e) != 0)
        return err_prefix(e, "statsd");
    if (check_address(s, "listen", s->listen, e) < 0 ||
        check_address(s, "statsd", s->statsd, e) < 0)
        return -1;
    /* what is bound since the start stays bound, whatever the file says now */
    if (check_address(s, "listen, since the start", s->bound_listen, e) < 0)
        return -1;
    return check_address(s, "statsd, since the start", s->bound_statsd, e);
}

static void keep_first(const char *text, void *arg)
{
    struct err *e = arg;

    if (e->code == ERR_NONE)
        err_set(e, ERR_INPUT, "%s", text);
}

/* What holds once it is applied. */
static int check(const struct settings *s, struct err *e)
{
    struct err first = {.code = ERR_NONE};

    if (check_listen(s, e) < 0)
        return -1;
    if (deliver_check_templates(s->config, s->templates, keep_first, &first) < 0)
        return err_set(e, ERR_MEMORY, "no memory to try the templates");
    if (first.code == ERR_NONE)
        return 0;
    *e = first;
    return -1;
}

static void apply(struct settings *s)
{
    const struct config_server *c = &s->config->server;
    const struct app_options *o = s->o;

    assert(s->config);
    s->listen = o->listen ? o->listen : c->listen;
    s->statsd = o->statsd ? o->statsd : c->statsd;
    s->data_dir = o->data_dir ? o->data_dir : c->data_dir;
    s->redis = o->redis ? (strcmp(o->redis, "embedded") == 0 ? NULL : o->redis)
                        : (c->redis_embedded ? NULL : secret_text(c->redis));
    s->rules = o->n_rules ? o->rules : (const char *const *)c->rules;
    s->n_rules = o->n_rules ? o->n_rules : c->n_rules;
    deliver_template_folder(s->n_rules ? s->rules[0] : "rules/", s->templates, sizeof s->templates);
}

/* The file to read: the one given, else the usual one where it exists by now. */
static const char *config_path(const struct settings *s)
{
    if (s->o->config)
        return s->o->config;
    return access(SETTINGS_USUAL, R_OK) == 0 ? SETTINGS_USUAL : s->path;
}

int settings_load(struct settings *s, const struct app_options *o, struct err *e)
{
    *s = (struct settings){.o = o};
    s->path = config_path(s);
    s->config = read_config(s->path, e);
    if (!s->config)
        return -1;
    apply(s);
    for (size_t i = 0; i < s->config->n_warnings; i++)
        log_warn(s->config->warnings[i], NULL);
    if (check(s, e) < 0)
        return -1;
    s->bound_listen = mem_strdup(s->listen);
    s->bound_statsd = s->statsd ? mem_strdup(s->statsd) : NULL;
    if (!s->bound_listen || (s->statsd && !s->bound_statsd))
        return err_set(e, ERR_MEMORY, "no memory");
    assert(s->config && s->bound_listen);
    return 0;
}

/* What is bound or opened once. Both settings still have their configuration. */
static void tell_restarts(const struct settings *before, const struct settings *now)
{
    const struct {
        const char *name, *before, *now;
    } once[] = {{"listen", before->listen, now->listen},
                {"statsd", before->statsd, now->statsd},
                {"redis", before->redis, now->redis},
                {"data_dir", before->data_dir, now->data_dir},
                {"redis_ca", before->config->server.redis_ca, now->config->server.redis_ca},
                {"peer_url", before->config->server.peer_url, now->config->server.peer_url},
                {"peer_ca", before->config->server.peer_ca, now->config->server.peer_ca},
                {"zone", before->config->server.zone, now->config->server.zone}};

    for (size_t i = 0; i < sizeof once / sizeof *once; i++)
        if (strcmp(once[i].before ? once[i].before : "", once[i].now ? once[i].now : "") != 0)
            log_warn("a changed setting takes effect with the next start", "setting", once[i].name,
                     NULL);
    if (memcmp(&before->config->limits, &now->config->limits, sizeof now->config->limits) != 0)
        log_warn("a changed setting takes effect with the next start", "setting", "limits", NULL);
}

int settings_reload(struct settings *s, struct err *e)
{
    const struct settings before = *s;
    const char *path = config_path(s);
    struct config *fresh = read_config(path, e), *old = s->config;

    if (!fresh)
        return -1;
    s->path = path;
    s->config = fresh;
    apply(s);
    if (check(s, e) < 0) {
        s->path = before.path;
        s->config = old;
        apply(s);
        config_unref(fresh);
        return -1;
    }
    for (size_t i = 0; i < s->config->n_warnings; i++)
        log_warn(s->config->warnings[i], NULL);
    if (fresh->content == old->content && strcmp(fresh->path, old->path) == 0) {
        s->config = old; /* which is known everywhere: nothing is placed again for it */
        apply(s);
        config_unref(fresh);
        return 0;
    }
    assert(s->config == fresh && before.bound_listen == s->bound_listen);
    tell_restarts(&before, s);
    config_unref(old);
    return 0;
}

void settings_clear(struct settings *s)
{
    config_unref(s->config);
    mem_free(s->bound_listen);
    mem_free(s->bound_statsd);
    s->config = NULL;
}
