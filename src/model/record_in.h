/* What records in Redis hold in more than one room: labels and priorities. See base/json_in.h. */
#ifndef TOCSIN_MODEL_RECORD_IN_H
#define TOCSIN_MODEL_RECORD_IN_H

#include <stddef.h>

#include "base/json_in.h"
#include "model/labels.h"

/* The labels of the object `key`, sorted; views that borrow from `o`. Returns how many, -1: they are no set
 * of labels, or more than `max`. */
int record_in_labels(const cJSON *o, const char *key, struct label *out, size_t max);
/* "P2" is 2; a number from 1 to 5 stands for itself, as earlier versions wrote some. 0: neither. */
int record_in_priority(const cJSON *o, const char *key);

#endif
