/* File descriptors of the process, and who may have how many of them. */
#ifndef TOCSIN_APP_DESCRIPTORS_H
#define TOCSIN_APP_DESCRIPTORS_H

struct descriptors {
    int limit;   /* of the process, after raising */
    int sends;   /* connections of receivers, at most */
    int clients; /* connections of clients, at most */
};

/* Raises the soft limit towards the hard one, at most to DESCRIPTORS_WISHED, and shares it out: a
 * quarter, at most 256, for sends; a fixed part for Redis, files and what starts and ends a child;
 * the rest for clients. So however many clients come, a page can still be sent. */
struct descriptors descriptors_take(void);
/* The sharing alone. */
struct descriptors descriptors_share(long limit);

#define DESCRIPTORS_WISHED 65536 /* more would only cost children that close them one by one */
#define DESCRIPTORS_KEPT   48 /* Redis, listening sockets, files, inotify, pipes, a cut's child */

#endif
