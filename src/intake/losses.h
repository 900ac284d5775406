/* Counts what a batch has left out, and logs each reason when it is met first. */
#ifndef INTAKE_LOSSES_H
#define INTAKE_LOSSES_H

#include "tocsin/intake.h"

void losses_count(struct intake_protocol_stats *s, enum decode_protocol p,
                  const struct decode_batch *b);

#endif
