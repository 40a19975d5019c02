/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of words between blanks. A variant without a name is called by its place and alleles. */
#include "io/plink.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "io/hdf5_util.h"
#include "io/number.h"
#include "io/text.h"

enum { BIM_WORDS = 6, FAM_WORDS = 6 };

typedef struct word {
  const char *text;
  int64_t length;
} word;

/* A whole file: the words of a line, one line after the other. */
typedef struct lines {
  char *path;  /* owned */
  char *bytes; /* n_bytes and a line's end, owned */
  int64_t n_bytes;
  const char *at;
  int64_t line; /* the last one taken, from 1 */
} lines;

static void lines_close(lines *l)
{
  free(l->path);
  free(l->bytes);
  memset(l, 0, sizeof *l);
}

static bvl_status read_all(FILE *file, lines *l)
{
  if (fseek(file, 0, SEEK_END) != 0 || (l->n_bytes = ftell(file)) < 0)
    return bvl_fail(BVL_ERR_IO, "cannot read %s: %s", bvl_text_name(l->path), strerror(errno));
  rewind(file);
  bvl_status status = BVL_ALLOC(&l->bytes, l->n_bytes + 2);
  if (status != BVL_OK) return status;
  if (fread(l->bytes, 1, (size_t)l->n_bytes, file) != (size_t)l->n_bytes)
    return bvl_fail(BVL_ERR_IO, "cannot read all of %s", bvl_text_name(l->path));
  if (l->n_bytes > 0 && l->bytes[l->n_bytes - 1] != '\n') l->bytes[l->n_bytes++] = '\n';
  if (memchr(l->bytes, '\0', (size_t)l->n_bytes) != NULL)
    return bvl_fail(BVL_ERR_INPUT, "%s: a NUL byte: this is no text", bvl_text_name(l->path));
  l->at = l->bytes;
  return BVL_OK;
}

static bvl_status lines_open(const char *prefix, const char *suffix, lines *l)
{
  const size_t n_bytes = strlen(prefix) + strlen(suffix) + 1;
  memset(l, 0, sizeof *l);
  l->path = malloc(n_bytes);
  if (l->path == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  snprintf(l->path, n_bytes, "%s%s", prefix, suffix);
  FILE *file = fopen(l->path, "r");
  if (file == NULL)
    return bvl_fail(BVL_ERR_IO, "cannot open %s: %s", bvl_text_name(l->path), strerror(errno));
  bvl_status status = read_all(file, l);
  fclose(file);
  return status;
}

/* Words of the next line that has any: how many (the first `most` of them in `words`), 0 at the
 * end. */
static int64_t next_words(lines *l, word *words, int64_t most)
{
  int64_t n = 0;
  const char *c = l->at, *end = l->bytes + l->n_bytes;
  while (n == 0 && c < end) {
    l->line++;
    for (;;) {
      while (*c == ' ' || *c == '\t' || *c == '\r') c++;
      if (*c == '\n') break;
      const char *first = c;
      while (*c != ' ' && *c != '\t' && *c != '\r' && *c != '\n') c++;
      if (n < most) words[n] = (word){first, c - first};
      n++;
    }
    c++;
  }
  l->at = c;
  return n;
}

static int64_t count_lines(lines *l)
{
  int64_t n = 0;
  const int64_t line = l->line;
  const char *at = l->at;
  while (next_words(l, NULL, 0) > 0) n++;
  l->line = line;
  l->at = at;
  return n;
}

static bvl_status wrong_words(const lines *l, int64_t n, int64_t wanted)
{
  return bvl_fail(BVL_ERR_INPUT,
                  "%s: line %" PRId64 ", column %" PRId64 ": %" PRId64
                  " words on the line, %" PRId64 " wanted",
                  bvl_text_name(l->path), l->line, bvl_lesser(n, wanted) + 1, n, wanted);
}

static int64_t put_word(char *bytes, const word *w)
{
  memcpy(bytes, w->text, (size_t)w->length);
  bytes[w->length] = '\0';
  return w->length + 1;
}

/* ---- variants and samples -------------------------------------------------------------------- */

static bvl_status read_variants(const char *prefix, bvl_plink *plink)
{
  lines l;
  word w[BIM_WORDS];
  char *bytes = NULL;
  int64_t used = 0, n;
  bvl_status status = BVL_OK;
  BVL_TRY(lines_open(prefix, ".bim", &l));
  plink->p = count_lines(&l);
  if (plink->p == 0) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: no variants", bvl_text_name(l.path)));
  BVL_TRY(BVL_ALLOC(&bytes, l.n_bytes + plink->p)); /* a name is shorter than its line */
  while ((n = next_words(&l, w, BIM_WORDS)) > 0) {
    if (n != BIM_WORDS) BVL_TRY(wrong_words(&l, n, BIM_WORDS));
    const int nameless = w[1].length == 1 && w[1].text[0] == '.';
    if (!nameless) {
      used += put_word(bytes + used, &w[1]);
      continue;
    }
    const word *const parts[] = {&w[0], &w[3], &w[4], &w[5]};
    for (int k = 0; k < 4; k++) {
      used += put_word(bytes + used, parts[k]);
      if (k < 3) bytes[used - 1] = ':';
    }
  }
  BVL_TRY(bvl_strings_unpack(plink->p, used, bytes, &plink->variants));
cleanup:
  free(bytes);
  lines_close(&l);
  return status;
}

/* NaN for what is missing. */
static bvl_status take_phenotype(const lines *l, const word *w, int64_t column, double *out)
{
  static const char *const missing[] = {"-9", "NA", "nan"};
  const char *past;
  *out = NAN;
  for (size_t k = 0; k < sizeof missing / sizeof missing[0]; k++)
    if ((int64_t)strlen(missing[k]) == w->length &&
        strncasecmp(missing[k], w->text, (size_t)w->length) == 0)
      return BVL_OK;
  const bvl_number_kind kind = bvl_number(w->text, &past, out);
  if (kind == BVL_NUMBER_FINITE && past == w->text + w->length) return BVL_OK;
  return bvl_fail(BVL_ERR_INPUT, "%s: line %" PRId64 ", column %" PRId64 ": %.*s: not a number",
                  bvl_text_name(l->path), l->line, column, (int)bvl_lesser(w->length, 24), w->text);
}

static bvl_status read_samples(const char *prefix, bvl_plink *plink)
{
  lines l;
  word w[FAM_WORDS];
  char *ids = NULL, *families = NULL;
  int64_t id_bytes = 0, family_bytes = 0, n, k = 0;
  bvl_status status = BVL_OK;
  BVL_TRY(lines_open(prefix, ".fam", &l));
  plink->n = count_lines(&l);
  if (plink->n == 0) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: no samples", bvl_text_name(l.path)));
  BVL_TRY(BVL_ALLOC(&plink->phenotype, plink->n));
  BVL_TRY(BVL_ALLOC(&ids, l.n_bytes));
  BVL_TRY(BVL_ALLOC(&families, l.n_bytes));
  for (; (n = next_words(&l, w, FAM_WORDS)) > 0; k++) {
    if (n != FAM_WORDS) BVL_TRY(wrong_words(&l, n, FAM_WORDS));
    family_bytes += put_word(families + family_bytes, &w[0]);
    id_bytes += put_word(ids + id_bytes, &w[1]);
    BVL_TRY(take_phenotype(&l, &w[5], 6, &plink->phenotype[k]));
  }
  BVL_TRY(bvl_strings_unpack(plink->n, id_bytes, ids, &plink->samples));
  BVL_TRY(bvl_strings_unpack(plink->n, family_bytes, families, &plink->families));
cleanup:
  free(ids);
  free(families);
  lines_close(&l);
  return status;
}

/* ---- a file of phenotypes -------------------------------------------------------------------- */

/* A sample by its two ids; `sample` is its line in the .fam, from 0. */
typedef struct known {
  const char *family, *id;
  int64_t sample;
} known;

static int by_ids(const void *a, const void *b)
{
  const known *x = a, *y = b;
  const int order = strcmp(x->family, y->family);
  return order != 0 ? order : strcmp(x->id, y->id);
}

static bvl_status index_samples(const bvl_plink *plink, known **out)
{
  bvl_status status = BVL_ALLOC(out, plink->n);
  if (status != BVL_OK) return status;
  for (int64_t i = 0; i < plink->n; i++)
    (*out)[i] = (known){plink->families[i], plink->samples[i], i};
  qsort(*out, (size_t)plink->n, sizeof **out, by_ids);
  for (int64_t i = 1; i < plink->n; i++)
    if (by_ids(*out + i - 1, *out + i) == 0)
      return bvl_fail(
          BVL_ERR_INPUT,
          ".fam: lines %" PRId64 " and %" PRId64 " are of the same individual, %.40s %.40s",
          bvl_lesser((*out)[i - 1].sample, (*out)[i].sample) + 1,
          bvl_greater((*out)[i - 1].sample, (*out)[i].sample) + 1, (*out)[i].family, (*out)[i].id);
  return BVL_OK;
}

static int word_is(const word *w, const char *text)
{
  return (int64_t)strlen(text) == w->length && strncmp(w->text, text, (size_t)w->length) == 0;
}

/* Which word of a line is wanted: by the header's names, or by number. Moves behind a header. */
static bvl_status choose_column(lines *l, const char *column, bvl_plink *plink, int64_t *words,
                                int64_t *chosen)
{
  const lines start = *l;
  const int64_t n = *words = next_words(l, NULL, 0);
  const char *past;
  word *w = NULL;
  bvl_status status = BVL_ALLOC(&w, n);
  if (status != BVL_OK) return status;
  *l = start;
  next_words(l, w, n);
  const int header = n >= 2 && (word_is(&w[0], "FID") || word_is(&w[0], "#FID"));
  *chosen = column == NULL ? 2 : -1;
  for (int64_t k = 2; column != NULL && header && k < n; k++)
    if (word_is(&w[k], column)) *chosen = k;
  int64_t number;
  if (*chosen < 0 && bvl_number_index(column, &past, &number) == 0 && *past == '\0' && number >= 1)
    *chosen = number + 1;
  if (n < 3)
    status = wrong_words(l, n, 3);
  else if (*chosen < 0 || *chosen >= n)
    status = bvl_fail(BVL_ERR_INPUT, "%s: line %" PRId64 ": no phenotype %.40s among %" PRId64,
                      bvl_text_name(l->path), l->line, column, n - 2);
  else if (header)
    snprintf(plink->column, sizeof plink->column, "%.*s", (int)bvl_lesser(w[*chosen].length, 60),
             w[*chosen].text);
  else
    snprintf(plink->column, sizeof plink->column, "%" PRId64, *chosen - 1);
  if (!header) *l = start;
  free(w);
  return status;
}

/* Rows of the file to the samples they are of; `seen` tells which had one. */
static bvl_status match_rows(lines *l, int64_t words, int64_t chosen, bvl_plink *plink,
                             const known *index, unsigned char *seen)
{
  word *w = NULL;
  char *family = NULL, *id = NULL;
  int64_t n;
  bvl_status status = BVL_OK;
  BVL_TRY(BVL_ALLOC(&w, words));
  BVL_TRY(BVL_ALLOC(&family, l->n_bytes));
  BVL_TRY(BVL_ALLOC(&id, l->n_bytes));
  while ((n = next_words(l, w, words)) > 0) {
    if (n != words) BVL_TRY(wrong_words(l, n, words));
    put_word(family, &w[0]);
    put_word(id, &w[1]);
    const known key = {family, id, 0};
    const known *found = bsearch(&key, index, (size_t)plink->n, sizeof *index, by_ids);
    double value;
    BVL_TRY(take_phenotype(l, &w[chosen], chosen + 1, &value));
    if (found == NULL) {
      plink->n_unknown++;
      continue;
    }
    if (seen[found->sample]++ != 0)
      BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: line %" PRId64 ", column 1: %.40s %.40s a second time",
                       bvl_text_name(l->path), l->line, family, id));
    plink->phenotype[found->sample] = value;
  }
cleanup:
  free(w);
  free(family);
  free(id);
  return status;
}

static bvl_status read_phenotypes(const char *file, const char *column, bvl_plink *plink)
{
  lines l;
  known *index = NULL;
  unsigned char *seen = NULL;
  int64_t words, chosen;
  bvl_status status = BVL_OK;
  BVL_TRY(lines_open(file, "", &l));
  if (l.n_bytes == 0) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: it is empty", bvl_text_name(file)));
  BVL_TRY(index_samples(plink, &index));
  BVL_TRY(BVL_ALLOC(&seen, plink->n));
  for (int64_t i = 0; i < plink->n; i++) plink->phenotype[i] = NAN;
  BVL_TRY(choose_column(&l, column, plink, &words, &chosen));
  BVL_TRY(match_rows(&l, words, chosen, plink, index, seen));
cleanup:
  free(seen);
  free(index);
  lines_close(&l);
  return status;
}

bvl_status bvl_plink_read(const char *prefix, const char *file, const char *column,
                          bvl_plink *plink)
{
  memset(plink, 0, sizeof *plink);
  bvl_status status = read_variants(prefix, plink);
  if (status == BVL_OK) status = read_samples(prefix, plink);
  if (status == BVL_OK && file != NULL) status = read_phenotypes(file, column, plink);
  return status;
}

void bvl_plink_free(bvl_plink *plink)
{
  free(plink->variants);
  free(plink->samples);
  free(plink->families);
  free(plink->phenotype);
  memset(plink, 0, sizeof *plink);
}
