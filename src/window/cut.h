/* The form of a cut, shared by encode.c and decode.c. A cut is a run of chunks of 1 MiB at most;
 * each stands for itself:
 *
 *   chunk:    'T' 'W' version kind | records to the end
 *   sources:  (a series of the source, when it was heard, how far it is behind, first, second - first, newest round - first, usual, started,
 *             fell, held and moved) …
 *   series:   (id - id before, minute - minute before, flags, [ value, time - time before,
 *             [ codes of intervals ], [ all recent, time - each of the recent times ] ]) …
 *   lives:    (a series of the source, newest, newest - resumed, newest marker or 0, shortest interval) …
 *   gone:     (id - id before) …
 *   leaf:     text | since | heard until | (how the group is named, its name, [ series expected, where
 *             groups have several, ] second of its first sample where the window must be covered,
 *             bytes of its state) …
 *
 * Times are those of the clock. Numbers are varints (LEB128), signed ones zigzag; differences restart in each chunk. A group is
 * named by a series where its labels are those of one, else by its labels. */
#ifndef TOCSIN_WINDOW_CUT_H
#define TOCSIN_WINDOW_CUT_H

#define CUT_VERSION     9
#define CUT_CHUNK_BYTES (1u << 20)
#define CUT_FLUSH_BYTES (400u << 10) /* a group is 460 KiB at most */

enum cut_kind { CUT_SOURCES = 1, CUT_SERIES, CUT_LEAF, CUT_LIVES, CUT_GONE };
enum cut_name { CUT_BY_LABELS, CUT_BY_SERIES, CUT_BY_BUCKET };
enum cut_track { CUT_TRACK = 1, CUT_BASE_ONLY = 2, CUT_INTERVALS = 4, CUT_RECENT = 128 };

#endif
