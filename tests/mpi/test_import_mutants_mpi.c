/* SPDX-License-Identifier: BSD-3-Clause */
/* Broken foreign files: bytes changed, cut out, doubled, cut off. Whatever comes, all ranks
 * together say what one rank alone says: refused with a message, or the same numbers to the last
 * bit. BVL_MUTANTS of the environment: how many of each (24). */
#include "import_files.h"

#include "base/rng.h"

enum { MOST_BYTES = 4096, MOST_VALUES = 20000 };

static double uniform(uint64_t mutant, uint64_t draw)
{
  return bvl_rng_uniform(11, BVL_STREAM_SIM_BETA, mutant, draw);
}

static size_t below(size_t n, uint64_t mutant, uint64_t draw)
{
  return (size_t)(uniform(mutant, draw) * (double)n);
}

/* One or two changes; returns the new length. */
static size_t mutate(unsigned char *bytes, size_t n, uint64_t mutant)
{
  static const char evil[] = "\"\",,:;\n\n\r\0\xff#e.-+9 0NA";
  const size_t changes = 1 + below(2, mutant, 0);
  for (uint64_t c = 0; c < changes && n > 0; c++) {
    const uint64_t d = 10 * (c + 1);
    const size_t kind = below(5, mutant, d), at = below(n, mutant, d + 1);
    const size_t length = 1 + below(n - at < 9 ? n - at : 9, mutant, d + 2);
    if (kind <= 1) {
      bytes[at] = (unsigned char)evil[below(sizeof evil - 1, mutant, d + 3)];
    } else if (kind == 2) {
      memmove(bytes + at, bytes + at + length, n - at - length);
      n -= length;
    } else if (kind == 3) {
      memmove(bytes + at + length, bytes + at, n - at);
      n += length;
    } else if (uniform(mutant, d + 4) < 0.4) {
      n = at;
    } else {
      bytes[at] ^= (unsigned char)(1u << below(8, mutant, d + 5));
    }
  }
  return n;
}

/* What an import came to: its status, shape, and all its numbers. */
typedef struct digest {
  int64_t status, n, p, nnz, dropped, missing;
  uint64_t sum;
} digest;

static uint64_t add_array(hid_t file, const char *name, uint64_t sum)
{
  static double values[MOST_VALUES];
  bvl_array array = {0};
  if (bvl_h5_kind_of(file, name) != BVL_H5_DATASET) return sum;
  if (bvl_array_open(file, name, &array) == BVL_OK &&
      array.dims[0] * array.dims[1] <= MOST_VALUES &&
      bvl_array_read(&array, H5T_NATIVE_DOUBLE, 0, array.dims[0], values) == BVL_OK)
    for (int64_t k = 0; k < array.dims[0] * array.dims[1]; k++) {
      uint64_t bits;
      memcpy(&bits, &values[k], sizeof bits);
      sum = (sum ^ bits) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)k;
      sum ^= sum >> 29;
    }
  bvl_array_close(&array);
  return sum;
}

static digest import_digest(const bvl_comm *comm, const bvl_import_options *options)
{
  static const char *const names[] = {"/X", "/X/data", "/X/indices", "/X/indptr", "/y"};
  bvl_import_outcome outcome;
  hid_t file = 0;
  digest d = {.status = (int64_t)bvl_import_file(comm, options, NULL, &outcome)};
  if (d.status != BVL_OK) return d;
  d.n = outcome.n;
  d.p = outcome.p;
  d.nnz = outcome.nnz;
  d.dropped = outcome.dropped;
  d.missing = outcome.missing;
  if (bvl_h5_open_serial(options->output, &file) != BVL_OK) d.status = -1;
  for (size_t k = 0; d.status == BVL_OK && k < sizeof names / sizeof names[0]; k++)
    d.sum = add_array(file, names[k], d.sum);
  if (file > 0) H5Fclose(file);
  return d;
}

/* Rank 0 alone with large blocks, then all with small ones. */
static int say_the_same(const bvl_import_options *given, int *accepted)
{
  bvl_import_options options = *given;
  bvl_comm self = {0};
  char alone_file[512], message[512] = "";
  digest alone = {0};
  snprintf(alone_file, sizeof alone_file, "%s", io_path("alone.h5"));
  if (bvl_test_rank() == 0 && bvl_comm_dup(MPI_COMM_SELF, &io_traffic, &self) == BVL_OK) {
    options.output = alone_file;
    options.memory_limit = INT64_C(1) << 22;
    alone = import_digest(&self, &options);
    snprintf(message, sizeof message, "%s", bvl_last_error());
    bvl_comm_free(&self);
  }
  MPI_Bcast(&alone, sizeof alone, MPI_BYTE, 0, MPI_COMM_WORLD);
  const digest all = import_digest(&io_comm, given);
  *accepted += all.status == BVL_OK;
  const int same = memcmp(&alone, &all, sizeof all) == 0 && all.status != BVL_ERR_INTERNAL &&
                   (all.status == BVL_OK || strlen(bvl_last_error()) > 10);
  if (!same)
    fprintf(bvl_test_log(), "alone %d: %s; together %d: %s\n", (int)alone.status, message,
            (int)all.status, bvl_last_error());
  return same;
}

static uint64_t mutants(void)
{
  const char *n = getenv("BVL_MUTANTS");
  return n != NULL ? (uint64_t)atoi(n) : 24;
}

/* Mutants of `bytes` under the name `name`; some of them are still good files. */
static void try_all(const char *name, const unsigned char *bytes, size_t n,
                    const bvl_import_options *options)
{
  static unsigned char copy[MOST_BYTES + 64];
  int accepted = 0;
  for (uint64_t m = 0; m < mutants(); m++) {
    memcpy(copy, bytes, n);
    import_put(name, copy, mutate(copy, n, m));
    const int same = say_the_same(options, &accepted);
    if (!same) fprintf(bvl_test_log(), "mutant %d of %s\n", (int)m, name);
    ASSERT_ALL(same);
    io_ready();
  }
  import_put(name, bytes, n);
  ASSERT_ALL(accepted > 0 && accepted < (int)mutants());
}

static size_t write_csv(char *out)
{
  size_t used = (size_t)sprintf(out, "u,\"v \"\"w\"\"\",z,y\n");
  for (int i = 0; i < 40; i++)
    used += (size_t)sprintf(out + used, "%d,\"%g\",%s,%g%s", i, i / 3.0, i % 7 == 3 ? "" : "-1e-3",
                            0.1 * i * i, i % 5 == 2 ? "\r\n" : "\n");
  return used;
}

static void test_csv(void **state)
{
  static char text[MOST_BYTES];
  (void)state;
  const size_t n = write_csv(text);
  bvl_import_options options = import_options("data.csv");
  options.ignore = "z"; /* where it is missing */
  options.missing = BVL_MISSING_ERROR;
  try_all("data.csv", (const unsigned char *)text, n, &options);
  options.ignore = NULL;
  options.missing = BVL_MISSING_DROP; /* the mean: sums in another order */
  try_all("data.csv", (const unsigned char *)text, n, &options);
}

static void test_libsvm(void **state)
{
  static char text[MOST_BYTES];
  size_t used = 0;
  (void)state;
  for (int i = 0; i < 40; i++) {
    used += (size_t)sprintf(text + used, i % 2 == 0 ? "%d" : "%d qid:3", i % 3 - 1);
    for (int j = 1 + i % 3; j < 20; j += 3 + i % 4)
      used += (size_t)sprintf(text + used, " %d:%g", j, (i + j) / 7.0);
    used += (size_t)sprintf(text + used, i % 6 == 1 ? " # note\n\n" : "\n");
  }
  const bvl_import_options options = import_options("data.libsvm");
  try_all("data.libsvm", (const unsigned char *)text, used, &options);
}

static void test_plink(void **state)
{
  static unsigned char bed[MOST_BYTES] = {0x6c, 0x1b, 1};
  static char bim[MOST_BYTES], fam[MOST_BYTES];
  enum { SAMPLES = 21, VARIANTS = 30, N_BYTES = 3 + VARIANTS * ((SAMPLES + 3) / 4) };
  size_t bim_bytes = 0, fam_bytes = 0;
  (void)state;
  for (int k = 3; k < N_BYTES; k++) bed[k] = (unsigned char)(73 * k);
  for (int j = 0; j < VARIANTS; j++)
    bim_bytes += (size_t)sprintf(bim + bim_bytes, "1 rs%d 0 %d A G\n", j, j);
  for (int i = 0; i < SAMPLES; i++)
    fam_bytes += (size_t)sprintf(fam + fam_bytes, "f%d s%d 0 0 2 %g\n", i, i, i / 4.0);
  import_put("set.bed", bed, N_BYTES);
  import_put("set.bim", bim, bim_bytes);
  import_put("set.fam", fam, fam_bytes);
  const bvl_import_options options = import_options("set.bed");
  try_all("set.bed", bed, N_BYTES, &options);
  try_all("set.bim", (const unsigned char *)bim, bim_bytes, &options);
  try_all("set.fam", (const unsigned char *)fam, fam_bytes, &options);
}

BVL_TEST_MAIN_MPI(IO_TEST(test_csv), IO_TEST(test_libsvm), IO_TEST(test_plink))
