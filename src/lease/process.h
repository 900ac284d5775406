/* A process of this machine, as text that another one can judge: whether it is gone. */
#ifndef LEASE_PROCESS_H
#define LEASE_PROCESS_H

#include <stdbool.h>

#define PROCESS_TEXT 128

/* "BOOT PIDNS PID START": this run of the machine, the pid namespace, the number and when it began (clock ticks
 * since the machine did; proc(5), stat). "" where /proc does not say. */
void process_self(char out[PROCESS_TEXT]);
/* True only when it is certain: same machine, same run, same namespace, and no such process (any more; one that
 * waits for its parent to read how it ended is gone). Cost: three small files. */
bool process_is_gone(const char *text);

#endif
