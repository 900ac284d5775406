/* Loading again and again, without what was wrong: see the header for why.
 *
 *   local http = m.http:avgg("5m")          piece 1, wrong: `http` is lost
 *   alert "A" { value = http, … }           piece 2, uses `http`: left out, told nothing
 *   alert "B" { value = m.x, fire = abov(1) }   piece 3, wrong by itself: told
 *
 * Dropped: values that stand for an error and swallow what is done with them (every function of
 * the language would have to know them), and cutting at brackets (one that is missing moves all). */
#include "tocsin/script_errors.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "script/token.h"

#define LOST_MAX 256 /* names that wrong pieces declare */

struct piece {
    size_t begin, end; /* bytes */
    int first_line, last_line;
    bool out;
};

struct search {
    char *text; /* a copy, in which pieces are blanked */
    size_t len;
    struct tokens ts;
    struct piece *pieces;
    size_t n, cap;
    struct token lost[LOST_MAX];
    size_t n_lost;
};

static bool is_word(const struct token *t, const char *word)
{
    return t->kind == TOKEN_NAME && t->len == strlen(word) && memcmp(t->s, word, t->len) == 0;
}

static bool same(const struct token *a, const struct token *b)
{
    return a->kind == b->kind && a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static int add_piece(struct search *s, size_t begin, int line)
{
    if (mem_grow((void **)&s->pieces, &s->cap, s->n + 1, sizeof *s->pieces) < 0)
        return -1;
    if (s->n > 0) {
        s->pieces[s->n - 1].end = begin;
        s->pieces[s->n - 1].last_line = line - 1;
    }
    s->pieces[s->n++] = (struct piece){begin, s->len, line, line, false};
    return 0;
}

/* A word in the first column begins a piece; `end` closes one. */
static int find_pieces(struct search *s)
{
    int line = 1;

    for (size_t i = 0; i < s->len; i++) {
        char c = s->text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool first = i == 0 || s->text[i - 1] == '\n';

        line += i > 0 && s->text[i - 1] == '\n';
        if (first && letter && !(s->len - i >= 3 && memcmp(s->text + i, "end", 3) == 0) &&
            add_piece(s, i, line) < 0)
            return -1;
    }
    if (s->n > 0)
        s->pieces[s->n - 1].last_line = line;
    return 0;
}

static struct piece *piece_at(struct search *s, int line)
{
    for (size_t i = 0; i < s->n; i++)
        if (line >= s->pieces[i].first_line && line <= s->pieces[i].last_line)
            return &s->pieces[i];
    return NULL;
}

static bool inside(const struct search *s, const struct piece *p, const struct token *t)
{
    size_t at = (size_t)(t->s - s->text);

    return at >= p->begin && at < p->end;
}

static void lose(struct search *s, const struct token *t)
{
    if ((t->kind == TOKEN_NAME || t->kind == TOKEN_STRING) && s->n_lost < LOST_MAX)
        s->lost[s->n_lost++] = *t;
}

/* `local a, b = …`, `local function f`, `function f`, `receiver "x" {…}`: what the piece declares
 * is lost with it. */
static void lose_names(struct search *s, const struct piece *p)
{
    for (size_t i = 0; i + 1 < s->ts.n; i++) {
        const struct token *t = &s->ts.t[i];

        if (!inside(s, p, t))
            continue;
        if (t->s == s->text + p->begin && t[1].kind == TOKEN_STRING) {
            lose(s, t + 1);
        } else if (is_word(t, "function")) {
            lose(s, t + 1);
        } else if (is_word(t, "local")) {
            for (size_t k = i + 1; k < s->ts.n; k += 2) {
                lose(s, &s->ts.t[k]);
                if (k + 1 >= s->ts.n || s->ts.t[k + 1].len != 1 || *s->ts.t[k + 1].s != ',')
                    break;
            }
        }
    }
}

static bool uses_lost(const struct search *s, const struct piece *p)
{
    for (size_t i = 0; i < s->ts.n; i++)
        for (size_t k = 0; k < s->n_lost && inside(s, p, &s->ts.t[i]); k++)
            if (same(&s->ts.t[i], &s->lost[k]))
                return true;
    return false;
}

static void take_out(struct search *s, struct piece *p)
{
    p->out = true;
    lose_names(s, p);
}

/* The tokens point into the text as it was: blanking waits until all of them were looked at. */
static void take_out_with_followers(struct search *s, struct piece *p)
{
    take_out(s, p);
    for (p++; p < s->pieces + s->n; p++)
        if (!p->out && uses_lost(s, p))
            take_out(s, p);
}

static void blank(const struct search *s, char *text)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t b = s->pieces[i].begin; s->pieces[i].out && b < s->pieces[i].end; b++)
            if (text[b] != '\n')
                text[b] = ' ';
}

/* What a configuration says hangs on its route: without it the rest reads as wrong. */
static bool all_hangs_on(const struct search *s, const struct piece *p)
{
    return s->len - p->begin >= 5 && memcmp(s->text + p->begin, "route", 5) == 0;
}

static size_t search(struct search *s, const char *name, char *shown, script_load load, void *arg,
                     struct err *errors)
{
    size_t n = 0;

    while (n < SCRIPT_ERRORS_MAX) {
        struct err *e = &errors[n];
        struct piece *p;

        *e = (struct err){.text = ""};
        if (load(shown, s->len, arg, e) == 0)
            break;
        p = e->line > 0 && strcmp(e->at, name) == 0 ? piece_at(s, e->line) : NULL;
        if (n > 0 && (!p || p->out))
            break; /* what is left only follows from what was taken out */
        n++;
        if (!p || all_hangs_on(s, p))
            break;
        assert(!p->out);
        take_out_with_followers(s, p);
        blank(s, shown);
    }
    return n;
}

static int by_line(const void *a, const void *b)
{
    const struct err *x = a, *y = b;

    return x->line < y->line ? -1 : x->line > y->line;
}

size_t script_errors(const char *name, const char *text, size_t len, script_load load,
                     script_error_found found, void *arg)
{
    struct search s = {.text = mem_dup(text, len), .len = len};
    struct err *errors = mem_alloc(SCRIPT_ERRORS_MAX * sizeof *errors), no_memory;
    char *shown = mem_dup(text, len);
    size_t n = 0;

    if (s.text && shown && errors && tokens_read(&s.ts, s.text, len) == 0 && find_pieces(&s) == 0) {
        n = search(&s, name, shown, load, arg, errors);
        qsort(errors, n, sizeof *errors, by_line);
        for (size_t i = 0; i < n; i++)
            found(&errors[i], arg);
    } else {
        err_set(&no_memory, ERR_MEMORY, "%s: not enough memory", name);
        found(&no_memory, arg);
        n = 1;
    }
    tokens_free(&s.ts);
    mem_free(s.pieces);
    mem_free(s.text);
    mem_free(shown);
    mem_free(errors);
    return n;
}

void script_alert_names(const char *text, size_t len,
                        void (*found)(const char *name, size_t len, void *arg), void *arg)
{
    struct tokens ts;

    if (tokens_read(&ts, text, len) < 0)
        return;
    for (size_t i = 0; i + 1 < ts.n; i++)
        if (is_word(&ts.t[i], "alert") && ts.t[i + 1].kind == TOKEN_STRING)
            found(ts.t[i + 1].s, ts.t[i + 1].len, arg);
    tokens_free(&ts);
}
