/* The decode functions, listed in decoders.c. */
#ifndef DECODE_DECODERS_H
#define DECODE_DECODERS_H

#include "tocsin/decode.h"

int decode_remote_write(struct decode_batch *b, const struct decode_input *in, struct err *e);
int decode_json_metrics(struct decode_batch *b, const struct decode_input *in, struct err *e);
int decode_json_events(struct decode_batch *b, const struct decode_input *in, struct err *e);
int decode_form(struct decode_batch *b, const struct decode_input *in, struct err *e);
/* The lines that heartbeat.c describes, and the body. */
int decode_heartbeat(struct decode_batch *b, const struct decode_input *in, struct err *e);
/* Never fails as a whole but for memory: a line that is wrong is left out and counted. */
int decode_statsd(struct decode_batch *b, const struct decode_input *in, struct err *e);

#endif
