/* SPDX-License-Identifier: BSD-3-Clause */
/* What classes are called: the categories of the response's column in a data file; in results, and
 * in what is predicted from them, the root's attribute class_names, a line a class. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "io/data_file.h"
#include "io/look.h"

enum { MOST_BYTES = 32768 }; /* an attribute holds 64 KiB; longer names are done without */

/* Strings one under the other, a line's end inside one as a blank; NULL when they are too long. */
static char *join(int64_t n, char *const *names)
{
  size_t n_bytes = 1, used = 0;
  for (int64_t k = 0; k < n; k++) n_bytes += strlen(names[k]) + 1;
  char *text = n > 0 && n_bytes <= MOST_BYTES ? malloc(n_bytes) : NULL;
  for (int64_t k = 0; text != NULL && k < n; k++) {
    for (const char *c = names[k]; *c != '\0'; c++) text[used++] = *c == '\n' ? ' ' : *c;
    text[used++] = '\n';
  }
  if (text != NULL) text[used - 1] = '\0'; /* in place of the last line's end */
  return text;
}

/* array->dataset = 0: there are none. Rank 0 alone. */
static bvl_status open_categories(const bvl_data *data, bvl_array *array)
{
  char path[512];
  *array = (bvl_array){.dataset = 0};
  snprintf(path, sizeof path, "%s/categories", data->y.name);
  if (bvl_h5_kind_of(data->file, path) != BVL_H5_DATASET) return BVL_OK;
  return bvl_array_open(data->file, path, array);
}

bvl_status bvl_data_look_at_classes(const bvl_data *data)
{
  bvl_array array;
  bvl_status status = open_categories(data, &array);
  if (status == BVL_OK && array.dataset != 0) status = bvl_look_array(&array);
  bvl_array_close(&array);
  return status;
}

/* Rank 0 alone. Categories that are numbers or not there are no names. */
static bvl_status read_categories(const bvl_data *data, char **out)
{
  char **names = NULL;
  int64_t n_bytes = 0;
  bvl_array array;
  bvl_status status = open_categories(data, &array);
  if (status != BVL_OK || array.dataset == 0) return status;
  if (status == BVL_OK && bvl_array_is_string(&array) && array.dims[1] == 1) {
    status = bvl_array_read_strings(&array, &names, &n_bytes);
    if (status == BVL_OK) *out = join(array.dims[0], names);
  }
  free(names);
  bvl_array_close(&array);
  return status;
}

/* Rank 0's text, or that there is none, for all. */
static bvl_status share(const bvl_comm *comm, char **text)
{
  int64_t n_bytes = comm->rank == 0 && *text != NULL ? (int64_t)strlen(*text) + 1 : 0;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_bcast_i64(comm, 0, &n_bytes, 1));
  if (n_bytes == 0) return BVL_OK;
  if (comm->rank != 0) status = BVL_ALLOC(text, n_bytes);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_bcast_bytes(comm, 0, *text, n_bytes));
cleanup:
  return status;
}

bvl_status bvl_data_read_class_names(bvl_data *data, char **out)
{
  bvl_status status = BVL_OK;
  *out = NULL;
  if (!data->y_is_codes) return BVL_OK;
  if (data->comm.rank == 0) status = read_categories(data, out);
  BVL_TRY(bvl_agree(&data->comm, status));
  BVL_TRY(share(&data->comm, out));
cleanup:
  return status;
}

bvl_status bvl_class_names_read(const bvl_comm *comm, const char *path, char **out)
{
  hid_t file = 0;
  *out = NULL;
  if (comm->rank == 0 && bvl_h5_open_serial(path, &file) == BVL_OK) {
    *out = bvl_h5_attr_text(file, "class_names");
    bvl_h5_release(&file);
  }
  return share(comm, out);
}
