/* Stories: what happens, and who must be told what, when.
 *
 * One command a line; a line that begins with > is the next message that was delivered, a line
 * with a dot says that there is none more. */
#include "scene.h"

#include "base/text.h"

struct story {
    const char *name, *script;
};

/* clang-format off: a string a story, broken where its lines are */
static const struct story stories[] = {
    {"P1 at once, P3 after the group wait",
     "fire A P1 svc=web\n go 0s\n > 0 ops/webhook #1 first notification F A+\n"
     "fire B P3 svc=db\n go 9s\n .\n go 1s\n > 10 ops/webhook #2 first notification F B+\n ."},
    {"a P1 that joins ends the wait", "fire A P3 svc=web\n go 3s\n .\n fire B P1 svc=web\n go 0s\n"
                                      "> 3 ops/webhook #1 first notification F B+ A+\n ."},
    {"resolved within the group wait: nobody hears of it",
     "fire A P3 svc=web\n go 5s\n end A\n go 1h\n ."},
    {"changes wait for the group interval, later ones go at once",
     "fire A P1 svc=web\n go 10s\n > 0 ops/webhook #1 first notification F A+\n"
     "fire B P1 svc=web\n go 49s\n .\n go 1s\n > 60 ops/webhook #1 new alerts F A= B+\n go 10m\n"
     "fire C P1 svc=web\n go 0s\n > 660 ops/webhook #1 new alerts F A= B= C+\n ."},
    {"a first resolve is immediate when the incident was quiet",
     "fire A P1 svc=web\n go 2m\n end A\n go 0s\n > 0 ops/webhook #1 first notification F A+\n"
     "> 120 ops/webhook #1 all alerts resolved R A-\n go 1d\n ."},
    {"some resolved, then all",
     "fire A P1 svc=web\n fire B P2 svc=web\n go 2m\n > 0 ops/webhook #1 first notification F A+ "
     "B+\n"
     "end A\n go 0s\n > 120 ops/webhook #1 some alerts resolved F B= A-\n go 1m\n end B\n go 0s\n"
     "> 180 ops/webhook #1 all alerts resolved R B-\n ."},
    {"a rise in priority goes at once, a fall is no message",
     "fire A P3 svc=web\n go 20s\n > 10 ops/webhook #1 first notification F A+\n fire A P1\n go "
     "0s\n"
     "> 20 ops/webhook #1 priority raised F A^\n go 5m\n fire A P3\n go 1h\n ."},
    {"repeats are exact",
     "fire A P1 svc=web\n go 0s\n > 0 ops/webhook #1 first notification F A+\n go 12h\n"
     "> 14400 ops/webhook #1 repeat F A=\n > 28800 ops/webhook #1 repeat F A=\n"
     "> 43200 ops/webhook #1 repeat F A=\n ."},
    {"repeats are exact whatever the group interval",
     "fire A P1 svc=web team=odd\n go 0s\n > 0 ops/webhook #1 first notification F A+\n go 20m\n"
     "> 600 ops/webhook #1 repeat F A=\n > 1200 ops/webhook #1 repeat F A=\n fire B P1 svc=web "
     "team=odd\n go 11m\n > 1620 ops/webhook #1 new alerts F A= B+\n .\n go 6m\n > 2220 "
     "ops/webhook #1 repeat F A= B=\n ."},
    {"a slow receiver does not stretch the repeats",
     "fire A P1 svc=web\n hold\n go 0s\n go 400ms\n commit\n go 14399s\n"
     "> 0 ops/webhook #1 first notification F A+\n .\n go 600ms\n > 14400 ops/webhook #1 repeat F "
     "A=\n ."},
    {"refire after the end is another incident",
     "fire A P1 svc=web\n go 2m\n end A\n go 1m\n fire A P1\n go 0s\n"
     "> 0 ops/webhook #1 first notification F A+\n > 120 ops/webhook #1 all alerts resolved R A-\n"
     "> 180 ops/webhook #2 first notification F A+\n ."},
    {"refire while the resolve is owed goes on in the same one",
     "fire A P1 svc=web\n go 10s\n end A\n go 10s\n fire A P1\n go 2m\n"
     "> 0 ops/webhook #1 first notification F A+\n .\n end A\n go 0s\n"
     "> 140 ops/webhook #1 all alerts resolved R A-\n ."},
    {"refire after the interval, the resolve still undelivered: a new number, both are told",
     "fire A P1 svc=web\n go 10s\n down ops/webhook\n end A\n go 3m\n fire A P1\n go 1m\n up "
     "ops/webhook\n"
     "> 0 ops/webhook #1 first notification F A+\n go 2m\n"
     "> 300 ops/webhook #1 all alerts resolved R A-\n > 310 ops/webhook #2 first notification F "
     "A+\n ."},
    {"a receiver taken out while its message hangs: the message ends, others are told",
     "fire A P1 svc=web team=pair\n pause two/webhook:2\n hold\n go 5s\n takeout\n go 2m\n fire B "
     "P1 svc=web team=pair\n go 10m\n fail\n go 0s\n > 725 ops/webhook #1 first notification; late "
     "by 12m5s F A+ B+\n end A\n end B\n go 10m\n > 785 ops/webhook #1 all alerts resolved R A- "
     "B-\n ."},
    {"a receiver taken out and put back while its message hangs",
     "fire A P1 svc=web team=pair\n pause two/webhook:2\n hold\n go 5s\n takeout\n go 1s\n "
     "reload\n "
     "go 1s\n commit\n go 0s\n > 7 two/webhook #1 first notification F A+\n"},
    /* --- silences --- */
    {"a silenced alert is not announced, and its end neither",
     "silence svc=web 1h\n fire A P1 svc=web\n go 10m\n end A\n go 2h\n ."},
    {"the end of a silence with the alert still on",
     "silence svc=web 1h\n fire A P2 svc=web\n go 2h\n"
     "> 3600 ops/webhook #1 was silenced until now by s1 F A+\n ."},
    {"told before the silence: told again at its end",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n silence svc=web 1h\n"
     "go 2h\n > 3660 ops/webhook #1 was silenced until now by s1 F A!\n ."},
    {"ended by hand",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n silence svc=web 1h\n"
     "go 10m\n expire s1\n go 0s\n > 660 ops/webhook #1 was silenced until now by s1 F A!\n ."},
    {"the owed resolve goes through the silence",
     "fire A P1 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n silence svc=web 1h\n"
     "go 10m\n end A\n go 0s\n > 660 ops/webhook #1 all alerts resolved R A-\n go 2h\n"
     "fire A P1\n go 0s\n > 7860 ops/webhook #2 first notification F A+\n ."},
    {"no reminders while silenced",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n silence svc=web 6h\n"
     "go 5h\n .\n go 2h\n > 21660 ops/webhook #1 was silenced until now by s1 F A!\n ."},
    {"a rise above the silenced priority pages anyway",
     "fire A P3 svc=web\n go 1m\n > 10 ops/webhook #1 first notification F A+\n silence svc=web "
     "1h\n"
     "go 10m\n fire A P1\n go 0s\n > 660 ops/webhook #1 priority raised F A^\n go 3h\n ."},
    {"one silence takes over from another",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n silence svc=web "
     "10m\n"
     "go 5m\n silence alertname=A 30m\n go 20m\n .\n go 20m\n"
     "> 2160 ops/webhook #1 was silenced until now by s2 F A!\n ."},
    {"until resolved",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n until 1\n go 1h\n "
     "end A\n"
     "go 0s\n > 3660 ops/webhook #1 all alerts resolved R A-\n go 2m\n fire A P2\n go 0s\n"
     "> 3780 ops/webhook #2 first notification F A+\n ."},
    {"suppressed by unless, then still on",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n suppress A\n go "
     "5h\n .\n"
     "free A\n go 0s\n > 18060 ops/webhook #1 was suppressed until now by unless F A!\n ."},
    /* --- acknowledgements --- */
    {"an acknowledgement stops reminders, new alerts and a rise break through",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n ack 1\n go 9h\n .\n"
     "fire B P2 svc=web\n go 0s\n > 32460 ops/webhook #1 new alerts F A= B+\n go 5m\n fire A P1\n "
     "go 0s\n"
     "> 32760 ops/webhook #1 priority raised F A^ B=\n go 9h\n .\n end A\n end B\n go 0s\n"
     "> 65160 ops/webhook #1 all alerts resolved R A- B-\n ."},
    {"it runs out",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n ack 1 1h\n go 2h\n"
     "> 3660 ops/webhook #1 acknowledgement ran out F A=\n ."},
    {"released: the reminder that was due comes",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n ack 1\n go 5h\n .\n"
     "release 1\n go 0s\n > 18060 ops/webhook #1 repeat F A=\n ."},
    {"a channel that edits hears of it",
     "fire A P2 svc=web team=live\n go 1m\n > 0 live/slack #1 first notification F A+\n ack 1\n go "
     "0s\n"
     "> 60 live/slack #1 acknowledgement changed F A=\n release 1\n go 0s\n"
     "> 60 live/slack #1 acknowledgement changed F A=\n fire A P4\n go 2m\n"
     "> 120 live/slack #1 priority lowered F Av\n ."},
    /* --- channels that cannot change what they have sent --- */
    {"first, worse, resolved: what joins and ends meanwhile is no message",
     "fire A P2 svc=web team=brief\n go 2m\n > 0 brief/inbox #1 first notification F A+\n"
     "fire B P2 svc=web team=brief\n go 2m\n fire C P3 svc=web team=brief\n go 2m\n end C\n go 2m\n"
     "fire B P3\n go 2m\n .\n fire B P1\n go 0s\n > 600 brief/inbox #1 new alerts F B+ A=\n"
     "go 2m\n end B\n go 10m\n .\n end A\n go 0s\n"
     "> 1320 brief/inbox #1 all alerts resolved R B- A-\n ."},
    {"a rise is told when it is worse than what is known",
     "fire A P2 svc=web team=brief\n fire B P4 svc=web team=brief\n go 2m\n"
     "> 0 brief/inbox #1 first notification F A+ B+\n fire B P3\n go 2m\n .\n fire B P1\n go 0s\n"
     "> 240 brief/inbox #1 priority raised F B^ A=\n ."},
    {"the reminder tells what joined meanwhile",
     "fire A P2 svc=web team=brief\n go 2m\n > 0 brief/inbox #1 first notification F A+\n"
     "fire B P2 svc=web team=brief\n go 5h\n > 14400 brief/inbox #1 repeat F A= B+\n ."},
    {"all that was known is over, something else is on",
     "fire A P2 svc=web team=brief\n go 2m\n > 0 brief/inbox #1 first notification F A+\n"
     "fire B P3 svc=web team=brief\n go 2m\n .\n end A\n go 0s\n"
     "> 240 brief/inbox #1 new alerts F B+ A-\n end B\n go 1m\n"
     "> 300 brief/inbox #1 all alerts resolved R B-\n ."},
    {"all that was known is silenced, something else comes",
     "fire A P2 svc=web team=brief\n go 2m\n > 0 brief/inbox #1 first notification F A+\n"
     "silence alertname=A 6h\n fire B P3 svc=web team=brief\n go 1m\n"
     "> 120 brief/inbox #1 new alerts F B+\n ."},
    {"what joins behind an acknowledgement is told",
     "fire A P2 svc=web team=brief\n go 2m\n > 0 brief/inbox #1 first notification F A+\n ack 1\n"
     "fire B P2 svc=web team=brief\n go 0s\n > 120 brief/inbox #1 new alerts F A= B+\n ."},
    {"the end of a silence and of an acknowledgement are told",
     "fire A P2 svc=web team=brief\n go 1m\n > 0 brief/inbox #1 first notification F A+\n"
     "silence svc=web 1h\n go 2h\n > 3660 brief/inbox #1 was silenced until now by s1 F A!\n"
     "ack 1 1h\n go 2h\n > 10860 brief/inbox #1 acknowledgement ran out F A=\n ."},
    /* --- send_resolved = false --- */
    {"resolves are left out, a refire is told",
     "fire A P1 svc=web team=both\n fire B P1 svc=web team=both\n go 2m\n"
     "> 0 ops/webhook #1 first notification F A+ B+\n > 0 quiet/webhook #1 first notification F A+ "
     "B+\n"
     "end A\n go 2m\n > 120 ops/webhook #1 some alerts resolved F B= A-\n .\n fire A P1\n go 0s\n"
     "> 240 ops/webhook #1 new alerts F B= A+\n > 240 quiet/webhook #1 new alerts F B= A+\n ."},
    /* --- failing receivers --- */
    {
        "down, up again: one message with the present state",
        "down ops/webhook\n fire A P1 svc=web\n go 5m\n fire B P1 svc=web\n go 5m\n end A\n go 1m\n"
        "up ops/webhook\n go 1m\n > 720 ops/webhook #1 first notification; late by 12m F B+ A?\n "
        ".\n",
    },
    {"fired and ended while the receiver was down",
     "down ops/webhook\n fire A P1 svc=web\n go 3m\n end A\n go 3m\n up ops/webhook\n go 2m\n"
     "> 420 ops/webhook #1 fired and ended before it could be told R A?\n go 1d\n ."},
    {"what may have been told is told its end, through a silence",
     "unknown ops/webhook\n fire A P1 svc=web\n go 1m\n silence svc=web 1h\n end A\n go 1m\n"
     "up ops/webhook\n go 5m\n"
     "> 180 ops/webhook #1 fired and ended before it could be told R A?\n go 1d\n ."},
    {"what may have been told to be over is new when it is on again",
     "fire A P1 svc=web\n fire B P1 svc=web\n go 2m\n"
     "> 0 ops/webhook #1 first notification F A+ B+\n unknown ops/webhook\n end A\n go 1m\n"
     "fire A P1\n up ops/webhook\n go 5m\n > 240 ops/webhook #1 new alerts F B= A+\n go 1m\n ."},
    {"fired and ended while nobody could even try",
     "pause ops/webhook\n fire A P1 svc=web\n go 3m\n end A\n go 3m\n resume ops/webhook\n go 0s\n"
     "> 360 ops/webhook #1 fired and ended before it could be told R A?\n go 1d\n ."},
    {"fired and ended before the fallback's time: it is told as well",
     "down pager/webhook\n fire A P1 svc=web team=pager\n go 2m\n end A\n go 179s\n .\n go 1s\n"
     "> 300 backup/webhook #1 fired and ended before it could be told; pager/webhook did not take "
     "it R A?\n"
     "up pager/webhook\n go 1m\n"
     "> 360 pager/webhook #1 fired and ended before it could be told R A?\n go 1d\n ."},
    {"one lane waits, the others go on",
     "down quiet/webhook\n fire A P1 svc=web team=both\n go 2m\n"
     "> 0 ops/webhook #1 first notification F A+\n up quiet/webhook\n go 1m\n"
     "> 180 quiet/webhook #1 first notification F A+\n ."},
    {"the fallback is told after five minutes, and told the end",
     "down pager/webhook\n fire A P1 svc=web team=pager\n go 299s\n .\n go 1s\n"
     "> 300 backup/webhook #1 first notification; pager/webhook did not take it F A+\n go 2m\n end "
     "A\n go 0s\n"
     "> 420 backup/webhook #1 all alerts resolved; pager/webhook did not take it R A-\n up "
     "pager/webhook\n"
     "go 1m\n > 480 pager/webhook #1 fired and ended before it could be told R A?\n ."},
    {"refused: a dead letter, the fallback at once; new content is tried",
     "refuse pager/webhook\n fire A P1 svc=web team=pager\n go 1m\n"
     "> 0 backup/webhook #1 first notification; pager/webhook did not take it F A+\n dead 1\n"
     "up pager/webhook\n go 2h\n .\n fire B P1 svc=web team=pager\n go 0s\n"
     "> 7260 backup/webhook #1 new alerts; pager/webhook did not take it F A= B+\n"
     "> 7260 pager/webhook #1 first notification; late by 2h1m F A+ B+\n dead 0\n ."},
    {"given up after an hour, retried by hand",
     "down ops/webhook\n fire A P1 svc=web\n go 2h\n dead 1\n up ops/webhook\n go 30m\n .\n"
     "retry 1 ops/webhook\n go 0s\n > 9000 ops/webhook #1 first notification; late by 2h30m F A+\n "
     "dead 0\n ."},
    {"a dead letter is tried again with the next reminder",
     "refuse ops/webhook\n fire A P1 svc=web\n go 1h\n up ops/webhook\n go 4h\n"
     "> 14400 ops/webhook #1 first notification F A+\n ."},
    {"dropped by hand", "refuse ops/webhook\n fire A P1 svc=web\n go 1m\n drop 1 ops/webhook\n up "
                        "ops/webhook\n end A\n"
                        "go 1d\n ."},
    /* --- restarts --- */
    {"nothing is doubled by a restart",
     "fire A P1 svc=web\n go 1m\n > 0 ops/webhook #1 first "
     "notification F A+\n restart\n go 1h\n .\n"
     "end A\n go 0s\n restart\n go 0s\n > 3660 ops/webhook #1 all "
     "alerts resolved R A-\n restart\n go 1d\n ."},
    {"a restart in the group wait", "fire A P3 svc=web\n go 4s\n restart\n go 5s\n .\n go 1s\n"
                                    "> 10 ops/webhook #1 first notification F A+\n ."},
    {"a claim that was lost is sent once more, with the same key",
     "fire A P1 svc=web\n hold\n go 0s\n restart\n go 0s\n > 0 ops/webhook #1 first notification F "
     "A+\n"
     "samekey\n go 1h\n ."},
    {"silences and acknowledgements go on",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n ack 1\n"
     "silence svc=db 1h\n fire B P2 svc=db\n go 0s\n restart\n go 59m\n .\n go 1m\n"
     "> 3660 ops/webhook #2 was silenced until now by s1 F B+\n go 1h\n restart\n go 5h\n"
     "> 18060 ops/webhook #2 repeat F B=\n ."},
    {"a silence that ended while the program was down",
     "fire A P2 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n silence svc=web "
     "1h\n go 1m\n"
     "sleep 2h\n restart\n go 0s\n > 7320 ops/webhook #1 was silenced until now by s1 F A!\n ."},
    {"numbers go on after a restart",
     "fire A P1 svc=web\n go 2m\n end A\n go 2m\n restart\n fire B P1 svc=db\n go 0s\n"
     "> 0 ops/webhook #1 first notification F A+\n > 120 ops/webhook #1 all alerts resolved R A-\n"
     "> 240 ops/webhook #2 first notification F B+\n ."},
    {"a send whose fate is unknown comes again, with the same key",
     "unknown ops/webhook\n fire A P1 svc=web\n go 0s\n up ops/webhook\n go 1m\n samekey\n"
     "> 60 ops/webhook #1 first notification F A+\n ."},
    /* --- reloads --- */
    {"a reload that changes nothing tells nobody",
     "fire A P1 svc=web\n go 1m\n > 0 ops/webhook #1 first notification F A+\n reload\n go 1h\n ."},
    {"routed elsewhere: the old lane hears of it",
     "fire A P1 svc=web team=pager\n go 2m\n > 0 pager/webhook #1 first notification F A+\n"
     "reroute pager backup\n go 0s\n > 120 backup/webhook #1 first notification F A+\n"
     "> 120 pager/webhook #1 routed elsewhere now R A>\n end A\n go 1m\n"
     "> 180 backup/webhook #1 all alerts resolved R A-\n ."},
    {"other labels to group by", "fire A P1 svc=web\n go 2m\n > 0 ops/webhook #1 first "
                                 "notification F A+\n regroup alertname\n go 0s\n"
                                 "> 120 ops/webhook #1 routed elsewhere now R A>\n > 120 "
                                 "ops/webhook #2 first notification F A+\n ."},
    {"a second channel of one type",
     "fire A P1 svc=web team=pair\n go 0s\n > 0 two/webhook #1 first notification F A+\n"
     "> 0 two/webhook:2 #1 first notification F A+\n ."},
};
/* clang-format on */

/* --- commands ---------------------------------------------------------------------------------------------- */

static int64_t seconds_of(const char *text)
{
    int64_t ms = 0;

    if (strcmp(text, "0s") == 0)
        return 0;
    ck_assert_msg(text_parse_duration(text, strlen(text), &ms) == 0, "duration %s", text);
    return ms;
}

static void expect_dead(struct scene *s, const char *want)
{
    struct notify_stats st;

    notify_stats(s->n, &st);
    ck_assert_msg((size_t)atoi(want) == st.dead, "%zu dead letters, expected %s", st.dead, want);
}

/* A reload takes the last receiver ("two", of team=pair) out; its alerts go to ops. */
static void take_out(struct scene *s)
{
    struct stage_config *c = stage_config_new(), *old = s->config;

    c->to[4][0] = &c->receivers[OPS];
    c->config.n_receivers = TWO;
    s->config = c;
    notify_configure(s->n, &c->config);
    stage_config_free(old);
}

static void reload(struct scene *s, const char *from, const char *to, const char *group)
{
    static const char *by[1];
    struct stage_config *c = stage_config_new(), *old = s->config;

    for (int i = 0; from && i < 5; i++)
        for (int k = 0; k < N_RECEIVERS; k++)
            if (strcmp(c->child[i].receivers[0]->name, from) == 0 &&
                strcmp(c->receivers[k].name, to) == 0)
                c->to[i][0] = &c->receivers[k];
    if (group) {
        by[0] = strdup(group); /* kept: a test process ends soon */
        c->root.group_by = by;
        for (int i = 0; i < 5; i++)
            c->child[i].group_by = by;
    }
    s->config = c;
    notify_configure(s->n, &c->config);
    stage_config_free(old);
}

static void people(struct scene *s, const char *verb, char *a, char *b)
{
    struct err e = {0};
    int rc = 0;

    if (strcmp(verb, "silence") == 0)
        rc = scene_silence(s, a, seconds_of(b) / SEC, &e) ? 0 : -1;
    else if (strcmp(verb, "until") == 0) {
        struct silence_request r = {.incident = (uint64_t)atoi(a), .until_resolved = true};
        rc = notify_silence(s->n, &r, &ana, NULL, &e) ? 0 : -1;
    } else if (strcmp(verb, "expire") == 0)
        rc = notify_silence_expire(s->n, a, &ana, &e);
    else if (strcmp(verb, "ack") == 0)
        rc = notify_ack(s->n, (uint64_t)atoi(a), b ? seconds_of(b) : 0, "mine", &ana, &e);
    else if (strcmp(verb, "release") == 0)
        rc = notify_release(s->n, (uint64_t)atoi(a), &ana, &e);
    else if (strcmp(verb, "retry") == 0)
        rc = notify_retry(s->n, (uint64_t)atoi(a), b, &ana, &e);
    else if (strcmp(verb, "drop") == 0)
        rc = notify_drop(s->n, (uint64_t)atoi(a), b, &ana, &e);
    else
        ck_abort_msg("no command %s", verb);
    ck_assert_msg(rc == 0, "%s %s: %s", verb, a, e.text);
}

static void run(struct scene *s, char *line)
{
    char whole[256], *at = line, *verb, *a, *b;

    snprintf(whole, sizeof whole, "%s", line);
    verb = strsep(&at, " ");
    a = strsep(&at, " ");
    b = at;
    if (strcmp(verb, "fire") == 0)
        scene_fire(s, whole + 5);
    else if (strcmp(verb, "end") == 0)
        scene_end(s, a);
    else if (strcmp(verb, "suppress") == 0 || strcmp(verb, "free") == 0)
        scene_suppress(s, a, verb[0] == 's');
    else if (strcmp(verb, "go") == 0)
        scene_go(s, seconds_of(a));
    else if (strcmp(verb, "sleep") == 0)
        clock_set(s->clock, clock_wall_ms(s->clock) + seconds_of(a));
    else if (strcmp(verb, "down") == 0)
        s->fate[scene_lane(s, a)] = OUTCOME_TEMPORARY;
    else if (strcmp(verb, "refuse") == 0)
        s->fate[scene_lane(s, a)] = OUTCOME_PERMANENT;
    else if (strcmp(verb, "unknown") == 0)
        s->fate[scene_lane(s, a)] = OUTCOME_UNKNOWN;
    else if (strcmp(verb, "up") == 0)
        s->fate[scene_lane(s, a)] = OUTCOME_DELIVERED;
    else if (strcmp(verb, "pause") == 0 || strcmp(verb, "resume") == 0)
        s->paused[scene_lane(s, a)] = verb[0] == 'p';
    else if (strcmp(verb, "hold") == 0)
        s->hold = true;
    else if (strcmp(verb, "commit") == 0) {
        struct notice *x = s->held;
        ck_assert_ptr_nonnull(x);
        s->held = NULL;
        s->hold = false;
        scene_commit(s, x, OUTCOME_DELIVERED);
    } else if (strcmp(verb, "restart") == 0) {
        if (s->held)
            snprintf(s->key, sizeof s->key, "%s", s->held->key);
        s->hold = false;
        scene_restart(s);
    } else if (strcmp(verb, "samekey") == 0)
        ck_assert_str_eq(s->key, s->last_key);
    else if (strcmp(verb, "dead") == 0)
        expect_dead(s, a);
    else if (strcmp(verb, "reload") == 0)
        reload(s, NULL, NULL, NULL);
    else if (strcmp(verb, "takeout") == 0)
        take_out(s);
    else if (strcmp(verb, "fail") == 0) {
        struct notice *x = s->held;
        ck_assert_ptr_nonnull(x);
        s->held = NULL;
        s->hold = false;
        scene_commit(s, x, OUTCOME_TEMPORARY);
    } else if (strcmp(verb, "reroute") == 0)
        reload(s, a, b, NULL);
    else if (strcmp(verb, "regroup") == 0)
        reload(s, NULL, NULL, a);
    else
        people(s, verb, a, b);
}

static void expect(struct scene *s, const struct story *story, const char *line)
{
    if (line[0] == '.') {
        ck_assert_msg(s->read == s->n_lines, "%s: not expected: %s", story->name,
                      s->n_lines > s->read ? s->lines[s->read] : "");
        return;
    }
    line++;
    while (*line == ' ')
        line++;
    ck_assert_msg(s->read < s->n_lines, "%s: nothing came, expected: %s", story->name, line);
    ck_assert_msg(strcmp(s->lines[s->read], line) == 0, "%s:\n   came %s\n   not  %s", story->name,
                  s->lines[s->read], line);
    s->read++;
}

START_TEST(story)
{
    struct scene *s = scene_new();
    char *script = strdup(stories[_i].script), *at = script, *line;

    while ((line = strsep(&at, "\n"))) {
        while (*line == ' ')
            line++;
        if (line[0] == '>' || line[0] == '.')
            expect(s, &stories[_i], line);
        else if (line[0])
            run(s, line);
    }
    free(script);
    scene_free(s);
}
END_TEST

static void add(TCase *t)
{
    tcase_add_loop_test(t, story, 0, sizeof stories / sizeof *stories);
}

UNIT_MAIN("notify/stories", add)
