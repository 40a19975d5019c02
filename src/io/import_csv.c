/* SPDX-License-Identifier: BSD-3-Clause */
/* Separated values into a dense X and /y. The first reading counts rows and, where that is asked
 * for, sums up columns and collects labels; the second writes. */
#include "io/import.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/csv.h"

typedef struct csv_file {
  bvl_import *job;
  bvl_text text;
  bvl_csv csv;
  bvl_missing missing; /* never auto */
  bvl_labels labels;
  int64_t response;   /* its field */
  int64_t row0, rows; /* this rank's, as written */
  double *sum;        /* p sums of what is there, then p counts of it; then the means; owned */
  double *scratch;    /* p, owned */
  hid_t x, y;
  int64_t x_room, y_room;
  double *x_block, *y_block; /* owned */
} csv_file;

/* ---- header ---------------------------------------------------------------------------------- */

/* Rank 0's first record on every rank. Collective. */
static bvl_status share_first(csv_file *f, char **record, int64_t *n_bytes, int64_t *next)
{
  const bvl_comm *comm = &f->job->comm;
  const char *first = NULL;
  int64_t ends[2] = {0, 0};
  bvl_status status = BVL_OK;
  *record = NULL;
  if (comm->rank == 0) status = bvl_text_first(&f->text, &first, &ends[0], &ends[1]);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_bcast_i64(comm, 0, ends, 2));
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(record, ends[0] + 1)));
  if (comm->rank == 0) memcpy(*record, first, (size_t)ends[0]);
  BVL_TRY(bvl_bcast_bytes(comm, 0, *record, ends[0]));
  *n_bytes = ends[0];
  *next = ends[1];
cleanup:
  return status;
}

static bvl_status ignore_columns(csv_file *f)
{
  const char *list = f->job->options->ignore;
  if (f->csv.has_header && f->csv.names[0][0] == '\0' && f->csv.n_fields > 1) {
    f->csv.roles[0] = BVL_CSV_IGNORED;
    bvl_import_note(f->job, "column 1 has no name: taken for the rows' names and left out");
  }
  while (list != NULL && *list != '\0') {
    char name[128];
    const size_t length = strcspn(list, ",");
    const size_t kept = length < sizeof name - 1 ? length : sizeof name - 1;
    memcpy(name, list, kept);
    name[kept] = '\0';
    const int64_t k = bvl_csv_find(&f->csv, name);
    if (k < 0)
      return bvl_fail(BVL_ERR_INPUT, "%s: --ignore %.60s: %s", bvl_text_name(f->text.path), name,
                      k == -1 ? "no such column" : "several columns have that name");
    f->csv.roles[k] = BVL_CSV_IGNORED;
    list += length + (list[length] == ',');
  }
  return BVL_OK;
}

static bvl_status choose_roles(csv_file *f)
{
  bvl_csv *csv = &f->csv;
  const char *y = f->job->options->y, *path = bvl_text_name(f->text.path);
  bvl_status status = ignore_columns(f);
  if (status != BVL_OK) return status;
  const int64_t response = bvl_csv_find(csv, y != NULL ? y : "y");
  if (response == -2)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s: line 1: several columns have the name %.60s (--y takes a "
                    "number too)",
                    path, y != NULL ? y : "y");
  if (response < 0)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s: line 1: no column %.60s among %" PRId64
                    "; --y NAME or NUMBER (from 1) says which is the response",
                    path, y != NULL ? y : "y", csv->n_fields);
  csv->roles[response] = BVL_CSV_RESPONSE;
  f->response = response;
  for (int64_t k = 0; k < csv->n_fields; k++)
    if (csv->roles[k] == 0) csv->roles[k] = csv->p++; /* the response's and others' are below 0 */
  if (csv->p > 0) return BVL_OK;
  return bvl_fail(BVL_ERR_INPUT, "%s: line 1: no column besides the response", path);
}

static bvl_status read_head(csv_file *f)
{
  const bvl_import_options *options = f->job->options;
  char *record = NULL;
  int64_t n_bytes, next;
  bvl_status status = BVL_OK;
  BVL_TRY(share_first(f, &record, &n_bytes, &next));
  status = bvl_csv_head(&f->text, record, n_bytes, options->separator, options->header, &f->csv);
  if (status == BVL_OK) status = choose_roles(f);
  BVL_TRY(bvl_agree(&f->job->comm, status));
  if (f->csv.has_header)
    bvl_text_skip(&f->text, next);
  else
    bvl_text_rewind(&f->text);
cleanup:
  free(record);
  return status;
}

/* Whether the response is text: the first one that is there says, and the lowest rank that has one
 * in the first block of its range; a long header can leave rank 0 none. Collective. */
static bvl_status look_for_words(csv_file *f)
{
  const bvl_comm *comm = &f->job->comm;
  const char *block;
  int64_t n_bytes, latest = INT64_MIN; /* minus (2 rank + is a word) */
  int found = -1;
  bvl_status status = bvl_text_next(&f->text, &block, &n_bytes);
  if (status == BVL_OK)
    for (const char *at = block, *last = block + n_bytes;
         found < 0 && bvl_csv_skip_empty(&at, last);)
      found = bvl_csv_is_word(&f->csv, f->response, &at, last);
  if (found >= 0) latest = -(2 * (int64_t)comm->rank + found);
  bvl_text_rewind(&f->text);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_max_i64(comm, &latest, 1));
  if (latest == INT64_MIN || latest % 2 == 0) return BVL_OK;
  f->csv.worded = f->response;
  BVL_TRY(bvl_agree(comm, bvl_words_init(f->job, &f->labels)));
cleanup:
  return status;
}

/* ---- first reading --------------------------------------------------------------------------- */

/* Whether a row that has been parsed is written; refuses what the policy refuses. */
static bvl_status judge(const csv_file *f, const bvl_csv_row *row, int *kept)
{
  char column[64];
  *kept = 1;
  if (row->first_missing == NULL) return BVL_OK;
  if (f->missing == BVL_MISSING_DROP) {
    *kept = 0;
    return BVL_OK;
  }
  if (f->missing == BVL_MISSING_MEAN && !isnan(row->y)) return BVL_OK;
  bvl_csv_column(&f->csv, row->missing_field, column);
  if (f->missing == BVL_MISSING_MEAN)
    return bvl_text_fail(&f->text, row->first_missing, 0,
                         "the response is missing (--missing drop leaves such rows out)");
  return bvl_text_fail(&f->text, row->first_missing, 0,
                       "%s: the value is missing (--missing mean or drop)", column);
}

static bvl_status count_row(csv_file *f, const bvl_csv_row *row)
{
  const int64_t p = f->csv.p;
  int kept;
  bvl_status status = judge(f, row, &kept);
  if (status != BVL_OK) return status;
  f->rows += kept;
  f->job->outcome->dropped += !kept;
  if (!kept) return BVL_OK;
  f->job->outcome->missing += row->n_missing;
  if ((f->csv.worded >= 0 ? bvl_words_note(&f->labels, row->word)
                          : bvl_labels_note(&f->labels, row->y)) != 0)
    return bvl_fail(BVL_ERR_INPUT, "%s: more than %d different responses for classes",
                    bvl_text_name(f->text.path), BVL_MOST_LABELS);
  if (f->missing != BVL_MISSING_MEAN) return BVL_OK;
  for (int64_t j = 0; j < p; j++) {
    if (isnan(row->x[j])) continue;
    f->sum[j] += row->x[j];
    f->sum[p + j] += 1.0;
  }
  return BVL_OK;
}

static bvl_status count_block(csv_file *f, const char *block, int64_t n_bytes)
{
  const int parse = f->missing != BVL_MISSING_ERROR || f->labels.wanted;
  const char *last = block + n_bytes;
  bvl_csv_row row = {.x = f->scratch};
  bvl_status status = BVL_OK;
  for (const char *at = block; status == BVL_OK && bvl_csv_skip_empty(&at, last);) {
    if (parse) {
      status = bvl_csv_take_row(&f->csv, &f->text, &at, last, &row);
      if (status == BVL_OK) status = count_row(f, &row);
    } else {
      bvl_csv_skip_row(&at, last);
      f->rows++;
    }
  }
  return status;
}

/* Not collective. */
static bvl_status count_range(csv_file *f)
{
  const char *block;
  int64_t n_bytes = 1;
  bvl_status status = BVL_OK;
  while (status == BVL_OK && n_bytes > 0) {
    status = bvl_text_next(&f->text, &block, &n_bytes);
    if (status == BVL_OK) status = count_block(f, block, n_bytes);
    if (status == BVL_OK) status = bvl_import_step(f->job, n_bytes);
  }
  bvl_text_rewind(&f->text);
  return status;
}

/* From sums and counts to means. Collective. */
static bvl_status find_means(csv_file *f)
{
  const int64_t p = f->csv.p;
  char column[64];
  if (f->missing != BVL_MISSING_MEAN) return BVL_OK;
  bvl_status status = bvl_sum(&f->job->comm, f->sum, 2 * p);
  if (status != BVL_OK) return status;
  for (int64_t k = 0; k < f->csv.n_fields; k++) {
    const int64_t j = f->csv.roles[k];
    if (j < 0) continue;
    if (f->sum[p + j] > 0.0) {
      f->sum[j] /= f->sum[p + j];
      continue;
    }
    bvl_csv_column(&f->csv, k, column);
    status = bvl_fail(BVL_ERR_INPUT, "%s: %s has no value on any line (--ignore leaves it out)",
                      bvl_text_name(f->text.path), column);
    break;
  }
  return bvl_agree(&f->job->comm, status);
}

static bvl_status count_all(csv_file *f)
{
  bvl_import_outcome *outcome = f->job->outcome;
  bvl_status status = BVL_OK;
  status = BVL_ALLOC(&f->scratch, f->csv.p);
  if (status == BVL_OK)
    status = BVL_ALLOC(&f->sum, f->missing == BVL_MISSING_MEAN ? 2 * f->csv.p : 0);
  BVL_TRY(bvl_agree(&f->job->comm, status));
  BVL_TRY(bvl_agree(&f->job->comm, count_range(f)));
  BVL_TRY(bvl_offsets(&f->job->comm, f->rows, &f->row0, &outcome->n));
  int64_t counts[2] = {outcome->missing, outcome->dropped};
  BVL_TRY(bvl_sum_i64(&f->job->comm, counts, 2));
  outcome->missing = counts[0];
  outcome->dropped = counts[1];
  outcome->p = f->csv.p;
  if (outcome->n == 0)
    status = bvl_fail(BVL_ERR_INPUT, "%s: no rows%s", bvl_text_name(f->text.path),
                      outcome->dropped > 0 ? " without missing values" : " below the header");
  BVL_TRY(bvl_agree(&f->job->comm, status));
  BVL_TRY(find_means(f));
cleanup:
  return status;
}

/* ---- second reading -------------------------------------------------------------------------- */

static bvl_status create_arrays(csv_file *f)
{
  bvl_import *job = f->job;
  const int64_t dims[2] = {job->outcome->n, job->outcome->p};
  const hid_t real = job->options->single ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_import_create(job));
  BVL_TRY(bvl_out_dataset(&job->out, "/X", real, 2, dims, &f->x));
  if (f->csv.worded >= 0)
    BVL_TRY(bvl_out_dataset(&job->out, "/y/codes", H5T_STD_I32LE, 1, dims, &f->y));
  else
    BVL_TRY(bvl_out_dataset(&job->out, "/y", H5T_IEEE_F64LE, 1, dims, &f->y));
cleanup:
  return status;
}

/* Means in the place of what is missing; what float32 cannot hold is refused. */
static bvl_status finish_row(const csv_file *f, const char *record, double *x)
{
  for (int64_t j = 0; j < f->csv.p; j++) {
    if (isnan(x[j])) x[j] = f->sum[j];
    if (f->job->options->single && fabs(x[j]) > FLT_MAX)
      return bvl_text_fail(&f->text, record, 0, "%g is too large for --precision single", x[j]);
  }
  return BVL_OK;
}

/* The class of what it is in the file; a word that the first reading did not see is no class. */
static bvl_status finish_response(const csv_file *f, const bvl_csv_row *row, double *y)
{
  if (f->csv.worded < 0) {
    *y = bvl_labels_map(&f->labels, row->y);
    return BVL_OK;
  }
  *y = (double)bvl_words_map(&f->labels, row->word);
  if (*y >= 0.0) return BVL_OK;
  return bvl_fail(BVL_ERR_IO, "%s changed while it was read", bvl_text_name(f->text.path));
}

static bvl_status parse_block(csv_file *f, const char *block, int64_t n_bytes, int64_t *rows)
{
  const int64_t p = f->csv.p;
  const char *last = block + n_bytes;
  bvl_status status = BVL_OK;
  *rows = 0;
  for (const char *at = block; bvl_csv_skip_empty(&at, last);) {
    const char *record = at;
    int kept;
    /* a row takes two bytes a value at least: reserved when the block was known */
    bvl_csv_row row = {.x = f->x_block + *rows * p};
    BVL_TRY(bvl_csv_take_row(&f->csv, &f->text, &at, last, &row));
    BVL_TRY(judge(f, &row, &kept));
    if (!kept) continue;
    BVL_TRY(finish_row(f, record, row.x));
    BVL_TRY(finish_response(f, &row, &f->y_block[(*rows)++]));
  }
cleanup:
  return status;
}

/* Records of n_fields >= p + 1 fields take n_fields bytes at least; one more row for the last,
 * which may be broken. */
static bvl_status make_room(csv_file *f, int64_t n_bytes)
{
  const int64_t rows = n_bytes / f->csv.n_fields + 1;
  bvl_status status = BVL_GROW(&f->y_block, &f->y_room, rows);
  return status != BVL_OK ? status : BVL_GROW(&f->x_block, &f->x_room, rows * f->csv.p);
}

/* Each round a block of every rank; ranks that are through take part with nothing. */
static bvl_status write_all(csv_file *f)
{
  bvl_import *job = f->job;
  int64_t row = f->row0, more = 1;
  bvl_status status = BVL_OK;
  while (more) {
    const char *block;
    int64_t n_bytes = 0, rows = 0;
    status = bvl_text_next(&f->text, &block, &n_bytes);
    if (status == BVL_OK) status = make_room(f, n_bytes);
    if (status == BVL_OK) status = parse_block(f, block, n_bytes, &rows);
    if (status == BVL_OK && row + rows > f->row0 + f->rows)
      status = bvl_fail(BVL_ERR_IO, "%s changed while it was read", bvl_text_name(f->text.path));
    if (status == BVL_OK) status = bvl_import_step(job, n_bytes);
    more = n_bytes > 0;
    BVL_TRY(bvl_agree(&job->comm, status));
    BVL_TRY(bvl_max_i64(&job->comm, &more, 1));
    BVL_TRY(bvl_out_rows(&job->out, f->x, H5T_NATIVE_DOUBLE, row, rows, f->csv.p, f->x_block));
    BVL_TRY(bvl_out_rows(&job->out, f->y, H5T_NATIVE_DOUBLE, row, rows, 1, f->y_block));
    bvl_import_written(job, 8 * rows * f->csv.p);
    row += rows;
  }
  if (row != f->row0 + f->rows)
    status = bvl_fail(BVL_ERR_IO, "%s changed while it was read", bvl_text_name(f->text.path));
  status = bvl_agree(&job->comm, status);
cleanup:
  return status;
}

static bvl_status write_names(csv_file *f)
{
  char **kept = NULL;
  bvl_status status = BVL_OK;
  if (!f->csv.has_header) return BVL_OK;
  if (f->job->comm.rank == 0) status = BVL_ALLOC(&kept, f->csv.p);
  BVL_TRY(bvl_agree(&f->job->comm, status));
  for (int64_t k = 0; kept != NULL && k < f->csv.n_fields; k++)
    if (f->csv.roles[k] >= 0) kept[f->csv.roles[k]] = f->csv.names[k];
  BVL_TRY(bvl_import_put_strings(f->job, "/feature_names", f->csv.p, kept));
cleanup:
  free(kept);
  return status;
}

bvl_status bvl_import_csv(bvl_import *job)
{
  csv_file f = {.job = job, .missing = job->options->missing};
  bvl_status status = BVL_OK;
  if (f.missing == BVL_MISSING_AUTO) f.missing = BVL_MISSING_ERROR;
  BVL_TRY(bvl_agree(&job->comm, bvl_labels_init(job, &f.labels)));
  /* a block of b bytes becomes at most 16 b of numbers, in the worst case of one column */
  BVL_TRY(
      bvl_text_open(&job->comm, job->options->file, 1, job->options->memory_limit / 18, &f.text));
  job->outcome->bytes = f.text.size;
  BVL_TRY(read_head(&f));
  BVL_TRY(look_for_words(&f));
  job->bytes_all = 2 * (f.text.end - f.text.begin);
  BVL_TRY(count_all(&f));
  BVL_TRY(bvl_labels_merge(job, &f.labels));
  BVL_TRY(create_arrays(&f));
  BVL_TRY(write_all(&f));
  BVL_TRY(write_names(&f));
  BVL_TRY(bvl_labels_write(job, &f.labels));
  if (f.csv.worded >= 0) BVL_TRY(bvl_words_write(job, "/y/categories", &f.labels));
cleanup:
  bvl_h5_release(&f.x);
  bvl_h5_release(&f.y);
  bvl_labels_free(&f.labels);
  bvl_csv_free(&f.csv);
  bvl_text_close(&f.text);
  free(f.sum);
  free(f.scratch);
  free(f.x_block);
  free(f.y_block);
  return status;
}
