/* SPDX-License-Identifier: BSD-3-Clause */
/* libsvm text at every rank count: what is read, what is refused and where. */
#include "import_files.h"

enum { N = 53, P = 12, MOST = N * P };

/* Row i has column j where this is not 0. */
static double x_at(int64_t i, int64_t j)
{
  return (i + 2 * j) % 5 == 0 ? (double)((i + 1) * (j + 3)) / 7.0 : 0.0;
}

/* Columns from `base`; comments, a qid on some lines, empty lines, \r\n, no last line's end. */
static size_t write_text(char *out, int64_t base)
{
  size_t used = 0;
  for (int64_t i = 0; i < N; i++) {
    if (i % 7 == 0) used += (size_t)sprintf(out + used, "# a comment: 3:4\n\n \t\r\n");
    used += (size_t)sprintf(out + used, i % 4 == 0 ? " %+d" : "%d", i % 3 == 0 ? 1 : -1);
    if (i % 6 == 0) used += (size_t)sprintf(out + used, " qid:%d", (int)i);
    for (int64_t j = 0; j < P; j++)
      if (x_at(i, j) != 0.0 || (base == 0 && i == 30 && j == 0))
        used += (size_t)sprintf(out + used, "%s%d:%.17g", i % 2 == 0 ? " " : "\t  ",
                                (int)(j + base), x_at(i, j));
    used += (size_t)sprintf(out + used, "%s%s", i % 5 == 2 ? " # 9:9" : "",
                            i == N - 1   ? ""
                            : i % 4 == 1 ? "\r\n"
                                         : "\n");
  }
  return used;
}

static int matrix_is(int64_t base)
{
  static double data[MOST], y[N];
  static int64_t indices[MOST], indptr[N + 1];
  const int64_t nnz = import_get("/X/data", H5T_NATIVE_DOUBLE, MOST, data);
  int64_t k = 0;
  if (import_get("/X/indices", H5T_NATIVE_INT64, MOST, indices) != nnz) return 0;
  if (import_get("/X/indptr", H5T_NATIVE_INT64, N + 1, indptr) != N + 1) return 0;
  if (import_get("/y", H5T_NATIVE_DOUBLE, N, y) != N || indptr[0] != 0) return 0;
  for (int64_t i = 0; i < N; i++) {
    for (int64_t j = 0; j < P; j++) {
      if (x_at(i, j) == 0.0 && !(base == 0 && i == 30 && j == 0)) continue;
      if (k >= nnz || indices[k] != j || data[k] != x_at(i, j)) return 0;
      k++;
    }
    if (indptr[i + 1] != k || y[i] != (i % 3 == 0 ? 1.0 : -1.0)) return 0;
  }
  return k == nnz;
}

static void test_both_bases(void **state)
{
  static char text[N * P * 30];
  (void)state;
  for (int64_t base = 0; base <= 1; base++) {
    import_put("data.libsvm", text, write_text(text, base));
    bvl_import_options options = import_options("data.libsvm");
    bvl_import_outcome outcome;
    ASSERT_OK(import_run(&options, &outcome));
    ASSERT_ALL(outcome.n == N && outcome.p == P);
    ASSERT_ALL(matrix_is(base));
    options.base = (int)base; /* said, the same */
    options.memory_limit = INT64_C(1) << 26;
    ASSERT_OK(import_run(&options, &outcome));
    ASSERT_ALL(outcome.p == P && matrix_is(base));
    io_ready();
  }
}

/* Classes, more columns than are named, a row without entries, fewer rows than ranks. */
static void test_small(void **state)
{
  double y[3];
  int64_t indptr[4];
  (void)state;
  import_put("data.svm", "3\n-2 4:1\n3 1:1", 14);
  bvl_import_options options = import_options("data.svm");
  bvl_import_outcome outcome;
  options.columns = 9;
  options.family = "binomial";
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(outcome.n == 3 && outcome.p == 9 && outcome.nnz == 2);
  ASSERT_ALL(import_get("/y", H5T_NATIVE_DOUBLE, 3, y) == 3 && y[0] == 1 && y[1] == 0 && y[2] == 1);
  ASSERT_ALL(import_get("/X/indptr", H5T_NATIVE_INT64, 4, indptr) == 4 && indptr[1] == 0 &&
             indptr[3] == 2);
}

static void test_refused(void **state)
{
  static const struct {
    const char *text, *why;
    size_t n; /* 0: up to the NUL */
  } cases[] = {{"1 1:2\n1 2:3 2:4\n", "line 2, column 7: 2:4: this column is on the line twice", 0},
               {"1 1:2\n1 3:1 2:4\n", "line 2, column 7: 2:4: column numbers must ascend", 0},
               {"1 1:2\n1 5:1 2:4\n", "line 2, column 7: 2:4: column numbers must ascend", 0},
               {"1 1:2\n\n1 1:1e400\n", "line 3, column 5: 1e400: too large for a double", 0},
               {"1 1:2\n1 1:nan\n", "line 2, column 5: nan: not finite", 0},
               {"1 1:2\ninf 1:2\n", "line 2, column 1: inf: not finite", 0},
               {"1 1:2\n1 1:2x\n", "line 2, column 5: 2x: not a number", 0},
               {"1 1:2\n1 1:\n", "line 2, column 5: not a number", 0},
               {"1 1:2\n1 :5\n", "line 2, column 3: :5: wanted index:value", 0},
               {"1 1:2\n1 -1:5\n", "line 2, column 3: -1:5: wanted index:value", 0},
               {"1 1:2\n1 5\n", "line 2, column 3: 5: wanted index:value", 0},
               {"1 1:2\n1 1:2:3\n", "line 2, column 5: 2:3: not a number", 0},
               {"1 1:2\n1:2 2:3\n", "line 2, column 1: 1:2: a line begins with its label", 0},
               {"1 1:2\n1,2 2:3\n", "line 2, column 1: 1,2: several labels", 0},
               {"1 1:2\nx 2:3\n", "line 2, column 1: x: not a number", 0},
               {"1 1:2\n1 qid:x 2:3\n", "line 2, column 3: qid:x: not a query's number", 0},
               {"1 1:2\n1 99999999999999999999:1\n", "line 2, column 3", 0},
               {"1 1:2\n1 2:\0003\n", "line 2, column 5: not a number", 13},
               {"1 1:2\n\0\n", "line 2, column 1: not a number", 8},
               {"# nothing\n\n", "no line has a label", 0},
               {"1\n2\n", "no line has an index:value", 0}};
  (void)state;
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    import_put("data.libsvm", cases[k].text, cases[k].n > 0 ? cases[k].n : strlen(cases[k].text));
    bvl_import_options options = import_options("data.libsvm");
    ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, cases[k].why);
    io_ready();
  }
}

static void test_refused_by_options(void **state)
{
  (void)state;
  import_put("data.libsvm", "1 0:2\n2 2:3e38\n3 1:4e38\n", 24);
  bvl_import_options options = import_options("data.libsvm");
  options.base = 1;
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT,
                        "line 1, column 3: 0:2: column numbers begin with 1");
  options.base = 2;
  options.columns = 2;
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "column number 2 is above --columns 2");
  options.columns = 0;
  options.single = 1;
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT,
                        "line 3, column 5: 4e38: too large for --precision");
  options.single = 0;
  options.family = "binomial";
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "at most 2 can be classes");
  options.missing = BVL_MISSING_DROP;
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_USAGE, "--missing mean and drop go with csv and plink");
  io_ready();
  import_put("data.libsvm", "1 1:2\n1 2:3\n", 12);
  options = import_options("data.libsvm");
  options.family = "multinomial";
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "the response has one value alone, 1");
}

BVL_TEST_MAIN_MPI(IO_TEST(test_both_bases), IO_TEST(test_small), IO_TEST(test_refused),
                  IO_TEST(test_refused_by_options))
