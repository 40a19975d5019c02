/* SPDX-License-Identifier: BSD-3-Clause */
/* PLINK's three files at every rank count: genotypes bit by bit, what is refused and where. */
#include "import_files.h"

enum { N = 37, P = 150, STRIDE = (N + 3) / 4 };

/* Copies of A1, -1 = missing: variants 3 modulo 20 have gaps at samples 5 modulo 16. */
static int copies_at(int64_t i, int64_t j, int gaps)
{
  if (gaps && j % 20 == 3 && i % 16 == 5) return -1;
  return (int)((i * 5 + j * 7 + i * j) % 3);
}

static double y_at(int64_t i)
{
  return (double)i / 4.0 - 3.0;
}

static void put_bed(int gaps, int64_t n_bytes, const char *head)
{
  static unsigned char bytes[3 + P * STRIDE + 1];
  static const unsigned char bits[] = {3, 2, 0}; /* of 0, 1, 2 copies */
  memset(bytes, 0, sizeof bytes);
  memcpy(bytes, head, 3);
  for (int64_t j = 0; j < P; j++)
    for (int64_t i = 0; i < N; i++) {
      const int copies = copies_at(i, j, gaps);
      const unsigned pair = copies < 0 ? 1 : bits[copies];
      bytes[3 + j * STRIDE + i / 4] |= (unsigned char)(pair << (2 * (i % 4)));
    }
  import_put("set.bed", bytes, (size_t)n_bytes);
}

static void put_text(int missing_phenotype)
{
  static char bim[P * 40], fam[N * 60], phenotypes[N * 60];
  size_t used = 0;
  for (int j = 0; j < P; j++)
    used += (size_t)(j % 10 == 4 ? sprintf(bim + used, "2\t.\t0\t%d\tA\tC\n", 100 + j)
                                 : sprintf(bim + used, "1\trs%d\t0\t%d\tA\tC\n", j, j));
  import_put("set.bim", bim, used);
  used = 0;
  for (int i = 0; i < N; i++)
    used += (size_t)sprintf(
        fam + used, i == missing_phenotype ? "f%d s%d 0 0 1 -9\n" : "f%d s%d 0 0 1 %.17g\r\n",
        i / 2, i, y_at(i));
  import_put("set.fam", fam, used);
  used = (size_t)sprintf(phenotypes, "FID IID Y1 Y2\nnobody s0 1 2\n");
  for (int i = N - 1; i >= 0; i--) /* in another order, without sample 7 */
    if (i != 7)
      used += (size_t)sprintf(phenotypes + used, "f%d s%d %d %.17g\n", i / 2, i, i % 2,
                              2.0 * y_at(i));
  import_put("phenotype.txt", phenotypes, used);
}

static const int64_t whole = 3 + P * STRIDE;
static const char head[] = "\x6c\x1b\x01";

/* out.h5 holds these samples. */
static int genotypes_are(int64_t n, const int64_t *samples, int gaps, double y_scale)
{
  static int8_t x[N * P];
  double y[N];
  if (import_get("/X", H5T_NATIVE_INT8, N * P, x) != n * P) return 0;
  if (import_get("/y", H5T_NATIVE_DOUBLE, N, y) != n) return 0;
  for (int64_t k = 0; k < n; k++) {
    if (y[k] != y_scale * y_at(samples[k])) return 0;
    for (int64_t j = 0; j < P; j++)
      if (x[k * P + j] != copies_at(samples[k], j, gaps)) return 0;
  }
  return 1;
}

static void test_genotypes(void **state)
{
  int64_t all[N], n_kept = 0, kept[N], gaps = 0;
  bvl_import_outcome outcome;
  (void)state;
  for (int64_t i = 0; i < N; i++) {
    all[i] = i;
    if (i % 16 != 5) kept[n_kept++] = i;
    for (int64_t j = 0; j < P; j++) gaps += copies_at(i, j, 1) < 0;
  }
  put_bed(1, whole, head);
  put_text(-1);
  bvl_import_options options = import_options("set.bed");
  options.memory_limit = 1200; /* four rows a round, 30 variants a block */
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(outcome.n == N && outcome.p == P && outcome.missing == gaps && outcome.dropped == 0);
  ASSERT_ALL(genotypes_are(N, all, 1, 1.0));
  options.missing = BVL_MISSING_DROP;
  options.file = io_path("set.fam");
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(outcome.n == n_kept && outcome.missing == 0 && outcome.dropped == N - n_kept);
  ASSERT_ALL(genotypes_are(n_kept, kept, 0, 1.0));
}

/* The code stands for the column's mean when the data are read. */
static void test_read_back(void **state)
{
  bvl_data *data = NULL;
  bvl_data_names names = {0};
  bvl_import_outcome outcome;
  char **features = NULL;
  (void)state;
  put_bed(1, whole, head);
  put_text(-1);
  bvl_import_options options = import_options("set.bed");
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_OK(bvl_data_open(&io_comm, io_path("out.h5"), &names, 1, 1, &data));
  const bvl_source *source = bvl_data_source(data);
  ASSERT_ALL(source->n == N && source->p == P && source->has_missing && source->missing == -1);
  ASSERT_OK(bvl_data_read_feature_names(data, &features));
  ASSERT_ALL(bvl_test_rank() != 0 ||
             (strcmp(features[3], "rs3") == 0 && strcmp(features[14], "2:114:A:C") == 0));
  free(features);
  bvl_data_close(&data);
}

static void test_phenotypes(void **state)
{
  int64_t kept[N], n_kept = 0;
  bvl_import_outcome outcome;
  (void)state;
  for (int64_t i = 0; i < N; i++)
    if (i != 7) kept[n_kept++] = i;
  put_bed(0, whole, head);
  put_text(7);
  bvl_import_options options = import_options("set.bed");
  ASSERT_OK(import_run(&options, &outcome)); /* sample 7 has none in the .fam either */
  ASSERT_ALL(outcome.dropped == 1 && genotypes_are(N - 1, kept, 0, 1.0));
  char phenotypes[512];
  snprintf(phenotypes, sizeof phenotypes, "%s", io_path("phenotype.txt"));
  options.y = phenotypes;
  options.y_column = "Y2";
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(genotypes_are(N - 1, kept, 0, 2.0));
  options.y_column = "2";
  ASSERT_OK(import_run(&options, &outcome));
  ASSERT_ALL(genotypes_are(N - 1, kept, 0, 2.0));
  static const char *const names[] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s8"};
  char *all[N - 1], text[N][16];
  for (int k = 0; k < N - 1; k++) {
    snprintf(text[k], sizeof text[k], "s%d", k < 7 ? k : k + 1);
    all[k] = text[k];
  }
  ASSERT_ALL(strcmp(all[7], names[7]) == 0 &&
             import_names_are("/sample_names", N - 1, (const char *const *)all));
  io_ready();
  if (bvl_test_rank() == 0) unlink(io_path("out.h5"));
  io_ready();
  options.y_column = "Y3";
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "phenotype.txt: line 1: no phenotype Y3 among 2");
  options.missing = BVL_MISSING_ERROR;
  options.y_column = NULL;
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "sample 8 (from 1) has no phenotype");
  io_ready();
  import_put("phenotype.txt", "FID IID Y\nf0 s0 1\nf0 s0 2\n", 26);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "phenotype.txt: line 3, column 1: f0 s0 a second");
  io_ready();
  import_put("phenotype.txt", "FID IID Y\nf0 s0 1\nf0 s1 x\n", 26);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT,
                        "phenotype.txt: line 3, column 3: x: not a number");
  io_ready();
  import_put("phenotype.txt", "FID IID Y\nf0 s0 1\nf0 s1\n", 24);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "phenotype.txt: line 3, column 3: 2 words");
}

static void test_refused(void **state)
{
  (void)state;
  put_text(-1);
  bvl_import_options options = import_options("set.bed");
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_IO, "set.bed: No such file");
  put_bed(1, whole, head);
  options.missing = BVL_MISSING_ERROR;
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "the call is missing");
  options.missing = BVL_MISSING_AUTO;
  io_ready();
  put_bed(0, whole - 1, head);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT,
                        "truncated: 1502 bytes, 1503 wanted for 37 samples");
  io_ready();
  put_bed(0, whole + 1, head);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "too long");
  io_ready();
  put_bed(0, whole, "\x6c\x1b\x00");
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "byte 3: sample after sample");
  io_ready();
  put_bed(0, whole, "\x6c\x1b\x02");
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "byte 3: 2, wanted 1");
  io_ready();
  put_bed(0, 2, head);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "not a PLINK .bed");
  io_ready();
  import_put("set.bim", "1 a 0 1 A C\n1 b 0 1 A\n", 22);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "set.bim: line 2, column 6: 5 words");
  io_ready();
  import_put("set.bim", "\n\n", 2);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "set.bim: no variants");
  io_ready();
  put_text(-1);
  import_put("set.fam", "f s 0 0 1 -9\nf t 0 0 1 high\n", 28);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "set.fam: line 2, column 6: high: not a number");
}

/* No sample that could be kept, and files that one asked for would cost. */
static void test_nobody_left(void **state)
{
  static char fam[N * 60];
  static unsigned char bed[3 + P * STRIDE];
  size_t used = 0;
  (void)state;
  put_bed(0, whole, head);
  put_text(-1);
  bvl_import_options options = import_options("set.bed");
  options.y_column = "Y1";
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_USAGE, "--y-column needs --y FILE");
  options.y_column = NULL;
  io_ready();
  import_put("phenotype.txt", "FID IID Y\nnobody s0 1\n", 22);
  options.y = io_path("phenotype.txt");
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "no sample of the .fam has a phenotype there");
  options.y = NULL;
  io_ready();
  memset(bed, 0x55, sizeof bed); /* every call is missing */
  memcpy(bed, head, 3);
  import_put("set.bed", bed, sizeof bed);
  options.missing = BVL_MISSING_DROP;
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "every sample has a missing call");
  options.missing = BVL_MISSING_AUTO;
  io_ready();
  for (int i = 0; i < N; i++) used += (size_t)sprintf(fam + used, "f%d s%d 0 0 1 -9\n", i / 2, i);
  import_put("set.fam", fam, used);
  ASSERT_IMPORT_REFUSED(&options, BVL_ERR_INPUT, "set.fam: column 6: no sample has a phenotype");
  options.output = io_path("set.bim");
  ASSERT_REFUSED(import_run(&options, &(bvl_import_outcome){0}), BVL_ERR_USAGE, "would overwrite");
  ASSERT_ALL(io_stands("set.bim", 1));
}

BVL_TEST_MAIN_MPI(IO_TEST(test_genotypes), IO_TEST(test_read_back), IO_TEST(test_phenotypes),
                  IO_TEST(test_refused), IO_TEST(test_nobody_left))
