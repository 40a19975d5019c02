/* SPDX-License-Identifier: BSD-3-Clause */
/* Data files written in parallel are read back through the data source; what bevel says about data,
 * results and checkpoints. */
#include "io_files.h"

#include "base/checked.h"
#include "io/io.h"

enum { N = 10, P = 6 };

static double x_at(int64_t i, int64_t j)
{
  return (double)(i * P + j) / 7.0;
}

/* Rows of a rank: rank 0 has none unless it is alone. */
static void split(int64_t *first, int64_t *count)
{
  int size = bvl_test_size(), parts = size > 1 ? size - 1 : 1;
  int k = bvl_test_rank() - (size > 1);
  *first = k < 0 ? 0 : bvl_cut(N, parts, k);
  *count = k < 0 ? 0 : bvl_cut(N, parts, k + 1) - *first;
}

static int put_vectors(bvl_data_writer *writer, int64_t first, int64_t count)
{
  double y[N];
  const int64_t groups[P] = {0, 0, 1, 1, 2, 2};
  for (int64_t i = 0; i < count; i++) y[i] = (double)(first + i);
  return bvl_test_ok(bvl_data_put_f64(writer, "/y", N, first, count, y), "y") &&
         bvl_test_ok(
             bvl_data_put_i64(writer, "/groups", P, 0, bvl_test_rank() == 0 ? P : 0, groups),
             "groups") &&
         bvl_test_ok(bvl_data_attr_text(writer, "family", "gaussian"), "family");
}

/* In two calls: the first half of this rank's rows, then the rest. */
static int write_dense(const char *name, int commit)
{
  bvl_data_writer *writer;
  double rows[N * P];
  int64_t first, count;
  split(&first, &count);
  if (!bvl_test_ok(bvl_data_create(&io_comm, io_path(name), N, P, &writer), "create")) return 0;
  int good = 1;
  for (int64_t half = 0; half < 2; half++) {
    int64_t begin = bvl_cut(count, 2, half), n = bvl_cut(count, 2, half + 1) - begin;
    for (int64_t k = 0; k < n * P; k++) rows[k] = x_at(first + begin + k / P, k % P);
    good &= bvl_test_ok(bvl_data_put_dense(writer, first + begin, n, rows), "dense");
  }
  good &= put_vectors(writer, first, count);
  return bvl_data_finish(&writer, commit) == BVL_OK && good;
}

/* Row i holds i % 3 entries. */
static int write_csr(const char *name)
{
  bvl_data_writer *writer;
  int64_t first, count, indptr[N + 1] = {0}, indices[3 * N];
  double values[3 * N];
  split(&first, &count);
  for (int64_t i = 0; i < count; i++) {
    indptr[i + 1] = indptr[i] + (first + i) % 3;
    for (int64_t k = 0; k < (first + i) % 3; k++) {
      indices[indptr[i] + k] = 2 * k + i % 2;
      values[indptr[i] + k] = x_at(first + i, 2 * k + i % 2);
    }
  }
  if (!bvl_test_ok(bvl_data_create(&io_comm, io_path(name), N, P, &writer), "create")) return 0;
  int good = bvl_test_ok(
      bvl_data_put_csr(writer, count, count > 0 ? indptr : NULL, indices, values), "csr");
  good &= put_vectors(writer, first, count);
  return bvl_data_finish(&writer, 1) == BVL_OK && good;
}

static int vectors_match(bvl_data *data)
{
  double y[N];
  int64_t *groups;
  int present, good = bvl_test_ok(bvl_data_read_rows(data, "y", 0, N, y, &present), "y");
  for (int64_t i = 0; i < N && good; i++) good &= y[i] == (double)i;
  good = good && bvl_test_ok(bvl_data_read_groups(data, &groups), "groups");
  for (int64_t j = 0; j < P && good; j++) good &= groups[j] == j / 2;
  if (good) free(groups);
  return good && strcmp(bvl_data_family(data), "gaussian") == 0;
}

static void test_dense(void **state)
{
  (void)state;
  bvl_data *data;
  double X[N * P];
  ASSERT_ALL(write_dense("d.h5", 0)); /* abandoned */
  ASSERT_ALL(io_stands("d.h5", 0) && io_stands("d.h5.partial", 0));
  ASSERT_ALL(write_dense("d.h5", 1));
  ASSERT_ALL(io_stands("d.h5", 1) && io_stands("d.h5.partial", 0));
  ASSERT_OK(bvl_data_open(&io_comm, io_path("d.h5"), NULL, 1, 1, &data));
  const bvl_source *s = bvl_data_source(data);
  ASSERT_ALL(s->format == BVL_DENSE && s->dtype == BVL_F64 && s->n == N && s->p == P);
  ASSERT_OK(s->read_dense(s->context, 0, N, P, NULL, X)); /* every rank all of it */
  int good = 1;
  for (int64_t k = 0; k < N * P; k++) good &= X[k] == x_at(k / P, k % P);
  ASSERT_ALL(good);
  ASSERT_ALL(vectors_match(data));
  bvl_data_close(&data);
}

static void test_csr(void **state)
{
  (void)state;
  bvl_data *data;
  int64_t indptr[N + 1], indices[3 * N];
  double values[3 * N];
  ASSERT_ALL(write_csr("s.h5"));
  ASSERT_OK(bvl_data_open(&io_comm, io_path("s.h5"), NULL, 1, 1, &data));
  const bvl_source *s = bvl_data_source(data);
  ASSERT_ALL(s->format == BVL_CSR && s->n == N && s->p == P && s->nnz == 9);
  ASSERT_OK(s->read_indptr(s->context, 0, N + 1, indptr));
  ASSERT_OK(s->read_entries(s->context, 0, s->nnz, indices, values));
  int good = 1;
  for (int64_t i = 0; i < N; i++) {
    good &= indptr[i + 1] - indptr[i] == i % 3;
    for (int64_t k = indptr[i]; k < indptr[i + 1]; k++)
      good &= indices[k] >= 0 && indices[k] < P && values[k] == x_at(i, indices[k]);
  }
  ASSERT_ALL(good);
  ASSERT_ALL(vectors_match(data));
  bvl_data_close(&data);
}

static void test_refused(void **state)
{
  (void)state;
  bvl_data_writer *writer;
  ASSERT_REFUSED(bvl_data_create(&io_comm, io_path("no/d.h5"), N, P, &writer), BVL_ERR_IO,
                 "No such file or directory");
  ASSERT_ALL(writer == NULL);
  ASSERT_OK(bvl_data_create(&io_comm, io_path("d.h5"), N, P, &writer));
  ASSERT_REFUSED(bvl_data_put_csr(writer, 0, NULL, NULL, NULL), BVL_ERR_USAGE,
                 "/X: 0 rows given, 10 wanted");
  ASSERT_OK(bvl_data_finish(&writer, 0));
}

/* ---- description -------------------------------------------------------------------------------
 */

static char said[4096];

static void collect(void *context, const char *line)
{
  (void)context;
  size_t used = strlen(said);
  snprintf(said + used, sizeof said - used, "%s\n", line);
}

static const bvl_lines to_said = {collect, NULL};

/* Rank 0 alone: all of the texts occur in what is said. */
static int describes(const char *name, const char *const *texts)
{
  int good = 1;
  if (bvl_test_rank() != 0) return 1;
  said[0] = '\0';
  if (!bvl_test_ok(bvl_describe_file(io_path(name), &to_said), "describe")) return 0;
  for (; *texts != NULL; texts++) {
    if (strstr(said, *texts) == NULL) fprintf(bvl_test_log(), "\"%s\" not in:\n%s", *texts, said);
    good &= strstr(said, *texts) != NULL;
  }
  return good;
}

static void test_describe_data(void **state)
{
  (void)state;
  const char *const dense[] = {"data file",        "/X: 10 x 6, dense float64",
                               "/y: 10 float64",   "/groups: 6 columns in 3 groups",
                               "family: gaussian", NULL};
  const char *const sparse[] = {"/X: 10 x 6, sparse csr float64, 9 entries (15%)", NULL};
  ASSERT_ALL(write_dense("d.h5", 1) && describes("d.h5", dense));
  ASSERT_ALL(write_csr("s.h5") && describes("s.h5", sparse));
}

static void test_describe_result(void **state)
{
  (void)state;
  const double lambda[2] = {0.5, 0.25}, gap[2] = {NAN, 1e-9};
  const int64_t status[2] = {3, 0};
  const char *const texts[] = {"result file",
                               "/coef: 6 coefficients x 2 lambdas",
                               "/lambda: 2 values, 0.25 to 0.5",
                               "/dual_gap: 2 values, 1e-09 to 1e-09",
                               "1 converged",
                               "1 not attempted",
                               "penalty: lasso",
                               "ranks: 4",
                               NULL};
  bvl_result_writer *writer;
  ASSERT_OK(bvl_result_create(&io_comm, io_path("r.h5"), P, 2, &writer));
  for (int k = 0; k < 2; k++) ASSERT_OK(bvl_result_put_coef(writer, 0, NULL, NULL));
  ASSERT_OK(bvl_result_put_f64(writer, "/lambda", 2, lambda));
  ASSERT_OK(bvl_result_put_f64(writer, "/dual_gap", 2, gap));
  ASSERT_OK(bvl_result_put_i64(writer, "/status", 2, status));
  ASSERT_OK(bvl_result_attr_text(writer, "penalty", "lasso"));
  ASSERT_OK(bvl_result_attr_i64(writer, "ranks", 4));
  ASSERT_OK(bvl_result_close(&writer, 1));
  ASSERT_ALL(describes("r.h5", texts));
}

static void test_describe_checkpoint(void **state)
{
  (void)state;
  const char *const texts[] = {"checkpoint", "seed=3\npenalty=lasso\n", "/state/x: 0 float64",
                               NULL};
  bvl_checkpoint *checkpoint;
  bvl_store store;
  ASSERT_OK(bvl_checkpoint_begin(&io_comm, io_path("c.h5"), "seed=3\npenalty=lasso\n", &checkpoint,
                                 &store));
  ASSERT_OK(store.put_f64(store.context, "/state/x", 0, 0, 0, NULL));
  ASSERT_OK(bvl_checkpoint_end(&checkpoint, 1));
  ASSERT_ALL(describes("c.h5", texts));
  int refused = bvl_test_rank() != 0 ||
                bvl_describe_file(io_path("none.h5"), &to_said) == BVL_ERR_IO;
  ASSERT_ALL(refused);
}

BVL_TEST_MAIN_MPI(IO_TEST(test_dense), IO_TEST(test_csr), IO_TEST(test_refused),
                  IO_TEST(test_describe_data), IO_TEST(test_describe_result),
                  IO_TEST(test_describe_checkpoint))
