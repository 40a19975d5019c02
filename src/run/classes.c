/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/classes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* "name count, ..." as far as it fits. */
static void describe(const char *names, int64_t K, const int64_t *counts, char *out, size_t room)
{
  size_t used = 0;
  const char *name = names;
  out[0] = '\0';
  for (int64_t k = 0; k < K; k++) {
    const size_t length = strcspn(name, "\n");
    const int n = snprintf(out + used, room - used, "%s%.*s %" PRId64, k > 0 ? ", " : "",
                           (int)bvl_lesser((int64_t)length, 40), name, counts[k]);
    if (n < 0 || (size_t)n + 8 >= room - used) { /* cut at the last whole one */
      snprintf(out + used, room - used, ", …");
      return;
    }
    used += (size_t)n;
    name += length + (name[length] == '\n');
  }
}

bvl_status bvl_classes_count(const bvl_comm *comm, const char *names, int64_t n,
                             const double *classes, char *out, size_t room)
{
  int64_t K = 1, *counts = NULL;
  bvl_status status = BVL_OK;
  out[0] = '\0';
  if (names == NULL) return BVL_OK;
  for (const char *c = names; *c != '\0'; c++) K += *c == '\n';
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&counts, K)));
  for (int64_t i = 0; i < n; i++)
    if (classes[i] >= 0.0 && classes[i] < (double)K) counts[(int64_t)classes[i]]++;
  BVL_TRY(bvl_sum_i64(comm, counts, K));
  describe(names, K, counts, out, room);
cleanup:
  free(counts);
  return status;
}
