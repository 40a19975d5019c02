/* SPDX-License-Identifier: BSD-3-Clause */
/* HDF5: data, results, checkpoints. The only room that includes hdf5.h (in its .c files: this
 * header shows none of it). Files and datasets as README.md's "File format" says. */
#ifndef BVL_IO_IO_H
#define BVL_IO_IO_H

#include <stdint.h>

#include "base/lines.h"
#include "bevel/monitor.h"
#include "bevel/source.h"
#include "comm/comm.h"

/* ---- data ---------------------------------------------------------------------------------- */

typedef struct bvl_data bvl_data; /* an open data file */

/** Which datasets to use; NULL = the default name, "none" = not even if it is there. */
typedef struct bvl_data_names {
  const char *x;              /* "/X" */
  const char *y;              /* "/y"; also an AnnData /obs column: a categorical or numeric one */
  const char *weights;        /* "/weights" */
  const char *offset;         /* "/offset" */
  const char *groups;         /* "/groups" */
  const char *group_weights;  /* "/group_weights" */
  const char *penalty_factor; /* "/penalty_factor" */
  const char *lower;          /* only by name */
  const char *upper;          /* only by name */
} bvl_data_names;

/** Opens a data file for parallel reading and checks every shape, type and sparse header, so that a
 * broken file is refused before anything large is read.
 *
 * Collective. `collective_io` = 0 reads independently; 1 falls back to independent reads when a
 * collective read fails (compressed datasets are always read independently). `need_y` = 0 for
 * prediction: only X, the offset and the feature names are looked at.
 * @return BVL_ERR_IO (cannot open, not HDF5, truncated), BVL_ERR_INPUT (missing dataset, wrong
 *         length, wrong type; its name in the message), the same on every rank. */
bvl_status bvl_data_open(const bvl_comm *comm, const char *path, const bvl_data_names *names,
                         int collective_io, int need_y, bvl_data **out);
void bvl_data_close(bvl_data **data);

/** The design matrix' source; owned by data, valid until it is closed. */
const bvl_source *bvl_data_source(const bvl_data *data);
enum { BVL_MAX_RESPONSES = 4096 };
/** Columns of y; 1 without a y. Not collective. */
int64_t bvl_data_responses(const bvl_data *data);
/** The file's `family` attribute, or NULL. */
const char *bvl_data_family(const bvl_data *data);
/** What the classes of y are called, a line each: the categories of a categorical column
 * (malloc'ed, replicated). NULL where there are none, or more than 32 KiB of them. Collective. */
bvl_status bvl_data_read_class_names(bvl_data *data, char **out);
/** The same of a result, from its attribute class_names; NULL also for what is no file. Collective.
 */
bvl_status bvl_class_names_read(const bvl_comm *comm, const char *path, char **out);
/** 64-bit fingerprint of shapes, y and a sample of X, independent of the rank count; for
 * checkpoints and results. Collective. */
bvl_status bvl_data_fingerprint(bvl_data *data, uint64_t *out);

/** bvl_problem_data.read_rows: "y" (all responses of a row together), "weights" or "offset".
 * context is the bvl_data. Values are checked finite (and weights non-negative), with dataset and
 * row (of the file) in the message. */
bvl_status bvl_data_read_rows(void *data, const char *what, int64_t row0, int64_t count,
                              double *out, int *present);
/** Replicated vectors over columns: *out is NULL when the file has none, else the caller's (free).
 * groups: p ids; penalty_factor, lower, upper: p; group_weights: *count of them. */
/** From now on a missing response (NaN; of a categorical column no label) is no error and reads as
 * NaN. Not collective, to be called by all ranks. */
void bvl_data_keep_missing(bvl_data *data);
bvl_status bvl_data_read_groups(bvl_data *data, int64_t **out);
bvl_status bvl_data_read_group_weights(bvl_data *data, int64_t *count, double **out);
bvl_status bvl_data_read_penalty_factor(bvl_data *data, double **out);
bvl_status bvl_data_read_bounds(bvl_data *data, double **lower, double **upper);
/** Row numbers from a dataset of the file by any name, as --train-index gives one: *out (the
 * caller's) ascending, replicated. @return BVL_ERR_INPUT: not there, not a vector of integers, a
 * row outside of X or there twice, none at all. */
bvl_status bvl_data_read_index(bvl_data *data, const char *name, int64_t *count, int64_t **out);
/** One integer a row from a dataset of the file by any name (folds, groups of rows): *out (the
 * caller's) n of them, replicated. @return BVL_ERR_INPUT: not there, not a vector of n integers. */
bvl_status bvl_data_read_row_ids(bvl_data *data, const char *name, int64_t **out);
/** Feature names on rank 0 only (NULL elsewhere and when the file has none): *out is p strings in
 * one malloc'ed block of pointers and bytes. */
bvl_status bvl_data_read_feature_names(bvl_data *data, char ***out);

/** Where a file is from, beside what io knows: it writes version, ranks and end_time too. What is
 * NULL or 0 is left out. */
typedef struct bvl_origin {
  const char *command_line;
  const char *start_time; /* of bvl_time_now */
  const char *data;
  uint64_t fingerprint; /* of data */
  int grid_rows, grid_cols;
  const char *model_group; /* which of a file's several models was predicted with; NULL = the only
                              one */
} bvl_origin;

/* ---- results ------------------------------------------------------------------------------- */

/** Written by rank 0 beside the final name and renamed by close, so that no half-written result
 * ever stands under it. One lambda at a time; a fixed number of lambdas. */
typedef struct bvl_result_writer bvl_result_writer;

bvl_status bvl_result_create(const bvl_comm *comm, const char *path, int64_t p, int64_t n_lambda,
                             bvl_result_writer **out);
/** A dataset of doubles / integers / strings of any name ("/lambda", "/status"): rank 0's values.
 * put_rows: n x n_cols of them, row by row. */
bvl_status bvl_result_put_f64(bvl_result_writer *writer, const char *name, int64_t n,
                              const double *values);
bvl_status bvl_result_put_rows(bvl_result_writer *writer, const char *name, int64_t n,
                               int64_t n_cols, const double *values);
bvl_status bvl_result_put_i64(bvl_result_writer *writer, const char *name, int64_t n,
                              const int64_t *values);
bvl_status bvl_result_put_strings(bvl_result_writer *writer, const char *name, int64_t n,
                                  char *const *values);
/** Another sparse matrix (AnnData csc, p x n_cols): bvl_result_put_coef goes on with it. The one
 * before, at first /coef, must have all its columns. */
bvl_status bvl_result_begin_csc(bvl_result_writer *writer, const char *name, int64_t p,
                                int64_t n_cols);
/** The next column of /coef (AnnData csc): each rank's nonzeros, gathered to rank 0 and sorted by
 * input column. Ranks with nothing to say pass 0. Collective. */
bvl_status bvl_result_put_coef(bvl_result_writer *writer, int64_t n_nonzero, const int64_t *column,
                               const double *value);
/** A sparse matrix by rows (AnnData csr_matrix), in a file that all ranks write (network.h): this
 * rank's consecutive rows, ranks in order; indptr (n_rows + 1) counts from 0 here. Collective. */
bvl_status bvl_result_put_csr(bvl_result_writer *writer, const char *name, int64_t n_rows,
                              int64_t n_cols, const int64_t *indptr, const int64_t *indices,
                              const double *values);
/** Root attributes. Rank 0's values. */
bvl_status bvl_result_attr_origin(bvl_result_writer *writer, const bvl_origin *origin);
bvl_status bvl_result_attr_text(bvl_result_writer *writer, const char *name, const char *value);
bvl_status bvl_result_attr_f64(bvl_result_writer *writer, const char *name, double value);
bvl_status bvl_result_attr_i64(bvl_result_writer *writer, const char *name, int64_t value);
/** Closes and renames to the final name (commit = 1), or removes the partial file (0). Collective;
 * frees the writer. @return BVL_ERR_DISK when the disk is full. */
bvl_status bvl_result_close(bvl_result_writer **writer, int commit);

/** A result read back whole, replicated: for predict and info. */
typedef struct bvl_result {
  int64_t p;       /* features */
  int64_t outputs; /* responses or classes K: coefficient k of feature j is row j K + k */
  int64_t n_lambda;
  double *lambda;    /* n_lambda */
  double lambda_min; /* of a cross-validated path; else NaN */
  double lambda_1se;
  double lambda_criterion[3]; /* that aic, bic and ebic chose; NaN = none */
  double *intercept;          /* n_lambda x K, a lambda's together */
  int64_t *indptr;            /* n_lambda + 1 */
  int64_t *indices;           /* nnz */
  double *values;             /* nnz */
  double *fill;               /* p: what a missing code reads as; NULL when the file does not say */
  char **feature_names;       /* p strings, one block; NULL when there are none */
  char family[32];
  int trained_offset; /* the model was trained with an offset */
  int single;         /* the model was fitted with --precision single */
} bvl_result;
bvl_status bvl_result_read(const bvl_comm *comm, const char *path, bvl_result *out);
/** The result at a group of the file, as /tasks/3 of a study; "/" = the root. */
bvl_status bvl_result_read_at(const bvl_comm *comm, const char *path, const char *group,
                              bvl_result *out);
/** gamma times the coefficients that were read and 1 - gamma times those of the relaxed fits beside
 * them in the same group; NaN intercepts and no coefficients where there is none. Collective.
 * @return BVL_ERR_USAGE: there are no relaxed fits; BVL_ERR_INPUT: they are not the model's. */
bvl_status bvl_result_relax(const bvl_comm *comm, const char *path, const char *group, double gamma,
                            bvl_result *result);
void bvl_result_free(bvl_result *result);

/** /prediction (n x K x L, K and L squeezed when 1) and /lambda (unless NULL), written in parallel:
 * each rank its input rows row0 .. row0 + count - 1, row-major with K L values a row (ranks with
 * count 0 take part). class_names: the attribute, or NULL; origin: NULL = none. Written aside and
 * renamed. Collective.
 */
bvl_status bvl_prediction_write(const bvl_comm *comm, const char *path, int64_t n, int64_t outputs,
                                int64_t n_lambda, const double *lambda, const char *type,
                                const char *class_names, int64_t row0, int64_t count,
                                const double *values, const bvl_origin *origin);

/* ---- checkpoints --------------------------------------------------------------------------- */

/** Starts writing a checkpoint to `path` + ".partial" in parallel; `store` is what the solver
 * writes through. Attributes identify the run: `text` is "key=value\n" lines that must match on
 * resume.
 * @return BVL_ERR_IO (also when `path` is an HDF5 file of another kind) or BVL_ERR_DISK; the
 * previous checkpoint stands untouched. */
typedef struct bvl_checkpoint bvl_checkpoint;
bvl_status bvl_checkpoint_begin(const bvl_comm *comm, const char *path, const char *text,
                                bvl_checkpoint **out, bvl_store *store);
/** Closes; on commit = 1 renames path to path + ".old" and the new one to path (last two kept); on
 * failure or commit = 0 removes the partial one. Collective; frees the handle. */
bvl_status bvl_checkpoint_end(bvl_checkpoint **checkpoint, int commit);
/** Opens the newest whole checkpoint (path, else path + ".old"): one whose checksum holds. *out =
 * NULL with BVL_OK when there is none. *text (malloc'ed, replicated) is what begin was given. */
bvl_status bvl_checkpoint_open(const bvl_comm *comm, const char *path, bvl_checkpoint **out,
                               bvl_store *store, char **text);
/** Rank 0: why an opened checkpoint is not the newest file of its name, for the user to read; "".
 */
const char *bvl_checkpoint_note(const bvl_checkpoint *checkpoint);

/* ---- simulated data ------------------------------------------------------------------------ */

/** A data file in the making, written in parallel. Dense rows (contiguous, one dataset) or CSR/CSC
 * pieces in rank order. Written aside and renamed by close. */
typedef struct bvl_data_writer bvl_data_writer;
bvl_status bvl_data_create(const bvl_comm *comm, const char *path, int64_t n, int64_t p,
                           bvl_data_writer **out);
/** /X: creates an n x p float64 dataset on the first call; rows row0 .. + count. Collective, each
 * rank equally often. */
bvl_status bvl_data_put_dense(bvl_data_writer *writer, int64_t row0, int64_t count,
                              const double *rows);
/** /X as AnnData csr_matrix: this rank's consecutive rows; indptr (n_rows + 1) counts from 0 here.
 * One collective call; ranks hold rows in rank order. */
bvl_status bvl_data_put_csr(bvl_data_writer *writer, int64_t n_rows, const int64_t *indptr,
                            const int64_t *indices, const double *values);
/** Vectors: a distributed one by parts (first, count), or rank 0's whole. Collective. */
bvl_status bvl_data_put_f64(bvl_data_writer *writer, const char *name, int64_t n_global,
                            int64_t first, int64_t count, const double *values);
/** Rows of n_cols values each. */
bvl_status bvl_data_put_rows(bvl_data_writer *writer, const char *name, int64_t n_global,
                             int64_t n_cols, int64_t first, int64_t count, const double *values);
bvl_status bvl_data_put_i64(bvl_data_writer *writer, const char *name, int64_t n_global,
                            int64_t first, int64_t count, const int64_t *values);
/** Root attributes. Collective. */
bvl_status bvl_data_attr_origin(bvl_data_writer *writer, const bvl_origin *origin);
bvl_status bvl_data_attr_text(bvl_data_writer *writer, const char *name, const char *value);
bvl_status bvl_data_finish(bvl_data_writer **writer, int commit);

/* ---- files of other programs ---------------------------------------------------------------- */

typedef enum bvl_missing {
  BVL_MISSING_AUTO,  /* plink: mean, else error */
  BVL_MISSING_ERROR, /* refused, with its place */
  BVL_MISSING_MEAN,  /* reads as the mean of its column */
  BVL_MISSING_DROP   /* its row is left out */
} bvl_missing;

typedef struct bvl_import_options {
  const char *file;
  const char *output;
  const char *format;       /* "csv", "libsvm", "plink"; NULL = by the file's name */
  const char *y;            /* csv: a column by its name, or its number from 1; plink: a file */
  const char *y_column;     /* plink: which column of that file; NULL = the first behind the ids */
  const char *ignore;       /* csv: columns that are left out, with commas; NULL = none */
  const char *family;       /* written as the file's; NULL = none. Classes become 0, 1, ... */
  const char *command_line; /* written as an attribute; NULL = none */
  char separator;           /* csv; 0 = the most frequent of , ; tab in the first line */
  int header;               /* csv: 0 no, 1 yes, 2 = when the first line is not all numbers */
  int base;                 /* libsvm: the first column's number, 0 or 1; 2 = 0 if there is one */
  int64_t columns;          /* libsvm: of X; 0 = as many as the largest number says */
  int single;               /* X as float32 */
  bvl_missing missing;
  int64_t memory_limit; /* bytes of a rank's buffers */
} bvl_import_options;
void bvl_import_options_init(bvl_import_options *options);
/** "csv" ...: the format that is said, or that the file's name says; NULL when neither does. */
const char *bvl_import_format(const bvl_import_options *options);

typedef struct bvl_import_outcome {
  const char *format;
  int64_t n, p;
  int64_t nnz;     /* stored entries; -1 = dense */
  int64_t missing; /* entries that read as their column's mean */
  int64_t dropped; /* rows left out */
  int64_t bytes;   /* of the file */
  double seconds;
} bvl_import_outcome;

/** Writes a data file from a file of another format, in parallel, aside and renamed. Collective.
 * @return BVL_ERR_INPUT with file, line and column (from 1) of what is wrong, BVL_ERR_USAGE (a
 * format nobody knows), BVL_ERR_IO, BVL_ERR_DISK, BVL_ERR_NOMEM, BVL_ERR_INTERRUPTED; the same on
 * every rank. */
bvl_status bvl_import_file(const bvl_comm *comm, const bvl_import_options *options,
                           const bvl_monitor *monitor, bvl_import_outcome *outcome);

/* ---- looking into any file ------------------------------------------------------------------ */

/** What `bevel info FILE` prints: a description of a data, result or checkpoint file, line by line.
 * Rank 0 alone (not collective). */
bvl_status bvl_describe_file(const char *path, const bvl_lines *lines);

/** The version of the HDF5 library that is loaded, "major.minor.patch". Not collective. */
void bvl_hdf5_version(char *out, size_t size);

#endif
