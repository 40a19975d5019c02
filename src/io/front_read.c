/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of a front's networks is taken when none is named. By one process; costs a vector of the
 * front's length. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "io/hdf5_util.h"
#include "io/network.h"

/* A vector of the front's, an entry a point; *out = NULL when there is none. */
static bvl_status read_vector(hid_t file, const char *name, int64_t n_points, double **out)
{
  bvl_array array;
  *out = NULL;
  if (bvl_h5_kind_of(file, name) == BVL_H5_NONE) return BVL_OK;
  bvl_status status = bvl_array_open(file, name, &array);
  if (status == BVL_OK && (array.dims[0] != n_points || array.dims[1] != 1))
    status = bvl_fail(BVL_ERR_INPUT, "%s: %" PRId64 " entries of %" PRId64 " points", name,
                      array.dims[0], n_points);
  if (status == BVL_OK) status = BVL_ALLOC(out, n_points);
  if (status == BVL_OK) status = bvl_array_read(&array, H5T_NATIVE_DOUBLE, 0, n_points, *out);
  bvl_array_close(&array);
  return status;
}

/* Place of the largest sign * value, the first of equal ones; -1 when there is no value. */
static int64_t largest(int64_t n, const double *values, double sign)
{
  int64_t best = -1;
  for (int64_t k = 0; values != NULL && k < n; k++)
    if (!isnan(values[k]) && (best < 0 || sign * values[k] > sign * values[best])) best = k;
  return best;
}

static bvl_status choose_best(hid_t file, bvl_front_choice *out)
{
  bvl_status status = BVL_OK;
  double *accuracy = NULL, *loss = NULL;
  BVL_TRY(read_vector(file, "/test_accuracy", out->n_points, &accuracy));
  out->point = largest(out->n_points, accuracy, 1.0);
  if (out->point >= 0) {
    out->by = BVL_FRONT_BY_ACCURACY;
    out->value = accuracy[out->point];
    goto cleanup;
  }
  BVL_TRY(read_vector(file, "/loss", out->n_points, &loss));
  out->point = largest(out->n_points, loss, -1.0);
  if (out->point < 0) BVL_TRY(bvl_fail(BVL_ERR_INPUT, "/loss: no point has one"));
  out->by = BVL_FRONT_BY_LOSS;
  out->value = loss[out->point];
cleanup:
  free(accuracy);
  free(loss);
  return status;
}

bvl_status bvl_front_choose(const char *path, int64_t wanted, bvl_front_choice *out)
{
  bvl_status status = BVL_OK;
  hid_t file = 0;
  H5G_info_t info = {0};
  *out = (bvl_front_choice){.point = wanted, .by = BVL_FRONT_NAMED, .value = NAN};
  BVL_TRY(bvl_h5_open_own(path, &file));
  if (bvl_h5_kind_of(file, "/points") == BVL_H5_GROUP)
    H5Gget_info_by_name(file, "/points", &info, H5P_DEFAULT);
  out->n_points = (int64_t)info.nlinks;
  if (wanted < 0)
    BVL_TRY(choose_best(file, out));
  else if (wanted >= out->n_points)
    BVL_TRY(bvl_fail(BVL_ERR_INPUT,
                     "there is no point %" PRId64 ": the front has %" PRId64 ", counted from 0",
                     wanted, out->n_points));
cleanup:
  bvl_h5_release(&file);
  return status;
}
