/* The mark is one line: "1 SEED NUMBER\n", the seed that names an installation's data (tocsin:meta)
 * and the number of the last transaction of control state that was seen. An emptied Redis has
 * another seed or none, an older one a lower number. Nobody depends on the file: one that is
 * missing or cut short says nothing, so it is written without waiting for the disk. */
#include "app/dataset.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/keys.h"
#include "base/log.h"
#include "base/mem.h"

#define MARK       "redis.mark"
#define MARK_MAX   256
#define EVERY_MS   10000
#define MARK_KNOWS 3 /* fields */

struct mark {
    char seed[24]; /* "": none */
    uint64_t number;
};

struct dataset {
    struct loop *loop;
    struct db *db;
    struct timer *timer;
    char *path, *fresh_path;
    struct mark had, found; /* of the mark; of Redis, as it answers */
    bool checked, emptied;
    uint64_t older_by;
    size_t calls;
    bool closing;
};

static void follow(void *arg);

static void read_mark(struct dataset *d)
{
    struct err e;
    size_t len;
    char *text = file_read(d->path, MARK_MAX, &len, &e);
    int version;

    if (text &&
        (sscanf(text, "%d %23s %" SCNu64, &version, d->had.seed, &d->had.number) != MARK_KNOWS ||
         version != 1))
        d->had = (struct mark){0};
    mem_free(text);
}

static char *join(const char *dir, const char *name)
{
    struct buf b = BUF_INIT;

    buf_addf(&b, "%s/%s", dir, name);
    return buf_take(&b, NULL);
}

static void finish(struct dataset *d)
{
    mem_free(d->path);
    mem_free(d->fresh_path);
    mem_free(d);
}

struct dataset *dataset_new(struct loop *l, struct db *db, const char *dir)
{
    struct dataset *d = mem_zalloc(sizeof *d);

    if (!d)
        return NULL;
    d->loop = l;
    d->db = db;
    d->path = join(dir, MARK);
    d->fresh_path = join(dir, MARK ".tmp");
    d->timer = timer_new(l, LOOP_CONTROL, follow, d);
    if (!d->path || !d->fresh_path || !d->timer) {
        dataset_free(d);
        return NULL;
    }
    read_mark(d);
    return d;
}

void dataset_free(struct dataset *d)
{
    if (!d)
        return;
    timer_free(d->timer);
    d->timer = NULL;
    d->closing = true;
    if (d->calls == 0)
        finish(d);
}

/* --- the mark follows ----------------------------------------------------------------------------- */

static void write_mark(struct dataset *d)
{
    char line[MARK_MAX];
    int n = snprintf(line, sizeof line, "1 %s %" PRIu64 "\n", d->found.seed, d->found.number);
    int fd;

    if (!d->found.seed[0] ||
        (strcmp(d->found.seed, d->had.seed) == 0 && d->found.number == d->had.number))
        return;
    fd = open(d->fresh_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* no such directory: nothing will be known at the next start */
    if (write(fd, line, (size_t)n) == n && rename(d->fresh_path, d->path) == 0)
        d->had = d->found;
    close(fd);
}

static void compare(struct dataset *d)
{
    char n[24];

    d->checked = true;
    if (!d->had.seed[0])
        return;
    d->emptied = strcmp(d->had.seed, d->found.seed) != 0;
    if (!d->emptied && d->found.number < d->had.number)
        d->older_by = d->had.number - d->found.number;
    snprintf(n, sizeof n, "%" PRIu64, d->older_by);
    if (d->emptied)
        log_error("Redis does not have the data of the last run: alerts, silences, "
                  "acknowledgements, what was told and the windows begin anew. Was it emptied, or "
                  "is it another one? If they matter: stop Tocsin, restore Redis' files, start",
                  NULL);
    else if (d->older_by)
        log_error("Redis is older than the last run left it: the last changes of alerts, silences, "
                  "acknowledgements and of what was told are lost. If they matter: stop Tocsin, "
                  "restore newer files of Redis, start",
                  "changes", n, NULL);
}

static bool returned(struct dataset *d)
{
    d->calls--;
    if (d->closing && d->calls == 0)
        finish(d);
    else if (!d->closing)
        return true;
    return false;
}

static void on_seed(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct dataset *d = arg;

    if (!returned(d) || fate != DB_DONE)
        return;
    snprintf(d->found.seed, sizeof d->found.seed, "%s",
             reply->kind == REPLY_TEXT ? reply->text : "");
}

static void on_number(enum db_fate fate, const struct reply *reply, void *arg)
{
    struct dataset *d = arg;

    if (!returned(d) || fate != DB_DONE)
        return;
    d->found.number = reply->kind == REPLY_TEXT ? strtoull(reply->text, NULL, 10) : 0;
    if (!d->checked)
        compare(d);
    else
        write_mark(d);
}

static void ask(struct dataset *d)
{
    d->calls += 2;
    db_sendf(d->db, on_seed, d, "HGET %s seed", KEY_META);
    db_sendf(d->db, on_number, d, "HGET %s seq", KEY_CONTROL_META);
}

static void follow(void *arg)
{
    struct dataset *d = arg;

    if (d->checked && db_is_up(d->db))
        ask(d);
    timer_in(d->timer, EVERY_MS);
}

void dataset_check(struct dataset *d)
{
    assert(db_is_up(d->db));
    if (d->checked)
        return;
    ask(d);
    timer_in(d->timer, 1000); /* by then there is a seed, where there was none */
}

/* --- what is not there as it was -------------------------------------------------------------------- */

static const struct {
    const char *reason, *what;
    size_t offset;
    bool lost;
} rows[] = {
#define ROW(name, text, lost)                                    \
    {                                                            \
#name, text, offsetof(struct journal_damage, name), lost \
    }
    ROW(mended_blocks, "blocks of the journal damaged or missing, read from their copy", false),
    ROW(lost_blocks, "blocks of the journal damaged: what came in with them is lost", true),
    ROW(behind_blocks, "blocks of the journal cannot be read without one that is lost", true),
    ROW(mended_chunks, "chunks of series labels damaged, read from their copy", false),
    ROW(lost_chunks, "chunks of series labels damaged: what had come in of them is lost", true),
    ROW(nameless_samples, "samples of series whose labels are gone", true),
    ROW(lost_cuts,
        "saved windows that cannot be used: filled from the journal, longer ones warm up", true),
#undef ROW
};

void dataset_damage(const struct dataset *d, const struct journal *j,
                    void (*each)(const struct damage *x, void *arg), void *arg)
{
    struct journal_stats st;

    if (d->emptied)
        each(
            &(struct damage){"emptied", "data of the last run, which Redis does not have", 1, true},
            arg);
    if (d->older_by)
        each(&(struct damage){"older", "changes that the last run made and Redis does not have",
                              d->older_by, true},
             arg);
    journal_stats(j, &st);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct damage x = {rows[i].reason, rows[i].what, 0, rows[i].lost};

        memcpy(&x.count, (const char *)&st.damage + rows[i].offset, sizeof x.count);
        if (x.count > 0)
            each(&x, arg);
    }
}

static void write_damage(const struct damage *x, void *arg)
{
    struct json *out = arg;

    json_object(out);
    json_kstr(out, "reason", x->reason);
    json_kstr(out, "what", x->what);
    json_kint(out, "count", (int64_t)x->count);
    json_kbool(out, "lost", x->lost);
    json_object_end(out);
}

void dataset_damage_json(const struct dataset *d, const struct journal *j, struct json *out)
{
    json_array(out);
    dataset_damage(d, j, write_damage, out);
    json_array_end(out);
}
