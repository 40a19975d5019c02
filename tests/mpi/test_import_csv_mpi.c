/* SPDX-License-Identifier: BSD-3-Clause */
/* Separated values at every rank count: what is read, what is refused and where. */
#include "import_files.h"

enum { N = 41, P = 3 };

static double x_at(int64_t i, int64_t j)
{
  return (double)((7 * i + 3 * j) % 11) / 7.0 - 0.5 * (double)j;
}

static double y_at(int64_t i)
{
  return (double)(i * i) / 3.0;
}

/* A header with commas, quotes and a line's end in its names; rows with \r\n, blanks, quoted
 * numbers, empty lines and words over several lines; no line's end after the last. */
static size_t write_hard(char *out)
{
  size_t used = (size_t)sprintf(out, "\xef\xbb\xbf\"a, b\",word,y,\"say \"\"c\"\"\",\"d\ne\"\r\n");
  for (int64_t i = 0; i < N; i++) {
    if (i % 5 == 0) used += (size_t)sprintf(out + used, "%s\n", i % 2 == 0 ? "" : "  \r");
    used += (size_t)sprintf(out + used, "%.17g,", x_at(i, 0));
    used += (size_t)sprintf(out + used, "\"%s\",",
                            i % 3 == 0 ? "one, \"\"two\"\"\nthree\n\n" : "x");
    used += (size_t)sprintf(out + used, i % 2 == 0 ? " %.17g ," : "\"%.17g\",", y_at(i));
    used += (size_t)sprintf(out + used, "%.17g,\"%.17g\"%s", x_at(i, 1), x_at(i, 2),
                            i == N - 1   ? ""
                            : i % 4 == 1 ? " \r\n"
                                         : "\n");
  }
  return used;
}

static int values_are(int64_t n, const double *x, const double *y)
{
  for (int64_t i = 0; i < n; i++) {
    if (y[i] != y_at(i)) return 0;
    for (int64_t j = 0; j < P; j++)
      if (x[i * P + j] != x_at(i, j)) return 0;
  }
  return 1;
}

static void test_hard(void **state)
{
  static char text[N * 200];
  static const char *const names[P] = {"a, b", "say \"c\"", "d\ne"};
  double x[N * P], y[N];
  (void)state;
  import_put("data.csv", text, write_hard(text));
  bvl_import_options options = import_options("data.csv");
  bvl_import_outcome outcome;
  options.ignore = "word";
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(outcome.n == N && outcome.p == P && outcome.nnz == -1 && outcome.missing == 0);
  ASSERT_ALL(import_get("/X", H5T_NATIVE_DOUBLE, N * P, x) == N * P &&
             import_get("/y", H5T_NATIVE_DOUBLE, N, y) == N && values_are(N, x, y));
  ASSERT_ALL(import_names_are("/feature_names", P, names));
}

/* Nearly all of the file stands between quotes and looks like rows: wherever a rank's piece begins,
 * it is inside of them. */
static void test_inside_quotes(void **state)
{
  static char text[16000];
  double x[20], y[20];
  size_t used = (size_t)sprintf(text, "u,word,y\n");
  (void)state;
  for (int i = 0; i < 20; i++) {
    used += (size_t)sprintf(text + used, "%d,\"", i);
    for (int k = 0; k < 100; k++) used += (size_t)sprintf(text + used, "\n9,9,9");
    used += (size_t)sprintf(text + used, "\",%d\n", 2 * i);
  }
  import_put("data.csv", text, used);
  bvl_import_options options = import_options("data.csv");
  bvl_import_outcome outcome;
  options.ignore = "word";
  options.memory_limit = 1 << 16;
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(outcome.n == 20 && import_get("/X", H5T_NATIVE_DOUBLE, 20, x) == 20 &&
             import_get("/y", H5T_NATIVE_DOUBLE, 20, y) == 20);
  int good = 1;
  for (int i = 0; i < 20; i++) good &= x[i] == i && y[i] == 2 * i;
  ASSERT_ALL(good);
}

/* No header, semicolons, the response by its number; fewer rows than ranks. */
static void test_plain(void **state)
{
  double x[2], y[2];
  (void)state;
  import_put("data.txt", "1;5\n2;6", 7);
  bvl_import_options options = import_options("data.txt");
  bvl_import_outcome outcome;
  options.y = "2";
  options.single = 1;
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(outcome.n == 2 && outcome.p == 1);
  ASSERT_ALL(import_get("/X", H5T_NATIVE_DOUBLE, 2, x) == 2 && x[0] == 1.0 && x[1] == 2.0);
  ASSERT_ALL(import_get("/y", H5T_NATIVE_DOUBLE, 2, y) == 2 && y[0] == 5.0 && y[1] == 6.0);
}

/* Classes by their order; the rows' names of other programs. */
static void test_classes(void **state)
{
  static const char text[] = "\"\",u,y\n\"r1\",1,2\n\"r2\",2,-1\n\"r3\",3,2\n";
  double x[3], y[3];
  (void)state;
  import_put("data.csv", text, sizeof text - 1);
  bvl_import_options options = import_options("data.csv");
  bvl_import_outcome outcome;
  options.family = "binomial";
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(import_get("/y", H5T_NATIVE_DOUBLE, 3, y) == 3 && y[0] == 1 && y[1] == 0 && y[2] == 1);
  ASSERT_ALL(import_get("/X", H5T_NATIVE_DOUBLE, 3, x) == 3 && x[2] == 3.0);
}

static void test_missing(void **state)
{
  static const char text[] = "u,v,y\n1,NA,1\n,4,2\n3,8,3\nnan,null,4\n";
  double x[8], y[4];
  (void)state;
  import_put("data.csv", text, sizeof text - 1);
  bvl_import_options options = import_options("data.csv");
  bvl_import_outcome outcome;
  options.missing = BVL_MISSING_MEAN; /* of 1, 3 and of 4, 8 */
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(outcome.n == 4 && outcome.missing == 4 && outcome.dropped == 0);
  static const double wanted[8] = {1, 6, 2, 4, 3, 8, 2, 6};
  ASSERT_ALL(import_get("/X", H5T_NATIVE_DOUBLE, 8, x) == 8 && memcmp(x, wanted, sizeof x) == 0);
  options.missing = BVL_MISSING_DROP;
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(outcome.n == 1 && outcome.missing == 0 && outcome.dropped == 3);
  ASSERT_ALL(import_get("/X", H5T_NATIVE_DOUBLE, 8, x) == 2 && x[0] == 3 && x[1] == 8);
  ASSERT_ALL(import_get("/y", H5T_NATIVE_DOUBLE, 4, y) == 1 && y[0] == 3);
}

static void test_refused(void **state)
{
  static const struct {
    const char *text, *why;
    bvl_missing missing;
  } cases[] = {
      {"u,y\n1,2\n3,x1\n", "line 3: column 2 (y): \"x1\": not a number", BVL_MISSING_ERROR},
      {"u,y\n1,2\n\n3,1e400\n", "line 4: column 2 (y): \"1e400\": too large", BVL_MISSING_ERROR},
      {"u,y\n1,2\n-inf,3\n", "line 3: column 1 (u): \"-inf\": not finite", BVL_MISSING_ERROR},
      {"u,y\n1,2\n3\n", "line 3: 1 fields, 2 on the first line", BVL_MISSING_ERROR},
      {"u,y\n1,2\n3,4,5\n", "line 3: more than 2 fields", BVL_MISSING_ERROR},
      {"u,y\n1,2\n3,\n", "line 3: column 2 (y): the value is missing", BVL_MISSING_ERROR},
      {"u,y\n1,2\n3,NA\n", "line 3: the response is missing", BVL_MISSING_MEAN},
      {"u,y\nNA,2\n,3\n", "column 1 (u) has no value on any line", BVL_MISSING_MEAN},
      {"u,y\nNA,2\n,3\n", "no rows without missing values", BVL_MISSING_DROP},
      {"u,y\n1,\"2\n3,4\n", "quote that nothing closes", BVL_MISSING_ERROR},
      {"u,y\n1,\"2\"x\n3,4\n", "line 2: column 2 (y): \"2\": something stands behind",
       BVL_MISSING_ERROR},
      {"u,y\n1,2\"\n3,4\"\n", "line 2: column 2 (y): \"2\": a quote inside a field",
       BVL_MISSING_ERROR},
      {"u,y\n", "no rows below the header", BVL_MISSING_ERROR},
      {"\n\n \n", "nothing but empty lines", BVL_MISSING_ERROR},
      {"u,v\n1,2\n", "line 1: no column y among 2", BVL_MISSING_ERROR},
      {"y,y\n1,2\n", "line 1: several columns have the name y", BVL_MISSING_ERROR},
      {"y\n1\n", "line 1: no column besides the response", BVL_MISSING_ERROR},
      {"u,y\n1,2\n1,0x10\n", "line 3: column 2 (y): \"0x10\": not a number", BVL_MISSING_ERROR},
      {"u,y\n1,0x10\n", "text with one class alone, \"0x10\"", BVL_MISSING_ERROR},
      {"\x1f\x8b\x08", "compressed by gzip", BVL_MISSING_ERROR},
      {"\xff\xfeu", "UTF-16", BVL_MISSING_ERROR}};
  (void)state;
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    import_put("data.csv", cases[k].text, strlen(cases[k].text));
    bvl_import_options options = import_options("data.csv");
    options.missing = cases[k].missing;
    ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, cases[k].why);
    io_ready();
  }
}

static void test_not_text(void **state)
{
  (void)state;
  bvl_import_options options = import_options("data.csv");
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_IO, "cannot open");
  import_put("data.csv", "", 0);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "it is empty");
  io_ready();
  import_put("data.csv", "u,y\n1,2\n3,\0004\n", 13);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "line 3: column 2 (y): \"?4\": not a number");
  io_ready();
  import_put("data.csv", "u\0v,y\n1,2\n", 10);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "line 1, column 1: a NUL byte");
  import_put("data.xyz", "1,2\n", 4);
  options = import_options("data.xyz");
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_USAGE, "its name does not say what it is");
  import_put("data.csv", "u,y\n1,1e39\n", 11);
  options = import_options("data.csv");
  options.y = "u";
  options.single = 1;
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "line 2: 1e+39 is too large for --precision");
}

/* A line of 5 MB, in its middle, is read where memory allows it, and refused by its number where it
 * does not. */
static void test_long_line(void **state)
{
  const size_t n = 5 << 20;
  char *text = malloc(n);
  double x[3];
  (void)state;
  memset(text, ' ', n);
  memcpy(text, "u,y\n1,2\n3,", 10);
  memcpy(text + n - 7, "4\n5,6\n ", 7);
  import_put("data.csv", text, n);
  free(text);
  bvl_import_options options = import_options("data.csv");
  bvl_import_outcome outcome;
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "line 3: longer than 256 bytes");
  options.memory_limit = INT64_C(256) << 20;
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(import_get("/X", H5T_NATIVE_DOUBLE, 3, x) == 3 && x[0] == 1 && x[1] == 3 && x[2] == 5);
}

/* Asked to stop on the last rank alone. */
static int stop_last(void *context)
{
  (void)context;
  return bvl_test_rank() == bvl_test_size() - 1 ? BVL_WANT_STOP : 0;
}

static void test_stop(void **state)
{
  (void)state;
  import_put("data.csv", "u,y\n1,2\n3,4\n", 12);
  bvl_import_options options = import_options("data.csv");
  bvl_import_outcome outcome;
  const bvl_monitor monitor = {.poll = stop_last};
  ASSERT_REFUSED(bvl_import_file(&io_comm, &options, &monitor, &outcome), BVL_ERR_INTERRUPTED,
                 "asked to stop");
  ASSERT_ALL(io_stands("out.h5", 0) && io_stands("out.h5.partial", 0));
}

BVL_TEST_MAIN_MPI(IO_TEST(test_hard), IO_TEST(test_inside_quotes), IO_TEST(test_plain),
                  IO_TEST(test_classes), IO_TEST(test_missing), IO_TEST(test_refused),
                  IO_TEST(test_not_text), IO_TEST(test_long_line), IO_TEST(test_stop))
