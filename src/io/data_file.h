/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of bvl_data, for the files of this room. */
#ifndef BVL_IO_DATA_FILE_H
#define BVL_IO_DATA_FILE_H

#include "io/hdf5_util.h"
#include "io/io.h"

/* An absent optional array is all zero (dataset == 0). */
struct bvl_data {
  bvl_comm comm;  /* owned duplicate */
  char *path;     /* owned */
  hid_t file;     /* open on every rank, read only */
  int collective; /* read collectively; cleared for good by the first collective read to fail */
  char *x_name;   /* owned */
  bvl_array x;    /* dense X */
  bvl_array values, indices, indptr; /* sparse X */
  bvl_array y;
  int keeps_missing; /* NaN in y is no error */
  int y_is_codes;    /* codes of a categorical column: -1 is a missing label */
  int64_t n_categories;
  bvl_array weights, offset, groups, group_weights, penalty_factor, feature_names;
  bvl_array lower, upper;
  char *family; /* owned; NULL when the file names none */
  bvl_source source;
  struct bvl_data_pieces *pieces; /* owned; dense X read by a rank for itself, NULL before */
};

/** X as an AnnData sparse group: opens its arrays, checks them against each other and fills the
 * source's format and shape. Not collective. @return BVL_ERR_INPUT, BVL_ERR_IO. */
bvl_status bvl_anndata_open_sparse(bvl_data *data);
/** Whether the group at `name` is a categorical column (codes and categories). Not collective. */
int bvl_anndata_is_categorical(hid_t file, const char *name);
/** Path of the index of /var, "" when the file has none. Not collective. @return BVL_ERR_INPUT,
 * BVL_ERR_IO: what is there cannot be read; BVL_ERR_NOMEM. */
bvl_status bvl_anndata_var_index(hid_t file, char out[BVL_H5_NAME_BYTES]);

/** Rows first .. first + count - 1 of a vector; ranks ask for what they like. Collective. */
bvl_status bvl_data_read_slice(bvl_data *data, const bvl_array *array, hid_t memory_type,
                               int64_t first, int64_t count, void *out);

/** read_alone of a dense X (data_pieces.c), and what it keeps open. Not collective. */
bvl_status bvl_data_read_alone(void *data, int64_t row0, int64_t n_rows, int64_t n_cols,
                               const int64_t *cols, void *out, int64_t *elements);
void bvl_data_pieces_free(struct bvl_data_pieces **pieces);

/** The type of `dtype` in memory. */
hid_t bvl_data_native_type(bvl_dtype dtype);

/** The reading callbacks of data->source, by its format. Not collective. */
void bvl_data_set_callbacks(bvl_data *data);

/** Reads what classes are called as bvl_data_read_class_names will; to be called in a look, with
 * the response open. @return BVL_ERR_IO, BVL_ERR_INPUT. */
bvl_status bvl_data_look_at_classes(const bvl_data *data);

#endif
