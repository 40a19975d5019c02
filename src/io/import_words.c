/* SPDX-License-Identifier: BSD-3-Clause */
/* Responses that are words: classes 0, 1, ... in the order of their bytes, their names kept as the
 * categories of an AnnData column, so that a reader of .h5ad reads them. A word is held in the
 * bytes of BVL_WORD_I64 integers, so that ranks can exchange them. */
#include "io/import.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/csv.h"

_Static_assert(8 * BVL_WORD_I64 == BVL_WORD_BYTES, "a word fits");

static const char *word_at(const bvl_labels *labels, int64_t k)
{
  return (const char *)(labels->words + k * BVL_WORD_I64);
}

/* Where `word` is, or would be. */
static int64_t place(const bvl_labels *labels, const char *word)
{
  int64_t low = 0, high = labels->n;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (strcmp(word_at(labels, middle), word) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bvl_status bvl_words_init(const bvl_import *job, bvl_labels *labels)
{
  if (labels->family != NULL && !labels->wanted)
    return bvl_fail(BVL_ERR_INPUT, "--family %s: the response is text, which is classes",
                    labels->family);
  free(labels->values);
  labels->values = NULL;
  labels->wanted = 1;
  (void)job;
  return BVL_ALLOC(&labels->words, BVL_MOST_LABELS * BVL_WORD_I64);
}

int bvl_words_note(bvl_labels *labels, const char *word)
{
  const int64_t at = place(labels, word);
  if (at < labels->n && strcmp(word_at(labels, at), word) == 0) return 0;
  if (labels->n == BVL_MOST_LABELS) return -1;
  int64_t *here = labels->words + at * BVL_WORD_I64;
  memmove(here + BVL_WORD_I64, here, (size_t)((labels->n - at) * BVL_WORD_I64) * sizeof *here);
  memset(here, 0, BVL_WORD_BYTES);
  memcpy(here, word, strlen(word));
  labels->n++;
  return 0;
}

int64_t bvl_words_map(const bvl_labels *labels, const char *word)
{
  const int64_t at = place(labels, word);
  return at < labels->n && strcmp(word_at(labels, at), word) == 0 ? at : -1;
}

static bvl_status choose_family(bvl_labels *labels)
{
  if (labels->n < 2)
    return bvl_fail(BVL_ERR_INPUT, "the response is text with one class alone, \"%.60s\"",
                    labels->n == 1 ? word_at(labels, 0) : "");
  if (labels->two && labels->n > 2)
    return bvl_fail(BVL_ERR_INPUT,
                    "--family binomial: the response has %" PRId64
                    " different values, at most 2 can be classes",
                    labels->n);
  if (labels->family == NULL) labels->family = labels->n == 2 ? "binomial" : "multinomial";
  return BVL_OK;
}

bvl_status bvl_words_merge(const bvl_import *job, bvl_labels *labels)
{
  const bvl_comm *comm = &job->comm;
  int64_t *counts = NULL, *all = NULL, total = 0;
  int many = 0;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&counts, comm->size)));
  counts[comm->rank] = labels->n * BVL_WORD_I64;
  BVL_TRY(bvl_sum_i64(comm, counts, comm->size));
  for (int k = 0; k < comm->size; k++) total += counts[k];
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&all, total)));
  BVL_TRY(bvl_gather_all_i64(comm, labels->words, counts, all));
  for (int64_t k = 0; k < total; k += BVL_WORD_I64)
    many |= bvl_words_note(labels, (const char *)(all + k)) != 0;
  if (many)
    status = bvl_fail(BVL_ERR_INPUT,
                      "the response is text with more than %d different values; --y NAME or NUMBER "
                      "says which column is the response",
                      BVL_MOST_LABELS);
  if (status == BVL_OK) status = choose_family(labels);
  status = bvl_agree(comm, status);
cleanup:
  free(all);
  free(counts);
  return status;
}

bvl_status bvl_words_write(bvl_import *job, const char *name, const bvl_labels *labels)
{
  char **names = NULL;
  bvl_status status = BVL_OK;
  if (job->comm.rank == 0) status = BVL_ALLOC(&names, labels->n);
  BVL_TRY(bvl_agree(&job->comm, status));
  for (int64_t k = 0; names != NULL && k < labels->n; k++)
    names[k] = (char *)(labels->words + k * BVL_WORD_I64);
  BVL_TRY(bvl_import_put_strings(job, name, labels->n, names));
cleanup:
  free(names);
  return status;
}
