/* Receivers and their lanes as documents. */
#include <string.h>

#include "tocsin/config.h"
#include "tocsin/view.h"

#define LANE_MAX 512 /* of a name: receiver, channel and number */

struct lane_search {
    const struct view *v;
    const char *lane;
    struct json *j;
};

/* What a receiver answered may tell of any alert. */
void lane_members_json(const struct view *v, struct json *j, const struct lane_stats *s)
{
    json_kint(j, "delivered", (int64_t)s->delivered);
    json_kint(j, "failed", (int64_t)s->failed);
    json_kint(j, "retried", (int64_t)s->retried);
    json_kint(j, "in_flight", s->in_flight);
    if (s->last_ok_ms)
        json_ktime(j, "lastOk", s->last_ok_ms);
    if (s->failing_since_ms)
        json_ktime(j, "failingSince", s->failing_since_ms);
    json_kstr(j, "lastError", s->last_error && v->who->n_scope == 0 ? s->last_error : "");
}

static void find_lane(const struct lane_stats *s, void *arg)
{
    struct lane_search *f = arg;

    if (strcmp(s->lane, f->lane) == 0)
        lane_members_json(f->v, f->j, s);
}

struct channel_search {
    const char *receiver;
    size_t index;
    char lane[LANE_MAX];
};

static void find_channel(const char *lane, const char *receiver, const char *channel, size_t index,
                         void *arg)
{
    struct channel_search *f = arg;

    (void)channel;
    if (index == f->index && strcmp(receiver, f->receiver) == 0 && strlen(lane) < LANE_MAX)
        strcpy(f->lane, lane);
}

void channel_json(const struct view *v, struct json *j, const struct config_receiver *r, size_t i)
{
    struct channel_search lane = {.receiver = r->name, .index = i};
    int64_t since_ms = 0;
    size_t waiting;

    notify_lanes(v->notify, find_channel, &lane);
    json_object(j);
    json_kstr(j, "type", channel_table[r->channels[i].type]->name);
    json_kint(j, "index", (int64_t)i);
    json_kbool(j, "send_resolved", r->channels[i].send_resolved);
    if (*lane.lane) {
        struct lane_search f = {v, lane.lane, j};

        waiting = notify_waiting(v->notify, lane.lane, &since_ms);
        json_kstr(j, "lane", lane.lane);
        json_kint(j, "waiting", (int64_t)waiting);
        if (since_ms)
            json_ktime(j, "waitingSince", since_ms);
        deliver_lanes(v->deliver, find_lane, &f);
    }
    json_object_end(j);
}
