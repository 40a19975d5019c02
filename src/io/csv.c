/* SPDX-License-Identifier: BSD-3-Clause */
/* Separated values, one character after the other. A block ends in a line's end, which stops every
 * search but the one for a closing quote. */
#include "io/csv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "io/hdf5_util.h"
#include "io/number.h"

/* A field as it stands: between its quotes, or without the blanks around it. */
typedef struct field {
  const char *text, *end;
  int quoted;
  const char *past; /* at the separator or the line's end */
} field;

static inline int is_blank(char c, char separator)
{
  return (c == ' ' || c == '\t' || c == '\r') && c != separator;
}

static inline const char *skip_blanks(const char *c, char separator)
{
  while (is_blank(*c, separator)) c++;
  return c;
}

static inline int ends_field(char c, char separator)
{
  return c == separator || c == '\n';
}

/* NULL, or what is wrong with the field. */
static const char *take_field(const char *at, const char *last, char separator, field *f)
{
  const char *c = skip_blanks(at, separator);
  f->quoted = *c == '"';
  f->text = f->quoted ? c + 1 : c;
  if (!f->quoted) {
    while (!ends_field(*c, separator) && *c != '"') c++;
    f->end = f->past = c;
    while (f->end > f->text && is_blank(f->end[-1], separator)) f->end--;
    return *c == '"' ? "a quote inside a field" : NULL;
  }
  for (c++; c < last && (*c != '"' || c[1] == '"'); c++)
    if (*c == '"') c++;
  f->end = f->past = c;
  if (c >= last) return "a quote that nothing closes";
  f->past = skip_blanks(c + 1, separator);
  return ends_field(*f->past, separator) ? NULL : "something stands behind a closing quote";
}

/* ---- the first record ------------------------------------------------------------------------ */

static char choose_separator(const char *record, int64_t n_bytes)
{
  static const char candidates[] = {',', ';', '\t'};
  int64_t most = 0;
  char best = ',';
  for (size_t k = 0; k < sizeof candidates; k++) {
    int64_t n = 0;
    int inside = 0;
    for (int64_t i = 0; i < n_bytes; i++) {
      inside ^= record[i] == '"';
      n += record[i] == candidates[k] && !inside;
    }
    if (n > most) {
      most = n;
      best = candidates[k];
    }
  }
  return best;
}

static int is_missing(const char *text, const char *end)
{
  static const char *const words[] = {"",     "na",   "nan", "n/a", "#n/a", "null",
                                      "none", "-nan", "?",   ".",   "-"};
  const size_t length = (size_t)(end - text);
  for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
    if (strlen(words[k]) == length && strncasecmp(text, words[k], length) == 0) return 1;
  return 0;
}

/* Whether the whole field is a number. */
static bvl_number_kind field_number(const field *f, char separator, double *out)
{
  const char *past, *first = skip_blanks(f->text, separator);
  const bvl_number_kind kind = bvl_number(first, &past, out);
  while (past < f->end && is_blank(*past, separator)) past++;
  return past == f->end && first < f->end ? kind : BVL_NUMBER_NONE;
}

static int64_t copy_field(const field *f, char *out)
{
  int64_t n = 0;
  for (const char *c = f->text; c < f->end; c++) {
    out[n++] = *c;
    if (f->quoted && *c == '"') c++; /* a doubled one */
  }
  out[n++] = '\0';
  return n;
}

/* One field after the other; with `bytes` their copies. Says whether one is a word. */
static bvl_status walk_head(const bvl_text *text, bvl_csv *csv, const char *record, int64_t n_bytes,
                            char *bytes, int64_t *used, int *words)
{
  const char *at = record, *last = record + n_bytes;
  double number;
  field f;
  *used = 0;
  *words = 0;
  csv->n_fields = 0;
  for (;; at = f.past + 1) {
    const char *wrong = take_field(at, last, csv->separator, &f);
    csv->n_fields++;
    if (wrong != NULL) return bvl_text_fail(text, text->buffer, csv->n_fields, "%s", wrong);
    if (memchr(f.text, '\0', (size_t)(f.end - f.text)) != NULL)
      return bvl_text_fail(text, text->buffer, csv->n_fields, "a NUL byte: this is no text");
    if (!is_missing(f.text, f.end) && field_number(&f, csv->separator, &number) == BVL_NUMBER_NONE)
      *words = 1;
    if (bytes != NULL) *used += copy_field(&f, bytes + *used);
    if (*f.past == '\n') return BVL_OK;
  }
}

bvl_status bvl_csv_head(const bvl_text *text, const char *record, int64_t n_bytes, char separator,
                        int header, bvl_csv *csv)
{
  int64_t used;
  int words;
  char *bytes = NULL;
  bvl_status status = BVL_OK;
  memset(csv, 0, sizeof *csv);
  csv->worded = -1;
  csv->separator = separator != 0 ? separator : choose_separator(record, n_bytes);
  BVL_TRY(BVL_ALLOC(&bytes, 2 * n_bytes + 1)); /* a NUL a field, which are n_bytes at most */
  BVL_TRY(walk_head(text, csv, record, n_bytes, bytes, &used, &words));
  csv->has_header = header == 2 ? words : header;
  BVL_TRY(bvl_strings_unpack(csv->n_fields, used, bytes, &csv->names));
  BVL_TRY(BVL_ALLOC(&csv->roles, csv->n_fields));
cleanup:
  free(bytes);
  return status;
}

void bvl_csv_free(bvl_csv *csv)
{
  free(csv->names);
  free(csv->roles);
  memset(csv, 0, sizeof *csv);
}

int64_t bvl_csv_find(const bvl_csv *csv, const char *name)
{
  int64_t found = -1, number;
  const char *past;
  for (int64_t k = 0; csv->has_header && k < csv->n_fields; k++)
    if (strcmp(csv->names[k], name) == 0) found = found == -1 ? k : -2;
  if (found != -1) return found;
  if (bvl_number_index(name, &past, &number) != 0 || *past != '\0') return -1;
  return number >= 1 && number <= csv->n_fields ? number - 1 : -1;
}

void bvl_csv_column(const bvl_csv *csv, int64_t k, char out[64])
{
  if (csv->has_header && k < csv->n_fields)
    snprintf(out, 64, "column %" PRId64 " (%.32s)", k + 1, csv->names[k]);
  else
    snprintf(out, 64, "column %" PRId64, k + 1);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static bvl_status refuse(const bvl_csv *csv, const bvl_text *text, const char *record,
                         const field *f, int64_t k, const char *why)
{
  char column[64], shown[32];
  int n = 0;
  bvl_csv_column(csv, k, column);
  for (const char *c = f->text; c < f->end && n < 24; c++)
    shown[n++] = (unsigned char)*c < 32 || (unsigned char)*c > 126 ? '?' : *c;
  shown[n] = '\0';
  return bvl_text_fail(text, record, 0, "%s: \"%s\": %s", column, shown, why);
}

/* What the quick way did not take: quoted, missing, or wrong. */
static bvl_status take_slow(const bvl_csv *csv, const bvl_text *text, const char *record,
                            const char *at, const char *last, int64_t k, double *out,
                            const char **past)
{
  field f = {.text = at, .end = at, .past = at};
  const char *wrong = take_field(at, last, csv->separator, &f);
  *past = f.past;
  if (wrong != NULL) return refuse(csv, text, record, &f, k, wrong);
  *out = NAN;
  if (csv->roles[k] == BVL_CSV_IGNORED || is_missing(f.text, f.end)) return BVL_OK;
  const bvl_number_kind kind = field_number(&f, csv->separator, out);
  if (kind == BVL_NUMBER_FINITE) return BVL_OK;
  return refuse(csv, text, record, &f, k,
                kind == BVL_NUMBER_TOO_LARGE  ? "too large for a double"
                : kind == BVL_NUMBER_INFINITE ? "not finite"
                : csv->roles[k] >= 0 ? "not a number (--ignore leaves the column out; categories: "
                                       "a column of 0 and 1 for each)"
                                     : "not a number, as the responses before it are");
}

/* The response as a class's name; NaN where it is missing. */
static bvl_status take_word(const bvl_csv *csv, const bvl_text *text, const char *record,
                            const char *at, const char *last, bvl_csv_row *row, const char **past)
{
  field f = {.text = at, .end = at, .past = at};
  const char *wrong = take_field(at, last, csv->separator, &f);
  *past = f.past;
  row->word[0] = '\0';
  row->y = NAN;
  if (wrong == NULL && is_missing(f.text, f.end)) return BVL_OK;
  if (wrong == NULL && f.end - f.text >= BVL_WORD_BYTES) wrong = "too long for a class's name";
  if (wrong == NULL && memchr(f.text, '\n', (size_t)(f.end - f.text)) != NULL)
    wrong = "a line's end in a class's name";
  if (wrong == NULL && memchr(f.text, '\0', (size_t)(f.end - f.text)) != NULL)
    wrong = "a NUL byte: this is no text";
  if (wrong != NULL) return refuse(csv, text, record, &f, csv->worded, wrong);
  copy_field(&f, row->word);
  row->y = 0.0;
  return BVL_OK;
}

static void keep(const bvl_csv *csv, const char *at, int64_t k, double value, bvl_csv_row *row)
{
  const int64_t role = csv->roles[k];
  if (role == BVL_CSV_IGNORED) return;
  if (role == BVL_CSV_RESPONSE)
    row->y = value;
  else
    row->x[role] = value;
  if (!isnan(value)) return;
  row->n_missing += role >= 0;
  if (row->first_missing != NULL) return;
  row->first_missing = at;
  row->missing_field = k;
}

bvl_status bvl_csv_take_row(const bvl_csv *csv, const bvl_text *text, const char **at,
                            const char *last, bvl_csv_row *row)
{
  const char *record = *at, *c = record;
  const char separator = csv->separator;
  row->n_missing = 0;
  row->first_missing = NULL;
  for (int64_t k = 0;; k++) {
    double value;
    const char *past;
    if (k == csv->n_fields)
      return bvl_text_fail(text, record, 0,
                           "more than %" PRId64 " fields, which the first line has", csv->n_fields);
    if (k == csv->worded) {
      bvl_status status = take_word(csv, text, record, c, last, row, &past);
      if (status != BVL_OK) return status;
      value = row->y;
    } else if (bvl_number(c, &past, &value) != BVL_NUMBER_FINITE || !ends_field(*past, separator)) {
      bvl_status status = take_slow(csv, text, record, c, last, k, &value, &past);
      if (status != BVL_OK) return status;
    }
    keep(csv, record, k, value, row);
    c = past + 1;
    if (*past == separator) continue;
    *at = c;
    if (k + 1 == csv->n_fields) return BVL_OK;
    return bvl_text_fail(text, record, 0, "%" PRId64 " fields, %" PRId64 " on the first line",
                         k + 1, csv->n_fields);
  }
}

int bvl_csv_is_word(const bvl_csv *csv, int64_t response, const char **at, const char *last)
{
  const char *c = *at;
  double number;
  int is = -1;
  for (int64_t k = 0;; k++) {
    field f;
    if (take_field(c, last, csv->separator, &f) != NULL) break; /* said when it is parsed */
    if (k == response && !is_missing(f.text, f.end))
      is = field_number(&f, csv->separator, &number) == BVL_NUMBER_NONE;
    if (*f.past == '\n') break;
    c = f.past + 1;
  }
  bvl_csv_skip_row(at, last);
  return is;
}

int bvl_csv_skip_empty(const char **at, const char *last)
{
  const char *line = *at;
  while (line < last) {
    const char *c = line;
    while (*c == ' ' || *c == '\r') c++;
    if (*c != '\n') break;
    line = c + 1;
  }
  *at = line;
  return line < last;
}

void bvl_csv_skip_row(const char **at, const char *last)
{
  const char *c = *at, *end = memchr(c, '\n', (size_t)(last - c));
  int inside = 0;
  if (end == NULL) end = last; /* no block ends so */
  if (memchr(c, '"', (size_t)(end - c)) != NULL)
    for (end = c; end < last && (*end != '\n' || inside); end++) inside ^= *end == '"';
  *at = end + 1;
}
