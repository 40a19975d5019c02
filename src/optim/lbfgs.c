/* SPDX-License-Identifier: BSD-3-Clause */
/* L-BFGS (Nocedal 1980) with the two-loop recursion run on coefficients: beside the m pairs (s, y)
 * a small table of their inner products is kept, so that the direction
 *
 *     d = -H g = -(c_g g + sum_k a_k s_k + b_k y_k)
 *
 * needs no further reduction. Line search: Armijo and curvature conditions (weak Wolfe) by
 * bracketing and safeguarded interpolation from step 1, with Hager and Zhang's approximate form
 * where the value no longer resolves the decrease. Every trial step reduces 4m + 7 inner products
 * at once, which are the next table if it is accepted.
 *
 * Traffic: per evaluation, eval's own and one allreduce of 4m + 8 doubles. Local cost per
 * iteration: about 6m n_local multiply-adds. */
#include "optim/method.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { FALL_WINDOW = 5, MAX_TRIALS = 30 };

/* Inner products at a trial point x + s with gradient g1, y = g1 - g: first 4 per pair k, then 7.
 */
enum { S_Y, Y_Y, S_G, Y_G, PER_PAIR };
enum { NEW_SS, NEW_SY, NEW_YY, NEW_SG, NEW_YG, NEW_GG, NEW_SLOPE, N_NEW };

typedef struct {
  int64_t memory;       /* m */
  int64_t n_pairs;      /* pairs held, oldest first */
  double **s;           /* m + 1 vectors of n_local, owned; slot n_pairs (or m) is the trial's */
  double **y;           /* likewise */
  double *sy;           /* m x m: s_i'y_j, i <= j */
  double *yy;           /* m x m: y_i'y_j, both triangles */
  double *sg;           /* m: s_i'g */
  double *yg;           /* m: y_i'g */
  double gg;            /* g'g */
  int64_t has_gradient; /* value, grad and the products with g are those of theta */
  double fall[FALL_WINDOW]; /* values of the last iterations, a ring over `iterations` */
  int64_t n_fall;
  double *direction;   /* n_local */
  double *trial;       /* n_local */
  double *trial_grad;  /* n_local */
  double *products;    /* PER_PAIR m + N_NEW */
  const double **left; /* PER_PAIR m + N_NEW: the vectors of each product */
  const double **right;
  double *coef; /* 2m: alpha, then the coefficients of s */
} lbfgs;

static void reset(bvl_optim *optim)
{
  lbfgs *m = optim->memory;
  m->n_pairs = 0;
  m->n_fall = 0;
  m->has_gradient = 0;
}

static bvl_status create(bvl_optim *optim)
{
  bvl_status status = BVL_OK;
  lbfgs *m = NULL;
  int64_t n = optim->objective->space.n_local, pairs = optim->options.memory;
  BVL_TRY(BVL_ALLOC(&m, 1));
  optim->memory = m;
  m->memory = pairs;
  BVL_TRY(BVL_ALLOC(&m->s, pairs + 1));
  BVL_TRY(BVL_ALLOC(&m->y, pairs + 1));
  for (int64_t k = 0; k <= pairs; k++) {
    BVL_TRY(BVL_ALLOC(&m->s[k], n));
    BVL_TRY(BVL_ALLOC(&m->y[k], n));
  }
  BVL_TRY(BVL_ALLOC(&m->sy, pairs * pairs));
  BVL_TRY(BVL_ALLOC(&m->yy, pairs * pairs));
  BVL_TRY(BVL_ALLOC(&m->sg, pairs));
  BVL_TRY(BVL_ALLOC(&m->yg, pairs));
  BVL_TRY(BVL_ALLOC(&m->direction, n));
  BVL_TRY(BVL_ALLOC(&m->trial, n));
  BVL_TRY(BVL_ALLOC(&m->trial_grad, n));
  BVL_TRY(BVL_ALLOC(&m->products, PER_PAIR * pairs + N_NEW));
  BVL_TRY(BVL_ALLOC(&m->left, PER_PAIR * pairs + N_NEW));
  BVL_TRY(BVL_ALLOC(&m->right, PER_PAIR * pairs + N_NEW));
  BVL_TRY(BVL_ALLOC(&m->coef, 2 * pairs));
cleanup:
  return status;
}

static void destroy(bvl_optim *optim)
{
  lbfgs *m = optim->memory;
  if (m == NULL) return;
  for (int64_t k = 0; k <= m->memory; k++) {
    if (m->s != NULL) free(m->s[k]);
    if (m->y != NULL) free(m->y[k]);
  }
  free(m->s);
  free(m->y);
  free(m->sy);
  free(m->yy);
  free(m->sg);
  free(m->yg);
  free(m->direction);
  free(m->trial);
  free(m->trial_grad);
  free(m->products);
  free(m->left);
  free(m->right);
  free(m->coef);
  free(m);
}

/* --- direction --- */

/* The two-loop recursion on the table: coefficients of H g on s (coef[memory ..]) and, negated, on
 * y (coef[0 ..]); returns the one on g. */
static double two_loop(lbfgs *m)
{
  int64_t ld = m->memory, n = m->n_pairs;
  double *alpha = m->coef, *on_s = m->coef + ld;
  if (n == 0) return fmin(1.0, 1.0 / sqrt(m->gg));
  for (int64_t i = n - 1; i >= 0; i--) {
    double along = m->sg[i];
    for (int64_t j = i + 1; j < n; j++) along -= alpha[j] * m->sy[i * ld + j];
    alpha[i] = along / m->sy[i * ld + i];
  }
  double gamma = m->sy[(n - 1) * ld + n - 1] / m->yy[(n - 1) * ld + n - 1];
  for (int64_t i = 0; i < n; i++) {
    double along = m->yg[i];
    for (int64_t j = 0; j < n; j++) along -= alpha[j] * m->yy[i * ld + j];
    along *= gamma;
    for (int64_t j = 0; j < i; j++) along += on_s[j] * m->sy[j * ld + i];
    on_s[i] = alpha[i] - along / m->sy[i * ld + i];
  }
  for (int64_t i = 0; i < n; i++) alpha[i] *= gamma;
  return gamma;
}

/* direction = -H g. */
static void make_direction(bvl_optim *optim)
{
  lbfgs *m = optim->memory;
  int64_t n = optim->objective->space.n_local;
  double on_g = two_loop(m);
  for (int64_t i = 0; i < n; i++) m->direction[i] = -on_g * optim->grad[i];
  for (int64_t k = 0; k < m->n_pairs; k++) {
    double on_y = m->coef[k], on_s = m->coef[m->memory + k];
    for (int64_t i = 0; i < n; i++) m->direction[i] += on_y * m->y[k][i] - on_s * m->s[k][i];
  }
}

/* --- evaluation --- */

/* Rank 0's value is everyone's: the others add 0 to the reduction that follows. */
static void keep_one_value(const bvl_objective *objective, double *value)
{
  if (objective->space.comm->rank != 0) *value = 0.0;
}

/* Value and gradient at the first theta, with g'g. */
static bvl_status start(bvl_optim *optim, const double *theta, int *wants)
{
  lbfgs *m = optim->memory;
  const bvl_objective *objective = optim->objective;
  const double *g[] = {optim->grad};
  bvl_status status = objective->eval(objective->context, theta, -1, &optim->value, optim->grad,
                                      wants);
  if (status != BVL_OK) return status;
  optim->evaluations++;
  m->has_gradient = 1;
  keep_one_value(objective, &optim->value);
  return bvl_space_dots(&objective->space, 1, g, g, &m->gg, 1, &optim->value);
}

/* Lists the products at a trial point; returns how many. */
static int64_t list_products(const bvl_optim *optim, lbfgs *m)
{
  int64_t pairs = m->n_pairs, k = 0;
  const double *s = m->s[pairs], *y = m->y[pairs], *g = m->trial_grad;
  for (int64_t q = 0; q < pairs; q++) {
    const double *of_pair[PER_PAIR][2] = {
        [S_Y] = {m->s[q], y}, [Y_Y] = {m->y[q], y}, [S_G] = {m->s[q], g}, [Y_G] = {m->y[q], g}};
    for (int e = 0; e < PER_PAIR; e++, k++) {
      m->left[k] = of_pair[e][0];
      m->right[k] = of_pair[e][1];
    }
  }
  const double *of_trial[N_NEW][2] = {[NEW_SS] = {s, s},
                                      [NEW_SY] = {s, y},
                                      [NEW_YY] = {y, y},
                                      [NEW_SG] = {s, g},
                                      [NEW_YG] = {y, g},
                                      [NEW_GG] = {g, g},
                                      [NEW_SLOPE] = {s, optim->grad}};
  for (int e = 0; e < N_NEW; e++, k++) {
    m->left[k] = of_trial[e][0];
    m->right[k] = of_trial[e][1];
  }
  return k;
}

/* Evaluates theta + t direction into the trial slot. A trial that is not finite has *value NAN. */
static bvl_status try_step(bvl_optim *optim, const double *theta, double t, double *value,
                           int *wants)
{
  lbfgs *m = optim->memory;
  const bvl_objective *objective = optim->objective;
  int64_t n = objective->space.n_local;
  double *s = m->s[m->n_pairs], *y = m->y[m->n_pairs];
  bvl_status status = BVL_OK;
  int asked = 0;
  for (int64_t i = 0; i < n; i++) {
    s[i] = t * m->direction[i];
    m->trial[i] = theta[i] + s[i];
  }
  BVL_TRY(objective->eval(objective->context, m->trial, -1, value, m->trial_grad, &asked));
  *wants |= asked;
  optim->evaluations++;
  for (int64_t i = 0; i < n; i++) y[i] = m->trial_grad[i] - optim->grad[i];
  keep_one_value(objective, value);
  BVL_TRY(bvl_space_dots(&objective->space, list_products(optim, m), m->left, m->right, m->products,
                         1, value));
  if (!isfinite(*value) || !isfinite(m->products[PER_PAIR * m->n_pairs + NEW_GG])) *value = NAN;
cleanup:
  return status;
}

/* --- the table --- */

/* Drops the oldest pair; its vectors become the slot behind the last. */
static void drop_oldest(lbfgs *m, double *products)
{
  int64_t ld = m->memory, last = m->n_pairs;
  double *s = m->s[0], *y = m->y[0];
  memmove(m->s, m->s + 1, (size_t)last * sizeof *m->s);
  memmove(m->y, m->y + 1, (size_t)last * sizeof *m->y);
  m->s[last] = s;
  m->y[last] = y;
  for (int64_t i = 1; i < last; i++) {
    memmove(m->sy + (i - 1) * ld, m->sy + i * ld + 1, (size_t)(last - 1) * sizeof *m->sy);
    memmove(m->yy + (i - 1) * ld, m->yy + i * ld + 1, (size_t)(last - 1) * sizeof *m->yy);
  }
  memmove(products, products + PER_PAIR,
          (size_t)(PER_PAIR * (last - 1) + N_NEW) * sizeof *products);
  m->n_pairs--;
}

/* The trial becomes theta; its pair enters the table when its curvature is positive. */
static void accept(bvl_optim *optim, double value, double *theta)
{
  lbfgs *m = optim->memory;
  int64_t n = optim->objective->space.n_local, ld = m->memory;
  const double *new = m->products + PER_PAIR * m->n_pairs;
  memcpy(theta, m->trial, (size_t)n * sizeof *theta);
  memcpy(optim->grad, m->trial_grad, (size_t)n * sizeof *theta);
  optim->value = value;
  optim->iterations++;
  m->gg = new[NEW_GG];
  int keep = new[NEW_SY] > 1e-12 * sqrt(new[NEW_SS] * new[NEW_YY]);
  if (keep && m->n_pairs == ld) {
    drop_oldest(m, m->products);
    new -= PER_PAIR;
  }
  for (int64_t k = 0; k < m->n_pairs; k++) {
    m->sg[k] = m->products[PER_PAIR * k + S_G];
    m->yg[k] = m->products[PER_PAIR * k + Y_G];
  }
  if (!keep) return;
  int64_t last = m->n_pairs++;
  for (int64_t k = 0; k < last; k++) {
    m->sy[k * ld + last] = m->products[PER_PAIR * k + S_Y];
    m->yy[k * ld + last] = m->yy[last * ld + k] = m->products[PER_PAIR * k + Y_Y];
  }
  m->sy[last * ld + last] = new[NEW_SY];
  m->yy[last * ld + last] = new[NEW_YY];
  m->sg[last] = new[NEW_SG];
  m->yg[last] = new[NEW_YG];
}

/* --- line search --- */

typedef struct {
  double t, value, slope;
} bracket_end;

/* Minimiser of the cubic through two ends with their slopes, kept to the middle 80 % between them.
 */
static double interpolate(bracket_end a, bracket_end b)
{
  double width = b.t - a.t;
  double best = 0.5;
  if (isfinite(b.value)) {
    double theta = 3.0 * (a.value - b.value) / width + a.slope + b.slope;
    double root = theta * theta - a.slope * b.slope;
    double w = root >= 0.0 ? sqrt(root) : 0.0;
    double bottom = b.slope - a.slope + 2.0 * w;
    if (bottom != 0.0) best = 1.0 - (b.slope + w - theta) / bottom;
  } else {
    best = 0.1;
  }
  if (!(best >= 0.1)) best = 0.1;
  return a.t + width * fmin(best, 0.9);
}

typedef enum { STEP_TAKEN, STEP_TOO_SMALL, STEP_NOT_FINITE } step_outcome;

/* Finds an acceptable step along the direction and takes it. */
static bvl_status line_search(bvl_optim *optim, double *theta, int *wants, step_outcome *outcome)
{
  const double armijo = 1e-4, curvature = 0.9, noise = 1e-14;
  lbfgs *m = optim->memory;
  bracket_end low = {0.0, optim->value, 0.0}, high = {INFINITY, NAN, NAN};
  double slope0 = 0.0, t = 1.0;
  int finite = 0;
  for (int trial = 0; trial < MAX_TRIALS; trial++) {
    double value = NAN;
    bvl_status status = try_step(optim, theta, t, &value, wants);
    if (status != BVL_OK) return status;
    const double *new = m->products + PER_PAIR * m->n_pairs;
    if (isnan(value)) {
      high = (bracket_end){t, NAN, NAN};
      t = interpolate(low, high);
      continue;
    }
    finite = 1;
    slope0 = new[NEW_SLOPE] / t;
    if (low.t == 0.0) low.slope = slope0;
    if (!(slope0 < 0.0)) break; /* rounding has made the direction useless */
    bracket_end here = {t, value, new[NEW_SG] / t};
    int falls = value <= optim->value + armijo * t * slope0 ||
                (value <= optim->value + noise * fabs(optim->value) &&
                 here.slope <= (2.0 * armijo - 1.0) * slope0);
    if (falls && here.slope >= curvature * slope0) {
      accept(optim, value, theta);
      *outcome = STEP_TAKEN;
      return BVL_OK;
    }
    if (falls)
      low = here;
    else
      high = here;
    t = isinf(high.t) ? 2.0 * t : interpolate(low, high);
  }
  *outcome = finite ? STEP_TOO_SMALL : STEP_NOT_FINITE;
  return BVL_OK;
}

/* --- running --- */

/* Has the value fallen by less than the tolerance over the window? Remembers it. */
static int has_stalled(bvl_optim *optim)
{
  lbfgs *m = optim->memory;
  double *slot = &m->fall[m->n_fall++ % FALL_WINDOW];
  double before = *slot;
  *slot = optim->value;
  return optim->options.decrease_tol > 0.0 && m->n_fall > FALL_WINDOW &&
         before - optim->value < optim->options.decrease_tol * fabs(optim->value);
}

static bvl_status run(bvl_optim *optim, double until, double *theta, bvl_optim_outcome *outcome)
{
  lbfgs *m = optim->memory;
  const bvl_optim_options *options = &optim->options;
  bvl_status status = BVL_OK;
  outcome->stop = BVL_STOP_MAX_ITER;
  if (!m->has_gradient) BVL_TRY(start(optim, theta, &outcome->wants));
  if (!isfinite(optim->value) || !isfinite(m->gg)) {
    m->has_gradient = 0;
    outcome->stop = BVL_STOP_DIVERGED;
    goto cleanup;
  }
  while ((double)optim->iterations < until) {
    step_outcome step = STEP_TOO_SMALL;
    if (m->gg == 0.0 || sqrt(m->gg) <= options->gradient_tol * fmax(1.0, fabs(optim->value))) {
      outcome->stop = BVL_STOP_CONVERGED;
      break;
    }
    if (outcome->wants != 0) {
      outcome->stop = BVL_STOP_WANTED;
      break;
    }
    make_direction(optim);
    BVL_TRY(line_search(optim, theta, &outcome->wants, &step));
    if (step != STEP_TAKEN && m->n_pairs > 0) {
      m->n_pairs = 0; /* once more, along the gradient */
      continue;
    }
    if (step != STEP_TAKEN) {
      outcome->stop = step == STEP_NOT_FINITE ? BVL_STOP_DIVERGED : BVL_STOP_CONVERGED;
      break;
    }
    if (has_stalled(optim)) {
      outcome->stop = BVL_STOP_CONVERGED;
      break;
    }
  }
cleanup:
  outcome->gradient_norm = sqrt(m->gg);
  outcome->epochs = (double)optim->evaluations;
  return status;
}

static bvl_status visit_numbers(const bvl_optim_visitor *visitor, const char *name, int64_t n,
                                double *values)
{
  char text[32];
  for (int64_t k = 0; k < n; k++) {
    snprintf(text, sizeof text, "%s%d", name, (int)k);
    bvl_status status = visitor->number(visitor->context, text, &values[k]);
    if (status != BVL_OK) return status;
  }
  return BVL_OK;
}

static bvl_status visit_vectors(const bvl_optim_visitor *visitor, const char *name, int64_t n,
                                double *const *values)
{
  char text[32];
  for (int64_t k = 0; k < n; k++) {
    snprintf(text, sizeof text, "%s%d", name, (int)k);
    bvl_status status = visitor->vector(visitor->context, text, values[k]);
    if (status != BVL_OK) return status;
  }
  return BVL_OK;
}

static bvl_status visit(bvl_optim *optim, const bvl_optim_visitor *visitor)
{
  lbfgs *m = optim->memory;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_visit_count(visitor, "has_gradient", &m->has_gradient));
  BVL_TRY(bvl_visit_count(visitor, "n_pairs", &m->n_pairs));
  BVL_TRY(bvl_visit_count(visitor, "n_fall", &m->n_fall));
  BVL_TRY(visit_numbers(visitor, "gg", 1, &m->gg));
  BVL_TRY(visit_numbers(visitor, "fall", FALL_WINDOW, m->fall));
  BVL_TRY(visit_numbers(visitor, "sy", m->memory * m->memory, m->sy));
  BVL_TRY(visit_numbers(visitor, "yy", m->memory * m->memory, m->yy));
  BVL_TRY(visit_numbers(visitor, "sg", m->memory, m->sg));
  BVL_TRY(visit_numbers(visitor, "yg", m->memory, m->yg));
  BVL_TRY(visitor->vector(visitor->context, "grad", optim->grad));
  BVL_TRY(visit_vectors(visitor, "s", m->n_pairs, m->s));
  BVL_TRY(visit_vectors(visitor, "y", m->n_pairs, m->y));
cleanup:
  return status;
}

const bvl_runner bvl_runner_lbfgs = {
    .create = create, .destroy = destroy, .run = run, .reset = reset, .visit = visit};
