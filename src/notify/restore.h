/* Rows of Redis read back. Each -1 with `e`: it cannot be read, or there is no memory; nothing has changed. */
#ifndef TOCSIN_NOTIFY_RESTORE_H
#define TOCSIN_NOTIFY_RESTORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct entry;
struct notify;

int restore_incident(struct notify *n, const char *json, size_t len, struct err *e) MUST_USE;
int restore_entry(struct notify *n, const char *json, size_t len, struct err *e) MUST_USE;
/* Of incidents and entries that are there already; an incident's in the order of their numbers. */
int restore_member(struct notify *n, uint64_t incident, const char *json, size_t len,
                   struct err *e) MUST_USE;
int restore_row(struct entry *e, uint32_t n, const char *json, size_t len,
                struct err *err) MUST_USE;
/* Once it is whole: nobody knows the fate of what was on its way. */
void restored_entry(struct entry *e);
int restore_silence(struct notify *n, const char *json, size_t len, struct err *e) MUST_USE;

#endif
