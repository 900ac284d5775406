/* Documents of who is on call, and of calendars (docs/api.md): written here and nowhere else, for the API, the commands
 * and pages. Pure: time is what the caller says. */
#ifndef TOCSIN_ROSTER_VIEW_H
#define TOCSIN_ROSTER_VIEW_H

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "tocsin/oncall.h"

/* {"schedule":"payments","at":…,"oncall":[{"person","since","until","via"}],"next":{"at","oncall":["bo"]}}; of a rotation
 * the first member is "rotation". since and until are null beyond two years, next is null where nothing changes in
 * them. -1 with `e`: no memory; what was written is no whole document. */
int on_call_json(struct json *j, const struct roster *r, const struct roster_changes *changes,
                 const struct roster_ref *who, int64_t at_ms, struct err *e) MUST_USE;
/* {"calendar":"business-hours","at":…,"holds":true,"until":…}; until is null where it stays so for two years. */
int calendar_json(struct json *j, struct calendar *c, const char *name, int64_t at_ms,
                  struct err *e) MUST_USE;

#endif
