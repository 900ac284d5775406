/* A piece of a cut as it stands in Redis: packed, with a checksum. Pure. */
#ifndef TOCSIN_JOURNAL_CUT_CHUNK_H
#define TOCSIN_JOURNAL_CUT_CHUNK_H

#include "base/buf.h"
#include "base/err.h"

#define CUT_CHUNK_MAX ((size_t)256 << 20) /* unpacked */

/* Both put their result into `out`, which is emptied first. */
int cut_chunk_pack(const void *p, size_t n, struct buf *out, struct err *e) MUST_USE;
int cut_chunk_unpack(const void *p, size_t n, struct buf *out, struct err *e) MUST_USE;

#endif
