/* The keys and values of a fake_redis. Everything here asserts on lack of memory: it is test code,
 * and the failures under test are the program's. */
#ifndef TOCSIN_TESTS_SIM_FAKE_DATA_H
#define TOCSIN_TESTS_SIM_FAKE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    char *p; /* NUL-terminated */
    size_t len;
};

struct bytes bytes_of(const char *p, size_t len);
int bytes_compare(struct bytes a, const char *p, size_t len);

enum value_kind { VALUE_STRING, VALUE_HASH, VALUE_ZSET, VALUE_STREAM };

struct pair { /* of a hash: field and value; of a sorted set: member and score */
    struct bytes name, value;
    double score;
};

struct entry { /* of a stream */
    uint64_t ms, seq;
    struct bytes *parts; /* name, value, name, value */
    size_t n;
};

struct value {
    enum value_kind kind;
    struct bytes text;
    struct pair *pairs; /* sorted by name */
    size_t n_pairs, cap_pairs;
    struct entry *entries; /* sorted by id */
    size_t n_entries, cap_entries;
    uint64_t last_ms, last_seq;
    int64_t expires_ms; /* 0: never */
};

struct key {
    struct bytes name;
    struct value value;
};

struct data {
    struct key *keys; /* sorted by name */
    size_t n, cap;
};

void data_free(struct data *d);
struct data data_copy(const struct data *d);
size_t data_bytes(const struct data *d); /* about what a Redis would take */

struct value *data_find(struct data *d, const char *key, size_t len);
/* The value of that kind, created when there is none; NULL when it is of another kind. */
struct value *data_make(struct data *d, const char *key, size_t len, enum value_kind kind);
bool data_remove(struct data *d, const char *key, size_t len);

size_t value_bytes(const struct value *v);
struct pair *value_pair(const struct value *v, const char *name, size_t len);
/* The pair, created with an empty value when it is not there (`*is_new`). */
struct pair *value_make_pair(struct value *v, const char *name, size_t len, bool *is_new);
bool value_remove_pair(struct value *v, const char *name, size_t len);
void pair_set(struct pair *p, const char *value, size_t len);
void value_append(struct value *v, uint64_t ms, uint64_t seq, const char *const *parts,
                  const size_t *lens, size_t n);
void value_trim(struct value *v, size_t n); /* the oldest `n` entries go */
bool value_is_empty(const struct value *v); /* Redis then drops the key (streams stay) */

#endif
