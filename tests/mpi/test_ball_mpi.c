/* SPDX-License-Identifier: BSD-3-Clause */
/* Norm balls and the corrector on vectors spread over ranks, the first entry replicated: against
 * bisection on the gathered vector, and against the conditions of the minimum. */
#include "bvl_test.h"

#include "base/rng.h"
#include "net/front/corrector.h"

enum { N_ALL = 31 };

/* Entry 0 on every rank, counted by rank 0; then this rank's part of 1 .. N_ALL - 1. */
typedef struct {
  bvl_traffic traffic;
  bvl_comm comm;
  bvl_space space;
  int64_t first;
  int64_t begin[N_ALL + 1]; /* blocks: entry 0, then pairs (an odd last one alone) */
  double weight[N_ALL];
  int64_t n_blocks;
  bvl_objective objective;
} setting;

static int64_t global_entry(const setting *s, int64_t k)
{
  return k == 0 ? 0 : s->first + k;
}

/* Parts begin at odd entries, so that pairs are whole: blocks do not depend on the rank count. */
static void prepare(setting *s)
{
  const int64_t pairs = (N_ALL - 1) / 2, size = bvl_test_size(), rank = bvl_test_rank();
  const int64_t begin = pairs * rank / size, end = pairs * (rank + 1) / size;
  memset(s, 0, sizeof *s);
  ASSERT_OK(bvl_comm_dup(MPI_COMM_WORLD, &s->traffic, &s->comm));
  s->first = 2 * begin;
  s->space = (bvl_space){.comm = &s->comm,
                         .n_local = 1 + 2 * (end - begin),
                         .own_begin = rank == 0 ? 0 : 1,
                         .own_end = 1 + 2 * (end - begin)};
  s->n_blocks = 1 + end - begin;
  for (int64_t g = 0; g <= s->n_blocks; g++) s->begin[g] = g == 0 ? 0 : 2 * g - 1;
  for (int64_t g = 0; g < s->n_blocks; g++) s->weight[g] = g == 0 ? 1.0 : sqrt(2.0);
}

static void fill(const setting *s, uint64_t which, double *x)
{
  for (int64_t k = 0; k < s->space.n_local; k++)
    x[k] = bvl_rng_normal(which, BVL_STREAM_INIT, 0, (uint64_t)global_entry(s, k));
}

/* sum_g w max(||x_g|| - t w, 0) of all entries, without the room's help. */
static double norm_left(uint64_t which, int grouped, double t)
{
  double sum = 0.0;
  for (int64_t k = 0; k < N_ALL; k++) {
    const double a = bvl_rng_normal(which, BVL_STREAM_INIT, 0, (uint64_t)k);
    if (!grouped || k == 0) {
      sum += fmax(fabs(a) - t, 0.0);
    } else if (k % 2 == 1) {
      const double b = bvl_rng_normal(which, BVL_STREAM_INIT, 0, (uint64_t)k + 1);
      sum += sqrt(2.0) * fmax(sqrt(a * a + b * b) - t * sqrt(2.0), 0.0);
    }
  }
  return sum;
}

static void project_case(const setting *s, uint64_t which, int grouped, double tau, double guess)
{
  bvl_ball ball;
  double x[N_ALL], shrunk[N_ALL], low = 0.0, high = 10.0, threshold = guess, value = 0.0;
  ASSERT_OK(bvl_ball_init(&s->space, s->n_blocks, grouped ? s->begin : NULL,
                          grouped ? s->weight : NULL, &ball));
  fill(s, which, x);
  fill(s, which, shrunk);
  ASSERT_OK(bvl_ball_value(&ball, x, &value));
  ASSERT_ALL(bvl_test_near(value, norm_left(which, grouped, 0.0), 1e-12 * value));
  for (int k = 0; k < 200; k++) { /* bisection: the true threshold */
    const double middle = 0.5 * (low + high);
    *(norm_left(which, grouped, middle) > tau ? &low : &high) = middle;
  }
  if (value <= tau) high = 0.0;
  ASSERT_OK(bvl_ball_project(&ball, tau, &threshold, x));
  ASSERT_ALL(bvl_test_near(threshold, high, 1e-13 * 10.0));
  bvl_ball_shrink(&ball, threshold, shrunk);
  int same = 1;
  for (int64_t k = 0; k < s->space.n_local; k++) same = same && x[k] == shrunk[k];
  ASSERT_ALL(same);
  ASSERT_OK(bvl_ball_value(&ball, x, &value));
  ASSERT_ALL(bvl_test_near(value, fmin(tau, norm_left(which, grouped, 0.0)), 1e-12 * tau));
  bvl_ball_free(&ball);
}

static void test_projection(void **state)
{
  (void)state;
  setting s;
  prepare(&s);
  for (uint64_t which = 1; which < 4; which++)
    for (int grouped = 0; grouped < 2; grouped++)
      for (int k = 0; k < 5; k++) {
        const double tau[5] = {0.01, 1.0, 7.0, 20.0, 1e3};
        project_case(&s, which, grouped, tau[k], 0.0);
        project_case(&s, which, grouped, tau[k], 0.4);
        project_case(&s, which, grouped, tau[k], 50.0); /* beyond every norm */
      }
  bvl_comm_free(&s.comm);
}

static void test_nothing_left(void **state)
{
  (void)state;
  setting s;
  bvl_ball ball;
  double x[N_ALL], threshold = 0.0, value = 1.0;
  prepare(&s);
  ASSERT_OK(bvl_ball_init(&s.space, 0, NULL, NULL, &ball));
  fill(&s, 1, x);
  ASSERT_OK(bvl_ball_project(&ball, 0.0, &threshold, x));
  ASSERT_OK(bvl_ball_value(&ball, x, &value));
  ASSERT_ALL(value == 0.0);
  bvl_ball_free(&ball);
  bvl_comm_free(&s.comm);
}

/* ---- the corrector ---------------------------------------------------------------------------
 */

/* 1/2 sum a_k (x_k - c_k)^2 + 1/4 (sum x_k)^4 / N_ALL^2: coupled, not quadratic, convex. */
static bvl_status eval(void *context, const double *x, int64_t batch, double *value, double *grad,
                       int *wants)
{
  const setting *s = context;
  double sums[2] = {0.0, 0.0};
  (void)batch;
  for (int64_t k = 0; k < s->space.n_local; k++) {
    const uint64_t j = (uint64_t)global_entry(s, k);
    const double a = exp(2.0 * bvl_rng_normal(9, BVL_STREAM_INIT, 1, j));
    const double off = x[k] - 3.0 * bvl_rng_normal(9, BVL_STREAM_INIT, 2, j);
    grad[k] = a * off;
    if (k < s->space.own_begin || k >= s->space.own_end) continue;
    sums[0] += 0.5 * a * off * off;
    sums[1] += x[k];
  }
  bvl_status status = bvl_sum(&s->comm, sums, 2);
  const double total = sums[1], n2 = (double)N_ALL * (double)N_ALL;
  *value = sums[0] + 0.25 * pow(total, 4.0) / n2;
  for (int64_t k = 0; k < s->space.n_local; k++) grad[k] += pow(total, 3.0) / n2;
  *wants = 0;
  return status;
}

static void correct_case(setting *s, int grouped, double tau)
{
  bvl_ball ball;
  bvl_corrector *c = NULL;
  bvl_correction found;
  const bvl_corrector_limits limits = {.max_steps = 500, .tol = 1e-6, .noise = 1e-15};
  double x[N_ALL], grad[N_ALL], value = 0.0;
  bvl_stationarity at;
  int wants = 0;
  s->objective = (bvl_objective){.space = s->space, .n_batches = 1, .context = s, .eval = eval};
  ASSERT_OK(bvl_ball_init(&s->space, s->n_blocks, grouped ? s->begin : NULL,
                          grouped ? s->weight : NULL, &ball));
  ASSERT_OK(bvl_corrector_create(&s->objective, &ball, &c));
  fill(s, 4, x);
  ASSERT_OK(bvl_corrector_run(c, tau, &limits, x, &found));
  ASSERT_ALL(found.converged && found.steps > 0);
  ASSERT_ALL(bvl_test_near(found.at.value, tau, 1e-10 * tau)); /* the minimum lies outside */
  /* stationary on the ball of a convex f1: a minimum of f1 + lambda f2, whoever measures it */
  ASSERT_OK(eval(s, x, -1, &value, grad, &wants));
  ASSERT_ALL(value == found.value);
  double worst = 0.0;
  for (int64_t g = 0; g < (grouped ? s->n_blocks : s->space.n_local); g++) {
    const int64_t begin = grouped ? s->begin[g] : g, end = grouped ? s->begin[g + 1] : g + 1;
    const double w = grouped ? s->weight[g] : 1.0;
    double norm = 0.0, slope = 0.0, off = 0.0;
    for (int64_t k = begin; k < end; k++) {
      norm = hypot(norm, x[k]);
      slope = hypot(slope, grad[k]);
    }
    for (int64_t k = begin; k < end && norm > 0.0; k++)
      off = hypot(off, grad[k] + found.at.lambda * w * x[k] / norm);
    worst = fmax(worst, (norm > 0.0 ? off : fmax(slope - found.at.lambda * w, 0.0)) / w);
  }
  ASSERT_ALL(worst <= limits.tol * found.at.lambda);
  ASSERT_OK(bvl_ball_check(&ball, x, grad, &at));
  ASSERT_ALL(at.nonzeros > 0 && at.nonzeros < N_ALL);
  bvl_corrector_destroy(&c);
  bvl_ball_free(&ball);
}

static void test_corrector(void **state)
{
  (void)state;
  setting s;
  prepare(&s);
  for (int grouped = 0; grouped < 2; grouped++) {
    correct_case(&s, grouped, 2.0);
    correct_case(&s, grouped, 12.0);
  }
  bvl_comm_free(&s.comm);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_projection), cmocka_unit_test(test_nothing_left),
                  cmocka_unit_test(test_corrector))
