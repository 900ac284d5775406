#include "store/lines.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FIXED_ARGS 6 /* XADD key MAXLEN ~ n id */

struct line {
    struct line *next;
    int argc;
    char max_len[24];
    const char *argv[]; /* into the text behind it, except the fixed words */
};

void lines_init(struct lines *l)
{
    *l = (struct lines){.end = &l->first};
}

static struct line *take(struct lines *l)
{
    struct line *line = l->first;

    if (!line)
        return NULL;
    l->first = line->next;
    if (!l->first)
        l->end = &l->first;
    l->n--;
    return line;
}

static void append(struct lines *l, struct line *line)
{
    line->next = NULL;
    *l->end = line;
    l->end = &line->next;
    l->n++;
}

void lines_clear(struct lines *l)
{
    struct line *line;

    while ((line = take(l)))
        mem_free(line);
}

static char *copy(struct line *line, char *to, const char *s)
{
    size_t n = strlen(s) + 1;

    memcpy(to, s, n);
    line->argv[line->argc++] = to;
    return to + n;
}

int lines_put(struct lines *l, const char *key, uint64_t max_len, const char *id,
              const char *const *pairs)
{
    size_t n = 0, text = strlen(key) + 1 + strlen(id ? id : "*") + 1;
    struct line *line;
    char *to;

    for (; pairs[n]; n++)
        text += strlen(pairs[n]) + 1;
    line = mem_alloc(sizeof *line + (FIXED_ARGS + n) * sizeof *line->argv + text);
    if (!line)
        return -1;
    to = (char *)&line->argv[FIXED_ARGS + n];
    snprintf(line->max_len, sizeof line->max_len, "%llu", (unsigned long long)max_len);
    line->argc = 0;
    line->argv[line->argc++] = "XADD";
    to = copy(line, to, key);
    line->argv[line->argc++] = "MAXLEN";
    line->argv[line->argc++] = "~";
    line->argv[line->argc++] = line->max_len;
    to = copy(line, to, id ? id : "*");
    for (size_t i = 0; i < n; i++)
        to = copy(line, to, pairs[i]);
    append(l, line);
    if (l->n > LINES_MAX) {
        mem_free(take(l));
        l->dropped++;
    }
    return 0;
}

void lines_send(struct lines *l, struct db_tx *t, size_t max_bytes, struct lines *flying)
{
    while (l->first && db_tx_bytes(t) < max_bytes) {
        struct line *line = take(l);

        db_tx_add(t, line->argc, line->argv, NULL);
        append(flying, line);
    }
}

void lines_give_back(struct lines *l, struct lines *flying)
{
    if (!flying->first)
        return;
    *flying->end = l->first;
    if (!l->first)
        l->end = flying->end;
    l->first = flying->first;
    l->n += flying->n;
    lines_init(flying);
    while (l->n > LINES_MAX) {
        mem_free(take(l));
        l->dropped++;
    }
}
