/* SPDX-License-Identifier: BSD-3-Clause */
/* The distributed engine's Newton, led by plain callbacks: stationarity is recomputed here from G
 * and c, on regular, wide (more columns than rows) and collinear problems, with unpenalised and
 * excluded columns, lasso and elastic net. What the callbacks were asked is counted. */
#include "lasso_settings.h"

#include "solver/scalar/distributed_newton.h"
#include "solver/scalar/factor.h"

/* ---- what all ranks do, done here ----------------------------------------------------------- */

typedef struct team {
  int64_t d;
  bvl_factor factor; /* its order is its own: index says which */
  int64_t n_factor;
  int64_t asked[D]; /* the order asked for */
  double extra[D];  /* d */
  int products, factors, solves;
} team;

static bvl_status product(void *context, const double *x, double *y)
{
  team *t = context;
  t->products++;
  for (int64_t k = 0; k < t->d; k++) {
    y[k] = 0;
    for (int64_t l = 0; l < t->d; l++) y[k] += G[k + l * t->d] * x[l];
  }
  return BVL_OK;
}

/* As the real one: a matrix that is not definite gets some more on its diagonal. */
static bvl_status factor(void *context, int64_t n, const int64_t *index, const double *extra)
{
  team *t = context;
  int64_t refused[D];
  int64_t n_refused = 1;
  t->factors++;
  t->n_factor = n;
  for (int64_t k = 0; k < n; k++) t->asked[k] = index[k];
  for (double more = 0; n_refused > 0; more = 100 * more + 1e-10) {
    for (int64_t k = 0; k < n; k++)
      t->extra[index[k]] = extra[k] + more * (G[index[k] * (t->d + 1)] + 1e-3);
    bvl_factor_clear(&t->factor);
    bvl_status status = bvl_factor_append(&t->factor, G, t->d, t->extra, n, index, &n_refused,
                                          refused);
    if (status != BVL_OK) return status;
  }
  return BVL_OK;
}

/* Nothing was refused by the factor: its order is that asked for. */
static bvl_status solve(void *context, int64_t n, double *x)
{
  team *t = context;
  t->solves++;
  assert_true(n <= BVL_GRAM_CALL);
  for (int64_t k = 0; k < n; k++) bvl_factor_solve(&t->factor, x + k * t->n_factor);
  return BVL_OK;
}

static bvl_status columns(void *context, int64_t n, const int64_t *index, double *out)
{
  const team *t = context;
  assert_true(n <= BVL_GRAM_CALL);
  for (int64_t k = 0; k < n; k++)
    memcpy(out + k * t->d, G + index[k] * t->d, (size_t)t->d * sizeof *out);
  return BVL_OK;
}

static bvl_status fails(void *context, int64_t n, const int64_t *index, const double *extra)
{
  (void)context, (void)n, (void)index, (void)extra;
  return BVL_ERR_NOMEM;
}

static void open_newton(bvl_distributed_newton *newton, team *t, double *diagonal)
{
  for (int64_t k = 0; k < t->d; k++) diagonal[k] = G[k * (t->d + 1)];
  newton->calls = (bvl_gram_calls){t, product, factor, solve, columns};
  newton->diagonal = diagonal;
  assert_int_equal(bvl_distributed_newton_reserve(newton, t->d), BVL_OK);
}

/* Warm down the path, by the given ratio from one lambda to the next: 0.3 changes most of the
 * active set at once. */
static void follow(const setting *s, double ratio, size_t which)
{
  bvl_distributed_newton newton = {.capacity = 0};
  team t = {.d = s->d};
  bvl_active_outcome outcome;
  double lw[D], ridge[D], diagonal[D];
  double zero[D] = {0};
  make(s);
  bvl_lasso p = {.d = s->d, .c = c, .lw = lw, .ridge = ridge};
  open_newton(&newton, &t, diagonal);
  for (double lambda = 0.8; lambda > 1e-3; lambda *= ratio) {
    set_weights(s, lambda, lw, ridge);
    if (lambda == 0.8)
      assert_int_equal(bvl_distributed_newton_start(&newton, &p, zero, 0, NULL), BVL_OK);
    assert_int_equal(bvl_distributed_newton_solve(&newton, &p, 1e-12, 0, &outcome), BVL_OK);
    const double worst = violation(s, lw, ridge, newton.b);
    if (!(worst <= TOLERANCE) || !outcome.solved)
      print_message("setting %zu lambda %g: violation %g, residual %g, solved %d, m %d, steps %d\n",
                    which, lambda, worst, outcome.residual, outcome.solved, (int)newton.m,
                    (int)outcome.steps);
    assert_true(worst <= TOLERANCE);
    assert_true(outcome.solved);
  }
  assert_true(t.products > 0 && (s->d < 60 || t.factors > 0)); /* small ones live in the border */
  bvl_distributed_newton_free(&newton);
  bvl_factor_free(&t.factor);
}

static void test_path_is_stationary(void **state)
{
  (void)state;
  for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
    follow(&settings[k], 0.8, k);
    follow(&settings[k], 0.3, k);
  }
}

/* A factor of another set, some of which is gone, with a ridge that is no longer there: it
 * preconditions, and the answer is the same. */
static void test_a_stale_factor_serves(void **state)
{
  (void)state;
  const setting *s = &settings[2];
  bvl_distributed_newton newton = {.capacity = 0};
  team t = {.d = s->d};
  bvl_active_outcome outcome;
  double lw[D], ridge[D], diagonal[D], extra[D];
  double zero[D] = {0};
  int64_t old[D];
  make(s);
  bvl_lasso p = {.d = s->d, .c = c, .lw = lw, .ridge = ridge};
  open_newton(&newton, &t, diagonal);
  for (int64_t k = 0; k < 20; k++) {
    old[k] = 3 * k;
    extra[k] = 0.3;
  }
  assert_int_equal(factor(&t, 20, old, extra), BVL_OK);
  for (int64_t k = 0; k < 20; k += 4) old[k] = -1;
  set_weights(s, 0.1, lw, ridge);
  assert_int_equal(bvl_distributed_newton_start(&newton, &p, zero, 20, old), BVL_OK);
  assert_int_equal(bvl_distributed_newton_solve(&newton, &p, 1e-12, 0, &outcome), BVL_OK);
  assert_true(outcome.solved);
  assert_true(violation(s, lw, ridge, newton.b) <= TOLERANCE);
  bvl_distributed_newton_free(&newton);
  bvl_factor_free(&t.factor);
}

static void test_a_failed_call_is_handed_on(void **state)
{
  (void)state;
  const setting *s = &settings[2];
  bvl_distributed_newton newton = {.capacity = 0};
  team t = {.d = s->d};
  bvl_active_outcome outcome;
  double lw[D], ridge[D], diagonal[D];
  double zero[D] = {0};
  make(s);
  bvl_lasso p = {.d = s->d, .c = c, .lw = lw, .ridge = ridge};
  open_newton(&newton, &t, diagonal);
  newton.calls.factor = fails;
  set_weights(s, 0.1, lw, ridge);
  assert_int_equal(bvl_distributed_newton_start(&newton, &p, zero, 0, NULL), BVL_OK);
  assert_int_equal(bvl_distributed_newton_solve(&newton, &p, 1e-12, 0, &outcome), BVL_ERR_NOMEM);
  bvl_distributed_newton_free(&newton);
}

BVL_TEST_MAIN(cmocka_unit_test(test_path_is_stationary),
              cmocka_unit_test(test_a_stale_factor_serves),
              cmocka_unit_test(test_a_failed_call_is_handed_on))
