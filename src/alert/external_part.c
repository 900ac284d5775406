/* The parts of an alert of a sender, one for each severity: pure but for memory.
 * There are eight at most, so they stand in a row and are searched by walking it. What is said of a severity
 * becomes a part of its own first, with all its memory taken, and then replaces the one that is known: a word
 * that finds no memory changes nothing. Annotations are one block, since they are replaced as one. */
#include "alert/external_part.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "tocsin/alert.h"

bool external_part_is_on(const struct external_part *p, int64_t at_ms)
{
    return p->ends_ms > at_ms;
}

void external_part_clear(struct external_part *p)
{
    mem_free(p->severity);
    mem_free(p->url);
    mem_free(p->annotations);
    *p = (struct external_part){0};
}

void external_part_remove(struct external *x, size_t i)
{
    external_part_clear(&x->part[i]);
    x->n--;
    memmove(&x->part[i], &x->part[i + 1], (x->n - i) * sizeof *x->part);
    x->part[x->n] = (struct external_part){0};
}

static size_t part_find(const struct external *x, const char *severity)
{
    size_t i = 0;

    while (i < x->n && strcmp(x->part[i].severity, severity) != 0)
        i++;
    return i;
}

/* What the alert is shown as: the most severe part that is on, else the one that ended last. */
const struct external_part *external_part_shown(const struct external *x, int64_t at_ms)
{
    const struct external_part *best = NULL;

    for (size_t i = 0; i < x->n; i++) {
        const struct external_part *p = &x->part[i];

        if (!best || external_part_is_on(p, at_ms) != external_part_is_on(best, at_ms))
            best = !best || external_part_is_on(p, at_ms) ? p : best;
        else if (external_part_is_on(p, at_ms) ? p->priority < best->priority
                                               : p->ends_ms > best->ends_ms)
            best = p;
    }
    return best;
}

static bool inside(int64_t at_ms, const struct external_part *p)
{
    return at_ms > p->starts_ms && at_ms < p->ends_ms;
}

/* Alertmanager's rule (mem.Put, Alert.Merge): what overlaps with what is known goes on with it, the rest
 * replaces it. The end that is given later in time is the younger word, but a firing one does not shorten
 * an end that was given. */
void external_part_merge(const struct external_part *old, struct external_part *new, int64_t at_ms)
{
    if (!inside(new->starts_ms, old) && !inside(new->ends_ms, old))
        return;
    if (old->starts_ms < new->starts_ms)
        new->starts_ms = old->starts_ms;
    if (old->ends_ms > new->ends_ms &&
        (external_part_is_on(new, at_ms) ? !old->timeout : !external_part_is_on(old, at_ms))) {
        new->ends_ms = old->ends_ms;
        new->timeout = false;
    }
}

int64_t external_parts_due_ms(const struct external *x, int64_t at_ms)
{
    int64_t due_ms = INT64_MAX;

    for (size_t i = 0; i < x->n; i++) {
        const struct external_part *p = &x->part[i];
        int64_t next_ms =
            external_part_is_on(p, at_ms) ? p->ends_ms : p->ends_ms + EXTERNAL_KEEP_MS;

        due_ms = next_ms < due_ms ? next_ms : due_ms;
    }
    return due_ms;
}

void external_parts_forget(struct external *x, int64_t at_ms)
{
    for (size_t i = x->n; i-- > 0;)
        if (x->part[i].ends_ms + EXTERNAL_KEEP_MS <= at_ms)
            external_part_remove(x, i);
}

int external_part_make(struct external_part *out, const struct alert_posted *p,
                       const char *severity, int priority, int64_t at_ms)
{
    *out = (struct external_part){.severity = mem_strdup(severity),
                                  .priority = priority,
                                  .starts_ms = p->starts_ms,
                                  .ends_ms = p->ends_ms,
                                  .updated_ms = at_ms,
                                  .url = mem_strdup(p->url ? p->url : ""),
                                  .annotations = rule_pairs_dup(p->annotations, p->n_annotations),
                                  .n_annotations = p->n_annotations};
    if (out->starts_ms == 0)
        out->starts_ms = out->ends_ms ? out->ends_ms : at_ms;
    if (out->ends_ms == 0) {
        out->timeout = true;
        out->ends_ms = at_ms + p->timeout_ms;
    }
    if (out->severity && out->url && out->annotations)
        return 0;
    external_part_clear(out);
    return -1;
}

/* Where the part goes: that of its severity, a new one, or the place of the one that ended first. */
struct external_part *external_part_place(struct external *x, const char *severity, int64_t at_ms)
{
    size_t i = part_find(x, severity), oldest = 0;

    if (i < x->n)
        return &x->part[i];
    if (x->n < EXTERNAL_PARTS)
        return &x->part[x->n++];
    for (i = 1; i < x->n; i++)
        if (x->part[i].ends_ms < x->part[oldest].ends_ms)
            oldest = i;
    return external_part_is_on(&x->part[oldest], at_ms) ? NULL : &x->part[oldest];
}
