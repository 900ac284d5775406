/* What the rules keep, known before any data flows.
 * A leaf's size follows from its definition, so the price of a group can be told when the rule is written;
 * how many groups there will be only a server knows, and that is asked apart (--live). Leaves are counted by
 * their text, as the engine shares them: two rules that ask the same cost once. */
#include "cli/check.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "tocsin/window.h"

static void add_field(struct buf *fields, const char *name)
{
    const char *p = buf_str(fields);
    size_t len = strlen(name);

    for (; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strncmp(p, name, len) == 0 && (p[len] == 0 || p[len] == ','))
            return;
    buf_addf(fields, "%s%s", fields->len ? ", " : "", name);
}

void rule_cost(const struct rule_def *d, struct rule_cost *out)
{
    *out = (struct rule_cost){0};
    for (size_t i = 0; i < d->n_leaves; i++) {
        const struct leaf_spec *l = d->leaves[i]->leaf;

        out->bytes_per_group += leaf_group_bytes(l);
        if (l->source != LEAF_LOGS)
            continue;
        for (size_t k = 0; k < l->n_matchers; k++)
            add_field(&out->fields, matcher_name(l->matchers[k]));
        for (size_t k = 0; k < l->n_labels; k++)
            add_field(&out->fields, l->labels[k]);
        if (l->field)
            add_field(&out->fields, l->field);
    }
    for (size_t i = 0; i < d->n_attach_fields; i++)
        add_field(&out->fields, d->attach_fields[i]);
}

static void add_keys(struct buf *out, const struct expr_keys *k)
{
    if (k->all) {
        buf_adds(out, "all labels");
        return;
    }
    buf_addc(out, '{');
    for (size_t i = 0; i < k->n; i++)
        buf_addf(out, "%s%s", i ? ", " : "", k->names[i]);
    buf_addc(out, '}');
}

static void show_rule(const struct rule_def *d, struct table *t, struct buf *out)
{
    struct rule_cost c;
    struct buf cell = BUF_INIT;

    rule_cost(d, &c);
    buf_adds(out, d->name);
    buf_adds(out, "  by ");
    add_keys(out, &d->keys);
    buf_adds(out, " · ");
    text_bytes(out, (double)c.bytes_per_group);
    buf_adds(out, " a group · every ");
    text_duration(out, d->every_ms);
    if (c.fields.len)
        buf_addf(out, " · log fields %s", buf_str(&c.fields));
    if (d->n_deps) {
        buf_adds(out, " · after");
        for (size_t i = 0; i < d->n_deps; i++)
            buf_addf(out, " %s", d->deps[i]);
    }
    buf_addc(out, '\n');
    t->columns = 2;
    for (size_t i = 0; i < d->n_leaves; i++) {
        buf_adds(&cell, "    ");
        leaf_text(d->leaves[i]->leaf, &cell);
        table_take(t, &cell);
        text_bytes(&cell, (double)leaf_group_bytes(d->leaves[i]->leaf));
        table_take(t, &cell);
    }
    table_print(t, out);
    buf_free(&c.fields);
}

/* Leaves with the same text are one window, shared by their rules. */
static void count_leaves(const struct ruleset *s, size_t *all, size_t *distinct)
{
    struct map *seen = map_new();

    *all = *distinct = 0;
    for (size_t f = 0; f < s->n_files; f++) {
        for (size_t r = 0; r < rulefile_count(s->files[f]); r++) {
            const struct rule_def *d = rulefile_rule(s->files[f], r);

            for (size_t i = 0; i < d->n_leaves; i++, (*all)++) {
                struct buf text = BUF_INIT;

                leaf_text(d->leaves[i]->leaf, &text);
                if (seen && map_puts(seen, buf_str(&text), seen, NULL) < 0)
                    break;
                buf_free(&text);
            }
        }
    }
    *distinct = seen ? map_count(seen) : 0;
    map_free(seen, NULL);
}

void show_costs(const struct ruleset *s, struct buf *out)
{
    size_t all, distinct;

    for (size_t f = 0; f < s->n_files; f++) {
        for (size_t r = 0; r < rulefile_count(s->files[f]); r++) {
            struct table t = {0};

            show_rule(rulefile_rule(s->files[f], r), &t, out);
        }
    }
    count_leaves(s, &all, &distinct);
    buf_addf(out,
             "%zu windows a group in all, %zu after sharing; a series that is only grouped "
             "costs 24 B more\n",
             all, distinct);
}

void write_cost(const struct rule_def *d, struct json *j)
{
    struct rule_cost c;

    rule_cost(d, &c);
    json_kint(j, "bytes_per_group", (int64_t)c.bytes_per_group);
    json_kstr(j, "fields", buf_str(&c.fields));
    json_key(j, "leaves");
    json_array(j);
    for (size_t i = 0; i < d->n_leaves; i++) {
        struct buf text = BUF_INIT;

        leaf_text(d->leaves[i]->leaf, &text);
        json_object(j);
        json_kstr(j, "leaf", buf_str(&text));
        json_kint(j, "line", d->leaves[i]->line);
        json_kint(j, "bytes_per_group", (int64_t)leaf_group_bytes(d->leaves[i]->leaf));
        json_object_end(j);
        buf_free(&text);
    }
    json_array_end(j);
    buf_free(&c.fields);
}

/* --- what matches now --- */

static int live_rule(const struct rule_def *d)
{
    struct buf path = BUF_INIT, out = BUF_INIT;
    struct answer a;
    int code;

    buf_adds(&path, API "rules/");
    url_escape(&path, d->name);
    server_call("GET", buf_str(&path), NULL, 0, &a);
    if (a.status == 404) {
        printf("%s  is not running: tocsin reload\n", d->name);
        code = EXIT_YES;
    } else {
        code = answer_check(&a);
        if (code == EXIT_YES) {
            cJSON *j = cJSON_ParseWithLength(buf_str(&a.body), a.body.len);

            if (!j || answer_make_visible(j) != 0)
                print_error("tocsin: no memory to show the answer");
            buf_addf(&out, "%s  ", d->name);
            show_count(&out, (size_t)field_number(j, "groups"), "group");
            buf_addf(&out, ", %.0f firing\n", field_number(field(j, "alerts"), "firing"));
            show_matched(j, wall_ms(), &out);
            print_lines(&out);
            cJSON_Delete(j);
        }
    }
    answer_clear(&a);
    buf_free(&path);
    buf_free(&out);
    return code;
}

int check_live(const struct ruleset *s)
{
    for (size_t f = 0; f < s->n_files; f++) {
        for (size_t r = 0; r < rulefile_count(s->files[f]); r++) {
            int code = live_rule(rulefile_rule(s->files[f], r));

            if (code != EXIT_YES)
                return code;
        }
    }
    return EXIT_YES;
}
