/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of bevel's with one bit changed: every byte of a checkpoint, a result and a network in turn
 * (one of its bits, drawn from its place), read by what reads such files. Each must be refused, on
 * every rank, and the unharmed file be read again at the end. */
#include "io_files.h"

#include "base/checked.h"
#include "io/io.h"
#include "io/network.h"
#include "io/stamp.h"

enum { N = 9 };
static const double numbers[N] = {1.0, 0.5, 0.25, -3.0, 0.0, 7.0, 1e-3, 2.0, -1.0};
static const int64_t columns[N] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

/* ---- the three kinds ---------------------------------------------------------------------------
 */

static int write_checkpoint(void)
{
  bvl_checkpoint *checkpoint;
  bvl_store store;
  const int64_t count = bvl_test_rank() == 0 ? N : 0;
  return bvl_test_ok(
             bvl_checkpoint_begin(&io_comm, io_path("file.h5"), "seed=1\n", &checkpoint, &store),
             "begin") &&
         bvl_test_ok(store.put_f64(store.context, "/x", N, 0, count, numbers), "x") &&
         bvl_test_ok(store.put_i64(store.context, "/state/i", N, 0, count, columns), "i") &&
         bvl_test_ok(bvl_checkpoint_end(&checkpoint, 1), "end");
}

static bvl_status read_checkpoint(void)
{
  bvl_checkpoint *checkpoint;
  bvl_store store;
  char *text;
  const bvl_status status = bvl_checkpoint_open(&io_comm, io_path("file.h5"), &checkpoint, &store,
                                                &text);
  free(text);
  bvl_checkpoint_end(&checkpoint, 0);
  return status;
}

static int write_result(void)
{
  bvl_result_writer *writer;
  const int64_t count = bvl_test_rank() == 0 ? 3 : 0;
  if (!bvl_test_ok(bvl_result_create(&io_comm, io_path("file.h5"), N, 2, &writer), "create"))
    return 0;
  int good = bvl_result_put_coef(writer, count, columns, numbers) == BVL_OK;
  good &= bvl_result_put_coef(writer, count, columns + 4, numbers) == BVL_OK;
  good &= bvl_result_put_f64(writer, "/lambda", 2, numbers) == BVL_OK;
  good &= bvl_result_put_f64(writer, "/intercept", 2, numbers) == BVL_OK;
  good &= bvl_result_attr_text(writer, "family", "gaussian") == BVL_OK;
  return good && bvl_test_ok(bvl_result_close(&writer, 1), "close");
}

static bvl_status read_result(void)
{
  bvl_result result;
  const bvl_status status = bvl_result_read(&io_comm, io_path("file.h5"), &result);
  if (status == BVL_OK) bvl_result_free(&result);
  return status;
}

static int write_network(void)
{
  bvl_result_writer *writer;
  bvl_architecture arch;
  const int root = bvl_test_rank() == 0;
  if (!bvl_test_ok(bvl_architecture_read("input 3\ndense 3 tanh\ndense 2\n", BVL_RELU, &arch),
                   "arch") ||
      !bvl_test_ok(bvl_network_create(&io_comm, io_path("file.h5"), "network", &writer), "create"))
    return 0;
  bvl_network_values values = {.arch = &arch, .n_kept = 3, .p = 3};
  if (root) {
    values.n_first = 3;
    values.first_input = columns;
    values.first = numbers;
    values.weight[1] = numbers;
    values.bias[0] = values.bias[1] = values.center = values.scale = numbers;
    values.kept = columns;
  }
  values.output_step = 1;
  values.input_step = 3;
  return bvl_test_ok(bvl_network_put(writer, "", &values), "put") &&
         bvl_test_ok(bvl_result_attr_text(writer, "family", "gaussian"), "family") &&
         bvl_test_ok(bvl_result_close(&writer, 1), "close");
}

static bvl_status read_network(void)
{
  bvl_network_file net;
  const bvl_status status = bvl_network_read(&io_comm, io_path("file.h5"), "", 0, &net);
  if (status == BVL_OK) bvl_network_free(&net);
  return status;
}

/* ---- spoiling ----------------------------------------------------------------------------------
 */

static int64_t file_bytes(const char *name)
{
  struct stat about = {0};
  int64_t n = 0;
  if (bvl_test_rank() == 0 && stat(io_path(name), &about) == 0) n = (int64_t)about.st_size;
  MPI_Bcast(&n, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
  return n;
}

static void flip(int64_t at)
{
  unsigned char byte;
  const unsigned bit = (unsigned)((uint64_t)at * UINT64_C(0x9E3779B97F4A7C15) >> 61);
  if (bvl_test_rank() == 0) {
    const int fd = open(io_path("file.h5"), O_RDWR);
    int good = pread(fd, &byte, 1, (off_t)at) == 1;
    byte ^= (unsigned char)(1u << bit);
    good &= pwrite(fd, &byte, 1, (off_t)at) == 1;
    close(fd);
    if (!good) fprintf(bvl_test_log(), "byte %lld cannot be changed\n", (long long)at);
  }
  io_ready();
}

static void resize(int64_t n_bytes)
{
  if (bvl_test_rank() == 0 && truncate(io_path("file.h5"), (off_t)n_bytes) != 0)
    fprintf(bvl_test_log(), "not resized\n");
  io_ready();
}

static void expect_refusal(bvl_status (*read)(void), const char *what, int64_t at)
{
  const bvl_status status = read();
  const int good = status == BVL_ERR_IO && strstr(bvl_last_error(), "checksum wrong") != NULL;
  if (!good)
    fprintf(bvl_test_log(), "%s %lld: %s: \"%s\"\n", what, (long long)at, bvl_status_text(status),
            bvl_last_error());
  ASSERT_ALL(good);
}

static void refuse_all(int (*write)(void), bvl_status (*read)(void))
{
  ASSERT_ALL(write());
  ASSERT_OK(read());
  const int64_t n = file_bytes("file.h5"), step = bvl_test_size() == 1 ? 1 : 31;
  for (int64_t at = 0; at < n; at += step) {
    flip(at);
    expect_refusal(read, "byte", at);
    flip(at);
  }
  ASSERT_OK(read());
  for (int64_t cut = 1; cut < n - BVL_STAMP_BYTES; cut *= 5) {
    resize(n - cut);
    expect_refusal(read, "shorter by", cut);
    ASSERT_ALL(write());
  }
  resize(n + 1);
  expect_refusal(read, "longer by", 1);
}

static void test_checkpoint(void **state)
{
  (void)state;
  refuse_all(write_checkpoint, read_checkpoint);
}

static void test_result(void **state)
{
  (void)state;
  refuse_all(write_result, read_result);
}

static void test_network(void **state)
{
  (void)state;
  refuse_all(write_network, read_network);
}

/* A file of so many parts that all ranks sum one: the same stamp as one rank's. */
static void test_in_parts(void **state)
{
  (void)state;
  const int64_t n = (INT64_C(150) << 20) + 12345;
  int fd = -1;
  bvl_stamp stamp = BVL_STAMP_NONE;
  if (bvl_test_rank() == 0) {
    fd = open(io_path("big"), O_RDWR | O_CREAT, 0600);
    int good = ftruncate(fd, (off_t)n) == 0;
    for (int64_t at = 512; at < n; at += n / 7) good &= pwrite(fd, numbers, sizeof numbers, at) > 0;
    assert_true(good);
  }
  io_ready();
  ASSERT_OK(bvl_stamp_write(&io_comm, fd, io_path("big"), "data"));
  bvl_status status = BVL_OK;
  if (bvl_test_rank() == 0) status = bvl_stamp_check(io_path("big"), &stamp);
  ASSERT_ALL(status == BVL_OK && (bvl_test_rank() != 0 || stamp == BVL_STAMP_HOLDS));
  if (bvl_test_rank() == 0) { /* a data file may be changed: that is told, not refused */
    assert_true(pwrite(fd, "x", 1, n / 2) == 1);
    status = bvl_stamp_check(io_path("big"), &stamp);
    close(fd);
  }
  ASSERT_ALL(status == BVL_OK && (bvl_test_rank() != 0 || stamp == BVL_STAMP_CHANGED));
}

/* What is said to be changed on purpose, and what has no stamp, is read as it is. */
static void test_without(void **state)
{
  (void)state;
  ASSERT_ALL(write_result());
  if (bvl_test_rank() == 0) io_uncheck("file.h5");
  io_ready();
  ASSERT_OK(read_result());
  if (bvl_test_rank() == 0) {
    char matlab[512] = "MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Nov 23";
    const int fd = open(io_path("file.h5"), O_RDWR);
    assert_true(pwrite(fd, matlab, sizeof matlab, 0) == sizeof matlab);
    close(fd);
  }
  io_ready();
  ASSERT_OK(read_result());
}

BVL_TEST_MAIN_MPI(IO_TEST(test_checkpoint), IO_TEST(test_result), IO_TEST(test_network),
                  IO_TEST(test_in_parts), IO_TEST(test_without))
