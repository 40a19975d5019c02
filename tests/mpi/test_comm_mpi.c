/* SPDX-License-Identifier: BSD-3-Clause */
/* Every collective against its definition, at lengths around and beyond bvl_max_count() (the build
 * registers this test once more with BVL_MAX_COUNT=3). Values are small integers: sums are exact.
 */
#include "bvl_test.h"

#include "base/checked.h"
#include "comm/comm.h"

static const int64_t lengths[] = {0, 1, 2, 3, 4, 7, 1000};
#define N_LENGTHS ((int)(sizeof lengths / sizeof *lengths))
#define MAX_LENGTH 1000

static bvl_traffic traffic;
static bvl_comm comm;

static int open_comm(void **state)
{
  (void)state;
  return bvl_comm_dup(MPI_COMM_WORLD, &traffic, &comm) != BVL_OK;
}

static int close_comm(void **state)
{
  (void)state;
  bvl_comm_free(&comm);
  bvl_comm_free(&comm); /* a freed one is accepted */
  return 0;
}

/* MPI calls that n elements should take. */
static int64_t pieces(int64_t n)
{
  return comm.size == 1 ? 0 : (n + bvl_max_count() - 1) / bvl_max_count();
}

static void test_limit_comes_from_the_environment(void **state)
{
  (void)state;
  const char *text = getenv("BVL_MAX_COUNT");
  if (text != NULL) ASSERT_ALL(bvl_max_count() == atoi(text));
  ASSERT_ALL(bvl_max_count() > 0 && bvl_max_count() <= INT32_MAX);
}

static void test_sum_and_max(void **state)
{
  (void)state;
  double sum[MAX_LENGTH], max[MAX_LENGTH];
  int64_t sum_i[MAX_LENGTH], max_i[MAX_LENGTH];
  int64_t last = comm.size - 1;
  for (int a = 0; a < N_LENGTHS; a++) {
    int64_t n = lengths[a];
    for (int64_t k = 0; k < n; k++) {
      sum_i[k] = k + 1000 * comm.rank;
      max_i[k] = (comm.rank + k) % comm.size;
      sum[k] = (double)sum_i[k];
      max[k] = -(double)max_i[k];
    }
    traffic = (bvl_traffic){0};
    ASSERT_OK(bvl_sum(&comm, sum, n));
    ASSERT_ALL(traffic.reductions == pieces(n));
    ASSERT_ALL(traffic.reduction_bytes == (comm.size > 1 ? 8 * n : 0));
    ASSERT_OK(bvl_sum_i64(&comm, sum_i, n));
    ASSERT_OK(bvl_max(&comm, max, n));
    ASSERT_OK(bvl_max_i64(&comm, max_i, n));
    ASSERT_ALL(traffic.reductions == 4 * pieces(n) && traffic.others == 0);
    int good = 1;
    for (int64_t k = 0; k < n; k++) {
      int64_t truth = comm.size * k + 1000 * (last * (last + 1) / 2);
      good &= sum_i[k] == truth && sum[k] == (double)truth;
      good &= max_i[k] == last && max[k] == 0.0;
    }
    ASSERT_ALL(good);
  }
}

static void test_sum_to_each_root(void **state)
{
  (void)state;
  double v[MAX_LENGTH];
  for (int root = 0; root < comm.size; root++)
    for (int a = 0; a < N_LENGTHS; a++) {
      for (int64_t k = 0; k < lengths[a]; k++) v[k] = (double)(k + comm.rank);
      ASSERT_OK(bvl_sum_to(&comm, root, v, lengths[a]));
      int good = 1;
      for (int64_t k = 0; k < lengths[a] && comm.rank == root; k++)
        good &= v[k] == (double)(comm.size * k + comm.size * (comm.size - 1) / 2);
      ASSERT_ALL(good);
    }
}

static void test_bcast_from_each_root(void **state)
{
  (void)state;
  double v[MAX_LENGTH];
  int64_t i[MAX_LENGTH];
  unsigned char b[MAX_LENGTH];
  for (int root = 0; root < comm.size; root++)
    for (int a = 0; a < N_LENGTHS; a++) {
      int64_t n = lengths[a];
      int64_t mark = comm.rank == root ? 1 : -1;
      for (int64_t k = 0; k < n; k++) {
        i[k] = mark * (k + root);
        v[k] = (double)i[k];
        b[k] = (unsigned char)(i[k] & 0xff);
      }
      traffic = (bvl_traffic){0};
      ASSERT_OK(bvl_bcast(&comm, root, v, n));
      ASSERT_OK(bvl_bcast_i64(&comm, root, i, n));
      ASSERT_OK(bvl_bcast_bytes(&comm, root, b, n));
      ASSERT_ALL(traffic.others == 3 * pieces(n) && traffic.reductions == 0);
      int good = 1;
      for (int64_t k = 0; k < n; k++)
        good &= i[k] == k + root && v[k] == (double)i[k] && b[k] == (i[k] & 0xff);
      ASSERT_ALL(good);
    }
}

static void test_offsets(void **state)
{
  (void)state;
  int64_t first = -1, total = -1;
  int64_t below = 0, sum = 0;
  for (int r = 0; r < comm.size; r++) {
    if (r < comm.rank) below += r * r;
    sum += r * r;
  }
  ASSERT_OK(bvl_offsets(&comm, (int64_t)comm.rank * comm.rank, &first, &total));
  ASSERT_ALL(first == below && total == sum);
  ASSERT_OK(bvl_offsets(&comm, 1, &first, NULL));
  ASSERT_ALL(first == comm.rank);
  ASSERT_OK(bvl_offsets(&comm, 1, NULL, &total));
  ASSERT_ALL(total == comm.size);
}

/* Element k of rank r's piece, distinct over everything. */
static int64_t element(int r, int64_t k)
{
  return 100 * r + k;
}

/* Checks a concatenation of all ranks' pieces. */
static int is_whole(const int64_t *counts, const double *all, const int64_t *all_i)
{
  int good = 1;
  int64_t at = 0;
  for (int r = 0; r < comm.size; r++)
    for (int64_t k = 0; k < counts[r]; k++, at++)
      good &= all_i[at] == element(r, k) && all[at] == (double)element(r, k);
  return good;
}

/* The same in single precision, which holds these integers exactly. */
static void check_gather_f32(const int64_t *counts, int64_t total, const double *all)
{
  const int64_t own = counts[comm.rank];
  float *mine = own > 0 ? malloc((size_t)own * sizeof *mine) : NULL;
  float *got = calloc((size_t)total + 1, sizeof *got);
  int good = 1;
  for (int64_t k = 0; k < own; k++) mine[k] = (float)element(comm.rank, k);
  ASSERT_OK(bvl_gather_all_f32(&comm, mine, counts, got));
  for (int64_t k = 0; k < total; k++) good &= (double)got[k] == all[k];
  ASSERT_ALL(good);
  free(mine);
  free(got);
}

/* Some ranks have nothing (and hand in NULL), `scale` 0: nobody has anything. */
static void check_gathers(int64_t scale)
{
  int64_t *counts = calloc((size_t)comm.size, sizeof *counts);
  int64_t total = 0;
  for (int r = 0; r < comm.size; r++) total += counts[r] = scale * (r * 5 % 7);
  int64_t own = counts[comm.rank];
  double *mine = own > 0 ? malloc((size_t)own * sizeof *mine) : NULL;
  int64_t *mine_i = own > 0 ? malloc((size_t)own * sizeof *mine_i) : NULL;
  double *all = calloc((size_t)total + 1, sizeof *all);
  int64_t *all_i = calloc((size_t)total + 1, sizeof *all_i);
  for (int64_t k = 0; k < own; k++) {
    mine_i[k] = element(comm.rank, k);
    mine[k] = (double)mine_i[k];
  }
  ASSERT_OK(bvl_gather_all(&comm, mine, counts, all));
  ASSERT_OK(bvl_gather_all_i64(&comm, mine_i, counts, all_i));
  ASSERT_ALL(is_whole(counts, all, all_i));
  check_gather_f32(counts, total, all);
  for (int root = 0; root < comm.size; root++) {
    int here = comm.rank == root;
    memset(all, 0, (size_t)total * sizeof *all);
    memset(all_i, 0, (size_t)total * sizeof *all_i);
    ASSERT_OK(bvl_gather_to(&comm, root, mine, counts, here ? all : NULL));
    ASSERT_OK(bvl_gather_to_i64(&comm, root, mine_i, counts, here ? all_i : NULL));
    ASSERT_ALL(!here || is_whole(counts, all, all_i));
  }
  free(counts);
  free(mine);
  free(mine_i);
  free(all);
  free(all_i);
}

static void test_gathers(void **state)
{
  (void)state;
  check_gathers(0);
  check_gathers(1);
  check_gathers(10);
}

static int64_t amount(int from, int to)
{
  return (3 * from + 5 * to) % 8;
}

static void test_exchange(void **state)
{
  (void)state;
  int me = comm.rank;
  double send[64 * 8], recv[64 * 8];
  int64_t send_counts[64], recv_counts[64];
  int64_t at = 0;
  assert_true(comm.size <= 64);
  for (int r = 0; r < comm.size; r++) {
    send_counts[r] = amount(me, r);
    recv_counts[r] = amount(r, me);
    for (int64_t k = 0; k < send_counts[r]; k++) send[at++] = (double)(element(me, k) + 100000 * r);
  }
  traffic = (bvl_traffic){0};
  ASSERT_OK(bvl_exchange(&comm, send, send_counts, recv, recv_counts));
  ASSERT_ALL(traffic.others == (comm.size > 1));
  ASSERT_ALL(traffic.other_bytes == 8 * (at - send_counts[me]));
  int good = 1;
  at = 0;
  for (int r = 0; r < comm.size; r++)
    for (int64_t k = 0; k < recv_counts[r]; k++)
      good &= recv[at++] == (double)(element(r, k) + 100000 * me);
  ASSERT_ALL(good);
  memset(send_counts, 0, sizeof send_counts);
  ASSERT_OK(bvl_exchange(&comm, NULL, send_counts, NULL, send_counts));
}

static void test_agree_on_one_bad_rank(void **state)
{
  (void)state;
  traffic = (bvl_traffic){0};
  ASSERT_OK(bvl_agree(&comm, BVL_OK));
  ASSERT_ALL(traffic.reductions == (comm.size > 1) && traffic.others == 0);
  for (int bad = 0; bad < comm.size; bad++)
    for (int s = BVL_ERR_USAGE; s <= BVL_ERR_INTERNAL; s++) {
      char text[64];
      snprintf(text, sizeof text, "status %d of rank %d", s, bad);
      bvl_fail(BVL_ERR_IO, "something older");
      bvl_status local = comm.rank == bad ? bvl_fail((bvl_status)s, "%s", text) : BVL_OK;
      ASSERT_ALL(bvl_agree(&comm, local) == (bvl_status)s);
      ASSERT_ALL(strcmp(bvl_last_error(), text) == 0);
    }
}

/* The gravest status wins, and of those who have it the lowest rank speaks. */
static void test_agree_on_the_worst(void **state)
{
  (void)state;
  bvl_status local = comm.rank == 0 ? BVL_ERR_INPUT : BVL_ERR_NOMEM;
  bvl_fail(local, "rank %d", comm.rank);
  ASSERT_ALL(bvl_agree(&comm, local) == (comm.size > 1 ? BVL_ERR_NOMEM : BVL_ERR_INPUT));
  ASSERT_ALL(strcmp(bvl_last_error(), comm.size > 1 ? "rank 1" : "rank 0") == 0);
}

static void test_check_same(void **state)
{
  (void)state;
  ASSERT_OK(bvl_check_same(&comm, INT64_MIN, "low"));
  ASSERT_OK(bvl_check_same(&comm, INT64_MAX, "high"));
  for (int odd = 0; odd < comm.size && comm.size > 1; odd++) {
    bvl_status status = bvl_check_same(&comm, comm.rank == odd ? -7 : 5, "count of things");
    ASSERT_ALL(status == BVL_ERR_USAGE);
    ASSERT_ALL(strstr(bvl_last_error(), "count of things") != NULL);
    ASSERT_ALL(strstr(bvl_last_error(), "-7 to 5") != NULL);
  }
}

/* A root that does not exist is refused by MPI where it is named: here on one rank alone. */
static void test_mpi_failure_is_a_status(void **state)
{
  (void)state;
  if (comm.size == 1) return;
  double v[1] = {0.0};
  bvl_status local = BVL_OK;
  if (comm.rank == comm.size - 1) local = bvl_bcast(&comm, comm.size, v, 1);
  ASSERT_ALL(bvl_agree(&comm, local) == BVL_ERR_MPI);
  ASSERT_ALL(strstr(bvl_last_error(), "MPI_Bcast: ") != NULL);
}

/* Halves: even and odd ranks, in falling order of rank. */
static void test_split(void **state)
{
  (void)state;
  bvl_comm half = {.mpi = MPI_COMM_NULL};
  int color = comm.rank % 2;
  ASSERT_OK(bvl_comm_split(&comm, color, -comm.rank, &half));
  int members = color == 0 ? (comm.size + 1) / 2 : comm.size / 2;
  ASSERT_ALL(half.size == members && half.traffic == &traffic);
  int64_t before = 0;
  ASSERT_OK(bvl_offsets(&half, 1, &before, NULL));
  ASSERT_ALL(before == half.rank);
  int64_t ranks[1] = {comm.rank};
  ASSERT_OK(bvl_bcast_i64(&half, 0, ranks, 1));
  ASSERT_ALL(ranks[0] == color + 2 * (members - 1));
  bvl_comm_free(&half);
  bvl_comm empty = {.mpi = MPI_COMM_NULL};
  bvl_comm_free(&empty);
}

static void test_alone_sends_nothing(void **state)
{
  (void)state;
  bvl_traffic quiet = {0};
  bvl_comm self = {.mpi = MPI_COMM_NULL};
  double v[3] = {1, 2, 3}, w[3] = {0};
  int64_t three[1] = {3}, first = -1, total = -1;
  ASSERT_OK(bvl_comm_dup(MPI_COMM_SELF, &quiet, &self));
  ASSERT_OK(bvl_sum(&self, v, 3));
  ASSERT_OK(bvl_max(&self, v, 3));
  ASSERT_OK(bvl_sum_to(&self, 0, v, 3));
  ASSERT_OK(bvl_bcast(&self, 0, v, 3));
  ASSERT_OK(bvl_offsets(&self, 4, &first, &total));
  ASSERT_ALL(first == 0 && total == 4);
  ASSERT_OK(bvl_gather_all(&self, v, three, w));
  ASSERT_ALL(memcmp(v, w, sizeof v) == 0 && v[0] == 1 && v[2] == 3);
  memset(w, 0, sizeof w);
  ASSERT_OK(bvl_exchange(&self, v, three, w, three));
  ASSERT_ALL(memcmp(v, w, sizeof v) == 0);
  ASSERT_ALL(bvl_agree(&self, BVL_ERR_DISK) == BVL_ERR_DISK);
  ASSERT_OK(bvl_check_same(&self, 1, "one"));
  ASSERT_ALL(quiet.reductions == 0 && quiet.others == 0 && quiet.seconds == 0.0);
  bvl_comm_free(&self);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test_setup(test_limit_comes_from_the_environment, open_comm),
                  cmocka_unit_test(test_sum_and_max), cmocka_unit_test(test_sum_to_each_root),
                  cmocka_unit_test(test_bcast_from_each_root), cmocka_unit_test(test_offsets),
                  cmocka_unit_test(test_gathers), cmocka_unit_test(test_exchange),
                  cmocka_unit_test(test_agree_on_one_bad_rank),
                  cmocka_unit_test(test_agree_on_the_worst), cmocka_unit_test(test_check_same),
                  cmocka_unit_test(test_mpi_failure_is_a_status), cmocka_unit_test(test_split),
                  cmocka_unit_test_teardown(test_alone_sends_nothing, close_comm))
