/* Whether Redis has the data that it had: a small file in the data directory says what that was. */
#ifndef TOCSIN_APP_DATASET_H
#define TOCSIN_APP_DATASET_H

#include "base/json.h"
#include "tocsin/db.h"
#include "tocsin/journal.h"
#include "tocsin/loop.h"

struct dataset;

/* `dir`: where the mark is; where there is no such directory nothing is known, and nothing made.
 * NULL: no memory. */
struct dataset *dataset_new(struct loop *l, struct db *db, const char *dir);
void dataset_free(struct dataset *d); /* before db_close(). NULL is fine */
/* Redis is up: the first time it is compared with the mark, before anything is read or written.
 * From then on the mark follows. */
void dataset_check(struct dataset *d);

/* All that is not there as it was: what the start missed in Redis, and what the journal found. */
struct damage {
    const char *reason; /* a word for machines */
    const char *what;   /* for people, behind the count */
    uint64_t count;
    bool lost; /* else it was made good */
};
void dataset_damage(const struct dataset *d, const struct journal *j,
                    void (*each)(const struct damage *x, void *arg), void *arg);
/* The same as an array: [{"reason","what","count","lost"}]. */
void dataset_damage_json(const struct dataset *d, const struct journal *j, struct json *out);

#endif
