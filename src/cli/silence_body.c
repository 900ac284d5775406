#include "base/json.h"
#include "cli/cli.h"
#include "cli/silence.h"

void silence_body(const struct silence_wish *w, bool dry_run, struct buf *out)
{
    struct json j = json_into(out);

    json_object(&j);
    if (w->incident)
        json_kint(&j, "incident", (int64_t)w->incident);
    if (w->n_matchers) {
        json_key(&j, "matchers");
        json_array(&j);
        for (size_t i = 0; i < w->n_matchers; i++)
            json_str(&j, w->matchers[i]);
        json_array_end(&j);
    }
    if (w->id)
        json_kstr(&j, "id", w->id);
    if (w->for_)
        json_kstr(&j, "for", w->for_);
    else if (w->until)
        json_kstr(&j, "endsAt", w->until);
    else if (w->incident)
        json_kbool(&j, "untilResolved", true);
    if (w->start)
        json_kstr(&j, "startsAt", w->start);
    json_kstr(&j, "comment", w->comment ? w->comment : "");
    json_kstr(&j, "createdBy", person());
    if (w->wide > 0)
        json_kint(&j, "wide", w->wide);
    if (w->any_priority)
        json_kbool(&j, "anyPriority", true);
    if (dry_run)
        json_kbool(&j, "dryRun", true);
    json_object_end(&j);
}
