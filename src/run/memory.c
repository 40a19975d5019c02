/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory: what cgroup or machine allow, and refusing what needs more. */
#include "run/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"

/* The number in a one-line file; INT64_MAX when there is none ("max", no such file). */
static int64_t read_limit(const char *path)
{
  FILE *file = fopen(path, "r");
  int64_t limit = INT64_MAX;
  if (file == NULL) return limit;
  if (fscanf(file, "%" SCNd64, &limit) != 1) limit = INT64_MAX;
  fclose(file);
  return limit;
}

/* The tightest limit from `group` up to the hierarchy's root: a parent's limit binds too. */
static int64_t tightest(const char *root, char *group, const char *leaf)
{
  int64_t limit = INT64_MAX;
  for (;;) {
    char path[1024];
    snprintf(path, sizeof path, "%s%s/%s", root, group, leaf);
    limit = bvl_lesser(limit, read_limit(path));
    char *slash = strrchr(group, '/');
    if (slash == NULL) return limit;
    *slash = '\0';
  }
}

/* Lines are "hierarchy:controllers:path"; version 2 has hierarchy 0 and no controllers. */
static int64_t cgroup_limit(void)
{
  FILE *file = fopen("/proc/self/cgroup", "r");
  int64_t limit = INT64_MAX;
  char line[768];
  if (file == NULL) return limit;
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL) continue;
    *group++ = '\0';
    if (strcmp(group, "/") == 0) *group = '\0';
    if (strcmp(controllers, ":") == 0)
      limit = bvl_lesser(limit, tightest("/sys/fs/cgroup", group, "memory.max"));
    else if (strstr(controllers, "memory") != NULL)
      limit = bvl_lesser(limit, tightest("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
  }
  fclose(file);
  return limit;
}

int64_t bvl_memory_machine(void)
{
  int64_t physical = (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
  return bvl_lesser(physical > 0 ? physical : INT64_MAX, cgroup_limit());
}

static bvl_status ranks_on_node(const bvl_comm *comm, int *ranks)
{
  bvl_status status = BVL_OK;
  MPI_Comm node = MPI_COMM_NULL;
  BVL_TRY(BVL_MPI(
      MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &node)));
  BVL_TRY(BVL_MPI(MPI_Comm_size(node, ranks)));
cleanup:
  if (node != MPI_COMM_NULL) MPI_Comm_free(&node);
  return status;
}

bvl_status bvl_memory_allowed(const bvl_comm *comm, int64_t limit, int64_t *allowed)
{
  int ranks = 1;
  bvl_status status = bvl_agree(comm, ranks_on_node(comm, &ranks)); /* whatever the limit says */
  int64_t negated = -((limit > 0 ? limit : bvl_memory_machine()) / ranks); /* the least of all */
  BVL_TRY(status);
  BVL_TRY(bvl_max_i64(comm, &negated, 1));
  *allowed = -negated;
cleanup:
  return status;
}

bvl_status bvl_memory_limit_of(const bvl_comm *comm, int64_t bytes, int64_t *limit)
{
  int ranks = 1;
  const bvl_status status = bvl_agree(comm, ranks_on_node(comm, &ranks));
  *limit = bytes * ranks;
  return status;
}

bvl_status bvl_memory_refuse(const bvl_comm *comm, int64_t estimate, int64_t allowed)
{
  char needed[32], limit[32];
  if (estimate <= allowed) return BVL_OK;
  bvl_memory_words(estimate, needed, sizeof needed);
  bvl_memory_words(allowed, limit, sizeof limit);
  return bvl_fail(BVL_ERR_NOMEM, "about %s a rank needed, the limit is %s a rank%s", needed, limit,
                  comm->size > 1 ? " (its share of the node's)" : "");
}

bvl_status bvl_memory_check(const bvl_comm *comm, int64_t estimate, int64_t limit)
{
  int64_t allowed = 0;
  const bvl_status status = bvl_memory_allowed(comm, limit, &allowed);
  return status != BVL_OK ? status : bvl_memory_refuse(comm, estimate, allowed);
}

bvl_status bvl_memory_gram_limit(const bvl_comm *comm, int64_t limit, int64_t *columns)
{
  /* the Gram, what has come of it in one reduction, and the factor with room to grow */
  const double copies = 4.0;
  int64_t allowed = 0;
  const bvl_status status = bvl_memory_allowed(comm, limit, &allowed);
  const int64_t fit = (int64_t)sqrt(0.1 * (double)allowed / (8.0 * copies));
  *columns = bvl_greater(1, bvl_lesser(8000, fit));
  return status;
}

void bvl_memory_words(int64_t bytes, char *out, size_t size)
{
  static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = (double)bytes;
  size_t k = 0;
  while (value >= 1024.0 && k + 1 < sizeof unit / sizeof unit[0]) {
    value /= 1024.0;
    k++;
  }
  snprintf(out, size, k == 0 ? "%.0f %s" : "%.1f %s", value, unit[k]);
}
