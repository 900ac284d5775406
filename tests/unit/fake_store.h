/* A store that keeps its tables in memory, linked in place of the room store: what was put is
 * there at once, so that a test can end a room at any point and load another one from it. */
#ifndef TOCSIN_TESTS_FAKE_STORE_H
#define TOCSIN_TESTS_FAKE_STORE_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tocsin/store.h"

struct fake_field {
    char *key, *field, *value; /* key of the table */
    size_t len;
    size_t next; /* of the same bucket, + 1 */
};

#define FAKE_BUCKETS 16384 /* tests of thousands of rows should be quick */

struct store {
    struct fake_field *fields;
    size_t n_fields, cap_fields;
    size_t buckets[FAKE_BUCKETS]; /* the first field of each, + 1 */
    struct store_table *tables;
    size_t appended, members; /* of streams; of sorted sets */
    size_t puts;              /* of fields, set or deleted */
    char last_entry[4096];    /* of a stream: "name=value name=value" */
};

struct store_table {
    struct store *store;
    struct store_table *next;
    const char *key;
    void (*rewrite)(struct store_table *t, void *arg);
    void *arg;
};

static struct store *fake_store_new(void)
{
    return calloc(1, sizeof(struct store));
}

/* Forgets who owned the tables, as the end of a process does. */
static void fake_store_detach(struct store *s)
{
    while (s->tables) {
        struct store_table *t = s->tables;
        s->tables = t->next;
        free(t);
    }
}

static void fake_store_free(struct store *s)
{
    fake_store_detach(s);
    for (size_t i = 0; i < s->n_fields; i++) {
        free(s->fields[i].key);
        free(s->fields[i].field);
        free(s->fields[i].value);
    }
    free(s->fields);
    free(s);
}

/* Where the number of that field stands, or would. */
static size_t *fake_place(struct store *s, const char *key, const char *field)
{
    size_t h = 5381, *at;

    for (const char *c = field; *c; c++)
        h = h * 33 + (unsigned char)*c;
    at = &s->buckets[h % FAKE_BUCKETS];
    while (*at != 0 && (strcmp(s->fields[*at - 1].field, field) != 0 ||
                        strcmp(s->fields[*at - 1].key, key) != 0))
        at = &s->fields[*at - 1].next;
    return at;
}

static struct fake_field *fake_find(struct store *s, const char *key, const char *field)
{
    size_t *at = fake_place(s, key, field);

    return *at ? &s->fields[*at - 1] : NULL;
}

static __attribute__((unused)) const char *fake_get(struct store *s, const char *key,
                                                    const char *field)
{
    struct fake_field *f = fake_find(s, key, field);

    return f ? f->value : NULL;
}

static __attribute__((unused)) size_t fake_count(struct store *s, const char *key)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_fields; i++)
        n += strcmp(s->fields[i].key, key) == 0;
    return n;
}

/* Feeds every field to the tables that are declared now. */
static __attribute__((unused)) void fake_load(struct store *s,
                                              bool (*field)(void *room, struct store_table *t,
                                                            const char *field, size_t field_len,
                                                            const char *value, size_t len),
                                              void *room)
{
    size_t n = s->n_fields;
    struct fake_field *copy = malloc((n + 1) * sizeof *copy);

    for (size_t i = 0; i < n; i++)
        copy[i] = (struct fake_field){strdup(s->fields[i].key), strdup(s->fields[i].field),
                                      strdup(s->fields[i].value), s->fields[i].len, 0};
    for (size_t i = 0; i < n; i++) {
        for (struct store_table *t = s->tables; t; t = t->next)
            if (strcmp(t->key, copy[i].key) == 0)
                field(room, t, copy[i].field, strlen(copy[i].field), copy[i].value, copy[i].len);
        free(copy[i].key);
        free(copy[i].field);
        free(copy[i].value);
    }
    free(copy);
}

struct store_table *store_table(struct store *s, const char *key,
                                void (*rewrite)(struct store_table *t, void *arg), void *arg)
{
    struct store_table *t = calloc(1, sizeof *t);

    *t = (struct store_table){s, s->tables, key, rewrite, arg};
    s->tables = t;
    return t;
}

void store_put(struct store_table *t, const char *field, const void *value, size_t len)
{
    struct store *s = t->store;
    struct fake_field *f = fake_find(s, t->key, field);

    s->puts++;
    if (!f) {
        if (s->n_fields == s->cap_fields) {
            s->cap_fields = s->cap_fields ? 2 * s->cap_fields : 64;
            s->fields = realloc(s->fields, s->cap_fields * sizeof *s->fields);
        }
        f = &s->fields[s->n_fields];
        *f = (struct fake_field){strdup(t->key), strdup(field), NULL, 0, 0};
        *fake_place(s, t->key, field) = ++s->n_fields;
    }
    free(f->value);
    f->value = malloc(len + 1);
    memcpy(f->value, value, len);
    f->value[len] = '\0';
    f->len = len;
}

void store_del(struct store_table *t, const char *field)
{
    struct store *s = t->store;
    struct fake_field *f = fake_find(s, t->key, field), *last;
    size_t number;

    s->puts++;
    if (!f)
        return;
    number = (size_t)(f - s->fields) + 1;
    *fake_place(s, t->key, field) = f->next;
    free(f->key);
    free(f->field);
    free(f->value);
    last = &s->fields[s->n_fields - 1];
    if (last != f) {
        *fake_place(s, last->key, last->field) = number;
        *f = *last;
    }
    s->n_fields--;
}

void store_append(struct store *s, const char *key, uint64_t max_len, const char *id,
                  const char *const *pairs)
{
    size_t at = 0;

    (void)key, (void)max_len, (void)id;
    s->appended++;
    for (size_t i = 0; pairs[i]; i += 2) {
        int n = snprintf(s->last_entry + at, sizeof s->last_entry - at, "%s%s=%s", i ? " " : "",
                         pairs[i], pairs[i + 1]);
        if (n < 0 || at + (size_t)n >= sizeof s->last_entry)
            break;
        at += (size_t)n;
    }
}

void store_zadd(struct store *s, const char *key, const char *member, int64_t score)
{
    (void)key, (void)member, (void)score;
    s->members++;
}

void store_zrem(struct store *s, const char *key, const char *member)
{
    (void)s, (void)key, (void)member;
}

void store_after(struct store *s, void (*then)(bool durable, void *arg), void *arg)
{
    (void)s;
    then(true, arg);
}

/* Loses everything and asks the owners for it again. */
static __attribute__((unused)) void fake_rewrite(struct store *s)
{
    memset(s->buckets, 0, sizeof s->buckets);
    while (s->n_fields > 0) {
        struct fake_field *f = &s->fields[--s->n_fields];
        free(f->key);
        free(f->field);
        free(f->value);
    }
    for (struct store_table *t = s->tables; t; t = t->next)
        t->rewrite(t, t->arg);
}

#endif
