/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/import.h"

#include "base/checked.h"
#include "run/memory.h"

bvl_status bvl_run_import(MPI_Comm comm, const bvl_import_options *options,
                          const bvl_monitor *monitor, bvl_import_outcome *outcome)
{
  bvl_traffic traffic = {0};
  bvl_comm world = {0};
  bvl_import_options own = *options;
  int64_t allowed = 0;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_comm_dup(comm, &traffic, &world));
  if (own.memory_limit == 0) {
    BVL_TRY(bvl_memory_allowed(&world, 0, &allowed));
    own.memory_limit = bvl_lesser(INT64_C(256) << 20, allowed / 8);
  }
  BVL_TRY(bvl_import_file(&world, &own, monitor, outcome));
cleanup:
  bvl_comm_free(&world);
  return status;
}
