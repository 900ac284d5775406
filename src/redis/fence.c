/* What is written while a lease is held carries its token: MULTI/EXEC cannot ask and cannot be rolled back, and
 * WATCH leaves a gap between one EXEC and the next WATCH, so a transaction becomes a script that compares first.
 * The script comes with each call (EVAL): its text is shorter than the smallest block, and a server that was
 * restarted, promoted or flushed needs no second try. It runs the commands one after the other as EXEC does, and
 * goes on behind one that fails. What MULTI refuses as a whole before it begins (a server that is full, a user
 * that may not) a script finds out with its first write: as long as nothing was written, an error ends it and is
 * the answer, and nothing has happened. What a user may not is in a script said in other words, which are put
 * back, since others know a refusal by its first word. A token that is lower, or none, is that of a Redis that has
 * lost ours (restored, failed over, flushed): it gets it back, and what its holder writes to make it good waits for
 * nothing. Letting the new holder close the connections of the old one was dropped: it needs a right that users of
 * a shared server seldom have, and a proxy between hides whose connection is whose. */
#include "redis/fence.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "redis/conn.h"
#include "redis/wire.h"

static const char script[] =
    "local held=redis.call('HGET',KEYS[1],'token') or '' "
    "if held~=ARGV[1] then "
    "local function number(s) return tonumber(string.match(s,'^%d+') or '0') end "
    "if number(held)>=number(ARGV[1]) then return redis.error_reply('" FENCE_REFUSAL
    " '..held) end "
    "redis.call('HSET',KEYS[1],'token',ARGV[1]) end "
    "local out,at,wrote={},2,false "
    "while at<=#ARGV do "
    "local n=tonumber(ARGV[at]) "
    "local r=redis.pcall(unpack(ARGV,at+1,at+n)) "
    "if type(r)=='table' and r.err then "
    "if string.find(r.err,'user executing the script',1,true) then "
    "r=redis.error_reply('NOPERM this user may not run '..ARGV[at+1]..' on '..(ARGV[at+2] or '')) "
    "end "
    "if not wrote then return r end "
    "elseif ARGV[at+1]~='HGET' then wrote=true end "
    "out[#out+1]=r "
    "at=at+n+1 end "
    "return out";

bool fence_is_up(const struct db *d)
{
    return d->fence_token != NULL;
}

int db_fence(struct db *d, const char *key, const char *token)
{
    char *own_key = mem_strdup(key), *own_token = mem_strdup(token);

    if (!own_key || !own_token) {
        mem_free(own_key);
        mem_free(own_token);
        return -1;
    }
    fence_free(d);
    d->fence_key = own_key;
    d->fence_token = own_token;
    assert(fence_is_up(d));
    return 0;
}

void fence_free(struct db *d)
{
    mem_free(d->fence_key);
    mem_free(d->fence_token);
    d->fence_key = d->fence_token = NULL;
}

#define HEAD_ARGS 5

static void head(const struct db *d, const char *argv[HEAD_ARGS])
{
    argv[0] = "EVAL";
    argv[1] = script;
    argv[2] = "1";
    argv[3] = d->fence_key;
    argv[4] = d->fence_token;
}

size_t fence_head_size(const struct db *d, size_t n_args)
{
    const char *argv[HEAD_ARGS];

    assert(fence_is_up(d));
    head(d, argv);
    return wire_head_size(HEAD_ARGS + n_args) + wire_args_size(HEAD_ARGS, argv, NULL);
}

char *fence_put_head(const struct db *d, char *p, size_t n_args)
{
    const char *argv[HEAD_ARGS];

    head(d, argv);
    return wire_put_args(wire_put_head(p, HEAD_ARGS + n_args), HEAD_ARGS, argv, NULL);
}

void fence_add(struct buf *b, int argc, const char *const *argv, const size_t *lens)
{
    char number[16];
    const char *first[] = {number};

    assert(argc > 0 && argc <= FENCE_ARGS_MAX);
    snprintf(number, sizeof number, "%d", argc);
    wire_add_args(b, 1, first, NULL);
    wire_add_args(b, argc, argv, lens);
}

const char *fence_refused(const char *text)
{
    return db_refusal_is_fence(text) ? text + sizeof FENCE_REFUSAL : NULL;
}
