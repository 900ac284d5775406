/* Watches files for changes: the folders they are in, since editors replace files. Changes within
 * a third of a second are told as one. */
#ifndef TOCSIN_APP_WATCH_H
#define TOCSIN_APP_WATCH_H

#include "base/err.h"
#include "tocsin/loop.h"

struct file_watch;

/* NULL: no inotify here; then only SIGHUP and /-/reload load anew. */
struct file_watch *file_watch_new(struct loop *l, void (*changed)(void *arg), void *arg,
                                  struct err *e);
void file_watch_free(struct file_watch *w);
/* Adds a file: it is looked for in its folder by name, and so are Lua and data files there (the path
 * may hold a pattern in its last part). At most 256 folders and 4,096 names. */
void file_watch_add(struct file_watch *w, const char *path);
/* Adds that folder and those in it, two deep: what a file that does not load includes is not
 * known, and it is to be loaded anew when that is mended. */
void file_watch_below(struct file_watch *w, const char *path);

#endif
