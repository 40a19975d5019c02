/* SPDX-License-Identifier: BSD-3-Clause */
/* Data files that are refused, with the status and the words of it, the same on every rank. */
#include "io_files.h"

#include <signal.h>

#include "base/checked.h"
#include "io/io.h"
#include "io/look.h"

enum { N = 13, P = 9 };

/* ---- files that are no data files --------------------------------------------------------------
 */

static bvl_status open_data(const char *name)
{
  bvl_data *data;
  bvl_status status = bvl_data_open(&io_comm, io_path(name), NULL, 1, 1, &data);
  bvl_data_close(&data);
  return status;
}

static void write_bytes(const char *name, int64_t n)
{
  if (bvl_test_rank() == 0) {
    FILE *file = fopen(io_path(name), "w");
    for (int64_t k = 0; k < n; k++) fputc('a', file);
    fclose(file);
  }
  io_ready();
}

static void write_good(const char *name)
{
  if (bvl_test_rank() == 0) {
    double X[N * P] = {0}, y[N] = {0};
    hid_t file = io_create(name);
    io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, P, 0, X);
    io_put_f64(file, "/y", N, y);
    H5Fclose(file);
  }
  io_ready();
}

static void test_not_a_file(void **state)
{
  (void)state;
  ASSERT_REFUSED(open_data("nothing.h5"), BVL_ERR_IO, "No such file");
  if (bvl_test_rank() == 0) mkdir(io_path("folder"), 0777);
  io_ready();
  ASSERT_REFUSED(open_data("folder"), BVL_ERR_IO, "is a directory");
  write_bytes("empty.h5", 0);
  ASSERT_REFUSED(open_data("empty.h5"), BVL_ERR_IO, "is empty");
  write_bytes("text.h5", 5000);
  ASSERT_REFUSED(open_data("text.h5"), BVL_ERR_IO, "not an HDF5 file");
}

static void test_truncated(void **state)
{
  (void)state;
  int64_t n_bytes = 0;
  write_good("cut.h5");
  ASSERT_OK(open_data("cut.h5"));
  struct stat about;
  if (bvl_test_rank() == 0 && stat(io_path("cut.h5"), &about) == 0) n_bytes = about.st_size;
  MPI_Bcast(&n_bytes, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
  for (int64_t left = n_bytes - 1; left > 0; left -= n_bytes / 5) {
    if (bvl_test_rank() == 0) assert_int_equal(truncate(io_path("cut.h5"), left), 0);
    io_ready();
    ASSERT_REFUSED(open_data("cut.h5"), BVL_ERR_IO, "cut.h5");
  }
}

/* A chunk of rows from `row` on that does not decompress. */
static void write_damaged(hsize_t row)
{
  if (bvl_test_rank() == 0) {
    double X[N * P] = {0};
    unsigned char noise[16];
    hsize_t at[2] = {row, 0};
    memset(noise, 0xa5, sizeof noise);
    hid_t file = io_create("bad.h5");
    io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, P, 4, X);
    hid_t dataset = H5Dopen2(file, "/X", H5P_DEFAULT);
    H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, at, sizeof noise, noise);
    H5Dclose(dataset);
    H5Fclose(file);
  }
  io_ready();
}

/* A compressed chunk whose bytes were damaged fails where it is read, on the ranks that read it;
 * the first and the last are looked at when the file is opened. */
static void test_damaged_chunk(void **state)
{
  (void)state;
  bvl_data *data;
  write_damaged(0);
  ASSERT_REFUSED(bvl_data_open(&io_comm, io_path("bad.h5"), NULL, 1, 0, &data), BVL_ERR_IO,
                 "cannot read /X");
  write_damaged(4);
  for (int collective = 0; collective < 2; collective++) {
    ASSERT_OK(bvl_data_open(&io_comm, io_path("bad.h5"), NULL, collective, 0, &data));
    const bvl_source *s = bvl_data_source(data);
    int size = bvl_test_size(), rank = bvl_test_rank();
    int64_t row0 = bvl_cut(N, size, rank), count = bvl_cut(N, size, rank + 1) - row0;
    double X[N * P];
    ASSERT_REFUSED(s->read_dense(s->context, row0, count, P, NULL, X), BVL_ERR_IO,
                   "cannot read /X");
    bvl_data_close(&data);
  }
}

static bvl_status die(void *context)
{
  bvl_look_at("/X");
  raise(*(int *)context);
  return BVL_OK;
}

static bvl_status look_for_ever(void *context)
{
  volatile int *turns = context;
  while (*turns >= 0) *turns = 1;
  return BVL_OK;
}

static bvl_status find_fault(void *context)
{
  return bvl_fail(BVL_ERR_INPUT, "found %s", (const char *)context);
}

/* What a child dies of is told, what it says is handed on, and it takes the parent nowhere. */
static void test_look(void **state)
{
  int number = SIGSEGV, turns = 0;
  char what[] = "something";
  (void)state;
  ASSERT_REFUSED(bvl_look("f.h5", die, &number, 0), BVL_ERR_INPUT,
                 "f.h5: HDF5 could not read it (signal 11 in /X)");
  if (bvl_test_size() == 1) /* a second of each rank */
    ASSERT_REFUSED(bvl_look("f.h5", look_for_ever, &turns, 1), BVL_ERR_INPUT,
                   "f.h5: HDF5 could not read it (no end after 1 s in its head)");
  ASSERT_ALL(turns == 0);
  ASSERT_REFUSED(bvl_look("f.h5", find_fault, what, 0), BVL_ERR_INPUT, "found something");
}

/* ---- wrong contents ----------------------------------------------------------------------------
 */

/* What a file holds; a NULL or zero member is left out or right. */
typedef struct contents {
  const char *skip;  /* this dataset is not written */
  const char *wrong; /* this one has one entry too few */
  const char *text;  /* this one holds strings */
  const char *wide;  /* this one is n x 2 */
  int64_t n, p;
} contents;

static void put_vector(hid_t file, const contents *what, const char *name, int64_t n)
{
  double values[2 * N] = {0};
  const char *words[2 * N];
  for (int k = 0; k < 2 * N; k++) words[k] = "word";
  if (what->skip != NULL && strcmp(what->skip, name) == 0) return;
  if (what->wrong != NULL && strcmp(what->wrong, name) == 0) n--;
  int64_t n_cols = what->wide != NULL && strcmp(what->wide, name) == 0 ? 2 : 0;
  if (what->text != NULL && strcmp(what->text, name) == 0)
    io_put_strings(file, name, n, 0, words);
  else
    io_put(file, name, strcmp(name, "/groups") == 0 ? H5T_STD_I64LE : H5T_IEEE_F64LE,
           H5T_NATIVE_DOUBLE, n, n_cols, 0, values);
}

static bvl_status try_contents(const contents *what, const bvl_data_names *names)
{
  static const char *const by_row[] = {"/y", "/weights", "/offset"};
  static const char *const by_column[] = {"/groups", "/penalty_factor"};
  bvl_data *data;
  if (bvl_test_rank() == 0) {
    double X[N * P] = {0};
    hid_t file = io_create("c.h5");
    if (what->skip == NULL || strcmp(what->skip, "/X") != 0)
      io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, what->n, what->p > 0 ? what->p : -1, 0,
             X);
    for (int k = 0; k < 3; k++) put_vector(file, what, by_row[k], what->n);
    for (int k = 0; k < 2; k++) put_vector(file, what, by_column[k], what->p);
    put_vector(file, what, "/group_weights", 1);
    H5Gclose(H5Gcreate2(file, "/empty_group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
  }
  io_ready();
  bvl_status status = bvl_data_open(&io_comm, io_path("c.h5"), names, 1, 1, &data);
  bvl_data_close(&data);
  io_ready();
  return status;
}

static void test_contents(void **state)
{
  (void)state;
  const struct {
    contents what;
    bvl_data_names names;
    const char *message;
  } cases[] = {
      {{.skip = "/X", .n = N, .p = P}, {0}, "there is no dataset /X"},
      {{.skip = "/y", .n = N, .p = P}, {0}, "there is no dataset /y"},
      {{.n = N, .p = P}, {.y = "/no/such/one"}, "there is no dataset /no/such/one"},
      {{.n = N, .p = P}, {.weights = "w"}, "there is no dataset w"},
      {{.n = N, .p = P}, {.x = "/empty_group"}, "/empty_group is a group without the attribute"},
      {{.n = N, .p = P},
       {.y = "/empty_group"},
       "/empty_group is a group that is not a categorical"},
      {{.n = N, .p = P}, {.weights = "/empty_group"}, "/empty_group is a group, not a dataset"},
      {{.n = N, .p = P}, {.x = "/y"}, "/y has 1 dimension, not 2"},
      {{.n = 0, .p = P}, {0}, "/X is empty (0 x 9)"},
      {{.n = N, .p = 0}, {0}, "/X is empty (13 x 0)"},
      {{.wrong = "/y", .n = N, .p = P}, {0}, "/y has 12 entries, /X has 13 rows"},
      {{.wrong = "/weights", .n = N, .p = P}, {0}, "/weights has 12 entries, /X has 13 rows"},
      {{.wrong = "/offset", .n = N, .p = P}, {0}, "/offset has 12 entries, /X has 13 rows"},
      {{.wrong = "/groups", .n = N, .p = P}, {0}, "/groups has 8 entries, /X has 9 columns"},
      {{.wrong = "/penalty_factor", .n = N, .p = P}, {0}, "/penalty_factor has 8 entries"},
      {{.text = "/y", .n = N, .p = P}, {0}, "/y: strings cannot be a response"},
      {{.text = "/weights", .n = N, .p = P}, {0}, "/weights: not numbers"},
      {{.text = "/groups", .n = N, .p = P}, {0}, "/groups: not numbers"},
      {{.n = N, .p = P}, {.groups = "/penalty_factor"}, "/penalty_factor: not integers"},
      {{.wide = "/weights", .n = N, .p = P}, {0}, "/weights is 13 x 2, not a vector"},
      {{.wide = "/offset", .n = N, .p = P}, {0}, "/offset is 13 x 2, not a vector"}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    ASSERT_REFUSED(try_contents(&cases[k].what, &cases[k].names), BVL_ERR_INPUT, cases[k].message);
  const contents good = {.n = N, .p = P};
  ASSERT_OK(try_contents(&good, NULL));
  const bvl_data_names no_y = {.y = "none"};
  ASSERT_REFUSED(try_contents(&good, &no_y), BVL_ERR_USAGE, "y is none");
}

static void test_feature_names(void **state)
{
  (void)state;
  for (int bad = 0; bad < 2; bad++) {
    if (bvl_test_rank() == 0) {
      const char *words[P];
      double X[N * P] = {0};
      for (int j = 0; j < P; j++) words[j] = "w";
      hid_t file = io_create("n.h5");
      io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, P, 0, X);
      io_put_f64(file, "/y", N, X);
      if (bad == 0) io_put_strings(file, "/feature_names", P - 1, 0, words);
      if (bad == 1) io_put_f64(file, "/feature_names", P, X);
      H5Fclose(file);
    }
    io_ready();
    ASSERT_REFUSED(open_data("n.h5"), BVL_ERR_INPUT,
                   bad == 0 ? "/feature_names has 8 entries, /X has 9 columns"
                            : "/feature_names: not strings");
  }
}

/* ---- wrong values ------------------------------------------------------------------------------
 */

static void test_values(void **state)
{
  (void)state;
  const struct {
    const char *what;
    int64_t row;
    double value;
    const char *message;
  } cases[] = {{"y", 5, NAN, "/y: row 5: NaN"},
               {"y", 12, INFINITY, "/y: row 12: infinite"},
               {"weights", 0, NAN, "/weights: row 0: NaN"},
               {"weights", 3, -0.5, "/weights: row 3: negative weight -0.5"},
               {"weights", 4, INFINITY, "/weights: row 4: infinite"},
               {"offset", 8, NAN, "/offset: row 8: NaN"},
               {"offset", 9, -INFINITY, "/offset: row 9: infinite"}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    bvl_data *data;
    if (bvl_test_rank() == 0) {
      double X[N * P] = {0}, values[N] = {0};
      char name[32];
      hid_t file = io_create("v.h5");
      io_put(file, "/X", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, N, P, 0, X);
      if (strcmp(cases[k].what, "y") != 0) io_put_f64(file, "/y", N, values);
      values[cases[k].row] = cases[k].value;
      snprintf(name, sizeof name, "/%s", cases[k].what);
      io_put_f64(file, name, N, values);
      H5Fclose(file);
    }
    io_ready();
    ASSERT_OK(bvl_data_open(&io_comm, io_path("v.h5"), NULL, 1, 1, &data));
    int size = bvl_test_size(), rank = bvl_test_rank(), present;
    int64_t row0 = bvl_cut(N, size, rank), count = bvl_cut(N, size, rank + 1) - row0;
    double values[N];
    ASSERT_REFUSED(bvl_data_read_rows(data, cases[k].what, row0, count, values, &present),
                   BVL_ERR_INPUT, cases[k].message);
    bvl_data_close(&data);
    io_ready();
  }
}

/* ---- sparse headers ----------------------------------------------------------------------------
 */

typedef struct sparse {
  const char *encoding;
  int64_t n, p, n_data, n_indices, n_indptr, first, last;
  int float_indices;
} sparse;

static bvl_status try_sparse(const sparse *s)
{
  if (bvl_test_rank() == 0) {
    double values[N + P] = {0};
    int64_t indptr[N + P + 1];
    for (int64_t k = 0; k < s->n_indptr; k++) indptr[k] = k == 0 ? s->first : s->last;
    hid_t file = io_create("s.h5");
    io_sparse_head(file, "/X", s->encoding, 0, H5T_STD_I64LE, s->n, s->p);
    io_put_f64(file, "/X/data", s->n_data, values);
    io_put(file, "/X/indices", s->float_indices ? H5T_IEEE_F32LE : H5T_STD_I32LE, H5T_NATIVE_DOUBLE,
           s->n_indices, 0, 0, values);
    io_put_i64(file, "/X/indptr", s->n_indptr, indptr);
    io_put_f64(file, "/y", s->n > 0 ? s->n : 1, values);
    H5Fclose(file);
  }
  io_ready();
  bvl_status status = open_data("s.h5");
  io_ready();
  return status;
}

static void test_sparse_headers(void **state)
{
  (void)state;
  const sparse good = {"csc_matrix", N, P, 4, 4, P + 1, 0, 4, 0};
  const struct {
    sparse what;
    const char *message;
  } cases[] = {
      {{"coo_matrix", N, P, 4, 4, P + 1, 0, 4, 0}, "encoding-type coo_matrix is not csc_matrix or"},
      {{"csc_matrix", N, -1, 4, 4, P + 1, 0, 4, 0}, "/X: the attribute shape is not two integers"},
      {{"csc_matrix", N, P, 4, 3, P + 1, 0, 4, 0}, "/X/indices has 3 entries, /X/data has 4"},
      {{"csc_matrix", N, P, 4, 4, N + 1, 0, 4, 0}, "/X/indptr has 14 entries, /X has 9 columns"},
      {{"csr_matrix", N, P, 4, 4, P + 1, 0, 4, 0}, "/X/indptr has 10 entries, /X has 13 rows"},
      {{"csc_matrix", N, P, 4, 4, P + 1, 1, 4, 0}, "/X/indptr begins with 1, not 0"},
      {{"csr_matrix", N, P, 4, 4, N + 1, 0, 3, 0}, "/X/indptr ends with 3, /X/data has 4 entries"},
      {{"csc_matrix", N, P, 4, 4, P + 1, 0, 4, 1}, "/X/indices: not integers"},
      {{"csr_matrix", 0, P, 0, 0, 1, 0, 0, 0}, "/X is empty (0 x 9)"}};
  ASSERT_OK(try_sparse(&good));
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    ASSERT_REFUSED(try_sparse(&cases[k].what), BVL_ERR_INPUT, cases[k].message);
}

/* ---- filters -----------------------------------------------------------------------------------
 */

static size_t copy_filter(unsigned flags, size_t n_values, const unsigned *values, size_t n_bytes,
                          size_t *size, void **buffer)
{
  (void)flags, (void)n_values, (void)values, (void)size, (void)buffer;
  return n_bytes;
}

/* Numbers from 256 on are for private use: rank 0 has this filter while it writes, nobody after. */
static void test_unknown_filter(void **state)
{
  (void)state;
  const H5Z_class2_t filter = {.version = H5Z_CLASS_T_VERS,
                               .id = 300,
                               .encoder_present = 1,
                               .decoder_present = 1,
                               .name = "copycat",
                               .filter = copy_filter};
  if (bvl_test_rank() == 0) {
    double X[N * P] = {0};
    hsize_t size[2] = {N, P};
    H5Zregister(&filter);
    hid_t file = io_create("z.h5");
    hid_t space = H5Screate_simple(2, size, NULL);
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plist, 2, size);
    H5Pset_filter(plist, 300, 0, 0, NULL);
    hid_t dataset = H5Dcreate2(file, "/X", H5T_IEEE_F64LE, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, X);
    H5Dclose(dataset);
    H5Pclose(plist);
    H5Sclose(space);
    io_put_f64(file, "/y", N, X);
    H5Fclose(file);
    H5Zunregister(300);
  }
  io_ready();
  ASSERT_REFUSED(open_data("z.h5"), BVL_ERR_INPUT, "/X: compressed by filter 300 (copycat)");
}

BVL_TEST_MAIN_MPI(IO_TEST(test_not_a_file), IO_TEST(test_truncated), IO_TEST(test_damaged_chunk),
                  IO_TEST(test_look), IO_TEST(test_contents), IO_TEST(test_feature_names),
                  IO_TEST(test_values), IO_TEST(test_sparse_headers), IO_TEST(test_unknown_filter))
