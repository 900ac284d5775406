#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "redis/conn.h"
#include "redis/wire.h"

/* A script is loaded by the first use on each connection, in the same pipeline and without
 * waiting, so that calls keep their place among other commands. NOSCRIPT then means that somebody
 * flushed the scripts: the call is made once more as EVAL, which loads it again. */

#define DIGEST_LEN 40

struct script {
    struct script *next;
    const char *text; /* of the caller */
    size_t len;
    char digest[DIGEST_LEN + 1];
    uint64_t loaded_on; /* number of the connection */
};

static int digest_of(const char *text, size_t len, char out[DIGEST_LEN + 1])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!EVP_Digest(text, len, sum, &n, EVP_sha1(), NULL) || n * 2 != DIGEST_LEN)
        return -1;
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", sum[i]);
    return 0;
}

/* The list is as long as the program has scripts: a handful. */
static struct script *find(struct db *d, const char *text)
{
    struct script *s = d->scripts;

    while (s && s->text != text)
        s = s->next;
    if (s)
        return s;
    s = mem_zalloc(sizeof *s);
    if (!s)
        return NULL;
    s->text = text;
    s->len = strlen(text);
    if (digest_of(text, s->len, s->digest) != 0) {
        mem_free(s);
        return NULL;
    }
    s->next = d->scripts;
    d->scripts = s;
    return s;
}

void scripts_free(struct db *d)
{
    while (d->scripts) {
        struct script *s = d->scripts;

        d->scripts = s->next;
        mem_free(s);
    }
}

static void load(struct db *d, struct script *s)
{
    const char *argv[] = {"SCRIPT", "LOAD", s->text};

    if (s->loaded_on == d->connection || d->state != DB_IS_UP)
        return;
    s->loaded_on = d->connection;
    conn_send(d, false, 3, argv, NULL, NULL, NULL);
}

/* EVALSHA digest or EVAL text, then the arguments as they are. NULL: could not be sent. */
static struct request *call(struct db *d, int argc, const char *const *argv, const char *args,
                            size_t args_len, size_t n_args, db_done done, void *arg)
{
    size_t n = (size_t)argc + n_args;
    size_t size = wire_head_size(n) + wire_args_size(argc, argv, NULL) + args_len;
    char *p = conn_room(d, size, false);

    if (!p)
        return NULL;
    p = wire_put_args(wire_put_head(p, n), argc, argv, NULL);
    memcpy(p, args, args_len);
    return conn_put(d, size, done, arg);
}

/* Number of keys, keys and arguments, ready for the wire. NULL: no memory. */
static char *args_of(int n_keys, int argc, const char *const *argv, const size_t *lens, size_t *len)
{
    char number[16];
    const char *first[] = {number};
    size_t n_first;
    char *args;

    snprintf(number, sizeof number, "%d", n_keys);
    n_first = wire_args_size(1, first, NULL);
    *len = n_first + wire_args_size(argc, argv, lens);
    args = mem_alloc(*len);
    if (args)
        wire_put_args(wire_put_args(args, 1, first, NULL), argc, argv, lens);
    return args;
}

void db_script(struct db *d, const char *script, int n_keys, int argc, const char *const *argv,
               const size_t *lens, db_done done, void *arg)
{
    struct script *s = find(d, script);
    const char *by_digest[] = {"EVALSHA", s ? s->digest : ""};
    size_t len = 0;
    char *args = args_of(n_keys, argc, argv, lens, &len);
    struct request *r = NULL;

    assert(n_keys >= 0 && n_keys <= argc);
    if (s && args) {
        load(d, s);
        r = call(d, 2, by_digest, args, len, (size_t)argc + 1, done, arg);
    }
    if (!r) {
        mem_free(args);
        conn_unsent(d, done, arg);
        return;
    }
    r->script = s;
    r->script_args = args;
    r->script_args_len = len;
    r->n_script_args = (size_t)argc + 1;
}

void script_again(struct db *d, struct request *r)
{
    const char *by_text[] = {"EVAL", r->script->text};

    if (!call(d, 2, by_text, r->script_args, r->script_args_len, r->n_script_args, r->done, r->arg))
        conn_unsent(d, r->done, r->arg);
}
