/* SPDX-License-Identifier: BSD-3-Clause */
/* Every set of kernels against a naive long double loop, at lengths around the vector width, with
 * ld > m, unaligned pointers, lists of columns, none to sixteen right-hand sides, missing codes. */
#include "bvl_test.h"

#include "base/rng.h"
#include "kernels/kernels.h"

enum { MISSING = -9, LD_EXTRA = 3, ROOM = 40000 };

static double draw(int64_t i)
{
  return bvl_rng_normal(1, BVL_STREAM_SIM_X, 0, (uint64_t)i);
}

/* A panel of one element type that begins one element after an aligned address. */
typedef struct panel {
  bvl_dtype dtype;
  union {
    double f64[ROOM];
    float f32[ROOM];
    int8_t i8[ROOM];
    uint8_t u8[ROOM];
  } storage;
  double fill[16];
  int use_fill;
} panel;

static void *first_element(panel *x)
{
  return (char *)&x->storage + bvl_dtype_bytes(x->dtype);
}

static void fill_panel(panel *x)
{
  for (int64_t e = 0; e < ROOM; e++) {
    int64_t byte = (int64_t)(bvl_rng_bits(2, BVL_STREAM_SIM_X, 0, (uint64_t)e) % 256);
    switch (x->dtype) {
    case BVL_F64: x->storage.f64[e] = draw(e); break;
    case BVL_F32: x->storage.f32[e] = (float)draw(e); break;
    case BVL_I8: x->storage.i8[e] = byte % 5 == 0 ? MISSING : (int8_t)(byte - 128); break;
    case BVL_U8: x->storage.u8[e] = (uint8_t)byte; break;
    }
  }
  for (int c = 0; c < 16; c++) x->fill[c] = 10.0 * draw(c);
}

static long double element(const panel *x, int64_t at, int64_t c)
{
  switch (x->dtype) {
  case BVL_F64: return x->storage.f64[at + 1];
  case BVL_F32: return x->storage.f32[at + 1];
  case BVL_U8: return x->storage.u8[at + 1];
  case BVL_I8: break;
  }
  int8_t code = x->storage.i8[at + 1];
  return x->use_fill && code == MISSING ? (long double)x->fill[c] : code;
}

typedef struct shape {
  int64_t m, n_cols, k;
  const int64_t *cols;
  int is_tight; /* ld = m */
} shape;

static int64_t ld_of(shape s)
{
  return s.is_tight ? s.m : s.m + LD_EXTRA;
}

/* |got - exact| <= eps (terms + 4) sum |terms|: any order of summation in double, start included.
 */
static int close_enough(double got, double start, long double sum, long double size, int64_t terms)
{
  long double bound = 0x1p-52L * (long double)(terms + 4) * (size + fabsl((long double)start));
  return fabsl((long double)got - start - sum) <= bound;
}

static double in[ROOM], out[ROOM], start[ROOM];

/* The output and what lies behind it. */
static size_t window_bytes;

static void begin_output(int64_t used)
{
  if (start[0] == 0.0)
    for (int64_t e = 0; e < ROOM; e++) start[e] = draw(100000 + e);
  assert_true(used + 512 <= ROOM);
  window_bytes = (size_t)(used + 512) * sizeof *out;
  memcpy(out, start, window_bytes);
}

/* Once what should be written is put back: nothing else was. */
static void end_output(void)
{
  assert_memory_equal(out, start, window_bytes);
}

static void check_forward(bvl_kern_dense kernel, const panel *x, const void *values, shape s)
{
  const int64_t ld = ld_of(s);
  begin_output(1 + s.k * ld);
  kernel(values, ld, s.m, s.n_cols, s.cols, s.k, in + 1, 17, out + 1, ld, MISSING,
         x->use_fill ? x->fill : NULL);
  int64_t checked = 0;
  for (int64_t q = 0; q < s.k; q++) {
    for (int64_t i = 0; i < s.m; i++) {
      long double sum = 0.0L, size = 0.0L;
      for (int64_t place = 0; place < s.n_cols; place++) {
        int64_t c = s.cols != NULL ? s.cols[place] : place;
        long double term = element(x, i + c * ld, c) * in[1 + c + q * 17];
        sum += term;
        size += fabsl(term);
      }
      int64_t at = 1 + i + q * ld;
      assert_true(close_enough(out[at], start[at], sum, size, s.n_cols));
      out[at] = start[at];
      checked++;
    }
  }
  assert_int_equal(checked, s.m * s.k);
  end_output();
}

static void check_adjoint(bvl_kern_dense kernel, const panel *x, const void *values, shape s)
{
  const int64_t ld = ld_of(s);
  begin_output(1 + s.k * 17);
  kernel(values, ld, s.m, s.n_cols, s.cols, s.k, in + 1, ld, out + 1, 17, MISSING,
         x->use_fill ? x->fill : NULL);
  for (int64_t q = 0; q < s.k; q++) {
    for (int64_t place = 0; place < s.n_cols; place++) {
      int64_t c = s.cols != NULL ? s.cols[place] : place;
      long double sum = 0.0L, size = 0.0L;
      for (int64_t i = 0; i < s.m; i++) {
        long double term = element(x, i + c * ld, c) * in[1 + i + q * ld];
        sum += term;
        size += fabsl(term);
      }
      int64_t at = 1 + c + q * 17;
      assert_true(close_enough(out[at], start[at], sum, size, s.m));
      out[at] = start[at];
    }
  }
  end_output();
}

static void check_shapes(const bvl_kernels *set, panel *x)
{
  static const int64_t lengths[] = {0, 1, 7, 8, 9, 1000};
  static const int64_t sides[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17};
  static const int64_t list[] = {1, 2, 5, 6, 9, 11, 12};
  for (int a = 0; a < 6; a++) {
    for (int b = 0; b < (int)(sizeof sides / sizeof *sides); b++) {
      for (int64_t n_cols = 0; n_cols <= 13; n_cols += n_cols < 5 ? 1 : 4) {
        shape all = {lengths[a], n_cols, sides[b], NULL, 0};
        shape some = {lengths[a], n_cols < 7 ? n_cols : 7, sides[b], list, 0};
        check_forward(set->dense_forward[x->dtype], x, first_element(x), all);
        check_adjoint(set->dense_adjoint[x->dtype], x, first_element(x), all);
        if (n_cols > 7) continue;
        check_forward(set->dense_forward[x->dtype], x, first_element(x), some);
        check_adjoint(set->dense_adjoint[x->dtype], x, first_element(x), some);
      }
    }
  }
}

/* Panels of 4 or 8 rows without gaps, by one right-hand side, have kernels of their own. */
static void check_short(const bvl_kernels *set, panel *x)
{
  for (int64_t m = 4; m <= 8; m += 4)
    for (int64_t n_cols = 0; n_cols <= 13; n_cols++) {
      const shape s = {.m = m, .n_cols = n_cols, .k = 1, .is_tight = 1};
      check_forward(set->dense_forward[x->dtype], x, first_element(x), s);
      check_adjoint(set->dense_adjoint[x->dtype], x, first_element(x), s);
    }
}

static void check_dense(const bvl_kernels *set)
{
  static panel x;
  for (int64_t e = 0; e < ROOM; e++) in[e] = draw(200000 + e);
  for (int dtype = 0; dtype < 4; dtype++) {
    x.dtype = (bvl_dtype)dtype;
    fill_panel(&x);
    x.use_fill = 0;
    check_shapes(set, &x);
    check_short(set, &x);
    x.use_fill = 1;
    if (x.dtype == BVL_I8) check_shapes(set, &x);
  }
}

enum { SLICES = 9, MINOR = 300 };

static int64_t ptr[SLICES + 1];
static int32_t idx[SLICES * MINOR];
static double val[SLICES * MINOR];

/* Slice s holds about one index in s + 1; slice 3 is empty. */
static void fill_sparse(void)
{
  int64_t e = 0;
  for (int64_t s = 0; s < SLICES; s++) {
    for (int32_t j = 0; j < MINOR && s != 3; j++) {
      if (bvl_rng_uniform(3, BVL_STREAM_SIM_PATTERN, (uint64_t)s, (uint64_t)j) * (double)(s + 1) >
          1)
        continue;
      idx[e] = j;
      val[e] = draw(300000 + e);
      e++;
    }
    ptr[s + 1] = e;
  }
}

static void check_gather(bvl_kern_sparse kernel, shape s, int32_t lo, int32_t hi)
{
  begin_output(s.k * SLICES);
  kernel(ptr, idx, val, s.n_cols, s.cols, lo, hi, lo, s.k, in, MINOR, out, SLICES);
  for (int64_t q = 0; q < s.k; q++) {
    for (int64_t place = 0; place < s.n_cols; place++) {
      int64_t c = s.cols != NULL ? s.cols[place] : place;
      long double sum = 0.0L, size = 0.0L;
      for (int64_t e = ptr[c]; e < ptr[c + 1]; e++) {
        if (idx[e] < lo || idx[e] >= hi) continue;
        long double term = (long double)val[e] * in[idx[e] - lo + q * MINOR];
        sum += term;
        size += fabsl(term);
      }
      int64_t at = c + q * SLICES;
      assert_true(close_enough(out[at], start[at], sum, size, MINOR));
      out[at] = start[at];
    }
  }
  end_output();
}

static void check_scatter(bvl_kern_sparse kernel, shape s, int32_t lo, int32_t hi)
{
  static long double sum[MINOR * 16], size[MINOR * 16];
  begin_output(MINOR * 16);
  memset(sum, 0, sizeof sum);
  memset(size, 0, sizeof size);
  kernel(ptr, idx, val, s.n_cols, s.cols, lo, hi, lo, s.k, in, SLICES, out, MINOR);
  for (int64_t q = 0; q < s.k; q++)
    for (int64_t place = 0; place < s.n_cols; place++) {
      int64_t c = s.cols != NULL ? s.cols[place] : place;
      for (int64_t e = ptr[c]; e < ptr[c + 1]; e++) {
        if (idx[e] < lo || idx[e] >= hi) continue;
        long double term = (long double)val[e] * in[c + q * SLICES];
        sum[idx[e] - lo + q * MINOR] += term;
        size[idx[e] - lo + q * MINOR] += fabsl(term);
      }
    }
  for (int64_t at = 0; at < MINOR * 16; at++) {
    assert_true(close_enough(out[at], start[at], sum[at], size[at], SLICES));
    out[at] = start[at];
  }
  end_output();
}

/* One side of the wide kernels is indexed by place in the list, the other as above; both have k
 * numbers an index. */
static void check_gather_wide(bvl_kern_sparse_wide kernel, shape s, int32_t lo, int32_t hi)
{
  begin_output(1 + s.k * SLICES);
  kernel(ptr, idx, val, s.n_cols, s.cols, lo, hi, lo, (int)s.k, in + 1, out + 1);
  for (int64_t place = 0; place < s.n_cols; place++) {
    int64_t c = s.cols != NULL ? s.cols[place] : place;
    for (int64_t q = 0; q < s.k; q++) {
      long double sum = 0.0L, size = 0.0L;
      for (int64_t e = ptr[c]; e < ptr[c + 1]; e++) {
        if (idx[e] < lo || idx[e] >= hi) continue;
        long double term = (long double)val[e] * in[1 + (idx[e] - lo) * s.k + q];
        sum += term;
        size += fabsl(term);
      }
      int64_t at = 1 + place * s.k + q;
      assert_true(close_enough(out[at], start[at], sum, size, MINOR));
      out[at] = start[at];
    }
  }
  end_output();
}

static void check_scatter_wide(bvl_kern_sparse_wide kernel, shape s, int32_t lo, int32_t hi)
{
  static long double sum[MINOR * 8], size[MINOR * 8];
  begin_output(1 + s.k * MINOR);
  memset(sum, 0, sizeof sum);
  memset(size, 0, sizeof size);
  kernel(ptr, idx, val, s.n_cols, s.cols, lo, hi, lo, (int)s.k, in + 1, out + 1);
  for (int64_t place = 0; place < s.n_cols; place++) {
    int64_t c = s.cols != NULL ? s.cols[place] : place;
    for (int64_t e = ptr[c]; e < ptr[c + 1]; e++)
      for (int64_t q = 0; q < s.k && idx[e] >= lo && idx[e] < hi; q++) {
        long double term = (long double)val[e] * in[1 + place * s.k + q];
        sum[(idx[e] - lo) * s.k + q] += term;
        size[(idx[e] - lo) * s.k + q] += fabsl(term);
      }
  }
  for (int64_t at = 0; at < MINOR * s.k; at++) {
    assert_true(close_enough(out[1 + at], start[1 + at], sum[at], size[at], SLICES));
    out[1 + at] = start[1 + at];
  }
  end_output();
}

/* Slices as long as the lengths every kernel is tried at: 0, 1, 7, 8, 9 and 1000 entries. */
static void check_lengths(const bvl_kernels *set)
{
  static const int64_t lengths[] = {0, 1, 7, 8, 9, 1000};
  static int64_t long_ptr[7];
  static int32_t long_idx[1025];
  static double long_val[1025];
  for (int64_t s = 0; s < 6; s++) {
    for (int64_t e = 0; e < lengths[s]; e++) {
      long_idx[long_ptr[s] + e] = (int32_t)(2 * e + s % 2);
      long_val[long_ptr[s] + e] = draw(500000 + 1000 * s + e);
    }
    long_ptr[s + 1] = long_ptr[s] + lengths[s];
  }
  for (int k = 4; k <= 8; k += 4) {
    begin_output(1 + 6 * k);
    set->sparse_gather_wide(long_ptr, long_idx, long_val, 6, NULL, 0, INT32_MAX, 0, k, in + 1,
                            out + 1);
    for (int64_t s = 0; s < 6; s++)
      for (int q = 0; q < k; q++) {
        long double sum = 0.0L, size = 0.0L;
        for (int64_t e = long_ptr[s]; e < long_ptr[s + 1]; e++) {
          long double term = (long double)long_val[e] * in[1 + (int64_t)long_idx[e] * k + q];
          sum += term;
          size += fabsl(term);
        }
        assert_true(close_enough(out[1 + s * k + q], start[1 + s * k + q], sum, size, lengths[s]));
      }
  }
}

/* Rows are the slices: columns begin .. end - 1 against first .. last - 1. */
static void check_gram(bvl_kern_sparse_gram kernel, const double *h, const int32_t *columns)
{
  static double dense[SLICES][MINOR];
  const int32_t begin = columns[0], end = columns[1], first = columns[2], last = columns[3];
  enum { LD = MINOR + LD_EXTRA };
  memset(dense, 0, sizeof dense);
  for (int64_t i = 0; i < SLICES; i++)
    for (int64_t e = ptr[i]; e < ptr[i + 1]; e++) dense[i][idx[e]] = val[e];
  begin_output(1 + (int64_t)(end - begin) * LD);
  kernel(ptr, idx, val, SLICES, h, begin, end, first, last, out + 1, LD);
  for (int32_t k = begin; k < end; k++)
    for (int32_t l = first; l < last; l++) {
      long double sum = 0.0L, size = 0.0L;
      for (int i = 0; i < SLICES; i++) {
        long double term = (long double)(h != NULL ? h[i] : 1.0) * dense[i][k] * dense[i][l];
        sum += term;
        size += fabsl(term);
      }
      int64_t at = 1 + (k - begin) * LD + l - first;
      assert_true(close_enough(out[at], start[at], sum, size, SLICES));
      out[at] = start[at];
    }
  end_output();
}

static void check_grams(const bvl_kernels *set)
{
  static const int32_t ranges[][4] = {{0, 100, 0, 100},   {200, MINOR, 0, MINOR},
                                      {7, 8, 0, 9},       {50, 50, 0, 7},
                                      {60, 70, 200, 201}, {MINOR - 1, MINOR, 5, 5}};
  double h[SLICES];
  for (int i = 0; i < SLICES; i++) h[i] = i == 2 ? 0.0 : fabs(draw(600000 + i));
  for (int a = 0; a < 6; a++) {
    check_gram(set->sparse_gram, NULL, ranges[a]);
    check_gram(set->sparse_gram, h, ranges[a]);
  }
}

static void check_sparse(const bvl_kernels *set)
{
  static const int64_t sides[] = {0, 1, 3, 4, 16};
  static const int64_t list[] = {0, 3, 4, 8};
  static const int32_t ranges[][2] = {{0, INT32_MAX}, {100, 200}, {7, 8}, {50, 50}, {299, 300}};
  fill_sparse();
  for (int64_t e = 0; e < ROOM; e++) in[e] = e % 7 == 0 ? 0.0 : draw(400000 + e);
  for (int a = 0; a < 5; a++)
    for (int b = 0; b < 5; b++) {
      shape all = {MINOR, SLICES, sides[a], NULL, 0};
      shape some = {MINOR, 4, sides[a], list, 0};
      check_gather(set->sparse_gather, all, ranges[b][0], ranges[b][1]);
      check_gather(set->sparse_gather, some, ranges[b][0], ranges[b][1]);
      check_scatter(set->sparse_scatter, all, ranges[b][0], ranges[b][1]);
      check_scatter(set->sparse_scatter, some, ranges[b][0], ranges[b][1]);
    }
  for (int64_t k = 4; k <= 8; k += 4)
    for (int b = 0; b < 5; b++) {
      shape all = {MINOR, SLICES, k, NULL, 0};
      shape some = {MINOR, 4, k, list, 0};
      check_gather_wide(set->sparse_gather_wide, all, ranges[b][0], ranges[b][1]);
      check_gather_wide(set->sparse_gather_wide, some, ranges[b][0], ranges[b][1]);
      check_scatter_wide(set->sparse_scatter_wide, all, ranges[b][0], ranges[b][1]);
      check_scatter_wide(set->sparse_scatter_wide, some, ranges[b][0], ranges[b][1]);
    }
  check_lengths(set);
  check_grams(set);
}

/* Rounded columns: the codes are nearest, their errors are what is said, and products err by no
 * more than the bound the sweep relies on. */
enum { RR_MAX = BVL_ROUNDED_ROWS, RR_GROUPS = 4 };

static void check_rounding(const bvl_rounded_kernels *set, int64_t m)
{
  static double x[BVL_ROUNDED_GROUP * (RR_MAX + LD_EXTRA)];
  static int8_t codes[BVL_ROUNDED_GROUP * RR_MAX + 1];
  double mid[BVL_ROUNDED_GROUP], step[BVL_ROUNDED_GROUP];
  double error[BVL_ROUNDED_GROUP], size[BVL_ROUNDED_GROUP];
  const int64_t ld = m + LD_EXTRA;
  for (int64_t c = 0; c < BVL_ROUNDED_GROUP; c++) {
    double low = INFINITY, high = -INFINITY, least = INFINITY, most = -INFINITY;
    for (int64_t i = 0; i < m; i++) {
      x[c * ld + i] = c == 3 ? 5.0 : 100.0 * (double)c + draw(700000 + 1000 * c + i);
      least = fmin(least, x[c * ld + i]);
      most = fmax(most, x[c * ld + i]);
    }
    set->range(x + c * ld, m, &low, &high);
    assert_true(low == least && high == most);
    mid[c] = m > 0 ? low / 2 + high / 2 : 0;
    step[c] = m > 0 ? fmax(high - mid[c], mid[c] - low) / 127 : 0;
    error[c] = 1.0;
    size[c] = 2.0;
  }
  codes[m * BVL_ROUNDED_GROUP] = 77;
  set->round(x, ld, m, mid, step, codes, error, size);
  assert_int_equal(codes[m * BVL_ROUNDED_GROUP], 77); /* and nothing else was written */
  for (int64_t c = 0; c < BVL_ROUNDED_GROUP; c++) {
    long double errors = 1.0L, sizes = 2.0L;
    for (int64_t i = 0; i < m; i++) {
      const long double kept = (long double)step[c] * codes[i * BVL_ROUNDED_GROUP + c];
      const long double left = (long double)x[c * ld + i] - (long double)mid[c] - kept;
      assert_true(fabsl(left) <= 0.5000001L * (long double)step[c]);
      errors += left * left;
      sizes += kept * kept;
    }
    assert_true(fabsl(error[c] - errors) <= 1e-10L * errors);
    assert_true(fabsl(size[c] - sizes) <= 1e-12L * sizes);
  }
}

static void check_rounded_product(const bvl_rounded_kernels *set, int64_t m, int k)
{
  static int8_t codes[RR_GROUPS * BVL_ROUNDED_GROUP * RR_MAX];
  static float r[RR_MAX * BVL_ROUNDED_SIDES];
  static double v[RR_GROUPS * BVL_ROUNDED_GROUP * BVL_ROUNDED_SIDES];
  const int64_t ld = RR_MAX * BVL_ROUNDED_GROUP;
  for (int64_t e = 0; e < RR_GROUPS * ld; e++)
    codes[e] = (int8_t)((int64_t)(bvl_rng_bits(5, BVL_STREAM_SIM_X, 0, (uint64_t)e) % 255) - 127);
  for (int64_t e = 0; e < m * k; e++) r[e] = (float)draw(800000 + e);
  for (int64_t e = 0; e < (int64_t)(sizeof v / sizeof *v); e++) v[e] = (double)(e % 3);
  set->adjoint(codes, ld, m, RR_GROUPS, k, r, v);
  for (int64_t g = 0; g < RR_GROUPS; g++)
    for (int64_t q = 0; q < k; q++)
      for (int64_t c = 0; c < BVL_ROUNDED_GROUP; c++) {
        const int64_t at = (g * k + q) * BVL_ROUNDED_GROUP + c;
        long double sum = 0.0L, code2 = 0.0L, r2 = 0.0L;
        for (int64_t i = 0; i < m; i++) {
          const long double code = codes[g * ld + i * BVL_ROUNDED_GROUP + c];
          sum += code * (long double)r[i * k + q];
          code2 += code * code;
          r2 += (long double)r[i * k + q] * (long double)r[i * k + q];
        }
        const long double bound = BVL_ROUNDED_SUM_ERROR * sqrtl(code2 * r2);
        assert_true(fabsl((long double)v[at] - (long double)(at % 3) - sum) <=
                    bound + 1e-13L * fabsl(sum));
      }
}

static void check_rounded(const bvl_rounded_kernels *set)
{
  static const int64_t lengths[] = {0, 1, 7, 8, 9, 31, 500, RR_MAX};
  for (int l = 0; l < 8; l++) {
    check_rounding(set, lengths[l]);
    check_rounded_product(set, lengths[l], 4);
    check_rounded_product(set, lengths[l], BVL_ROUNDED_SIDES);
  }
}

static void test_ref(void **state)
{
  (void)state;
  check_rounded(bvl_kernels_ref()->rounded);
  check_dense(bvl_kernels_ref());
  check_sparse(bvl_kernels_ref());
}

static void test_avx2(void **state)
{
  (void)state;
  if (bvl_kernels_avx2() == NULL) skip();
  check_rounded(bvl_kernels_avx2()->rounded);
  check_dense(bvl_kernels_avx2());
  check_sparse(bvl_kernels_avx2());
}

static void test_avx512(void **state)
{
  (void)state;
  if (bvl_kernels_avx512() == NULL) skip();
  check_rounded(bvl_kernels_avx512()->rounded);
  check_dense(bvl_kernels_avx512());
  check_sparse(bvl_kernels_avx512());
}

/* The name the set should have: the widest there is, unless a narrower one is asked for. */
static const char *expected_name(const char *asked)
{
  if (bvl_kernels_avx2() == NULL || (asked != NULL && strcmp(asked, "ref") == 0)) return "ref";
  if (bvl_kernels_avx512() == NULL || (asked != NULL && strcmp(asked, "avx2") == 0)) return "avx2";
  return "avx512";
}

static void test_choice(void **state)
{
  (void)state;
  assert_string_equal(bvl_kernels_get()->name, expected_name(getenv("BVL_KERNELS")));
  assert_string_equal(bvl_kernels_ref()->name, "ref");
  if (bvl_kernels_avx2() != NULL) assert_string_equal(bvl_kernels_avx2()->name, "avx2");
  if (bvl_kernels_avx512() != NULL) assert_string_equal(bvl_kernels_avx512()->name, "avx512");
}

BVL_TEST_MAIN(cmocka_unit_test(test_ref), cmocka_unit_test(test_avx2),
              cmocka_unit_test(test_avx512), cmocka_unit_test(test_choice))
