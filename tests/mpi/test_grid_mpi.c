/* SPDX-License-Identifier: BSD-3-Clause */
/* Who owns what, on every grid the ranks can form: rows counted by global sums, and compared with
 * the same cut on a grid of one rank. */
#include "bvl_test.h"

#include "base/checked.h"
#include "base/rng.h"
#include "comm/grid.h"

#define LONG_N 66000 /* beyond 2^16: tiles of about 1024 rows */
static const int64_t sizes[] = {0, 1, 5, 63, 64, 65, 1000, LONG_N};
#define N_SIZES ((int)(sizeof sizes / sizeof *sizes))

/* The partition asks a grid for its shape only: this one needs no communicator. */
static const bvl_grid one_rank = {.n_rows = 1, .n_cols = 1};

/* Runs `check` on every Pr x Pc that makes up the ranks. */
static void on_every_grid(void (*check)(const bvl_grid *))
{
  int size = bvl_test_size();
  for (int n_rows = 1; n_rows <= size; n_rows++) {
    if (size % n_rows != 0) continue;
    bvl_grid *grid = NULL;
    ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, size / n_rows, &grid));
    check(grid);
    bvl_grid_destroy(&grid);
    ASSERT_ALL(grid == NULL);
  }
}

static int64_t n_slices_of(int64_t n, int which)
{
  const int64_t asked[] = {1, 2, 7, n};
  return bvl_greater(1, bvl_lesser(asked[which], n));
}

static void check_shape(const bvl_grid *grid)
{
  int n_rows, n_cols, i, j;
  bvl_grid_shape(grid, &n_rows, &n_cols, &i, &j);
  bvl_grid_shape(grid, NULL, NULL, NULL, NULL);
  ASSERT_ALL(n_rows * n_cols == bvl_test_size() && i * n_cols + j == bvl_test_rank());
  ASSERT_ALL(grid->row.size == n_cols && grid->row.rank == j);
  ASSERT_ALL(grid->col.size == n_rows && grid->col.rank == i);
  int64_t same_row = i, same_col = j;
  ASSERT_OK(bvl_check_same(&grid->row, same_row, "grid row"));
  ASSERT_OK(bvl_check_same(&grid->col, same_col, "grid column"));
  ASSERT_ALL(grid->row.traffic == &grid->traffic && grid->all.traffic == &grid->traffic);
}

static void test_shapes(void **state)
{
  (void)state;
  on_every_grid(check_shape);
  bvl_grid *grid = NULL;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 0, 0, &grid));
  ASSERT_ALL(grid->n_rows == 1 && grid->n_cols == bvl_test_size());
  ASSERT_ALL(grid->traffic.reductions == 0);
  bvl_grid_destroy(&grid);
  bvl_grid_destroy(&grid); /* NULL is fine */
}

static void test_bad_shapes(void **state)
{
  (void)state;
  int size = bvl_test_size();
  const int bad[][2] = {{size, 2}, {size + 1, 1}, {0, size}, {-1, -size}, {1 << 16, 1 << 16}};
  bvl_grid *grid = NULL;
  for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
    ASSERT_ALL(bvl_grid_create(MPI_COMM_WORLD, bad[b][0], bad[b][1], &grid) == BVL_ERR_USAGE);
    ASSERT_ALL(grid == NULL && strstr(bvl_last_error(), "ranks") != NULL);
  }
  if (size == 1) return;
  int odd = bvl_test_rank() == size - 1; /* one rank asks for another shape, legal in itself */
  ASSERT_ALL(bvl_grid_create(MPI_COMM_WORLD, odd ? size : 1, odd ? 1 : size, &grid) ==
             BVL_ERR_USAGE);
  ASSERT_ALL(grid == NULL && strstr(bvl_last_error(), "differs between ranks") != NULL);
}

/* Every row is held once a grid row and answered for once in all. */
static void check_rows_cover(const bvl_grid *grid)
{
  for (int a = 0; a < N_SIZES; a++) {
    int64_t n = sizes[a];
    double *held = calloc((size_t)n + 1, sizeof *held);
    double *split = calloc((size_t)n + 1, sizeof *split);
    bvl_rows rows;
    ASSERT_OK(bvl_rows_create(grid, n, n_slices_of(n, 2), &rows));
    int good = 1;
    for (int64_t k = 0; k < rows.n_local; k++) {
      good &= rows.input[k] >= rows.row0 && rows.input[k] < rows.row0 + rows.n_local;
      if (good) held[rows.input[k]]++;
      if (good && k >= rows.split0 && k < rows.split1) split[rows.input[k]]++;
    }
    ASSERT_ALL(good && 0 <= rows.split0 && rows.split1 <= rows.n_local);
    ASSERT_OK(bvl_sum(&grid->col, held, n));
    ASSERT_OK(bvl_sum(&grid->all, split, n));
    for (int64_t r = 0; r < n; r++) good &= held[r] == 1.0 && split[r] == 1.0;
    ASSERT_ALL(good);
    /* even to a tile: no grid row has more than its share and one tile */
    int64_t tile = n > 0 ? n / rows.n_tiles + 1 : 0;
    ASSERT_ALL(rows.n_local <= (n + grid->n_rows - 1) / grid->n_rows + tile);
    bvl_rows_free(&rows);
    ASSERT_ALL(rows.input == NULL);
    free(held);
    free(split);
  }
}

static void test_rows_cover(void **state)
{
  (void)state;
  on_every_grid(check_rows_cover);
}

/* Slice s here is what slice s of one rank leaves when other grid rows' rows are struck out: the
 * same set over all ranks, and in the same order. */
static void check_slices_do_not_depend_on_the_grid(const bvl_grid *grid)
{
  for (int a = 0; a < N_SIZES; a++)
    for (int w = 0; w < 4; w++) {
      int64_t n = sizes[a];
      bvl_rows rows, whole;
      ASSERT_OK(bvl_rows_create(grid, n, n_slices_of(n, w), &rows));
      ASSERT_OK(bvl_rows_create(&one_rank, n, n_slices_of(n, w), &whole));
      int good = rows.slice_begin[0] == 0 && whole.n_local == n;
      int64_t at = 0;
      for (int64_t s = 0; s < whole.n_slices && good; s++) {
        for (int64_t k = whole.slice_begin[s]; k < whole.slice_begin[s + 1] && good; k++) {
          int64_t row = whole.input[k];
          if (row < rows.row0 || row >= rows.row0 + rows.n_local) continue;
          good &= at < rows.n_local && rows.input[at] == row;
          at++;
        }
        good &= rows.slice_begin[s + 1] == at;
      }
      ASSERT_ALL(good && at == rows.n_local);
      bvl_rows_free(&rows);
      bvl_rows_free(&whole);
    }
}

static void test_slices_do_not_depend_on_the_grid(void **state)
{
  (void)state;
  on_every_grid(check_slices_do_not_depend_on_the_grid);
}

/* Counts slice s of every tile, and checks that a slice runs through the tiles upwards and through
 * the places of a tile's permutation upwards. */
static void check_slices(int64_t n, int64_t n_slices, int64_t most)
{
  bvl_rows rows;
  ASSERT_OK(bvl_rows_create(&one_rank, n, n_slices, &rows));
  int64_t T = rows.n_tiles;
  int64_t *tile_of = malloc((size_t)n * sizeof *tile_of);
  int64_t *place_of = malloc((size_t)n * sizeof *place_of);
  int64_t *order = malloc((size_t)(n / T + 1) * sizeof *order);
  int64_t *count = malloc((size_t)T * sizeof *count);
  for (int64_t t = 0; t < T; t++) {
    int64_t row0 = bvl_cut(n, T, t);
    int64_t m = bvl_cut(n, T, t + 1) - row0;
    bvl_rng_permutation(0, BVL_STREAM_TILE_ORDER, (uint64_t)t, m, order);
    for (int64_t k = 0; k < m; k++) {
      tile_of[row0 + order[k]] = t;
      place_of[row0 + order[k]] = k;
    }
  }
  int good = 1;
  for (int64_t s = 0; s < n_slices; s++) {
    memset(count, 0, (size_t)T * sizeof *count);
    good &= rows.slice_begin[s + 1] - rows.slice_begin[s] <= most;
    for (int64_t k = rows.slice_begin[s]; k < rows.slice_begin[s + 1]; k++) {
      int64_t here = rows.input[k];
      count[tile_of[here]]++;
      if (k == rows.slice_begin[s]) continue;
      int64_t last = rows.input[k - 1];
      good &= tile_of[last] < tile_of[here] ||
              (tile_of[last] == tile_of[here] && place_of[last] + 1 == place_of[here]);
    }
    for (int64_t t = 0; t < T && n_slices <= 50; t++) { /* |count - m / S| < 1, as integers */
      int64_t m = bvl_cut(n, T, t + 1) - bvl_cut(n, T, t);
      good &= llabs(count[t] * n_slices - m) < n_slices;
    }
  }
  ASSERT_ALL(good);
  free(tile_of);
  free(place_of);
  free(order);
  free(count);
  bvl_rows_free(&rows);
}

/* A tile gives a slice its share to a row, so a slice has less than n / S + T rows. */
static void test_slices_are_stratified(void **state)
{
  (void)state;
  const int64_t slices[] = {1, 2, 3, 7, 50};
  for (int a = 3; a < N_SIZES; a++)
    for (int b = 0; b < 5; b++)
      check_slices(sizes[a], slices[b], sizes[a] / slices[b] + bvl_tile_count(sizes[a]));
}

/* Minibatches of one row: the tiles' fractions keep them from falling into the same slices. Rows of
 * equally long tiles come into slices as multiples of the golden ratio modulo 1 do into cells of
 * width 1/T; these keep a distance of 0.38/T at least, so at most 3 share a cell; tiles come in two
 * lengths. Without the fractions all T rows would. */
static void test_tiny_slices_are_spread(void **state)
{
  (void)state;
  check_slices(LONG_N, LONG_N, 6);
  check_slices(1000, 1000, 6);
}

static void test_bad_slices(void **state)
{
  (void)state;
  bvl_rows rows;
  const int64_t bad[][2] = {{-1, 1}, {5, 0}, {5, 6}, {0, 2}, {5, -3}};
  for (int b = 0; b < 5; b++) {
    ASSERT_ALL(bvl_rows_create(&one_rank, bad[b][0], bad[b][1], &rows) == BVL_ERR_USAGE);
    ASSERT_ALL(strstr(bvl_last_error(), "minibatches") != NULL);
  }
}

/* Arrays that no memory can hold, on one rank alone. */
static void test_too_large(void **state)
{
  (void)state;
  bvl_grid *grid = NULL;
  bvl_rows rows = {0};
  bvl_columns columns = {0};
  int64_t huge = (int64_t)1 << 61; /* times 8 bytes does not fit size_t */
  int bad = bvl_test_rank() == bvl_test_size() - 1;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, 0, 0, &grid));
  bvl_status status = bad ? bvl_rows_create(&one_rank, huge, 1, &rows) : BVL_OK;
  ASSERT_ALL(bvl_agree(&grid->all, status) == BVL_ERR_NOMEM && rows.input == NULL);
  status = bad ? bvl_columns_create(&one_rank, huge, &huge, 0, NULL, NULL, &columns) : BVL_OK;
  ASSERT_ALL(bvl_agree(&grid->all, status) == BVL_ERR_NOMEM && columns.begin == NULL);
  bvl_grid_destroy(&grid);
}

/* p columns in blocks of 1 to 5, with weights from the column's index. */
typedef struct blocks {
  int64_t p;
  int64_t n_blocks;
  int64_t begin[400];
  int64_t input[400];
  double weight[400];
  double total;
  double heaviest; /* block */
} blocks;

static void make_blocks(int64_t p, int weights, blocks *out)
{
  *out = (blocks){.p = p};
  for (int64_t k = 0; k < p; out->n_blocks++) {
    double weight = 0.0;
    int64_t end = bvl_lesser(p, k + 1 + (k * 7) % 5);
    out->begin[out->n_blocks] = k;
    for (; k < end; k++) {
      out->input[k] = p - 1 - k;
      out->weight[k] = weights == 0 ? 0.0 : weights == 1 ? 1.0 : (double)(k % 11 * (k % 3));
      weight += out->weight[k];
    }
    out->total += weight;
    out->heaviest = fmax(out->heaviest, weight);
  }
  out->begin[out->n_blocks] = p;
}

static void check_columns(const bvl_grid *grid)
{
  const int64_t widths[] = {0, 1, 2, 5, 64, 399};
  blocks b;
  bvl_columns columns;
  for (int a = 0; a < 6; a++)
    for (int weights = 0; weights < 3; weights++) {
      make_blocks(widths[a], weights, &b);
      ASSERT_OK(bvl_columns_create(grid, b.p, b.input, b.n_blocks, b.begin, b.weight, &columns));
      int64_t block = 0;
      int good = columns.begin[0] == 0 && columns.begin[grid->n_cols] == b.p && columns.p == b.p;
      for (int j = 0; j < grid->n_cols; j++) {
        double share = 0.0;
        while (block < b.n_blocks && b.begin[block] < columns.begin[j]) block++;
        good &= b.begin[block] == columns.begin[j]; /* a cut is a block's beginning */
        good &= columns.begin[j] <= columns.begin[j + 1];
        for (int64_t k = columns.begin[j]; k < columns.begin[j + 1]; k++) share += b.weight[k];
        /* each cut is at most half a block off its target; integer weights, sums are exact, the
         * targets have one rounding */
        good &= share <= b.total / grid->n_cols + b.heaviest + 1e-9 * b.total;
        /* without weight the columns are shared out: blocks have at most 5 */
        if (weights == 0)
          good &= columns.begin[j + 1] - columns.begin[j] <= b.p / grid->n_cols + 1 + 5;
      }
      ASSERT_ALL(good);
      ASSERT_ALL(columns.first == columns.begin[grid->j]);
      ASSERT_ALL(columns.first + columns.p_local == columns.begin[grid->j + 1]);
      memset(b.input, 0, sizeof b.input); /* it was copied */
      for (int64_t k = 0; k < b.p; k++) good &= bvl_columns_input(&columns, k) == b.p - 1 - k;
      ASSERT_ALL(good);
      bvl_columns_free(&columns);
      ASSERT_ALL(columns.begin == NULL && columns.input == NULL);
    }
}

static void check_plain_columns(const bvl_grid *grid)
{
  bvl_columns columns;
  ASSERT_OK(bvl_columns_create(grid, 1000, NULL, 0, NULL, NULL, &columns));
  ASSERT_ALL(columns.input == NULL && bvl_columns_input(&columns, 17) == 17);
  /* single equal columns: shares differ by one at most */
  ASSERT_ALL(llabs(columns.p_local * grid->n_cols - 1000) <= grid->n_cols);
  bvl_columns_free(&columns);
  ASSERT_ALL(bvl_columns_create(grid, -1, NULL, 0, NULL, NULL, &columns) == BVL_ERR_USAGE);
}

static void test_columns(void **state)
{
  (void)state;
  on_every_grid(check_columns);
  on_every_grid(check_plain_columns);
}

static void test_tile_count(void **state)
{
  (void)state;
  ASSERT_ALL(bvl_tile_count(0) == 0);
  ASSERT_ALL(bvl_tile_count(1) == 1);
  ASSERT_ALL(bvl_tile_count(63) == 63);
  ASSERT_ALL(bvl_tile_count(65535) == 64);
  ASSERT_ALL(bvl_tile_count(65536) == 64);
  ASSERT_ALL(bvl_tile_count(1 << 20) == 1 << 10);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_shapes), cmocka_unit_test(test_bad_shapes),
                  cmocka_unit_test(test_tile_count), cmocka_unit_test(test_rows_cover),
                  cmocka_unit_test(test_slices_do_not_depend_on_the_grid),
                  cmocka_unit_test(test_slices_are_stratified),
                  cmocka_unit_test(test_tiny_slices_are_spread), cmocka_unit_test(test_bad_slices),
                  cmocka_unit_test(test_too_large), cmocka_unit_test(test_columns))
