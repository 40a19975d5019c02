/* SPDX-License-Identifier: BSD-3-Clause */
/* bevel info of a study's file: its summary as a table. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/describe.h"

/* The texts of a column of fixed length: n of `width` bytes, the caller's; NULL when it is none. */
static char *load_texts(const bvl_printer *to, const char *name, int64_t n, size_t *width)
{
  char *texts = NULL;
  hid_t dataset = 0, type = 0, space = 0;
  if (bvl_h5_kind_of(to->file, name) != BVL_H5_DATASET) return NULL;
  dataset = H5Dopen2(to->file, name, H5P_DEFAULT);
  type = H5Dget_type(dataset);
  space = H5Dget_space(dataset);
  if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
      H5Sget_simple_extent_npoints(space) == n) {
    *width = H5Tget_size(type);
    if (*width < 4096) texts = calloc((size_t)n * *width + 1, 1);
    if (texts != NULL && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0) {
      free(texts);
      texts = NULL;
    }
  }
  bvl_h5_release(&space);
  bvl_h5_release(&type);
  bvl_h5_release(&dataset);
  return texts;
}

static void say_row(const bvl_printer *to, int64_t k, const char *label, size_t label_width,
                    const char *message, size_t message_width, double status, const double *values)
{
  static const char *const words[] = {"converged", "not all converged", "failed"};
  const int code = status >= 0.0 && status <= 2.0 ? (int)status : 2;
  if (code == 2) {
    bvl_say(to->lines, "  %3" PRId64 "  %.*s: failed: %.*s", k, (int)label_width, label,
            (int)message_width, message);
    return;
  }
  char best[96] = "";
  if (!isnan(values[0])) /* the criterion may not apply */
    snprintf(best, sizeof best, ", best %.6g at lambda %.6g with %.0f", values[0], values[1],
             values[2]);
  bvl_say(to->lines, "  %3" PRId64 "  %.*s: %s%s, %.2f s", k, (int)label_width, label, words[code],
          best, values[3]);
}

bvl_status bvl_describe_study(const bvl_printer *to, const char *path)
{
  static const char *const names[] = {"/summary/best", "/summary/best_lambda", "/summary/best_df",
                                      "/summary/seconds", "/summary/status"};
  double *columns[5] = {NULL};
  int64_t n = -1;
  size_t label_width = 0, message_width = 0;
  char *label = NULL, *message = NULL;
  bvl_status status = BVL_OK;
  for (int c = 0; c < 5; c++) {
    int64_t length = 0;
    BVL_TRY(bvl_load_vector(to, names[c], &length, &columns[c]));
    if (n >= 0 && length != n)
      BVL_TRY(bvl_fail(BVL_ERR_INPUT, "%s: not an entry a task", names[c]));
    n = length;
  }
  label = load_texts(to, "/summary/label", n, &label_width);
  message = load_texts(to, "/summary/message", n, &message_width);
  bvl_say(to->lines, "study file %s: %" PRId64 " tasks", path, n);
  for (int64_t k = 0; label != NULL && message != NULL && k < n; k++) {
    const double values[] = {columns[0][k], columns[1][k], columns[2][k], columns[3][k]};
    say_row(to, k, label + (size_t)k * label_width, label_width,
            message + (size_t)k * message_width, message_width, columns[4][k], values);
  }
  bvl_say_attributes(to);
cleanup:
  for (int c = 0; c < 5; c++) free(columns[c]);
  free(message);
  free(label);
  return status;
}
