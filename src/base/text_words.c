/* Bytes that are words: UTF-8, names, patterns, near misses.
 *
 * UTF-8 is checked by the table of RFC 3629 (no surrogates, no overlong forms), a sequence at a time: nobody
 * here needs code points. A pattern with `*` goes back to the last star only, so its cost has a bound that a
 * regular expression would not have. Near misses are edit distances of short words; what is longer is no
 * typing mistake. */
#include "base/text.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

size_t text_utf8(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t len;

    if (n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

size_t text_utf8_cut(const char *s, size_t n, size_t max)
{
    if (n <= max)
        return n;
    while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
        max--;
    assert(max < n);
    return max;
}

#define NEAREST_WORD_MAX 64

/* Levenshtein distance; words are at most NEAREST_WORD_MAX long. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
    size_t row[NEAREST_WORD_MAX + 1];

    assert(na <= NEAREST_WORD_MAX && nb <= NEAREST_WORD_MAX);
    for (size_t j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t swap = diagonal + (a[i - 1] != b[j - 1]);
            size_t best = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;

            diagonal = row[j];
            row[j] = swap < best ? swap : best;
        }
    }
    return row[nb];
}

const char *text_nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t len = strlen(word), best_distance = 4;

    assert(names || n == 0);
    if (len > NEAREST_WORD_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d, other;

        if (!names[i] || (other = strlen(names[i])) > NEAREST_WORD_MAX)
            continue;
        d = distance(word, len, names[i], other);
        if (2 * d > len || d > best_distance || (d == best_distance && !best) ||
            (d == best_distance && strcmp(names[i], best) >= 0))
            continue;
        best = names[i];
        best_distance = d;
    }
    return best;
}

bool text_glob(const char *pattern, const char *s, size_t n)
{
    const char *star = NULL;
    size_t i = 0, mark = 0;

    while (i < n) {
        if (*pattern == '*') {
            star = ++pattern;
            mark = i;
        } else if (*pattern == s[i] && *pattern) {
            pattern++;
            i++;
        } else if (star) {
            pattern = star;
            i = ++mark;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}

bool text_is_label(const char *s, size_t n)
{
    if (n == 0 || isdigit((unsigned char)s[0]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return false;
    return true;
}

/* U+0000 to U+001F, U+007F to U+009F: among them NUL and all line breaks of terminals. */
static bool is_control(const char *s, size_t step)
{
    unsigned char c = (unsigned char)s[0];

    return step == 1 ? c < 0x20 || c == 0x7f : c == 0xc2 && (unsigned char)s[1] < 0xa0;
}

bool text_is_name(const char *s, size_t n)
{
    const char *end = s + n;

    for (size_t step; s < end; s += step) {
        step = text_utf8(s, (size_t)(end - s));
        if (step == 0 || is_control(s, step))
            return false;
    }
    return n > 0;
}
