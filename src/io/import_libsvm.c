/* SPDX-License-Identifier: BSD-3-Clause */
/* libsvm and svmlight text, "label [qid:Q] index:value ... [# comment]", into AnnData's csr_matrix
 * and /y. The first reading counts lines, entries and the largest index by the colons alone; the
 * second parses and checks every character, and writes at the offsets. */
#include "io/import.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/number.h"
#include "io/text.h"

/* Of one rank's range, then of the file. */
typedef struct tally {
  int64_t rows, nnz;
  int64_t least, most; /* column numbers: the smallest and largest in the file */
  int64_t with_qid;
} tally;

typedef struct libsvm {
  bvl_import *job;
  bvl_text text;
  bvl_labels labels;
  tally all;
  int64_t row0, nnz0; /* before this rank */
  int64_t rows, nnz;  /* of this rank, by the first reading */
  int64_t base;       /* the first column's number */
  hid_t y, indptr, data, indices;
  /* of one block, owned */
  int64_t row_room, room;
  double *label;
  int64_t *row_end; /* entries up to and with the row, from the matrix' first */
  double *value;
  int64_t *index;
} libsvm;

static int is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

static const char *skip_blanks(const char *c)
{
  while (is_blank(*c)) c++;
  return c;
}

/* ---- first reading --------------------------------------------------------------------------- */

static int64_t count_colons(const char *c, const char *end)
{
  int64_t n = 0;
  for (; c < end; c++) n += *c == ':';
  return n;
}

/* The number whose last digit is before `colon`; -1 when there is none. */
static int64_t number_before(const char *line, const char *colon)
{
  const char *first = colon, *past;
  int64_t value;
  while (first > line && (unsigned)(first[-1] - '0') < 10) first--;
  return bvl_number_index(first, &past, &value) == 0 ? value : -1;
}

static void count_entries(const char *line, const char *end, tally *t)
{
  const char *first = memchr(line, ':', (size_t)(end - line));
  if (first == NULL) return;
  if (first - line >= 4 && memcmp(first - 3, "qid", 3) == 0 && is_blank(first[-4])) {
    t->with_qid++;
    line = first + 1;
    first = memchr(line, ':', (size_t)(end - line));
    if (first == NULL) return;
  }
  const char *last = end - 1;
  while (*last != ':') last--;
  t->nnz += count_colons(first, end);
  const int64_t low = number_before(line, first), high = number_before(line, last);
  t->least = bvl_lesser(t->least, low);
  t->most = bvl_greater(t->most, high);
}

/* A line's end and what of it is no comment: NULL for a line without a label. */
static const char *content_end(const char *line, const char *end)
{
  const char *hash = memchr(line, '#', (size_t)(end - line));
  if (hash != NULL) end = hash;
  line = skip_blanks(line);
  return line < end ? end : NULL;
}

static bvl_status note_label(libsvm *f, const char *line)
{
  const char *past, *c = skip_blanks(line);
  double value;
  if (!f->labels.wanted || bvl_number(c, &past, &value) != BVL_NUMBER_FINITE) return BVL_OK;
  if (bvl_labels_note(&f->labels, value) == 0) return BVL_OK;
  return bvl_text_fail(&f->text, c, c - line + 1, "more than %d different labels for classes",
                       BVL_MOST_LABELS);
}

/* Not collective. */
static bvl_status count_range(libsvm *f, tally *t)
{
  const char *block;
  int64_t n_bytes = 1;
  bvl_status status = BVL_OK;
  while (status == BVL_OK && n_bytes > 0) {
    status = bvl_text_next(&f->text, &block, &n_bytes);
    for (const char *line = block, *last = block + n_bytes; status == BVL_OK && line < last;) {
      const char *end = memchr(line, '\n', (size_t)(last - line));
      const char *content = content_end(line, end);
      if (content != NULL) {
        t->rows++;
        count_entries(line, content, t);
        status = note_label(f, line);
      }
      line = end + 1;
    }
    if (status == BVL_OK) status = bvl_import_step(f->job, n_bytes);
  }
  bvl_text_rewind(&f->text);
  return status;
}

static bvl_status count_all(libsvm *f)
{
  const bvl_comm *comm = &f->job->comm;
  tally t = {.least = INT64_MAX, .most = -1};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(comm, count_range(f, &t)));
  f->rows = t.rows;
  f->nnz = t.nnz;
  BVL_TRY(bvl_offsets(comm, t.rows, &f->row0, &f->all.rows));
  BVL_TRY(bvl_offsets(comm, t.nnz, &f->nnz0, &f->all.nnz));
  int64_t ends[3] = {-t.least, t.most, t.with_qid};
  BVL_TRY(bvl_max_i64(comm, ends, 3));
  f->all.least = -ends[0];
  f->all.most = ends[1];
  f->all.with_qid = ends[2];
cleanup:
  return status;
}

/* ---- shape ----------------------------------------------------------------------------------- */

static bvl_status choose_columns(libsvm *f)
{
  bvl_import *job = f->job;
  const bvl_import_options *options = job->options;
  const int known = options->base < 2;
  f->base = known ? options->base : f->all.least == 0 ? 0 : 1;
  job->outcome->p = bvl_greater(f->all.most + 1 - f->base, 0);
  if (f->all.rows == 0)
    return bvl_fail(BVL_ERR_INPUT, "%s: no line has a label", bvl_text_name(options->file));
  if (job->outcome->p == 0 && options->columns == 0)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s: no line has an index:value (--columns says how many "
                    "columns there are)",
                    bvl_text_name(options->file));
  if (options->columns > 0 && job->outcome->p > options->columns)
    return bvl_fail(BVL_ERR_INPUT, "%s: column number %" PRId64 " is above --columns %" PRId64,
                    bvl_text_name(options->file), f->all.most, options->columns);
  if (options->columns > 0) job->outcome->p = options->columns;
  if (!known)
    bvl_import_note(job, "column numbers begin with %" PRId64 " (%s; --base says it)", f->base,
                    f->base == 0 ? "there is a 0" : "there is no 0");
  if (f->all.with_qid > 0) bvl_import_note(job, "qid is left out");
  return BVL_OK;
}

static bvl_status create_arrays(libsvm *f)
{
  bvl_import *job = f->job;
  const int64_t n = job->outcome->n = f->all.rows, nnz = job->outcome->nnz = f->all.nnz;
  const int64_t n_pointers = n + 1, zero = 0;
  const hid_t real = job->options->single ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
  const hid_t index = job->outcome->p <= INT32_MAX ? H5T_STD_I32LE : H5T_STD_I64LE;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_import_create(job));
  BVL_TRY(bvl_out_sparse_group(&job->out, "/X", "csr_matrix", n, job->outcome->p));
  BVL_TRY(bvl_out_dataset(&job->out, "/X/data", real, 1, &nnz, &f->data));
  BVL_TRY(bvl_out_dataset(&job->out, "/X/indices", index, 1, &nnz, &f->indices));
  BVL_TRY(bvl_out_dataset(&job->out, "/X/indptr", H5T_STD_I64LE, 1, &n_pointers, &f->indptr));
  BVL_TRY(bvl_out_dataset(&job->out, "/y", H5T_IEEE_F64LE, 1, &n, &f->y));
  BVL_TRY(bvl_out_rows(&job->out, f->indptr, H5T_NATIVE_INT64, 0, job->comm.rank == 0, 1, &zero));
cleanup:
  return status;
}

/* ---- second reading -------------------------------------------------------------------------- */

static const char *number_word(bvl_number_kind kind)
{
  return kind == BVL_NUMBER_TOO_LARGE ? "too large for a double"
         : kind == BVL_NUMBER_NONE    ? "not a number"
                                      : "not finite";
}

/* What stands there, for a message: printable characters alone. */
static void quote(const char *c, char out[24])
{
  int n = 0;
  for (; n < 20 && c[n] != '\n' && c[n] != '\0' && !is_blank(c[n]); n++)
    out[n] = (unsigned char)c[n] < 32 || (unsigned char)c[n] > 126 ? '?' : c[n];
  out[n] = '\0';
}

static bvl_status refuse(const libsvm *f, const char *line, const char *at, const char *what)
{
  char text[24];
  quote(at, text);
  return bvl_text_fail(&f->text, at, at - line + 1, "%s%s%s", text, text[0] != '\0' ? ": " : "",
                       what);
}

static bvl_status take_label(libsvm *f, const char *line, const char **at, double *out)
{
  const char *c = skip_blanks(line), *past;
  const bvl_number_kind kind = bvl_number(c, &past, out);
  *at = past;
  if (kind != BVL_NUMBER_FINITE) return refuse(f, line, c, number_word(kind));
  if (*past == ',') return refuse(f, line, c, "several labels");
  if (*past == ':') return refuse(f, line, c, "a line begins with its label");
  if (!is_blank(*past) && *past != '\n' && *past != '#') return refuse(f, line, c, "not a number");
  *out = bvl_labels_map(&f->labels, *out);
  return BVL_OK;
}

static bvl_status take_qid(const libsvm *f, const char *line, const char **at)
{
  const char *c = skip_blanks(*at), *past;
  int64_t number;
  if (strncmp(c, "qid:", 4) != 0) return BVL_OK;
  if (bvl_number_index(c + 4, &past, &number) != 0 ||
      (!is_blank(*past) && *past != '\n' && *past != '#'))
    return refuse(f, line, c, "not a query's number");
  *at = past;
  return BVL_OK;
}

/* The entries of a line from *at on: *n of the block become more. */
static bvl_status take_entries(libsvm *f, const char *line, const char *at, int64_t *n)
{
  int64_t before = -1;
  for (;;) {
    const char *first = skip_blanks(at), *past;
    int64_t number, k = *n;
    if (*first == '\n' || *first == '#') break;
    if (bvl_number_index(first, &past, &number) != 0 || *past != ':')
      return refuse(f, line, first, "wanted index:value");
    number -= f->base;
    if (number < 0) return refuse(f, line, first, "column numbers begin with 1 (--base 0: with 0)");
    if (number == before) return refuse(f, line, first, "this column is on the line twice");
    if (number < before) return refuse(f, line, first, "column numbers must ascend on a line");
    if (k == f->room) return bvl_fail(BVL_ERR_INTERNAL, "more entries than bytes");
    const char *value = past + 1;
    const bvl_number_kind kind = bvl_number(value, &at, &f->value[k]);
    if (kind != BVL_NUMBER_FINITE) return refuse(f, line, value, number_word(kind));
    if (!is_blank(*at) && *at != '\n' && *at != '#') return refuse(f, line, value, "not a number");
    if (f->job->options->single && fabs(f->value[k]) > FLT_MAX)
      return refuse(f, line, value, "too large for --precision single");
    f->index[k] = before = number;
    *n = k + 1;
  }
  if (before < f->job->outcome->p) return BVL_OK; /* the first reading looked at the last one */
  return bvl_fail(BVL_ERR_IO, "%s changed while it was read", bvl_text_name(f->text.path));
}

/* Whole lines: their labels, ends and entries. */
static bvl_status parse_block(libsvm *f, const char *block, int64_t n_bytes, int64_t nnz0,
                              int64_t *rows, int64_t *nnz)
{
  bvl_status status = BVL_OK;
  *rows = *nnz = 0;
  for (const char *line = block, *last = block + n_bytes; line < last;) {
    const char *end = memchr(line, '\n', (size_t)(last - line)), *at;
    if (content_end(line, end) != NULL) {
      status = take_label(f, line, &at, &f->label[*rows]);
      if (status == BVL_OK) status = take_qid(f, line, &at);
      if (status == BVL_OK) status = take_entries(f, line, at, nnz);
      if (status != BVL_OK) return status;
      f->row_end[(*rows)++] = nnz0 + *nnz;
    }
    line = end + 1;
  }
  return BVL_OK;
}

/* A row takes two bytes ("1\n") and an entry four (" 1:2") at least. */
static bvl_status make_room(libsvm *f, int64_t n_bytes)
{
  bvl_status status = BVL_GROW_ALL(&f->row_room, n_bytes / 2 + 1, BVL_GROWN(&f->label),
                                   BVL_GROWN(&f->row_end));
  if (status != BVL_OK) return status;
  return BVL_GROW_ALL(&f->room, n_bytes / 4 + 1, BVL_GROWN(&f->value), BVL_GROWN(&f->index));
}

static bvl_status write_block(libsvm *f, int64_t row, int64_t rows, int64_t entry, int64_t nnz)
{
  bvl_out *out = &f->job->out;
  bvl_status status = bvl_out_rows(out, f->y, H5T_NATIVE_DOUBLE, row, rows, 1, f->label);
  if (status == BVL_OK)
    status = bvl_out_rows(out, f->indptr, H5T_NATIVE_INT64, row + 1, rows, 1, f->row_end);
  if (status == BVL_OK)
    status = bvl_out_rows(out, f->data, H5T_NATIVE_DOUBLE, entry, nnz, 1, f->value);
  if (status == BVL_OK)
    status = bvl_out_rows(out, f->indices, H5T_NATIVE_INT64, entry, nnz, 1, f->index);
  return status;
}

/* Each round a block of every rank; ranks that are through take part with nothing. */
static bvl_status write_all(libsvm *f)
{
  bvl_import *job = f->job;
  int64_t row = f->row0, entry = f->nnz0, more = 1;
  bvl_status status = BVL_OK;
  while (more) {
    const char *block;
    int64_t n_bytes = 0, rows = 0, nnz = 0;
    status = bvl_text_next(&f->text, &block, &n_bytes);
    if (status == BVL_OK) status = make_room(f, n_bytes);
    if (status == BVL_OK) status = parse_block(f, block, n_bytes, entry, &rows, &nnz);
    if (status == BVL_OK && (row + rows > f->row0 + f->rows || entry + nnz > f->nnz0 + f->nnz))
      status = bvl_fail(BVL_ERR_IO, "%s changed while it was read", job->options->file);
    if (status == BVL_OK) status = bvl_import_step(job, n_bytes);
    more = n_bytes > 0;
    BVL_TRY(bvl_agree(&job->comm, status));
    BVL_TRY(bvl_max_i64(&job->comm, &more, 1));
    BVL_TRY(write_block(f, row, rows, entry, nnz));
    bvl_import_written(job, 16 * rows + 12 * nnz);
    row += rows;
    entry += nnz;
  }
  if (row != f->row0 + f->rows || entry != f->nnz0 + f->nnz)
    status = bvl_fail(BVL_ERR_IO, "%s changed while it was read", job->options->file);
  status = bvl_agree(&job->comm, status);
cleanup:
  return status;
}

static void close_all(libsvm *f)
{
  bvl_h5_release(&f->y);
  bvl_h5_release(&f->indptr);
  bvl_h5_release(&f->data);
  bvl_h5_release(&f->indices);
  bvl_labels_free(&f->labels);
  bvl_text_close(&f->text);
  free(f->label);
  free(f->row_end);
  free(f->value);
  free(f->index);
}

bvl_status bvl_import_libsvm(bvl_import *job)
{
  libsvm f = {.job = job};
  bvl_status status = BVL_OK;
  if (job->options->missing == BVL_MISSING_MEAN || job->options->missing == BVL_MISSING_DROP)
    return bvl_fail(BVL_ERR_USAGE, "--missing mean and drop go with csv and plink: what a libsvm "
                                   "file does not name is 0");
  BVL_TRY(bvl_agree(&job->comm, bvl_labels_init(job, &f.labels)));
  /* a block of b bytes becomes at most 8 b of labels and ends and 4 b of entries */
  BVL_TRY(
      bvl_text_open(&job->comm, job->options->file, 0, job->options->memory_limit / 16, &f.text));
  job->outcome->bytes = f.text.size;
  job->bytes_all = 2 * (f.text.end - f.text.begin);
  BVL_TRY(count_all(&f));
  BVL_TRY(bvl_labels_merge(job, &f.labels));
  BVL_TRY(choose_columns(&f));
  BVL_TRY(create_arrays(&f));
  BVL_TRY(write_all(&f));
  BVL_TRY(bvl_labels_write(job, &f.labels));
cleanup:
  close_all(&f);
  return status;
}
