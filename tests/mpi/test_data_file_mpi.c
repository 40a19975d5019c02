/* SPDX-License-Identifier: BSD-3-Clause */
/* Data files that open: every element type, compressed or not, dense and sparse, AnnData's
 * conventions, read on any split of the rows and columns. Values are small integers made from the
 * indices: every type holds them exactly, so that all comparisons are equalities. */
#include "io_files.h"

#include "base/checked.h"
#include "io/io.h"

enum { N = 13, P = 9 };

static double x_at(int64_t i, int64_t j)
{
  return (double)((i * 7 + j * 3) % 11); /* 0..10: fits uint8 and int8 */
}

static void fill_x(int64_t n, int64_t p, double *X)
{
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < p; j++) X[i * p + j] = x_at(i, j);
}

static void write_dense(const char *name, hid_t file_type, int64_t n, int64_t p, int64_t chunk)
{
  if (bvl_test_rank() == 0) {
    double *X = malloc((size_t)(n * p) * sizeof *X);
    fill_x(n, p, X);
    hid_t file = io_create(name);
    io_put(file, "/X", file_type, H5T_NATIVE_DOUBLE, n, p, chunk, X);
    H5Fclose(file);
    free(X);
  }
  io_ready();
}

/* Rows of a rank: rank 0 has none unless it is alone. */
static void split(int64_t n, int64_t *first, int64_t *count)
{
  int size = bvl_test_size();
  int parts = size > 1 ? size - 1 : 1;
  int k = bvl_test_rank() - (size > 1);
  *first = k < 0 ? 0 : bvl_cut(n, parts, k);
  *count = k < 0 ? 0 : bvl_cut(n, parts, k + 1) - *first;
}

static double element(bvl_dtype dtype, const void *values, int64_t k)
{
  switch (dtype) {
  case BVL_F32: return ((const float *)values)[k];
  case BVL_I8: return ((const int8_t *)values)[k];
  case BVL_U8: return ((const uint8_t *)values)[k];
  default: return ((const double *)values)[k];
  }
}

/* Reads this rank's rows of the given columns (NULL = all p) and compares them. */
static int read_matches(const bvl_source *s, int64_t n_cols, const int64_t *cols)
{
  int64_t first, count;
  split(s->n, &first, &count);
  void *values = malloc((size_t)(count * n_cols * bvl_dtype_bytes(s->dtype)) + 1);
  int good = bvl_test_ok(s->read_dense(s->context, first, count, n_cols, cols, values), "read");
  for (int64_t i = 0; i < count && good; i++)
    for (int64_t k = 0; k < n_cols; k++)
      good &= element(s->dtype, values, i * n_cols + k) ==
              x_at(first + i, cols != NULL ? cols[k] : k);
  free(values);
  return good;
}

static void test_dense_types(void **state)
{
  (void)state;
  const struct {
    hid_t file_type;
    bvl_dtype dtype;
  } types[] = {{H5T_IEEE_F64LE, BVL_F64}, {H5T_IEEE_F64BE, BVL_F64}, {H5T_IEEE_F32LE, BVL_F32},
               {H5T_STD_I8LE, BVL_I8},    {H5T_STD_U8LE, BVL_U8},    {H5T_STD_I16LE, BVL_F64},
               {H5T_STD_U32BE, BVL_F64},  {H5T_STD_I64LE, BVL_F64}};
  for (size_t t = 0; t < sizeof types / sizeof *types; t++)
    for (int how = 0; how < 4; how++) { /* compressed or not, collective or not */
      bvl_data *data;
      write_dense("x.h5", types[t].file_type, N, P, how & 1 ? 4 : 0);
      ASSERT_OK(bvl_data_open(&io_comm, io_path("x.h5"), NULL, how >> 1, 0, &data));
      const bvl_source *s = bvl_data_source(data);
      ASSERT_ALL(s->format == BVL_DENSE && s->n == N && s->p == P && s->nnz == N * P);
      ASSERT_ALL(s->dtype == types[t].dtype && !s->has_missing && strcmp(s->name, "/X") == 0);
      ASSERT_ALL(bvl_data_family(data) == NULL);
      ASSERT_ALL(read_matches(s, P, NULL));
      ASSERT_ALL(read_matches(s, 4, NULL));
      bvl_data_close(&data);
      ASSERT_ALL(data == NULL);
    }
}

/* Ranks ask for different columns: one run, a few, so many that they are picked from strips (more
 * than one strip a rank: 2000 x 400 doubles are 6.4 MB), or none. Compressed, a row of chunks has
 * 2.4 MB, more than HDF5's cache holds unless it is told. */
static void test_column_lists(void **state)
{
  (void)state;
  enum { ROWS = 2000, COLS = 400 };
  int64_t cols[4][COLS], n_cols[4] = {0};
  for (int64_t j = 0; j < COLS; j++) {
    if (j >= 5 && j < 9) cols[0][n_cols[0]++] = j;
    if (j % 50 < 3) cols[1][n_cols[1]++] = j;
    if (j % 2 == 1) cols[2][n_cols[2]++] = j;
  }
  for (int how = 0; how < 4; how++) {
    bvl_data *data;
    write_dense("wide.h5", H5T_IEEE_F64LE, ROWS, COLS, how & 1 ? 384 : 0);
    ASSERT_OK(bvl_data_open(&io_comm, io_path("wide.h5"), NULL, how >> 1, 0, &data));
    for (int shift = 0; shift < 4; shift++) {
      int mine = (bvl_test_rank() + shift) % 4;
      ASSERT_ALL(read_matches(bvl_data_source(data), n_cols[mine], cols[mine]));
    }
    bvl_data_close(&data);
  }
}

static void test_missing_code(void **state)
{
  (void)state;
  int64_t code = -9;
  bvl_data *data;
  if (bvl_test_rank() == 0) {
    double X[N * P];
    fill_x(N, P, X);
    hid_t file = io_create("m.h5");
    io_put(file, "/X", H5T_STD_I8LE, H5T_NATIVE_DOUBLE, N, P, 0, X);
    io_attr(file, "/X", "missing", H5T_STD_I8LE, H5T_NATIVE_INT64, 0, &code);
    io_put(file, "/U", H5T_STD_U8LE, H5T_NATIVE_DOUBLE, N, P, 0, X);
    io_attr(file, "/U", "missing", H5T_STD_U8LE, H5T_NATIVE_INT64, 0, &code);
    io_put(file, "/L", H5T_STD_I8LE, H5T_NATIVE_DOUBLE, N, P, 0, X);
    code = 200;
    io_attr(file, "/L", "missing", H5T_STD_I64LE, H5T_NATIVE_INT64, 0, &code);
    H5Fclose(file);
  }
  io_ready();
  ASSERT_OK(bvl_data_open(&io_comm, io_path("m.h5"), NULL, 1, 0, &data));
  ASSERT_ALL(bvl_data_source(data)->has_missing && bvl_data_source(data)->missing == -9);
  bvl_data_close(&data);
  bvl_data_names names = {.x = "/U"};
  ASSERT_REFUSED(bvl_data_open(&io_comm, io_path("m.h5"), &names, 1, 0, &data), BVL_ERR_INPUT,
                 "/U: the attribute missing is for int8 only");
  names.x = "L";
  ASSERT_REFUSED(bvl_data_open(&io_comm, io_path("m.h5"), &names, 1, 0, &data), BVL_ERR_INPUT,
                 "L: the attribute missing is not an int8");
}

/* ---- sparse ------------------------------------------------------------------------------------
 */

/* Entry k of line l (row or column): every line l holds l % 4 entries. */
static int64_t entry_index(int64_t line, int64_t k, int64_t n_minor)
{
  return (line + 3 * k) % n_minor;
}

static double entry_value(int64_t line, int64_t k)
{
  return (double)(line * 10 + k);
}

static void write_sparse(const char *name, int csc, hid_t index_type, hid_t value_type,
                         hid_t shape_type, size_t width)
{
  if (bvl_test_rank() == 0) {
    int64_t n_lines = csc ? P : N, n_minor = csc ? N : P, indptr[N + 1] = {0}, indices[4 * N];
    double values[4 * N];
    for (int64_t l = 0; l < n_lines; l++) {
      indptr[l + 1] = indptr[l] + l % 4;
      for (int64_t k = 0; k < l % 4; k++) {
        indices[indptr[l] + k] = entry_index(l, k, n_minor);
        values[indptr[l] + k] = entry_value(l, k);
      }
    }
    int64_t nnz = indptr[n_lines];
    hid_t file = io_create(name);
    io_sparse_head(file, "/X", csc ? "csc_matrix" : "csr_matrix", width, shape_type, N, P);
    io_put(file, "/X/data", value_type, H5T_NATIVE_DOUBLE, nnz, 0, width == 0 ? 5 : 0, values);
    io_put(file, "/X/indices", index_type, H5T_NATIVE_INT64, nnz, 0, 0, indices);
    io_put(file, "/X/indptr", index_type, H5T_NATIVE_INT64, n_lines + 1, 0, 0, indptr);
    H5Fclose(file);
  }
  io_ready();
}

/* Reads this rank's lines. */
static int sparse_matches(const bvl_source *s, int64_t n_lines, int64_t n_minor)
{
  int64_t first, count, indptr[N + 2], indices[4 * N];
  double values[4 * N];
  split(n_lines, &first, &count);
  int good = bvl_test_ok(s->read_indptr(s->context, first, count > 0 ? count + 1 : 0, indptr),
                         "indptr");
  int64_t begin = count > 0 ? indptr[0] : 0;
  int64_t n_entries = count > 0 ? indptr[count] - begin : 0;
  if (count > 0) good &= begin >= 0 && n_entries >= 0 && n_entries <= 4 * N;
  if (!good) n_entries = 0;
  good &= bvl_test_ok(s->read_entries(s->context, begin, n_entries, indices, NULL), "indices");
  good &= bvl_test_ok(s->read_entries(s->context, begin, n_entries, NULL, values), "values");
  good &= bvl_test_ok(s->read_entries(s->context, begin, n_entries, indices, values), "both");
  for (int64_t l = 0; l < count && good; l++) {
    good &= indptr[l + 1] - indptr[l] == (first + l) % 4;
    for (int64_t k = 0; good && k < (first + l) % 4; k++)
      good &= indices[indptr[l] - begin + k] == entry_index(first + l, k, n_minor) &&
              values[indptr[l] - begin + k] == entry_value(first + l, k);
  }
  return good;
}

static void test_sparse(void **state)
{
  (void)state;
  for (int how = 0; how < 16; how++) {
    int csc = how & 1;
    bvl_data *data;
    write_sparse("s.h5", csc, how & 2 ? H5T_STD_I32LE : H5T_STD_I64LE,
                 how & 4 ? H5T_IEEE_F32LE : H5T_STD_I16LE, how & 2 ? H5T_STD_I64LE : H5T_STD_I32LE,
                 how & 4 ? 0 : 10);
    ASSERT_OK(bvl_data_open(&io_comm, io_path("s.h5"), NULL, how >> 3, 0, &data));
    const bvl_source *s = bvl_data_source(data);
    ASSERT_ALL(s->format == (csc ? BVL_CSC : BVL_CSR) && s->n == N && s->p == P);
    ASSERT_ALL(s->dtype == BVL_F64 && s->nnz == (csc ? 12 : 18)); /* sum of l % 4, l < 9 or 13 */
    ASSERT_ALL(sparse_matches(s, csc ? P : N, csc ? N : P));
    bvl_data_close(&data);
  }
}

/* ---- vectors -----------------------------------------------------------------------------------
 */

static int rows_match(bvl_data *data, const char *what, const double *expected)
{
  int64_t first, count;
  int present = -1;
  double values[N];
  split(N, &first, &count);
  int good = bvl_test_ok(bvl_data_read_rows(data, what, first, count, values, &present), what);
  for (int64_t i = 0; i < count && good && expected != NULL; i++)
    good &= values[i] == expected[first + i];
  return good && present == (expected != NULL);
}

static void test_vectors(void **state)
{
  (void)state;
  double y[N], w[N], o[N], factor[P], group_weights[3] = {1.0, 2.5, 0.0};
  int64_t groups[P];
  const char *names[P] = {"a", "bc", "", "d\xc3\xa9", "e", "f", "g", "h", "last"};
  for (int64_t i = 0; i < N; i++) y[i] = (double)(i % 3), w[i] = 0.5 * (double)i, o[i] = -(double)i;
  for (int64_t j = 0; j < P; j++)
    groups[j] = 7 - 5 * (j % 3), factor[j] = j == 4 ? INFINITY : (double)j;
  for (int how = 0; how < 4; how++) {
    bvl_data *data;
    if (bvl_test_rank() == 0) {
      double X[N * P];
      fill_x(N, P, X);
      hid_t file = io_create("v.h5");
      io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, P, 0, X);
      io_put(file, "/y", how & 1 ? H5T_STD_I32LE : H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, N,
             how & 2 ? 1 : 0, how & 1 ? 1 : 0, y);
      io_put_f64(file, "/weights", N, w);
      io_put_f64(file, "/offset", N, o);
      io_put(file, "/groups", H5T_STD_I32LE, H5T_NATIVE_INT64, P, 0, 0, groups);
      io_put_f64(file, "/group_weights", 3, group_weights);
      io_put_f64(file, "/penalty_factor", P, factor);
      io_put_strings(file, "/feature_names", P, how & 1 ? 6 : 0, names);
      io_attr_text(file, "/", "family", how & 1 ? 12 : 0, "poisson");
      H5Fclose(file);
    }
    io_ready();
    ASSERT_OK(bvl_data_open(&io_comm, io_path("v.h5"), NULL, how >> 1, 1, &data));
    ASSERT_ALL(strcmp(bvl_data_family(data), "poisson") == 0);
    ASSERT_ALL(rows_match(data, "y", y));
    ASSERT_ALL(rows_match(data, "weights", w));
    ASSERT_ALL(rows_match(data, "offset", o));
    int64_t *ids, count;
    double *values;
    ASSERT_OK(bvl_data_read_groups(data, &ids));
    ASSERT_ALL(memcmp(ids, groups, sizeof groups) == 0);
    free(ids);
    ASSERT_OK(bvl_data_read_group_weights(data, &count, &values));
    ASSERT_ALL(count == 3 && memcmp(values, group_weights, sizeof group_weights) == 0);
    free(values);
    ASSERT_OK(bvl_data_read_penalty_factor(data, &values));
    ASSERT_ALL(memcmp(values, factor, sizeof factor) == 0);
    free(values);
    char **read;
    ASSERT_OK(bvl_data_read_feature_names(data, &read));
    ASSERT_ALL((read != NULL) == (bvl_test_rank() == 0));
    int same = 1;
    for (int64_t j = 0; j < P && read != NULL; j++) same &= strcmp(read[j], names[j]) == 0;
    ASSERT_ALL(same);
    free(read);
    bvl_data_close(&data);
  }
}

static void test_declined_and_absent(void **state)
{
  (void)state;
  bvl_data *data;
  double y[N] = {0};
  if (bvl_test_rank() == 0) {
    double X[N * P];
    fill_x(N, P, X);
    hid_t file = io_create("d.h5");
    io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, P, 0, X);
    io_put_f64(file, "/obs/response", N, y);
    io_put_f64(file, "/weights", N - 1, y); /* wrong, but declined below */
    H5Fclose(file);
  }
  io_ready();
  bvl_data_names names = {.y = "/obs/response", .weights = "none"};
  ASSERT_OK(bvl_data_open(&io_comm, io_path("d.h5"), &names, 1, 1, &data));
  ASSERT_ALL(rows_match(data, "y", y));
  ASSERT_ALL(rows_match(data, "weights", NULL));
  ASSERT_ALL(rows_match(data, "offset", NULL));
  int64_t *ids, count;
  double *values;
  char **read;
  ASSERT_OK(bvl_data_read_groups(data, &ids));
  ASSERT_OK(bvl_data_read_group_weights(data, &count, &values));
  ASSERT_ALL(ids == NULL && values == NULL && count == 0);
  ASSERT_OK(bvl_data_read_penalty_factor(data, &values));
  ASSERT_OK(bvl_data_read_feature_names(data, &read));
  ASSERT_ALL(values == NULL && read == NULL);
  bvl_data_close(&data);
  ASSERT_OK(bvl_data_open(&io_comm, io_path("d.h5"), NULL, 1, 0, &data)); /* for prediction */
  ASSERT_ALL(rows_match(data, "y", NULL));
  bvl_data_close(&data);
}

/* ---- AnnData -----------------------------------------------------------------------------------
 */

/* obs columns as anndata writes them: a categorical one, a boolean one (an enumeration). */
static void write_obs(hid_t file, const int64_t *codes)
{
  const char *labels[] = {"left", "right"};
  int8_t truth[N], no = 0, yes = 1;
  hid_t boolean = H5Tenum_create(H5T_STD_I8LE);
  H5Tenum_insert(boolean, "FALSE", &no);
  H5Tenum_insert(boolean, "TRUE", &yes);
  for (int64_t i = 0; i < N; i++) truth[i] = i % 2 == 0;
  io_put(file, "/obs/side/codes", H5T_STD_I8LE, H5T_NATIVE_INT64, N, 0, 0, codes);
  io_put_strings(file, "/obs/side/categories", 2, 0, labels);
  io_attr_text(file, "/obs/side", "encoding-type", 0, "categorical");
  io_put(file, "/obs/even", boolean, boolean, N, 0, 0, truth);
  H5Tclose(boolean);
}

static int n_obs_lines;

static void count_obs(void *context, const char *line)
{
  (void)context;
  n_obs_lines += strcmp(line, "/obs/side: categorical") == 0 ||
                 strcmp(line, "/obs/even: 13 boolean") == 0;
}

static const bvl_lines to_count = {count_obs, NULL};

static void test_h5ad(void **state)
{
  (void)state;
  int64_t codes[N];
  double side[N], even[N];
  const char *names[P] = {"g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "g9"};
  bvl_data *data;
  for (int64_t i = 0; i < N; i++)
    codes[i] = i % 2, side[i] = (double)(i % 2), even[i] = 1.0 - side[i];
  write_sparse("a.h5ad", 0, H5T_STD_I32LE, H5T_IEEE_F32LE, H5T_STD_I64LE, 0);
  if (bvl_test_rank() == 0) {
    hid_t file = H5Fopen(io_path("a.h5ad"), H5F_ACC_RDWR, H5P_DEFAULT);
    io_put_strings(file, "/var/gene", P, 0, names);
    io_attr_text(file, "/var", "_index", 0, "gene");
    write_obs(file, codes);
    H5Fclose(file);
  }
  io_ready();
  bvl_data_names labels = {.y = "/obs/side"};
  ASSERT_OK(bvl_data_open(&io_comm, io_path("a.h5ad"), &labels, 1, 1, &data));
  ASSERT_ALL(sparse_matches(bvl_data_source(data), N, P));
  ASSERT_ALL(rows_match(data, "y", side));
  char **read;
  ASSERT_OK(bvl_data_read_feature_names(data, &read));
  int same = 1;
  for (int64_t j = 0; j < P && read != NULL; j++) same &= strcmp(read[j], names[j]) == 0;
  ASSERT_ALL(same && (read != NULL) == (bvl_test_rank() == 0));
  free(read);
  bvl_data_close(&data);
  labels.y = "/obs/even";
  ASSERT_OK(bvl_data_open(&io_comm, io_path("a.h5ad"), &labels, 1, 1, &data));
  ASSERT_ALL(rows_match(data, "y", even));
  bvl_data_close(&data);
  n_obs_lines = 0;
  ASSERT_ALL(bvl_test_rank() != 0 ||
             (bvl_describe_file(io_path("a.h5ad"), &to_count) == BVL_OK && n_obs_lines == 2));
}

static void test_label_missing(void **state)
{
  (void)state;
  int64_t codes[N] = {0};
  bvl_data *data;
  codes[7] = -1;
  write_sparse("a.h5ad", 0, H5T_STD_I32LE, H5T_IEEE_F32LE, H5T_STD_I64LE, 0);
  if (bvl_test_rank() == 0) {
    hid_t file = H5Fopen(io_path("a.h5ad"), H5F_ACC_RDWR, H5P_DEFAULT);
    write_obs(file, codes);
    H5Fclose(file);
  }
  io_ready();
  bvl_data_names names = {.y = "/obs/side"};
  ASSERT_OK(bvl_data_open(&io_comm, io_path("a.h5ad"), &names, 1, 1, &data));
  int64_t first, count;
  int present;
  double y[N];
  split(N, &first, &count); /* one rank alone meets row 7 */
  ASSERT_REFUSED(bvl_data_read_rows(data, "y", first, count, y, &present), BVL_ERR_INPUT,
                 "/obs/side: row 7: no label");
  bvl_data_close(&data);
}

/* ---- fingerprint -------------------------------------------------------------------------------
 */

static uint64_t fingerprint_of(const bvl_comm *comm, double first_y, double last_x)
{
  uint64_t print = 0;
  bvl_data *data;
  if (bvl_test_rank() == 0) {
    double X[N * P], y[N] = {first_y};
    fill_x(N, P, X);
    X[N * P - 1] = last_x;
    hid_t file = io_create("f.h5");
    io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, P, 4, X);
    io_put_f64(file, "/y", N, y);
    H5Fclose(file);
  }
  io_ready();
  int good = bvl_test_ok(bvl_data_open(comm, io_path("f.h5"), NULL, 1, 1, &data), "open");
  good = good && bvl_test_ok(bvl_data_fingerprint(data, &print), "fingerprint");
  bvl_data_close(&data);
  io_ready();
  return good ? print : 0;
}

static void test_fingerprint(void **state)
{
  (void)state;
  bvl_traffic traffic = {0};
  bvl_comm self = {0};
  ASSERT_OK(bvl_comm_dup(MPI_COMM_SELF, &traffic, &self));
  uint64_t together = fingerprint_of(&io_comm, 1.0, 2.0);
  uint64_t alone = fingerprint_of(&self, 1.0, 2.0);
  uint64_t other_y = fingerprint_of(&io_comm, 1.5, 2.0);
  uint64_t other_x = fingerprint_of(&io_comm, 1.0, 2.5);
  bvl_comm_free(&self);
  ASSERT_ALL(together != 0 && together == alone);
  ASSERT_ALL(other_y != together && other_x != together && other_x != other_y);
}

/* Row numbers: sorted, the same everywhere, refused when they are not rows. */
static void test_index(void **state)
{
  (void)state;
  const int64_t good[4] = {7, 0, N - 1, 3}, twice[3] = {2, 5, 2}, outside[2] = {1, N};
  double X[N * P];
  bvl_data *data;
  if (bvl_test_rank() == 0) {
    fill_x(N, P, X);
    hid_t file = io_create("i.h5");
    io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, P, 0, X);
    io_put(file, "/train_index", H5T_STD_I32LE, H5T_NATIVE_INT64, 4, 0, 0, good);
    io_put_i64(file, "/twice", 3, twice);
    io_put_i64(file, "/outside", 2, outside);
    io_put_i64(file, "/none", 0, good);
    io_put_f64(file, "/real", 3, X);
    H5Fclose(file);
  }
  io_ready();
  ASSERT_OK(bvl_data_open(&io_comm, io_path("i.h5"), NULL, 1, 0, &data));
  int64_t count, *rows;
  ASSERT_OK(bvl_data_read_index(data, "/train_index", &count, &rows));
  ASSERT_ALL(count == 4 && rows[0] == 0 && rows[1] == 3 && rows[2] == 7 && rows[3] == N - 1);
  free(rows);
  ASSERT_REFUSED(bvl_data_read_index(data, "/twice", &count, &rows), BVL_ERR_INPUT,
                 "/twice: row 2 is there twice");
  ASSERT_REFUSED(bvl_data_read_index(data, "/outside", &count, &rows), BVL_ERR_INPUT,
                 "is outside 0..");
  ASSERT_REFUSED(bvl_data_read_index(data, "/none", &count, &rows), BVL_ERR_INPUT,
                 "/none is empty");
  ASSERT_REFUSED(bvl_data_read_index(data, "/real", &count, &rows), BVL_ERR_INPUT,
                 "/real: not a vector of integers");
  ASSERT_REFUSED(bvl_data_read_index(data, "/nowhere", &count, &rows), BVL_ERR_INPUT,
                 "there is no dataset /nowhere");
  ASSERT_ALL(rows == NULL);
  bvl_data_close(&data);
}

BVL_TEST_MAIN_MPI(IO_TEST(test_dense_types), IO_TEST(test_column_lists), IO_TEST(test_missing_code),
                  IO_TEST(test_sparse), IO_TEST(test_vectors), IO_TEST(test_declined_and_absent),
                  IO_TEST(test_h5ad), IO_TEST(test_label_missing), IO_TEST(test_fingerprint),
                  IO_TEST(test_index))
