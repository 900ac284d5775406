/* What a demo looks at while it runs: incidents that open, grow and end. */
#ifndef TOCSIN_CLI_DEMO_H
#define TOCSIN_CLI_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/show.h"

#define DEMO_INCIDENTS 64 /* followed at a time; the oldest is let go */

struct demo_watch {
    uint64_t last;   /* incidents up to this number were there before */
    int64_t data_ms; /* when the newest data was sent, wall clock */
    struct demo_incident {
        uint64_t number;
        int64_t data_ms; /* the data it was found after */
        bool told, ended;
        int priority_rank; /* '1' … '5' */
        int firing;
    } open[DEMO_INCIDENTS];
    size_t n_open;
};

/* Remembers which incidents there are. Returns an exit code. */
int demo_watch_open(struct demo_watch *w);
void demo_watch_close(struct demo_watch *w);
/* Asks once and tells what is new. An answer that does not come is let pass. */
void demo_watch(struct demo_watch *w, void (*say)(const char *line));

/* "#1 P1 checkout: 23% of requests fail → inbox (0.3 s after the data)" of GET incidents/N. */
void show_demo_opened(const cJSON *incident, int64_t data_ms, struct buf *out);
/* "#1 resolved after 1m19s, value 23%, limit changed" */
void show_demo_resolved(const cJSON *incident, struct buf *out);

#endif
