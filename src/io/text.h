/* SPDX-License-Identifier: BSD-3-Clause */
/* A text file shared out among the ranks: each gets a range of bytes that begins and ends with a
 * record (a line; with `quotes`, a line's end between double quotes ends none) and reads it in
 * blocks of whole records, within a memory limit. */
#ifndef BVL_IO_TEXT_H
#define BVL_IO_TEXT_H

#include "comm/comm.h"

typedef struct bvl_text {
  const char *path; /* borrowed */
  int fd;           /* -1 = closed */
  int quotes;
  int64_t size;  /* bytes of the file */
  int64_t begin; /* this rank's: begin .. end - 1 */
  int64_t end;
  int64_t next;      /* the first byte not handed out */
  int64_t block;     /* the last block's first byte in the file */
  int64_t room;      /* bytes `buffer` holds, besides a last line's end */
  int64_t most_room; /* what it may grow to for a long record */
  char *buffer;      /* owned */
} bvl_text;

/** Opens the file on every rank, refuses what is no text by its first bytes (compressed, UTF-16,
 * HDF5), skips a byte order mark and cuts the ranges. most_bytes: of the buffer. Collective.
 * @return BVL_ERR_IO, BVL_ERR_INPUT, BVL_ERR_NOMEM; the same on every rank. */
bvl_status bvl_text_open(const bvl_comm *comm, const char *path, int quotes, int64_t most_bytes,
                         bvl_text *text);
void bvl_text_close(bvl_text *text);

/** What lies before `offset`, a record's first byte, is nobody's any more (a header). */
void bvl_text_skip(bvl_text *text, int64_t offset);
/** From this rank's first record again. */
void bvl_text_rewind(bvl_text *text);
/** The next whole records: *block and its *n_bytes, the last of them a line's end also where the
 * file has none; 0 after the last. Valid until the next call. Not collective.
 * @return BVL_ERR_INPUT for a record that is longer than the buffer may be, BVL_ERR_IO. */
bvl_status bvl_text_next(bvl_text *text, const char **block, int64_t *n_bytes);
/** The first record of the file, whosever it is; *next: where the second begins. Rank 0 calls it.
 */
bvl_status bvl_text_first(bvl_text *text, const char **record, int64_t *n_bytes, int64_t *next);

/** BVL_ERR_INPUT as "FILE: line L, column C: ...", for the byte at `at` of the last block; counts
 * the lines before it in the file. Column 0: not said. */
bvl_status bvl_text_fail(const bvl_text *text, const char *at, int64_t column, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/** The last of a path's bytes, so that a message has room for more. */
const char *bvl_text_name(const char *path);

#endif
