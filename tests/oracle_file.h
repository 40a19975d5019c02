/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the problems of tests/data/oracle (see the README there) whole, with plain serial HDF5.
 * Stops the program with a message on anything unexpected. */
#ifndef BVL_TEST_ORACLE_FILE_H
#define BVL_TEST_ORACLE_FILE_H

#include <stdio.h>

#include <hdf5.h>

#include "oracle.h"

static const char *const oracle_files[] = {"gaussian_lasso",
                                           "gaussian_lasso_wide",
                                           "gaussian_lasso_duplicate",
                                           "gaussian_enet_missing",
                                           "gaussian_group",
                                           "gaussian_group_wide",
                                           "binomial_lasso_fraction",
                                           "binomial_enet",
                                           "binomial_group_missing",
                                           "binomial_group_wide",
                                           "poisson_lasso",
                                           "poisson_enet",
                                           "poisson_group_wide",
                                           NULL};

/** One file; every pointer is owned by it and freed by oracle_file_free. */
typedef struct oracle_file {
  char path[1024];
  oracle_problem problem;
  int unique;        /* is beta the only solution? */
  int64_t n_lambda;  /* of the following */
  double *lambda;    /* n_lambda, descending */
  double *objective; /* n_lambda */
  double *intercept; /* n_lambda, on the input's scale */
  double *beta;      /* p x n_lambda, column-major, on the input's scale */
  double lambda_max;
  double null_half;
} oracle_file;

static inline void oracle_need(int condition, const char *path, const char *what)
{
  if (condition) return;
  fprintf(stderr, "%s: %s\n", path, what);
  abort();
}

/* A dataset whole, converted to `type` of `size` bytes; NULL when there is none. */
static inline void *oracle_read(hid_t file, const char *name, hid_t type, size_t size,
                                int64_t *count)
{
  if (H5Lexists(file, name, H5P_DEFAULT) <= 0) return NULL;
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset);
  *count = (int64_t)H5Sget_simple_extent_npoints(space);
  void *values = oracle_alloc(*count, size);
  oracle_need(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, name, "read");
  H5Sclose(space);
  H5Dclose(dataset);
  return values;
}

static inline double *oracle_read_f64(hid_t file, const char *name, int64_t *count)
{
  return oracle_read(file, name, H5T_NATIVE_DOUBLE, sizeof(double), count);
}

static inline int64_t *oracle_read_i64(hid_t file, const char *name, int64_t *count)
{
  return oracle_read(file, name, H5T_NATIVE_INT64, sizeof(int64_t), count);
}

static inline double oracle_attr(hid_t file, const char *object, const char *name)
{
  double value = NAN;
  hid_t attr = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
  oracle_need(H5Aread(attr, H5T_NATIVE_DOUBLE, &value) >= 0, object, name);
  H5Aclose(attr);
  return value;
}

/* A variable-length text attribute, malloc'ed. */
static inline char *oracle_attr_text(hid_t file, const char *object, const char *name)
{
  char *text = NULL;
  hid_t attr = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
  hid_t type = H5Aget_type(attr);
  oracle_need(H5Tis_variable_str(type) > 0 && H5Aread(attr, type, &text) >= 0, object, name);
  H5Tclose(type);
  H5Aclose(attr);
  return text;
}

/* /X as an n x p column-major matrix, missing codes as NaN. */
static inline double *oracle_read_dense(hid_t file, int64_t n, int64_t *p)
{
  int64_t count = 0;
  double *rows = oracle_read_f64(file, "/X", &count);
  *p = count / n;
  double *X = oracle_alloc(count, sizeof *X);
  int has_missing = H5Aexists_by_name(file, "/X", "missing", H5P_DEFAULT) > 0;
  double missing = has_missing ? oracle_attr(file, "/X", "missing") : NAN;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < *p; j++)
      X[i + j * n] = has_missing && rows[i * *p + j] == missing ? NAN : rows[i * *p + j];
  free(rows);
  return X;
}

static inline double *oracle_read_sparse(hid_t file, int64_t n, int64_t *p)
{
  int64_t shape[2] = {0};
  int64_t count = 0;
  hid_t attr = H5Aopen_by_name(file, "/X", "shape", H5P_DEFAULT, H5P_DEFAULT);
  oracle_need(H5Aread(attr, H5T_NATIVE_INT64, shape) >= 0 && shape[0] == n, "/X", "shape");
  H5Aclose(attr);
  *p = shape[1];
  char *encoding = oracle_attr_text(file, "/X", "encoding-type");
  int by_column = strcmp(encoding, "csc_matrix") == 0;
  int64_t *indptr = oracle_read_i64(file, "/X/indptr", &count);
  int64_t *indices = oracle_read_i64(file, "/X/indices", &count);
  double *data = oracle_read_f64(file, "/X/data", &count);
  double *X = oracle_alloc(n * *p, sizeof *X);
  for (int64_t s = 0; s < (by_column ? *p : n); s++)
    for (int64_t e = indptr[s]; e < indptr[s + 1]; e++)
      X[by_column ? indices[e] + s * n : s + indices[e] * n] = data[e];
  free(encoding);
  free(indptr);
  free(indices);
  free(data);
  return X;
}

static inline void oracle_read_solution(hid_t file, oracle_file *out)
{
  int64_t count = 0;
  out->lambda = oracle_read_f64(file, "/oracle/lambda", &out->n_lambda);
  out->objective = oracle_read_f64(file, "/oracle/objective", &count);
  out->intercept = oracle_read_f64(file, "/oracle/intercept", &count);
  double *rows = oracle_read_f64(file, "/oracle/beta", &count);
  out->beta = oracle_alloc(count, sizeof *out->beta);
  for (int64_t j = 0; j < out->problem.p; j++)
    for (int64_t k = 0; k < out->n_lambda; k++)
      out->beta[j + k * out->problem.p] = rows[j * out->n_lambda + k];
  free(rows);
  out->unique = oracle_attr(file, "/oracle", "unique") != 0.0;
  out->lambda_max = oracle_attr(file, "/oracle", "lambda_max");
  out->null_half = oracle_attr(file, "/oracle", "null_half");
}

/** Reads tests/data/oracle/NAME.h5, found from where this header lies. */
static inline void oracle_file_read(const char *name, oracle_file *out)
{
  const char *end = strrchr(__FILE__, '/');
  int length = end != NULL ? (int)(end - __FILE__) : 1;
  memset(out, 0, sizeof *out);
  snprintf(out->path, sizeof out->path, "%.*s/data/oracle/%s.h5", length,
           end != NULL ? __FILE__ : ".", name);
  hid_t file = H5Fopen(out->path, H5F_ACC_RDONLY, H5P_DEFAULT);
  oracle_need(file >= 0, out->path, "cannot open");
  oracle_problem *q = &out->problem;
  int64_t count = 0;
  q->y = oracle_read_f64(file, "/y", &q->n);
  hid_t X = H5Oopen(file, "/X", H5P_DEFAULT);
  int is_dense = H5Iget_type(X) == H5I_DATASET;
  H5Oclose(X);
  q->X = is_dense ? oracle_read_dense(file, q->n, &q->p) : oracle_read_sparse(file, q->n, &q->p);
  q->w = oracle_read_f64(file, "/weights", &count);
  q->o = oracle_read_f64(file, "/offset", &count);
  q->groups = oracle_read_i64(file, "/groups", &count);
  q->group_weights = oracle_read_f64(file, "/group_weights", &count);
  q->penalty_factor = oracle_read_f64(file, "/penalty_factor", &count);
  q->family = oracle_attr_text(file, "/", "family");
  q->penalty = oracle_attr_text(file, "/oracle", "penalty");
  q->alpha = oracle_attr(file, "/oracle", "alpha");
  q->intercept = oracle_attr(file, "/oracle", "intercept") != 0.0;
  q->standardize = oracle_attr(file, "/oracle", "standardize") != 0.0;
  oracle_read_solution(file, out);
  H5Fclose(file);
}

static inline void oracle_file_free(oracle_file *file)
{
  const void *const owned[] = {file->problem.family,
                               file->problem.penalty,
                               file->problem.X,
                               file->problem.y,
                               file->problem.w,
                               file->problem.o,
                               file->problem.groups,
                               file->problem.group_weights,
                               file->problem.penalty_factor,
                               file->lambda,
                               file->objective,
                               file->intercept,
                               file->beta};
  for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) free((void *)(uintptr_t)owned[k]);
  memset(file, 0, sizeof *file);
}

#endif
