/* SPDX-License-Identifier: BSD-3-Clause */
/* What `bevel info FILE` prints of a dictionary and its codes. */
#include <inttypes.h>

#include "io/describe.h"

bvl_status bvl_describe_dictionary(const bvl_printer *to, const char *path)
{
  static const char *const ranges[] = {"/codes/data", "/history/objective", "/history/seconds",
                                       "/objective",  "/kkt_residual",      "/dictionary_residual"};
  bvl_array atoms = {0};
  bvl_status status = BVL_OK;
  bvl_say(to->lines, "dictionary file %s", path);
  BVL_TRY(bvl_array_open(to->file, "/dictionary", &atoms));
  bvl_say(to->lines, "/dictionary: %" PRId64 " atoms of %" PRId64, atoms.dims[0], atoms.dims[1]);
  for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) BVL_TRY(bvl_say_range(to, ranges[k]));
  bvl_say_attributes(to);
cleanup:
  bvl_array_close(&atoms);
  return status;
}
