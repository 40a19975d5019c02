/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints: written at one number of ranks and read at another, the last two kept, broken ones
 * passed over. Values are made from the global index. */
#include "io_files.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/checked.h"
#include "io/io.h"

enum { N = 11 };

static double f64_at(int64_t k, int generation)
{
  return (double)(k + 1) / 3.0 + generation;
}

static int64_t i64_at(int64_t k, int generation)
{
  return (INT64_C(1) << 60) + k * k - generation;
}

/* Writes the arrays /state/x (doubles), /state/deep/index (integers), /none (empty) and /replicated
 * (rank 0's). Rank 0 has no part of the distributed ones unless it is alone. */
static int put_arrays(const bvl_comm *comm, const bvl_store *store, int generation)
{
  double x[N], replicated[3] = {1.0, NAN, generation};
  int64_t index[N];
  int parts = comm->size > 1 ? comm->size - 1 : 1, k = comm->rank - (comm->size > 1);
  int64_t first = k < 0 ? 0 : bvl_cut(N, parts, k);
  int64_t count = k < 0 ? 0 : bvl_cut(N, parts, k + 1) - first;
  for (int64_t i = 0; i < count; i++) {
    x[i] = f64_at(first + i, generation);
    index[i] = i64_at(first + i, generation);
  }
  int64_t whole = comm->rank == 0 ? 3 : 0;
  void *to = store->context;
  return bvl_test_ok(store->put_f64(to, "/state/x", N, first, count, x), "x") &&
         bvl_test_ok(store->put_i64(to, "/state/deep/index", N, first, count, index), "index") &&
         bvl_test_ok(store->put_f64(to, "/none", 0, 0, 0, NULL), "none") &&
         bvl_test_ok(store->put_f64(to, "/replicated", 3, 0, whole, replicated), "replicated");
}

static int write_checkpoint(const char *name, int generation)
{
  bvl_checkpoint *checkpoint;
  bvl_store store;
  char text[64];
  snprintf(text, sizeof text, "seed=1\ngeneration=%d\n", generation);
  return bvl_test_ok(bvl_checkpoint_begin(&io_comm, io_path(name), text, &checkpoint, &store),
                     "begin") &&
         put_arrays(&io_comm, &store, generation) &&
         bvl_test_ok(bvl_checkpoint_end(&checkpoint, 1), "end") && checkpoint == NULL;
}

static int length_is(const bvl_store *store, const char *name, int64_t expected)
{
  int64_t n = -7;
  return bvl_test_ok(store->length(store->context, name, &n), name) && n == expected;
}

static int get_arrays(const bvl_comm *comm, const bvl_store *store, int generation)
{
  double x[N], replicated[3];
  int64_t index[N];
  int64_t first = bvl_cut(N, comm->size, comm->rank);
  int64_t count = bvl_cut(N, comm->size, comm->rank + 1) - first;
  void *from = store->context;
  int good = length_is(store, "/state/x", N) && length_is(store, "/state/deep/index", N) &&
             length_is(store, "/none", 0) && length_is(store, "/replicated", 3) &&
             length_is(store, "/absent", -1) && length_is(store, "/state", -1) &&
             length_is(store, "/no/such/one", -1);
  good = good && bvl_test_ok(store->get_f64(from, "/state/x", first, count, x), "x") &&
         bvl_test_ok(store->get_i64(from, "/state/deep/index", first, count, index), "index") &&
         bvl_test_ok(store->get_f64(from, "/none", 0, 0, NULL), "none") &&
         bvl_test_ok(store->get_f64(from, "/replicated", 0, 3, replicated), "replicated");
  for (int64_t i = 0; i < count && good; i++)
    good &= x[i] == f64_at(first + i, generation) && index[i] == i64_at(first + i, generation);
  return good && replicated[0] == 1.0 && isnan(replicated[1]) && replicated[2] == generation;
}

static int read_checkpoint(const bvl_comm *comm, const char *name, int generation)
{
  bvl_checkpoint *checkpoint;
  bvl_store store;
  char *text, expected[64];
  snprintf(expected, sizeof expected, "seed=1\ngeneration=%d\n", generation);
  if (!bvl_test_ok(bvl_checkpoint_open(comm, io_path(name), &checkpoint, &store, &text), "open"))
    return 0;
  int good = checkpoint != NULL && text != NULL && strcmp(text, expected) == 0 &&
             get_arrays(comm, &store, generation);
  free(text);
  return good && bvl_checkpoint_end(&checkpoint, 0) == BVL_OK;
}

static void test_round_trip(void **state)
{
  (void)state;
  ASSERT_ALL(write_checkpoint("c.h5", 1));
  ASSERT_ALL(io_stands("c.h5.partial", 0));
  ASSERT_ALL(read_checkpoint(&io_comm, "c.h5", 1));
}

/* Two groups of ranks, the first one smaller than the world, read the same file on their own. */
static void test_other_rank_count(void **state)
{
  (void)state;
  bvl_comm half = {0};
  ASSERT_ALL(write_checkpoint("c.h5", 2));
  int color = bvl_test_rank() * 2 >= bvl_test_size();
  ASSERT_OK(bvl_comm_split(&io_comm, color, bvl_test_rank(), &half));
  int good = read_checkpoint(&half, "c.h5", 2);
  bvl_comm_free(&half);
  ASSERT_ALL(good);
}

static void test_last_two(void **state)
{
  (void)state;
  for (int g = 1; g <= 3; g++) ASSERT_ALL(write_checkpoint("c.h5", g));
  ASSERT_ALL(read_checkpoint(&io_comm, "c.h5", 3));
  ASSERT_ALL(read_checkpoint(&io_comm, "c.h5.old", 2));
  ASSERT_ALL(io_stands("c.h5.old.old", 0) && io_stands("c.h5.partial", 0));
  bvl_checkpoint *checkpoint;
  bvl_store store;
  ASSERT_OK(bvl_checkpoint_begin(&io_comm, io_path("c.h5"), "x=1\n", &checkpoint, &store));
  ASSERT_ALL(put_arrays(&io_comm, &store, 4));
  ASSERT_OK(bvl_checkpoint_end(&checkpoint, 0)); /* abandoned */
  ASSERT_ALL(io_stands("c.h5.partial", 0) && read_checkpoint(&io_comm, "c.h5", 3));
}

static bvl_status open_status(const char *name, int *found)
{
  bvl_checkpoint *checkpoint;
  bvl_store store;
  char *text;
  bvl_status status = bvl_checkpoint_open(&io_comm, io_path(name), &checkpoint, &store, &text);
  *found = checkpoint != NULL && text != NULL;
  free(text);
  bvl_checkpoint_end(&checkpoint, 0);
  return status;
}

static void cut_file(const char *name)
{
  struct stat about;
  if (bvl_test_rank() == 0 && stat(io_path(name), &about) == 0)
    assert_int_equal(truncate(io_path(name), about.st_size / 2), 0);
  io_ready();
}

static void test_broken(void **state)
{
  (void)state;
  int found;
  ASSERT_OK(open_status("c.h5", &found));
  ASSERT_ALL(!found); /* none at all is no error */
  ASSERT_ALL(write_checkpoint("c.h5", 1));
  ASSERT_ALL(write_checkpoint("c.h5", 2));
  cut_file("c.h5");
  ASSERT_ALL(read_checkpoint(&io_comm, "c.h5", 1)); /* the one before */
  ASSERT_ALL(write_checkpoint("c.h5", 3));          /* the broken one must not push it out ... */
  ASSERT_ALL(read_checkpoint(&io_comm, "c.h5", 3));
  ASSERT_ALL(read_checkpoint(&io_comm, "c.h5.old", 1));
  if (bvl_test_rank() == 0) unlink(io_path("c.h5")); /* ... as if killed between two renames */
  io_ready();
  ASSERT_ALL(read_checkpoint(&io_comm, "c.h5", 1));
  cut_file("c.h5.old");
  ASSERT_REFUSED(open_status("c.h5", &found), BVL_ERR_IO, "checksum wrong");
}

/* A writer that died before its last attribute: all arrays there, and still not whole. */
static void test_incomplete(void **state)
{
  (void)state;
  int found;
  ASSERT_ALL(write_checkpoint("c.h5", 1));
  if (bvl_test_rank() == 0) {
    hid_t file = H5Fopen(io_path("c.h5"), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Adelete(file, "complete");
    H5Fclose(file);
  }
  io_ready();
  ASSERT_REFUSED(open_status("c.h5", &found), BVL_ERR_IO, "checksum wrong");
  if (bvl_test_rank() == 0) io_uncheck("c.h5");
  io_ready();
  ASSERT_REFUSED(open_status("c.h5", &found), BVL_ERR_IO, "broken checkpoint");
}

static void test_not_a_checkpoint(void **state)
{
  (void)state;
  int found;
  bvl_checkpoint *checkpoint;
  bvl_store store;
  if (bvl_test_rank() == 0) H5Fclose(io_create("data.h5"));
  io_ready();
  ASSERT_REFUSED(open_status("data.h5", &found), BVL_ERR_IO, "not a checkpoint");
  ASSERT_REFUSED(bvl_checkpoint_begin(&io_comm, io_path("data.h5"), "", &checkpoint, &store),
                 BVL_ERR_IO, "exists and is not a checkpoint");
  ASSERT_ALL(checkpoint == NULL && io_stands("data.h5", 1));
  ASSERT_REFUSED(bvl_checkpoint_begin(&io_comm, io_path("no/c.h5"), "", &checkpoint, &store),
                 BVL_ERR_IO, "No such file or directory");
}

/* The last rank alone asks for what is not there. */
static void test_bad_requests(void **state)
{
  (void)state;
  bvl_checkpoint *checkpoint;
  bvl_store store;
  char *text;
  double x[N];
  int64_t index[N];
  int last = bvl_test_rank() == bvl_test_size() - 1;
  ASSERT_ALL(write_checkpoint("c.h5", 1));
  ASSERT_OK(bvl_checkpoint_open(&io_comm, io_path("c.h5"), &checkpoint, &store, &text));
  void *from = store.context;
  ASSERT_REFUSED(store.get_f64(from, "/state/x", last ? 5 : 0, N - 4, x), BVL_ERR_IO,
                 "/state/x has not");
  ASSERT_REFUSED(store.get_i64(from, "/state/x", 0, last ? 1 : 0, index), BVL_ERR_IO,
                 "/state/x has not");
  ASSERT_REFUSED(store.get_f64(from, "/absent", 0, 1, x), BVL_ERR_IO, "no dataset /absent");
  free(text);
  ASSERT_OK(bvl_checkpoint_end(&checkpoint, 0));
}

/* A limit on the size of files stands for a full disk. The checkpoint before stays. */
static void test_disk_full(void **state)
{
  (void)state;
  enum { MANY = 1 << 20 };
  struct rlimit before, small;
  bvl_checkpoint *checkpoint;
  bvl_store store;
  double *values = calloc(MANY, sizeof *values);
  ASSERT_ALL(write_checkpoint("c.h5", 1));
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 4 << 20;
  ASSERT_OK(bvl_checkpoint_begin(&io_comm, io_path("c.h5"), "x=1\n", &checkpoint, &store));
  if (bvl_test_rank() == 0) setrlimit(RLIMIT_FSIZE, &small);
  int64_t first = bvl_cut(MANY, bvl_test_size(), bvl_test_rank());
  int64_t count = bvl_cut(MANY, bvl_test_size(), bvl_test_rank() + 1) - first;
  bvl_status status = store.put_f64(store.context, "/big", MANY, first, count, values);
  ASSERT_REFUSED(status, BVL_ERR_DISK, "no room");
  ASSERT_OK(bvl_checkpoint_end(&checkpoint, 0));
  if (bvl_test_rank() == 0) setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_ALL(io_stands("c.h5.partial", 0) && read_checkpoint(&io_comm, "c.h5", 1));
  free(values);
}

/* What is reserved on the disk ahead of writing (a megabyte) is given back. */
static void test_file_size(void **state)
{
  (void)state;
  struct stat about = {0};
  ASSERT_ALL(write_checkpoint("c.h5", 1));
  if (bvl_test_rank() == 0) stat(io_path("c.h5"), &about);
  ASSERT_ALL(about.st_size < 100000);
}

/* A long text: beyond the 64 kB that an attribute may hold inline. */
static void test_long_text(void **state)
{
  (void)state;
  enum { LENGTH = 100000 };
  bvl_checkpoint *checkpoint;
  bvl_store store;
  char *read, *text = malloc(LENGTH + 1);
  memset(text, 'a', LENGTH);
  text[LENGTH] = '\0';
  ASSERT_OK(bvl_checkpoint_begin(&io_comm, io_path("c.h5"), text, &checkpoint, &store));
  ASSERT_OK(bvl_checkpoint_end(&checkpoint, 1));
  ASSERT_OK(bvl_checkpoint_open(&io_comm, io_path("c.h5"), &checkpoint, &store, &read));
  ASSERT_ALL(read != NULL && strcmp(read, text) == 0);
  ASSERT_OK(bvl_checkpoint_end(&checkpoint, 0));
  free(read);
  free(text);
}

BVL_TEST_MAIN_MPI(IO_TEST(test_round_trip), IO_TEST(test_other_rank_count), IO_TEST(test_last_two),
                  IO_TEST(test_broken), IO_TEST(test_incomplete), IO_TEST(test_not_a_checkpoint),
                  IO_TEST(test_bad_requests), IO_TEST(test_disk_full), IO_TEST(test_file_size),
                  IO_TEST(test_long_text))
