/* What the reader of a document may see. */
#include <string.h>

#include "tocsin/view.h"

/* Refused only by a label that is known to be another one: what a rule or a silence leaves open
 * may concern the caller. */
static bool may_have(const struct matcher *wanted, const char *name, const char *value)
{
    return strcmp(matcher_name(wanted), name) != 0 || matcher_test(wanted, value, strlen(value));
}

bool view_may_concern(const struct view *v, struct matcher *const *known, size_t n)
{
    for (size_t i = 0; i < v->who->n_scope; i++)
        for (size_t k = 0; k < n; k++)
            if (matcher_op(known[k]) == MATCH_EQUAL && !matcher_negated(known[k]) &&
                !may_have(v->who->scope[i], matcher_name(known[k]), matcher_value(known[k])))
                return false;
    return true;
}

bool view_sees_rule(const struct view *v, const struct rule_def *d)
{
    for (size_t i = 0; i < v->who->n_scope; i++) {
        const struct matcher *m = v->who->scope[i];

        if (!may_have(m, "alertname", d->name) || (d->team && !may_have(m, "team", d->team)))
            return false;
        for (size_t k = 0; k < d->n_labels; k++)
            if (!may_have(m, d->labels[k].name, d->labels[k].value))
                return false;
    }
    return true;
}

bool view_sees_alert(const struct view *v, const struct alert *a)
{
    return actor_sees(v->who, a->labels, a->n_labels, a->state.firing);
}

void labels_json(struct json *j, const char *key, const struct label *l, size_t n)
{
    json_key(j, key);
    json_object(j);
    for (size_t i = 0; i < n; i++) {
        json_key_n(j, l[i].name, l[i].name_len);
        json_str_n(j, l[i].value, l[i].value_len);
    }
    json_object_end(j);
}
