/* SPDX-License-Identifier: BSD-3-Clause */
/* Result files: what is written comes back, sorted, whoever held it; nothing half-written stands
 * under the final name; predictions. Truth is a formula of the indices. */
#include "io_files.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/checked.h"
#include "io/io.h"

enum { P = 23, L = 5 };

/* Column k of /coef: coefficient j is nonzero when (j + k) % 4 == 0, none at all for k = 2. */
static int is_nonzero(int64_t j, int64_t k)
{
  return k != 2 && (j + k) % 4 == 0;
}

static double coefficient(int64_t j, int64_t k)
{
  return (double)(j + 1) / 3.0 - (double)k;
}

/* This rank's nonzeros, from the last column to the first: columns are dealt out in turn. */
static int64_t my_nonzeros(int64_t k, int64_t *columns, double *values)
{
  int64_t n = 0;
  for (int64_t j = P - 1; j >= 0; j--) {
    if (j % bvl_test_size() != bvl_test_rank() || !is_nonzero(j, k)) continue;
    columns[n] = j;
    values[n++] = coefficient(j, k);
  }
  return n;
}

static int put_columns(bvl_result_writer *writer, int64_t n)
{
  int good = 1;
  for (int64_t k = 0; k < n; k++) {
    int64_t columns[P];
    double values[P];
    int64_t count = my_nonzeros(k, columns, values);
    good &= bvl_test_ok(bvl_result_put_coef(writer, count, columns, values), "put_coef");
  }
  return good;
}

static const double lambda[L] = {2.0, 1.0, 0.5, 0.25, 0.0};
static const double intercept[L] = {1.0, NAN, -INFINITY, 1e-300, 0.1};

static int write_result(const char *name, int64_t n_columns, int with_names, int commit)
{
  bvl_result_writer *writer;
  char text[P][16], *names[P];
  for (int j = 0; j < P; j++) snprintf(text[j], sizeof text[j], "g%d", j), names[j] = text[j];
  if (!bvl_test_ok(bvl_result_create(&io_comm, io_path(name), P, L, &writer), "create")) return 0;
  int good = put_columns(writer, n_columns);
  good &= bvl_test_ok(bvl_result_put_f64(writer, "/lambda", L, lambda), "lambda");
  good &= bvl_test_ok(bvl_result_put_f64(writer, "/intercept", L, intercept), "intercept");
  if (with_names)
    good &= bvl_test_ok(bvl_result_put_strings(writer, "/feature_names", P, names), "names");
  good &= bvl_test_ok(bvl_result_attr_text(writer, "family", "binomial"), "family");
  good &= bvl_test_ok(bvl_result_attr_i64(writer, "offset", 1), "offset");
  good &= bvl_test_ok(bvl_result_attr_f64(writer, "passes", 2.5), "passes");
  return good && (bvl_result_close(&writer, commit) == BVL_OK) && writer == NULL;
}

static void test_round_trip(void **state)
{
  (void)state;
  for (int with_names = 0; with_names < 2; with_names++) {
    bvl_result r;
    ASSERT_ALL(write_result("r.h5", L, with_names, 1));
    ASSERT_OK(bvl_result_read(&io_comm, io_path("r.h5"), &r));
    ASSERT_ALL(r.p == P && r.n_lambda == L && r.trained_offset);
    ASSERT_ALL(strcmp(r.family, "binomial") == 0);
    ASSERT_ALL(memcmp(r.lambda, lambda, sizeof lambda) == 0);
    ASSERT_ALL(memcmp(r.intercept, intercept, sizeof intercept) == 0);
    int good = 1;
    int64_t at = 0;
    for (int64_t k = 0; k < L; k++) {
      good &= r.indptr[k] == at;
      for (int64_t j = 0; j < P; j++) {
        if (!is_nonzero(j, k)) continue;
        good &= r.indices[at] == j && r.values[at] == coefficient(j, k);
        at++;
      }
    }
    ASSERT_ALL(good && r.indptr[L] == at);
    ASSERT_ALL((r.feature_names != NULL) == with_names);
    for (int j = 0; j < P && with_names; j++) {
      char name[16];
      snprintf(name, sizeof name, "g%d", j);
      good &= strcmp(r.feature_names[j], name) == 0;
    }
    ASSERT_ALL(good);
    bvl_result_free(&r);
    ASSERT_ALL(r.lambda == NULL && r.feature_names == NULL);
  }
}

/* What anndata and h5py go by: attributes of /coef, types, variable-length UTF-8 strings. */
static void test_anndata_layout(void **state)
{
  (void)state;
  int good = 1;
  ASSERT_ALL(write_result("r.h5", L, 1, 1));
  if (bvl_test_rank() == 0) {
    int64_t shape[2];
    char *text = NULL;
    hid_t file = H5Fopen(io_path("r.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t attr = H5Aopen_by_name(file, "/coef", "encoding-type", H5P_DEFAULT, H5P_DEFAULT);
    hid_t type = H5Aget_type(attr);
    good &= H5Tis_variable_str(type) > 0 && H5Tget_cset(type) == H5T_CSET_UTF8;
    good &= H5Aread(attr, type, &text) >= 0 && strcmp(text, "csc_matrix") == 0;
    H5free_memory(text);
    H5Tclose(type);
    H5Aclose(attr);
    attr = H5Aopen_by_name(file, "/coef", "shape", H5P_DEFAULT, H5P_DEFAULT);
    good &= H5Aread(attr, H5T_NATIVE_INT64, shape) >= 0 && shape[0] == P && shape[1] == L;
    H5Aclose(attr);
    const char *const names[] = {"/coef/data", "/coef/indices", "/coef/indptr"};
    for (int k = 0; k < 3; k++) {
      hid_t dataset = H5Dopen2(file, names[k], H5P_DEFAULT);
      type = H5Dget_type(dataset);
      good &= H5Tequal(type, k == 0 ? H5T_IEEE_F64LE : H5T_STD_I64LE) > 0;
      H5Tclose(type);
      H5Dclose(dataset);
    }
    good &= H5Fclose(file) >= 0;
  }
  ASSERT_ALL(good);
}

/* ---- nothing half-written ----------------------------------------------------------------------
 */

static void test_partial(void **state)
{
  (void)state;
  bvl_result_writer *writer;
  bvl_result r;
  ASSERT_OK(bvl_result_create(&io_comm, io_path("r.h5"), P, L, &writer));
  ASSERT_ALL(io_stands("r.h5", 0) && io_stands("r.h5.partial", 1));
  ASSERT_ALL(put_columns(writer, 2));
  ASSERT_OK(bvl_result_close(&writer, 0));
  ASSERT_ALL(io_stands("r.h5", 0) && io_stands("r.h5.partial", 0));
  ASSERT_ALL(write_result("r.h5", L, 0, 1));
  ASSERT_ALL(io_stands("r.h5", 1) && io_stands("r.h5.partial", 0));
  ASSERT_ALL(write_result("r.h5", 3, 0, 0)); /* an abandoned one leaves the first alone */
  ASSERT_OK(bvl_result_read(&io_comm, io_path("r.h5"), &r));
  ASSERT_ALL(r.n_lambda == L);
  bvl_result_free(&r);
}

static void test_incomplete(void **state)
{
  (void)state;
  bvl_result_writer *writer;
  ASSERT_OK(bvl_result_create(&io_comm, io_path("r.h5"), P, L, &writer));
  ASSERT_ALL(put_columns(writer, L - 1));
  ASSERT_REFUSED(bvl_result_close(&writer, 1), BVL_ERR_USAGE, "/coef has 4 of its 5 columns");
  ASSERT_ALL(io_stands("r.h5", 0) && io_stands("r.h5.partial", 0));
  ASSERT_OK(bvl_result_create(&io_comm, io_path("r.h5"), P, L, &writer));
  ASSERT_ALL(put_columns(writer, L));
  ASSERT_REFUSED(bvl_result_put_coef(writer, 0, NULL, NULL), BVL_ERR_USAGE, "all its 5 columns");
  ASSERT_OK(bvl_result_close(&writer, 0));
}

/* The last rank alone gives a bad column. */
static void test_bad_columns(void **state)
{
  (void)state;
  int last = bvl_test_rank() == bvl_test_size() - 1;
  const int64_t bad[][2] = {{3, 3}, {0, P}, {-1, 2}};
  const char *const messages[] = {"given twice", "out of range", "out of range"};
  for (int k = 0; k < 3; k++) {
    const double values[2] = {1.0, 2.0};
    bvl_result_writer *writer;
    ASSERT_OK(bvl_result_create(&io_comm, io_path("r.h5"), P, L, &writer));
    ASSERT_REFUSED(bvl_result_put_coef(writer, last ? 2 : 0, bad[k], values), BVL_ERR_USAGE,
                   messages[k]);
    ASSERT_OK(bvl_result_close(&writer, 0));
  }
}

static void test_cannot_create(void **state)
{
  (void)state;
  bvl_result_writer *writer;
  if (bvl_test_rank() == 0) mkdir(io_path("folder"), 0777);
  io_ready();
  ASSERT_REFUSED(bvl_result_create(&io_comm, io_path("no/r.h5"), P, L, &writer), BVL_ERR_IO,
                 "No such file or directory");
  ASSERT_ALL(writer == NULL);
  ASSERT_REFUSED(bvl_result_create(&io_comm, io_path("folder"), P, L, &writer), BVL_ERR_IO,
                 "it is a directory");
  ASSERT_REFUSED(bvl_prediction_write(&io_comm, io_path("no/p.h5"), 1, 1, 1, lambda, "link", NULL,
                                      0, 0, NULL, NULL),
                 BVL_ERR_IO, "No such file or directory");
}

/* A limit on the size of files stands for a full disk: the same path through the library. */
static void test_disk_full(void **state)
{
  (void)state;
  enum { MANY = 200000 };
  struct rlimit before, small;
  bvl_result_writer *writer;
  double *values = calloc(MANY, sizeof *values);
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 65536;
  ASSERT_OK(bvl_result_create(&io_comm, io_path("r.h5"), P, L, &writer));
  ASSERT_ALL(put_columns(writer, L));
  if (bvl_test_rank() == 0) setrlimit(RLIMIT_FSIZE, &small);
  bvl_status status = bvl_result_put_f64(writer, "/big", MANY, values);
  bvl_status closed = bvl_result_close(&writer, status == BVL_OK);
  if (bvl_test_rank() == 0) setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_REFUSED(status != BVL_OK ? status : closed, BVL_ERR_DISK, "no room");
  ASSERT_ALL(io_stands("r.h5", 0) && io_stands("r.h5.partial", 0));
  free(values);
}

/* ---- files that are no results -----------------------------------------------------------------
 */

typedef enum damage {
  NOTHING,
  NO_COEF,
  ENCODING,
  SHAPE,
  INDPTR,
  INDEX,
  LENGTH,
  MULTI,
  NAMES
} damage;

static bvl_status read_damaged(damage what)
{
  bvl_result r;
  if (bvl_test_rank() == 0) {
    const double values[4] = {1.0, 2.0, 3.0, 4.0};
    const int64_t indices[2] = {0, what == INDEX ? 3 : 2};
    const int64_t indptr[3] = {0, what == INDPTR ? 3 : 1, 2};
    const char *names[2] = {"a", "b"};
    hid_t file = io_create("d.h5");
    io_put_f64(file, "/lambda", 2, values);
    if (what == MULTI)
      io_put(file, "/intercept", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, 2, 0, values);
    else
      io_put_f64(file, "/intercept", what == LENGTH ? 3 : 2, values);
    if (what != NO_COEF) {
      io_sparse_head(file, "/coef", what == ENCODING ? "csr_matrix" : "csc_matrix", 0,
                     H5T_STD_I64LE, 3, what == SHAPE ? 3 : 2);
      io_put_f64(file, "/coef/data", 2, values);
      io_put_i64(file, "/coef/indices", 2, indices);
      io_put_i64(file, "/coef/indptr", 3, indptr);
    }
    if (what == NAMES) io_put_strings(file, "/feature_names", 2, 0, names);
    H5Fclose(file);
  }
  io_ready();
  bvl_status status = bvl_result_read(&io_comm, io_path("d.h5"), &r);
  bvl_result_free(&r);
  io_ready();
  return status;
}

static void test_damaged(void **state)
{
  (void)state;
  bvl_result r;
  ASSERT_OK(read_damaged(NOTHING));
  ASSERT_REFUSED(read_damaged(NO_COEF), BVL_ERR_INPUT, "no group /coef");
  ASSERT_REFUSED(read_damaged(ENCODING), BVL_ERR_INPUT, "/coef is not a csc_matrix");
  ASSERT_REFUSED(read_damaged(SHAPE), BVL_ERR_INPUT, "a column per lambda");
  ASSERT_REFUSED(read_damaged(INDPTR), BVL_ERR_INPUT, "/coef/indptr does not ascend");
  ASSERT_REFUSED(read_damaged(INDEX), BVL_ERR_INPUT, "/coef/indices: 3 is not a column of 3");
  ASSERT_REFUSED(read_damaged(LENGTH), BVL_ERR_INPUT, "/intercept has 3 entries, not 2");
  ASSERT_REFUSED(read_damaged(MULTI), BVL_ERR_INPUT, "/coef has 3 rows, /intercept 2 a lambda");
  ASSERT_REFUSED(read_damaged(NAMES), BVL_ERR_INPUT, "/feature_names: not a name per column");
  ASSERT_REFUSED(bvl_result_read(&io_comm, io_path("no.h5"), &r), BVL_ERR_IO, "No such file");
}

/* ---- predictions -------------------------------------------------------------------------------
 */

/* Rank 0 reads /prediction whole with plain HDF5 and compares; squeezed to one dimension at L = 1.
 */
static int prediction_matches(const char *name, int64_t n, int64_t n_lambda)
{
  hsize_t dims[2] = {0, 1};
  double *values = malloc((size_t)(n * n_lambda) * sizeof *values);
  hid_t file = H5Fopen(io_path(name), H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t dataset = H5Dopen2(file, "/prediction", H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset);
  int good = H5Sget_simple_extent_dims(space, dims, NULL) == (n_lambda == 1 ? 1 : 2);
  good &= (int64_t)dims[0] == n && (int64_t)dims[1] == n_lambda;
  good = good && H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  for (int64_t k = 0; k < n * n_lambda && good; k++) good &= values[k] == (double)k / 7.0;
  H5Sclose(space);
  H5Dclose(dataset);
  dataset = H5Dopen2(file, "/lambda", H5P_DEFAULT);
  good &= H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  good &= memcmp(values, lambda, (size_t)n_lambda * sizeof *lambda) == 0;
  H5Dclose(dataset);
  good &= H5Aexists(file, "type") > 0 && H5Fclose(file) >= 0;
  free(values);
  return good;
}

static void test_prediction(void **state)
{
  (void)state;
  enum { N = 6 };
  int size = bvl_test_size(), rank = bvl_test_rank();
  int64_t row0 = bvl_cut(N, size, rank), count = bvl_cut(N, size, rank + 1) - row0;
  for (int64_t n_lambda = 1; n_lambda <= 3; n_lambda += 2) {
    double values[3 * N];
    for (int64_t k = 0; k < count * n_lambda; k++) values[k] = (double)(row0 * n_lambda + k) / 7.0;
    ASSERT_OK(bvl_prediction_write(&io_comm, io_path("p.h5"), N, 1, n_lambda, lambda, "response",
                                   NULL, row0, count, values, NULL));
    ASSERT_ALL(rank != 0 || prediction_matches("p.h5", N, n_lambda));
    ASSERT_ALL(io_stands("p.h5.partial", 0));
  }
}

BVL_TEST_MAIN_MPI(IO_TEST(test_round_trip), IO_TEST(test_anndata_layout), IO_TEST(test_partial),
                  IO_TEST(test_incomplete), IO_TEST(test_bad_columns), IO_TEST(test_cannot_create),
                  IO_TEST(test_disk_full), IO_TEST(test_damaged), IO_TEST(test_prediction))
