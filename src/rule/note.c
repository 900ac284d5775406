#include "rule/rules.h"
#include "rule/touched.h"

#define PICK_AGAIN_MS 1000

void rules_note(struct rules *e, struct rule *r, int64_t at_ms)
{
    int64_t due_ms = touched_next_ms(r);

    if (r->n_ready > 0 && r->picks_missing)
        due_ms = at_ms + PICK_AGAIN_MS; /* there was no memory to pick them */
    else if (r->n_ready > 0 || r->look_due || look_is_open(r))
        agenda_mark(&e->agenda, r->rank);
    agenda_wait(&e->agenda, r->rank, due_ms);
}
