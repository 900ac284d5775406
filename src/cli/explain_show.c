/* An explanation in words: what is true, for how long, who was told, what holds it back.
 * The server tells a document, and only this file makes sentences of it, so that --json has all that the
 * words say. One screen for a tired person: the answer first, then the tree, then who was told; what there
 * is nothing to say of is left out, and a silence that holds several is named once. */
#include <string.h>

#include "base/text.h"
#include "cli/show.h"

/* --- the tree --- */

static void add_node_value(struct buf *out, const cJSON *node)
{
    const cJSON *value = field(node, "value");

    if (field_text(node, "truth")[0])
        buf_adds(out, field_text(node, "truth"));
    else if (field_text(node, "shown")[0])
        buf_adds(out, field_text(node, "shown"));
    else if (cJSON_IsNumber(value))
        text_number(out, value->valuedouble);
    else
        buf_adds(out, "no data");
}

static void add_rows(struct table *t, const cJSON *node, int depth)
{
    struct buf cell = BUF_INIT;
    const cJSON *child;

    buf_addf(&cell, "%*s%s", 2 * depth, "", field_text(node, "node"));
    table_take(t, &cell);
    add_node_value(&cell, node);
    table_take(t, &cell);
    cJSON_ArrayForEach(child, field(node, "children"))
    {
        add_rows(t, child, depth + 1);
    }
}

void show_tree(const cJSON *node, int depth, struct buf *out)
{
    struct table t = {.columns = 2};

    add_rows(&t, node, depth);
    table_print(&t, out);
}

static void show_levels(const cJSON *levels, struct buf *out)
{
    const cJSON *l;

    cJSON_ArrayForEach(l, levels)
    {
        const char *name = field_text(l, "level");

        buf_addf(out, "  %s\n", name[0] ? name : field_text(l, "input"));
        show_tree(field(l, "tree"), 2, out);
    }
}

/* --- who was told --- */

struct told {
    struct buf sent, trouble, silences;
    int64_t reminder_ms;
};

/* Adds a silence's id to a list of words, once. */
static void note_silence(struct buf *out, const char *id, size_t len)
{
    for (const char *p = buf_str(out); *p; p += strcspn(p, " "), p += *p == ' ')
        if (strncmp(p, id, len) == 0 && (p[len] == 0 || p[len] == ' '))
            return;
    if (out->len)
        buf_addc(out, ' ');
    buf_add(out, id, len);
}

static void note_trouble(struct buf *out, const char *channel, const char *what)
{
    if (strstr(buf_str(out), what))
        return;
    buf_addf(out, "  %s: %s\n", channel, what);
}

static void note_lane(const cJSON *lane, int64_t now_ms, struct told *t)
{
    const char *channel = field_text(lane, "channel"), *error = field_text(lane, "error");
    int64_t sent_ms = field_ms(lane, "last_sent"), reminder_ms = field_ms(lane, "next_reminder");
    const cJSON *held;

    buf_addf(&t->sent, "%s%s ", t->sent.len ? ", " : "", channel);
    if (sent_ms)
        show_clock(&t->sent, sent_ms, now_ms);
    else
        buf_adds(&t->sent, "not yet");
    if (reminder_ms && (t->reminder_ms == 0 || reminder_ms < t->reminder_ms))
        t->reminder_ms = reminder_ms;
    cJSON_ArrayForEach(held, field(lane, "held"))
    {
        if (!cJSON_IsString(held))
            continue;
        if (strncmp(held->valuestring, "silenced by ", 12) == 0)
            note_silence(&t->silences, held->valuestring + 12,
                         strcspn(held->valuestring + 12, ":"));
        else
            note_trouble(&t->trouble, channel, held->valuestring);
    }
    if (error[0])
        note_trouble(&t->trouble, channel, error);
}

static void note_lanes(const cJSON *lanes, int64_t now_ms, struct told *t)
{
    const cJSON *lane;

    cJSON_ArrayForEach(lane, lanes)
    {
        note_lane(lane, now_ms, t);
    }
}

/* Until when and by whom, where the answer says so: "s31 until 06:41 by ana". */
static void add_silences(const struct told *t, const cJSON *silences, int64_t now_ms,
                         struct buf *out)
{
    const cJSON *s;
    size_t n = 0;

    cJSON_ArrayForEach(s, silences)
    {
        buf_addf(out, "%s%s until ", n++ ? ", " : "", field_text(s, "short"));
        show_until(out, field_ms(s, "until"), now_ms);
        if (field_text(s, "by")[0])
            buf_addf(out, " by %s", field_text(s, "by"));
    }
    if (n == 0)
        buf_adds(out, t->silences.len ? buf_str(&t->silences) : "none");
}

static void show_told(const cJSON *n, int64_t now_ms, struct buf *out)
{
    struct told t = {0};
    const cJSON *x;

    note_lanes(field(n, "lanes"), now_ms, &t);
    cJSON_ArrayForEach(x, field(n, "incidents"))
    {
        note_lanes(field(x, "lanes"), now_ms, &t);
    }

    cJSON_ArrayForEach(x, field(n, "silenced_by"))
    {
        if (cJSON_IsString(x))
            note_silence(&t.silences, x->valuestring, strlen(x->valuestring));
    }
    if (t.sent.len)
        buf_addf(out, "  sent %s", buf_str(&t.sent));
    else
        buf_addf(out, "  sent nowhere%s%s", field_text(n, "nowhere")[0] ? ": " : "",
                 field_text(n, "nowhere"));
    buf_adds(out, " · silences ");
    add_silences(&t, field(n, "silences"), now_ms, out);
    if (t.reminder_ms) {
        buf_adds(out, " · next reminder ");
        show_until(out, t.reminder_ms, now_ms);
    }
    buf_addc(out, '\n');
    buf_adds(out, buf_str(&t.trouble));
    buf_free(&t.sent);
    buf_free(&t.trouble);
    buf_free(&t.silences);
}

/* --- one alert --- */

/* A text without what goes without saying: "ratio (of at least 20) 23.1% > 2%: true", and without
 * the sign of a quotient or sum in front: "/ 7% < 8%". */
static void add_text(const char *s, struct buf *out)
{
    static const char guard[] = " (of at least ", end[] = ": true";
    size_t len;
    const char *from = strstr(s, guard), *to = from ? strchr(from, ')') : NULL;

    if (*s && strchr("+-*/%^", *s) && s[1] == ' ')
        s += 2;
    len = strlen(s);

    if (len > sizeof end - 1 && strcmp(s + len - (sizeof end - 1), end) == 0)
        len -= sizeof end - 1;
    if (to && from >= s && (size_t)(to + 1 - s) <= len) {
        buf_add(out, s, (size_t)(from - s));
        buf_add(out, to + 1, len - (size_t)(to + 1 - s));
    } else {
        buf_add(out, s, len);
    }
}

static bool has_level(const char *s)
{
    return s[0] == 'P' && s[1] >= '1' && s[1] <= '5' && s[2] == ':' && s[3] == ' ';
}

/* The texts of one alert, one line a level: "ratio 23.1% > 2%   true for 5s (lasting 5s)". The level
 * in front ("P1: ") is left out where there is only one. */
static void show_texts(const cJSON *texts, size_t n_levels, struct buf *out)
{
    const cJSON *t;
    char level = 0;

    cJSON_ArrayForEach(t, texts)
    {
        const char *s = cJSON_IsString(t) ? t->valuestring : "";
        char own = has_level(s) ? s[1] : level;

        if (!s[0])
            continue;
        if (level == 0)
            buf_adds(out, "  ");
        else
            buf_adds(out, own == level || n_levels <= 1 ? "   " : "\n  ");
        if (has_level(s) && (n_levels <= 1 || own == level))
            s += 4;
        level = own ? own : '-';
        add_text(s, out);
    }
    if (level)
        buf_addc(out, '\n');
}

static void show_head(const char *rule, const cJSON *a, int64_t since_ms, int64_t now_ms,
                      struct buf *out)
{
    const char *priority = field_text(a, "priority"), *state = field_text(a, "state");
    bool fires = strcmp(state, "firing") == 0 || strcmp(state, "clearing") == 0;

    buf_addf(out, "%s ", rule);
    show_labels(out, field(a, "labels"));
    if (list_size(field(a, "labels")) > 0)
        buf_addc(out, ' ');
    buf_addf(out, " %s", fires && priority[0] ? priority : state);
    if (strcmp(state, "clearing") == 0)
        buf_adds(out, " (clearing)");
    if (since_ms && strcmp(state, "ok") != 0) {
        buf_adds(out, " since ");
        show_clock(out, since_ms, now_ms);
    }
    buf_addc(out, '\n');
}

static const cJSON *with_fingerprint(const cJSON *list, const char *fingerprint)
{
    const cJSON *a;

    cJSON_ArrayForEach(a, list)
    {
        if (strcmp(field_text(a, "fingerprint"), fingerprint) == 0)
            return a;
    }
    return NULL;
}

static void show_history_tail(const cJSON *history, int64_t now_ms, struct buf *out)
{
    const cJSON *h;
    size_t n = 0;

    cJSON_ArrayForEach(h, history)
    {
        if (++n > 10)
            break;
        buf_adds(out, "  ");
        show_clock(out, field_ms(h, "at"), now_ms);
        buf_addf(out, " %s", field_text(h, "change"));
        if (field_text(h, "to")[0] == 'P')
            buf_addf(out, " → %s", field_text(h, "to"));
        if (field_text(h, "reason")[0])
            buf_addf(out, ": %s", field_text(h, "reason"));
        buf_addc(out, '\n');
    }
}

/* An alert of the incident that has ended and is no longer remembered. */
static void show_ended(const cJSON *a, int64_t now_ms, struct buf *out)
{
    int64_t start_ms = field_ms(a, "startsAt"), end_ms = field_ms(a, "endsAt");

    buf_addf(out, "%s ", field_text(field(a, "labels"), "alertname"));
    show_labels(out, field(a, "labels"));
    buf_adds(out, "  resolved ");
    show_clock(out, end_ms, now_ms);
    if (end_ms > start_ms) {
        buf_adds(out, " after ");
        text_duration(out, end_ms - start_ms);
    }
    if (field_text(a, "valueText")[0])
        buf_addf(out, ", value %s", field_text(a, "valueText"));
    if (field_text(a, "endReason")[0])
        buf_addf(out, ", %s", field_text(a, "endReason"));
    buf_addc(out, '\n');
}

void show_explained_incident(const cJSON *answer, bool tree, int64_t now_ms, struct buf *out)
{
    const cJSON *incident = field(answer, "incident"), *a;

    cJSON_ArrayForEach(a, field(answer, "alerts"))
    {
        const cJSON *full =
            with_fingerprint(field(incident, "alerts"), field_text(a, "fingerprint"));

        show_head(field_text(a, "rule"), a, field_ms(full, "startsAt"), now_ms, out);
        show_texts(field(a, "text"), list_size(field(a, "levels")), out);
        if (tree)
            show_levels(field(a, "levels"), out);
    }
    cJSON_ArrayForEach(a, field(incident, "alerts"))
    {
        if (!with_fingerprint(field(answer, "alerts"), field_text(a, "fingerprint")))
            show_ended(a, now_ms, out);
    }
    show_told(field(answer, "notifications"), now_ms, out);
    if (tree)
        show_history_tail(field(answer, "history"), now_ms, out);
}

/* --- a rule --- */

void show_matched(const cJSON *rule, int64_t now_ms, struct buf *out)
{
    struct table t = {.columns = 3};
    const cJSON *l;

    cJSON_ArrayForEach(l, field(rule, "leaves"))
    {
        struct buf newest = BUF_INIT, groups = BUF_INIT;

        table_addf(&t, "    %s", field_text(l, "leaf"));
        if (field_number(l, "groups") > 0)
            show_count(&groups, (size_t)field_number(l, "groups"), "group");
        else if (cJSON_IsNumber(field(l, "groups")))
            buf_adds(&groups, "matches nothing");
        table_take(&t, &groups);
        if (field_ms(l, "newest")) {
            buf_adds(&newest, "newest ");
            show_clock(&newest, field_ms(l, "newest"), now_ms);
        }
        table_take(&t, &newest);
    }
    table_print(&t, out);
}

void show_explained_rule(const cJSON *answer, bool tree, int64_t now_ms, struct buf *out)
{
    const cJSON *rule = field(answer, "rule"), *g;
    const char *name = field_text(rule, "name");

    if (strcmp(field_text(rule, "state"), "broken") == 0)
        buf_addf(out, "%s is quarantined, its alerts are frozen: %s\n", name,
                 field_text(rule, "error"));
    cJSON_ArrayForEach(g, field(answer, "groups"))
    {
        show_head(name, g, field_ms(g, "since"), now_ms, out);
        show_texts(field(g, "text"), list_size(field(g, "levels")), out);
        if (tree)
            show_levels(field(g, "levels"), out);
        if (strcmp(field_text(g, "state"), "ok") != 0)
            show_told(field(g, "notifications"), now_ms, out);
    }
    if (list_size(field(answer, "groups")) == 0)
        buf_addf(out, "%s  no group\n", name);
    if (field_number(answer, "more") > 0)
        buf_addf(out, "… and %.0f more: add labels to choose\n", field_number(answer, "more"));
    cJSON_ArrayForEach(g, field(answer, "whyNot"))
    {
        if (cJSON_IsString(g))
            buf_addf(out, "  %s\n", g->valuestring);
    }
    if (tree || list_size(field(answer, "groups")) == 0)
        show_matched(answer, now_ms, out);
    if (tree)
        show_history_tail(field(answer, "history"), now_ms, out);
}

/* The last transition of each group until an instant, newest first, with what was seen then. */
void show_explained_past(const cJSON *list, int64_t at_ms, int64_t now_ms, struct buf *out)
{
    const cJSON *entry, *earlier;

    cJSON_ArrayForEach(entry, list)
    {
        bool shown = false;

        for (earlier = list->child; earlier != entry && !shown; earlier = earlier->next)
            shown = cJSON_Compare(field(earlier, "labels"), field(entry, "labels"), true) &&
                    strcmp(field_text(earlier, "rule"), field_text(entry, "rule")) == 0;
        if (shown)
            continue;
        buf_adds(out, field_text(entry, "rule"));
        buf_addc(out, ' ');
        show_labels(out, field(entry, "labels"));
        buf_adds(out, " at ");
        show_clock(out, at_ms, now_ms);
        buf_addf(out, ": %s since ", field_text(entry, "to"));
        show_clock(out, field_ms(entry, "at"), now_ms);
        if (*field_text(entry, "reason"))
            buf_addf(out, " (%s)", field_text(entry, "reason"));
        buf_addc(out, '\n');
        show_levels(field(field(entry, "why"), "tree"), out);
    }
    if (out->len == 0)
        buf_adds(out, "nothing is known of it until then: no transition in the history\n");
}
