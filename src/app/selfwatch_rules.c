/* Samples about rules that run badly, and about what was mended. */
#include "app/selfwatch_impl.h"

#include <string.h>

#define UNMATCHED_TOLD_MS (3 * 3600 * 1000) /* a rule that has seen no data for this long is told */
#define RULES_A_TURN      5000              /* about a millisecond */

bool selfwatch_add_rules(struct selfwatch *s)
{
    const struct rules *rules = selfwatch_parts(s)->rules;
    size_t end = s->next_rule + RULES_A_TURN;

    for (; s->next_rule < rules_count(rules) && s->next_rule < end; s->next_rule++) {
        const struct rule *r = rules_at(rules, s->next_rule);
        const struct rule_def *d = rule_definition(r);
        struct rule_stats st;

        rule_stats(r, &st);
        if (st.overflow > 0)
            selfwatch_add(s, "tocsin_rule_groups_over_limit", "rule", d->name, st.overflow);
        if (st.broken)
            selfwatch_add(s, "tocsin_rule_broken", "rule", d->name, 1);
        if (!st.matched && d->n_leaves > 0 && s->at_ms - st.since_ms > UNMATCHED_TOLD_MS)
            selfwatch_add(s, "tocsin_rule_unmatched_seconds", "rule", d->name,
                          (double)(s->at_ms - st.since_ms) / 1000);
    }
    return s->next_rule >= rules_count(rules);
}

/* What was mended or removed sends no sample any more, also after a restart: 0 is sent for each
 * alert that is on, or it would stay on until it is forgotten. */
struct settling {
    struct selfwatch *s;
    const char *metric, *label;
    size_t n_before; /* samples of this turn that say otherwise */
};

static void settle_alert(struct alert *a, void *arg)
{
    const struct settling *x = arg;
    struct selfwatch *s = x->s;
    size_t n = s->n_samples;

    for (size_t i = 0; a->state.firing && i < a->n_labels; i++)
        if (strcmp(a->labels[i].name, x->label) == 0)
            selfwatch_add(s, x->metric, x->label, a->labels[i].value, 0);
    for (size_t i = 0; s->n_samples > n && i < x->n_before; i++)
        if (s->samples[i].series == s->samples[n].series)
            s->n_samples = n;
}

/* Bound: alerts of our own that are on, by samples: some thousands (SELF_SAMPLES_MAX, the rules' limits),
 * a nanosecond each. */
void selfwatch_settle(struct selfwatch *s)
{
    static const struct {
        const char *rule, *metric, *label;
    } rows[] = {{"RuleFileRejected", "tocsin_rule_file_rejected", "file"},
                {"RuleBroken", "tocsin_rule_broken", "rule"},
                {"RuleLimitReached", "tocsin_rule_groups_over_limit", "rule"},
                {"RuleNeverMatched", "tocsin_rule_unmatched_seconds", "rule"},
                {"DeliveryFailing", "tocsin_lane_failing_seconds", "lane"},
                {"RedisRefuses", "tocsin_redis_refusing_seconds", "reason"},
                {"ClockStepped", "tocsin_clock_step_seconds", "what"},
                {"SourceClockOff", "tocsin_source_clock_off_seconds", "source"},
                {"DataLost", "tocsin_data_lost", "what"}};
    size_t n_before = s->n_samples;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct alert_rule *r = alert_rule_find(selfwatch_parts(s)->book, rows[i].rule);
        struct settling x = {s, rows[i].metric, rows[i].label, n_before};

        if (r)
            alert_each_of(r, settle_alert, &x);
    }
}
