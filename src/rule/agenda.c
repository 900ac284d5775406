/* Bits by rank and a heap of waits; how they work together is told in the header.
 * All memory is made beforehand by agenda_fit(): marking and waiting happen in the middle of a look, where
 * nobody could answer for a failure. Taking the lowest rank is two words and two instructions for 4,096
 * rules. The heap moves one entry at a time and never sorts. Cost: the logarithm of the waiting for a wait,
 * a few ns for a mark. */
#include "rule/agenda.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static size_t words_of(size_t bits)
{
    return (bits + 63) / 64;
}

/* One column grown to `n` of `size` bytes; what is new is not cleared. */
static int grow(void **column, size_t n, size_t size)
{
    void *grown = mem_realloc(*column, (n ? n : 1) * size);

    if (!grown)
        return -1;
    *column = grown;
    return 0;
}

int agenda_fit(struct agenda *a, size_t n)
{
    size_t words = words_of(n);

    if (n <= a->cap && a->marked)
        return 0;
    /* a column that has grown while another could not is as good as before */
    if (grow((void **)&a->marked, words, sizeof *a->marked) < 0 ||
        grow((void **)&a->words, words_of(words), sizeof *a->words) < 0 ||
        grow((void **)&a->whole, words, sizeof *a->whole) < 0 ||
        grow((void **)&a->heap, n, sizeof *a->heap) < 0 ||
        grow((void **)&a->places, n, sizeof *a->places) < 0 ||
        grow((void **)&a->due_ms, n, sizeof *a->due_ms) < 0)
        return -1;
    a->cap = n;
    return 0;
}

void agenda_clear(struct agenda *a)
{
    mem_free(a->marked);
    mem_free(a->words);
    mem_free(a->whole);
    mem_free(a->heap);
    mem_free(a->places);
    mem_free(a->due_ms);
    *a = (struct agenda){0};
}

void agenda_reset(struct agenda *a, size_t n)
{
    assert(n <= a->cap);
    a->n = n;
    a->n_waiting = 0;
    if (n == 0)
        return;
    memset(a->marked, 0, words_of(n) * sizeof *a->marked);
    memset(a->whole, 0, words_of(n) * sizeof *a->whole);
    memset(a->words, 0, words_of(words_of(n)) * sizeof *a->words);
    memset(a->places, 0, n * sizeof *a->places);
}

/* --- the instant at hand --- */

void agenda_mark(struct agenda *a, uint32_t rank)
{
    size_t word = rank / 64;

    assert(rank < a->n);
    a->marked[word] |= UINT64_C(1) << rank % 64;
    a->words[word / 64] |= UINT64_C(1) << word % 64;
}

void agenda_mark_whole(struct agenda *a, uint32_t rank)
{
    agenda_mark(a, rank);
    a->whole[rank / 64] |= UINT64_C(1) << rank % 64;
}

bool agenda_take_whole(struct agenda *a, uint32_t rank)
{
    bool whole = a->whole[rank / 64] >> rank % 64 & 1;

    assert(rank < a->n);
    a->whole[rank / 64] &= ~(UINT64_C(1) << rank % 64);
    return whole;
}

bool agenda_take(struct agenda *a, uint32_t *rank)
{
    size_t n = words_of(words_of(a->n));

    for (size_t i = 0; i < n; i++) {
        size_t word, bit;

        if (a->words[i] == 0)
            continue;
        word = i * 64 + (size_t)__builtin_ctzll(a->words[i]);
        assert(a->marked[word] != 0);
        bit = (size_t)__builtin_ctzll(a->marked[word]);
        a->marked[word] &= a->marked[word] - 1;
        if (a->marked[word] == 0)
            a->words[i] &= a->words[i] - 1;
        *rank = (uint32_t)(word * 64 + bit);
        return true;
    }
    return false;
}

/* --- those that wait --- */

static void put(struct agenda *a, size_t at, uint32_t rank)
{
    a->heap[at] = rank;
    a->places[rank] = (uint32_t)at + 1;
}

static int64_t due_at(const struct agenda *a, size_t at)
{
    return a->due_ms[a->heap[at]];
}

static void sift(struct agenda *a, size_t at)
{
    uint32_t rank = a->heap[at];

    while (at > 0 && due_at(a, (at - 1) / 2) > a->due_ms[rank]) {
        put(a, at, a->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (size_t child; (child = 2 * at + 1) < a->n_waiting; at = child) {
        if (child + 1 < a->n_waiting && due_at(a, child + 1) < due_at(a, child))
            child++;
        if (due_at(a, child) >= a->due_ms[rank])
            break;
        put(a, at, a->heap[child]);
    }
    put(a, at, rank);
}

static void end_wait(struct agenda *a, uint32_t rank)
{
    size_t at = a->places[rank];

    if (at-- == 0)
        return;
    assert(at < a->n_waiting && a->heap[at] == rank);
    a->places[rank] = 0;
    a->n_waiting--;
    if (at == a->n_waiting)
        return;
    put(a, at, a->heap[a->n_waiting]);
    sift(a, at);
}

void agenda_wait(struct agenda *a, uint32_t rank, int64_t due_ms)
{
    assert(rank < a->n);
    if (due_ms == INT64_MAX) {
        end_wait(a, rank);
        return;
    }
    if (a->places[rank] && a->due_ms[rank] == due_ms)
        return;
    a->due_ms[rank] = due_ms;
    if (!a->places[rank])
        put(a, a->n_waiting++, rank);
    sift(a, a->places[rank] - 1);
    assert(agenda_next_ms(a) <= due_ms);
}

int64_t agenda_next_ms(const struct agenda *a)
{
    return a->n_waiting ? due_at(a, 0) : INT64_MAX;
}

void agenda_mark_due(struct agenda *a, int64_t at_ms)
{
    while (agenda_next_ms(a) <= at_ms) {
        agenda_mark(a, a->heap[0]);
        end_wait(a, a->heap[0]);
    }
}

static bool is_marked(const struct agenda *a, uint32_t rank)
{
    return a->marked[rank / 64] >> rank % 64 & 1;
}

bool agenda_each(const struct agenda *a, size_t *at, uint32_t *rank)
{
    for (; *at < a->n_waiting; ++*at)
        if (!is_marked(a, a->heap[*at])) {
            *rank = a->heap[(*at)++];
            return true;
        }
    while (*at - a->n_waiting < a->n) {
        uint32_t r = (uint32_t)(*at - a->n_waiting);

        if (a->marked[r / 64] == 0) {
            *at += 64 - r % 64;
            continue;
        }
        ++*at;
        if (is_marked(a, r)) {
            *rank = r;
            return true;
        }
    }
    return false;
}

void agenda_shift(struct agenda *a, int64_t by_ms)
{
    for (size_t i = 0; i < a->n_waiting; i++)
        clock_move(&a->due_ms[a->heap[i]], by_ms);
}
