#include "tocsin/engine.h"

#include <assert.h>

#include "base/mem.h"

struct engine {
    struct windows *windows;
    struct alert_book *book;
    struct rules *rules;
};

struct engine *engine_new(const struct engine_options *o)
{
    struct engine *e = mem_zalloc(sizeof *e);
    struct windows_options windows = *o->windows;
    struct alert_book_options book = *o->book;
    struct rules_options rules = *o->rules;

    assert(o->labels && o->series && !windows.series && !book.labels && !rules.labels);
    if (!e)
        return NULL;
    windows.series = o->series;
    book.labels = rules.labels = o->labels;
    e->windows = windows_new(&windows);
    e->book = e->windows ? alert_book_new(&book) : NULL;
    rules.windows = e->windows;
    rules.book = e->book;
    e->rules = e->book ? rules_new(&rules) : NULL;
    if (e->rules)
        return e;
    engine_free(e);
    return NULL;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    rules_free(e->rules);
    alert_book_free(e->book);
    windows_free(e->windows);
    mem_free(e);
}

struct windows *engine_windows(const struct engine *e)
{
    return e->windows;
}

struct alert_book *engine_book(const struct engine *e)
{
    return e->book;
}

struct rules *engine_rules(const struct engine *e)
{
    return e->rules;
}

static void fill(struct windows *w, const struct engine_block *b)
{
    windows_apply(w, b->recv_ms, b->samples, b->n_samples, b->events, b->n_events);
}

void engine_apply(struct engine *e, const struct engine_block *b)
{
    int64_t before_ms = rules_now_ms(e->rules);

    assert(!rules_are_looking(e->rules)); /* their windows must stand still */
    windows_heard(e->windows, b->recv_ms, b->replayed);
    rules_before_block(e->rules, b->recv_ms);
    fill(e->windows, b);
    rules_after_block(e->rules, b->recv_ms, b->events, b->n_events);
    if (b->replayed) /* no timer goes on with it before the next block comes */
        rules_finish_instant(e->rules);
    assert(!b->replayed || !rules_are_looking(e->rules));
    assert(rules_now_ms(e->rules) >= before_ms);
}

void engine_fill(struct windows *w, const struct engine_block *b)
{
    windows_heard(w, b->recv_ms, b->replayed);
    fill(w, b);
    windows_clear_touched(w);
}

bool engine_advance(struct engine *e, int64_t at_ms)
{
    return rules_advance(e->rules, at_ms);
}

void engine_go_live(struct engine *e, int64_t now_ms)
{
    int64_t decided_ms = alert_book_evaluated_to(e->book);

    windows_heard(e->windows, now_ms, true);
    rules_skip_to(e->rules, now_ms - 1);
    alert_book_restored(e->book, now_ms);
    if (decided_ms > 0 && now_ms > decided_ms)
        alert_book_bridge(e->book, now_ms - decided_ms);
}

void engine_stood_still(struct engine *e, int64_t from_ms, int64_t to_ms)
{
    assert(from_ms < to_ms && !rules_are_looking(e->rules));
    windows_missed(e->windows, from_ms, to_ms);
    rules_skip_to(e->rules, to_ms - 1);
    alert_book_bridge(e->book, to_ms - from_ms);
}

void engine_expire(struct engine *e, int64_t now_ms, size_t budget,
                   void (*forgotten)(uint32_t series, void *arg), void *arg)
{
    if (!rules_are_looking(e->rules))
        windows_expire(e->windows, now_ms, budget, forgotten, arg);
}

void engine_shift(struct engine *e, int64_t by_ms)
{
    windows_shift(e->windows, by_ms);
    rules_shift(e->rules, by_ms);
    alert_book_shift(e->book, by_ms);
}
