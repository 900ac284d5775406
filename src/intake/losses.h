/* Counts what a batch has left out, and logs each reason when it is met first. */
#ifndef INTAKE_LOSSES_H
#define INTAKE_LOSSES_H

#include "tocsin/intake.h"

void losses_count(struct ingest_protocol_stats *s, enum ingest_protocol p,
                  const struct ingest_batch *b);

#endif
