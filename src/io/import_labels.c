/* SPDX-License-Identifier: BSD-3-Clause */
/* Responses that are classes: any numbers in the foreign file, 0, 1, ... in ours. */
#include "io/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

bvl_status bvl_labels_init(const bvl_import *job, bvl_labels *labels)
{
  const char *family = job->options->family;
  memset(labels, 0, sizeof *labels);
  labels->family = family;
  labels->two = family != NULL && strcmp(family, "binomial") == 0;
  labels->wanted = labels->two || (family != NULL && strcmp(family, "multinomial") == 0);
  return BVL_ALLOC(&labels->values, labels->wanted ? BVL_MOST_LABELS : 0);
}

void bvl_labels_free(bvl_labels *labels)
{
  free(labels->values);
  free(labels->words);
  memset(labels, 0, sizeof *labels);
}

/* Where `value` is, or would be. */
static int64_t place(const bvl_labels *labels, double value)
{
  int64_t low = 0, high = labels->n;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (labels->values[middle] < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

int bvl_labels_note(bvl_labels *labels, double value)
{
  if (!labels->wanted) return 0;
  const int64_t at = place(labels, value);
  if (at < labels->n && labels->values[at] == value) return 0;
  if (labels->n == BVL_MOST_LABELS) return -1;
  memmove(labels->values + at + 1, labels->values + at, (size_t)(labels->n - at) * sizeof(double));
  labels->values[at] = value;
  labels->n++;
  return 0;
}

bvl_status bvl_labels_merge(const bvl_import *job, bvl_labels *labels)
{
  const bvl_comm *comm = &job->comm;
  int64_t *counts = NULL, total = 0;
  double *all = NULL;
  bvl_status status = BVL_OK;
  if (!labels->wanted) return BVL_OK;
  if (labels->words != NULL) return bvl_words_merge(job, labels);
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&counts, comm->size)));
  counts[comm->rank] = labels->n;
  BVL_TRY(bvl_sum_i64(comm, counts, comm->size));
  for (int k = 0; k < comm->size; k++) total += counts[k];
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&all, total)));
  BVL_TRY(bvl_gather_all(comm, labels->values, counts, all));
  int many = 0;
  for (int64_t k = 0; k < total; k++) many |= bvl_labels_note(labels, all[k]) != 0;
  if (many || (labels->two && labels->n > 2))
    status = bvl_fail(BVL_ERR_INPUT,
                      "--family %s: the response has %s%" PRId64
                      " different values, at most %d can be classes",
                      job->options->family, many ? "more than " : "", labels->n,
                      labels->two ? 2 : BVL_MOST_LABELS);
  else if (labels->n < 2)
    status = bvl_fail(BVL_ERR_INPUT, "--family %s: the response has one value alone, %g",
                      job->options->family, labels->n == 1 ? labels->values[0] : 0.0);
  status = bvl_agree(comm, status);
cleanup:
  free(all);
  free(counts);
  return status;
}

double bvl_labels_map(const bvl_labels *labels, double value)
{
  return labels->wanted ? (double)place(labels, value) : value;
}

bvl_status bvl_labels_write(bvl_import *job, const bvl_labels *labels)
{
  char *names = NULL;
  bvl_status status = BVL_OK;
  if (labels->family == NULL) return BVL_OK;
  BVL_TRY(bvl_out_attr_text(&job->out, "family", labels->family));
  if (labels->values == NULL || !labels->wanted) return BVL_OK;
  BVL_TRY(bvl_agree(&job->comm, BVL_ALLOC(&names, 32 * labels->n)));
  size_t used = 0;
  for (int64_t k = 0; k < labels->n; k++)
    used += (size_t)snprintf(names + used, 32, "%s%.17g", k > 0 ? "," : "", labels->values[k]);
  BVL_TRY(bvl_out_attr_text(&job->out, "class_values", names));
cleanup:
  free(names);
  return status;
}
