/* SPDX-License-Identifier: BSD-3-Clause */
/* Rank r of R looks for the first record that begins at byte r size / R or later: it reads from
 * there to the next line's end, and where line ends may stand between quotes it first learns from
 * the lower ranks whether an odd number of quotes lies before. */
#include "io/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"

enum { SCAN_BYTES = 1 << 16, BLOCK_BYTES = 4 << 20, LEAST_BYTES = 256 };

const char *bvl_text_name(const char *path)
{
  size_t length = strlen(path);
  return length > 80 ? path + length - 80 : path;
}

/* All of [offset, offset + n) that the file has: *got <= n. */
static bvl_status read_bytes(const bvl_text *text, int64_t offset, int64_t n, char *out,
                             int64_t *got)
{
  *got = 0;
  while (*got < n) {
    ssize_t now = pread(text->fd, out + *got, (size_t)(n - *got), (off_t)(offset + *got));
    if (now < 0 && errno == EINTR) continue;
    if (now < 0)
      return bvl_fail(BVL_ERR_IO, "cannot read %s: %s", bvl_text_name(text->path), strerror(errno));
    if (now == 0) break;
    *got += now;
  }
  return BVL_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

static bvl_status open_file(bvl_text *text)
{
  struct stat about;
  const char *name = bvl_text_name(text->path);
  text->fd = open(text->path, O_RDONLY);
  if (text->fd < 0 || fstat(text->fd, &about) != 0)
    return bvl_fail(BVL_ERR_IO, "cannot open %s: %s", name, strerror(errno));
  if (!S_ISREG(about.st_mode)) return bvl_fail(BVL_ERR_IO, "%s: not a plain file", name);
  if (about.st_size == 0) return bvl_fail(BVL_ERR_INPUT, "%s: it is empty", name);
  text->size = about.st_size;
  return BVL_OK;
}

/* Refuses by the first bytes, and says how many of them mark the byte order. */
static bvl_status look(const bvl_text *text, int64_t *mark)
{
  static const struct {
    const char *bytes, *what;
  } other[] = {{"\x1f\x8b", "compressed by gzip: unpack it first"},
               {"\xff\xfe", "UTF-16: save it as UTF-8"},
               {"\xfe\xff", "UTF-16: save it as UTF-8"},
               {"\x89HDF", "an HDF5 file: it needs no import"},
               {"PK\x03\x04", "a zip archive or a spreadsheet: save it as csv"}};
  char head[4] = "";
  int64_t got;
  bvl_status status = read_bytes(text, 0, 4, head, &got);
  if (status != BVL_OK) return status;
  for (size_t k = 0; k < sizeof other / sizeof other[0]; k++)
    if ((int64_t)strlen(other[k].bytes) <= got &&
        memcmp(head, other[k].bytes, strlen(other[k].bytes)) == 0)
      return bvl_fail(BVL_ERR_INPUT, "%s: %s", bvl_text_name(text->path), other[k].what);
  *mark = got >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  return BVL_OK;
}

static bvl_status count_quotes(const bvl_text *text, int64_t from, int64_t to, char *scan,
                               int64_t *count)
{
  *count = 0;
  while (from < to) {
    int64_t got;
    bvl_status status = read_bytes(text, from, bvl_lesser(SCAN_BYTES, to - from), scan, &got);
    if (status != BVL_OK) return status;
    if (got == 0) break;
    for (int64_t k = 0; k < got; k++) *count += scan[k] == '"';
    from += got;
  }
  return BVL_OK;
}

/* The first record that begins at `from` or later; `inside`: an odd number of quotes is before. */
static bvl_status find_cut(const bvl_text *text, int64_t mark, int64_t from, int inside, char *scan,
                           int64_t *cut)
{
  *cut = text->size;
  if (from <= mark) {
    *cut = mark;
    return BVL_OK;
  }
  int64_t at = from - 1, got = 1; /* a line that ends right before has its next begin at `from` */
  for (int first = 1; at < text->size && got > 0; first = 0) {
    bvl_status status = read_bytes(text, at, SCAN_BYTES, scan, &got);
    if (status != BVL_OK) return status;
    for (int64_t k = 0; k < got; k++) {
      if (scan[k] == '"' && text->quotes && !(first && k == 0)) inside = !inside;
      if (scan[k] != '\n' || inside) continue;
      *cut = at + k + 1;
      return BVL_OK;
    }
    at += got;
  }
  return BVL_OK;
}

/* Collective. */
static bvl_status cut_ranges(const bvl_comm *comm, bvl_text *text, int64_t mark, char *scan)
{
  const int64_t from = bvl_cut(text->size, comm->size, comm->rank);
  const int64_t to = bvl_cut(text->size, comm->size, comm->rank + 1);
  int64_t before = 0, own = 0;
  bvl_status status = BVL_OK;
  if (text->quotes && comm->size > 1) {
    status = bvl_agree(comm, count_quotes(text, from, to, scan, &own));
    if (status == BVL_OK) status = bvl_offsets(comm, own, &before, NULL);
    if (status != BVL_OK) return status;
  }
  status = find_cut(text, mark, from, before % 2 != 0, scan, &text->begin);
  if (status == BVL_OK)
    status = find_cut(text, mark, to, (before + own) % 2 != 0, scan, &text->end);
  if (comm->rank == comm->size - 1) text->end = text->size;
  return bvl_agree(comm, status);
}

bvl_status bvl_text_open(const bvl_comm *comm, const char *path, int quotes, int64_t most_bytes,
                         bvl_text *text)
{
  int64_t mark = 0, size;
  char *scan = NULL;
  bvl_status status = BVL_OK;
  memset(text, 0, sizeof *text);
  text->path = path;
  text->quotes = quotes;
  text->fd = -1;
  text->most_room = bvl_greater(most_bytes, LEAST_BYTES);
  text->room = bvl_lesser(text->most_room, BLOCK_BYTES);
  status = open_file(text);
  if (status == BVL_OK) status = look(text, &mark);
  text->room = bvl_lesser(text->room, bvl_greater(text->size, LEAST_BYTES));
  if (status == BVL_OK) status = BVL_ALLOC(&text->buffer, text->room + 2);
  if (status == BVL_OK) status = BVL_ALLOC(&scan, SCAN_BYTES);
  BVL_TRY(bvl_agree(comm, status));
  size = text->size;
  BVL_TRY(bvl_check_same(comm, size, "the size of the file"));
  BVL_TRY(cut_ranges(comm, text, mark, scan));
  text->next = text->begin;
cleanup:
  free(scan);
  if (status != BVL_OK) bvl_text_close(text);
  return status;
}

void bvl_text_close(bvl_text *text)
{
  if (text->buffer != NULL) { /* a zeroed one never was open */
    free(text->buffer);
    text->buffer = NULL;
    if (text->fd >= 0) close(text->fd);
  } else if (text->fd > 0) {
    close(text->fd);
  }
  text->fd = -1;
}

void bvl_text_skip(bvl_text *text, int64_t offset)
{
  text->begin = bvl_greater(text->begin, offset);
  text->end = bvl_greater(text->end, text->begin);
  text->next = text->begin;
}

void bvl_text_rewind(bvl_text *text)
{
  text->next = text->begin;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Bytes up to and with the last record's end among the first n; 0 when none ends there. */
static int64_t whole_records(const bvl_text *text, int64_t n)
{
  const char *buffer = text->buffer;
  if (!text->quotes || memchr(buffer, '"', (size_t)n) == NULL) {
    while (n > 0 && buffer[n - 1] != '\n') n--;
    return n;
  }
  int64_t whole = 0;
  int inside = 0;
  for (int64_t k = 0; k < n; k++) {
    inside ^= buffer[k] == '"';
    if (buffer[k] == '\n' && !inside) whole = k + 1;
  }
  return whole;
}

static bvl_status enlarge(bvl_text *text)
{
  int64_t wanted = bvl_lesser(2 * text->room, text->most_room);
  if (text->room >= text->most_room)
    return bvl_text_fail(text, text->buffer, 0, "longer than %" PRId64 " bytes (--memory-limit)%s",
                         text->room, text->quotes ? ", or a quote that nothing closes" : "");
  char *larger = realloc(text->buffer, (size_t)wanted + 2);
  if (larger == NULL)
    return bvl_fail(BVL_ERR_NOMEM, "no memory for a line of %" PRId64 " bytes", wanted);
  text->buffer = larger;
  text->room = wanted;
  return BVL_OK;
}

/* Whole records of [offset, end), which is the file's or this rank's end. */
static bvl_status take_block(bvl_text *text, int64_t offset, int64_t end, int64_t *n_bytes)
{
  for (;;) {
    int64_t wanted = bvl_lesser(text->room, end - offset), got;
    bvl_status status = read_bytes(text, offset, wanted, text->buffer, &got);
    if (status != BVL_OK) return status;
    text->block = offset;
    if (got < wanted)
      return bvl_fail(BVL_ERR_IO, "%s became shorter while it was read", bvl_text_name(text->path));
    *n_bytes = whole_records(text, got);
    if (offset + got == end) { /* the last record needs no line's end */
      *n_bytes = got;
      return BVL_OK;
    }
    if (*n_bytes > 0) return BVL_OK;
    status = enlarge(text);
    if (status != BVL_OK) return status;
  }
}

/* A line's end behind a last line without, and a NUL behind everything. */
static void close_block(bvl_text *text, int64_t *n_bytes)
{
  if (text->buffer[*n_bytes - 1] != '\n') text->buffer[(*n_bytes)++] = '\n';
  text->buffer[*n_bytes] = '\0';
}

bvl_status bvl_text_next(bvl_text *text, const char **block, int64_t *n_bytes)
{
  *n_bytes = 0;
  *block = text->buffer;
  if (text->next >= text->end) return BVL_OK;
  bvl_status status = take_block(text, text->next, text->end, n_bytes);
  if (status != BVL_OK) return status;
  *block = text->buffer;
  text->next += *n_bytes;
  close_block(text, n_bytes);
  return BVL_OK;
}

bvl_status bvl_text_first(bvl_text *text, const char **record, int64_t *n_bytes, int64_t *next)
{
  int64_t begin = text->begin;
  int inside = 0;
  for (;; begin = *next) {
    *record = text->buffer;
    *n_bytes = 0;
    *next = text->size;
    if (begin >= text->size)
      return bvl_fail(BVL_ERR_INPUT, "%s: nothing but empty lines", bvl_text_name(text->path));
    bvl_status status = take_block(text, begin, text->size, n_bytes);
    if (status != BVL_OK) return status;
    close_block(text, n_bytes);
    *record = text->buffer;
    int64_t k = 0;
    for (inside = 0; k < *n_bytes; k++) {
      inside ^= text->quotes && text->buffer[k] == '"';
      if (text->buffer[k] == '\n' && !inside) break;
    }
    *n_bytes = bvl_lesser(k + 1, *n_bytes);
    *next = bvl_lesser(begin + *n_bytes, text->size);
    if (strspn(text->buffer, " \t\r") < (size_t)k) return BVL_OK; /* not an empty line */
  }
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Lines that end before `offset`, and 1. */
static int64_t line_at(const bvl_text *text, int64_t offset)
{
  char *scan = malloc(SCAN_BYTES);
  int64_t line = 1, got = 1;
  for (int64_t at = 0; scan != NULL && at < offset && got > 0; at += got) {
    if (read_bytes(text, at, bvl_lesser(SCAN_BYTES, offset - at), scan, &got) != BVL_OK) break;
    for (int64_t k = 0; k < got; k++) line += scan[k] == '\n';
  }
  free(scan);
  return line;
}

bvl_status bvl_text_fail(const bvl_text *text, const char *at, int64_t column, const char *format,
                         ...)
{
  char what[BVL_MESSAGE_BYTES], where[32] = "";
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  if (column > 0) snprintf(where, sizeof where, ", column %" PRId64, column);
  return bvl_fail(BVL_ERR_INPUT, "%s: line %" PRId64 "%s: %s", bvl_text_name(text->path),
                  line_at(text, text->block + (at - text->buffer)), where, what);
}
