/* SPDX-License-Identifier: BSD-3-Clause */
/* Pruning and compaction: outputs against the same network with its small weights at 0, nothing
 * left that could go, counts and masks recounted, on every grid the ranks allow. */
#include "bvl_test.h"

#include "base/rng.h"
#include "net/sparse/compact.h"
#include "net/sparse/prune.h"

enum { SAMPLES = 11 };

/* ---- a whole network on every rank -------------------------------------------------------------
 */

typedef struct whole {
  bvl_architecture arch;
  double *weight[BVL_NET_MAX_LAYERS];
  double *bias[BVL_NET_MAX_LAYERS];
} whole;

static void *zeros(int64_t n, size_t size)
{
  void *x = calloc((size_t)n + 1, size);
  assert_non_null(x);
  return x;
}

static void free_whole(whole *w)
{
  for (int l = 0; l < BVL_NET_MAX_LAYERS; l++) {
    free(w->weight[l]);
    free(w->bias[l]);
  }
}

/* Columns first .. first + n - 1 of a first layer from every rank of the grid row. */
static double *join(const bvl_grid *grid, const bvl_layer *layer, int64_t first, int64_t n,
                    const double *mine)
{
  const int64_t H = bvl_layer_outputs(layer), p = bvl_layer_fan_in(layer);
  double *all = zeros(H * p, sizeof *all);
  for (int64_t k = 0; k < n; k++)
    for (int64_t o = 0; o < H; o++)
      all[layer->by_output ? o * p + first + k : (first + k) * H + o] =
          mine[layer->by_output ? o * n + k : k * H + o];
  assert_int_equal(MPI_SUCCESS, MPI_Allreduce(MPI_IN_PLACE, all, (int)(H * p), MPI_DOUBLE, MPI_SUM,
                                              grid->row.mpi));
  return all;
}

static double *copy(int64_t n, const double *x)
{
  double *y = zeros(n, sizeof *y);
  memcpy(y, x, (size_t)n * sizeof *y);
  return y;
}

static void gather(const bvl_net *net, const double *params, whole *w)
{
  *w = (whole){.arch = net->arch};
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    if (t->is_bias)
      w->bias[t->layer] = copy(t->count, params + t->begin);
    else if (q == 0 && net->split)
      w->weight[0] = join(net->grid, &net->arch.layer[0], t->first_column, t->columns, params);
    else
      w->weight[t->layer] = copy(t->count, params + t->begin);
  }
}

static void gather_compact(const bvl_net *net, const bvl_compact *c, whole *w)
{
  *w = (whole){.arch = c->arch};
  for (int64_t l = 0; l < c->arch.n; l++) {
    const bvl_layer *layer = &c->arch.layer[l];
    const int64_t H = bvl_layer_outputs(layer);
    if (H == 0) continue;
    w->bias[l] = copy(H, c->params + c->bias[l]);
    if (l == 0 && net->split)
      w->weight[0] = join(net->grid, layer, c->first, c->n_first, c->params);
    else
      w->weight[l] = copy(H * bvl_layer_fan_in(layer), c->params + c->weight[l]);
  }
}

/* ---- what it computes --------------------------------------------------------------------------
 */

/* Outputs (x SAMPLES) for the inputs `kept` (NULL = all) of samples drawn in the file's order. */
static double *outputs(const whole *w, const bvl_real *real, const int64_t *kept)
{
  const bvl_picture *in = &w->arch.layer[0].in;
  const int64_t p = bvl_picture_size(in);
  /* a dense first layer takes columns as they come, else pictures have channels fastest */
  const int64_t channels = w->arch.layer[0].kind == BVL_LAYER_DENSE ? 1 : in->channels;
  double *x = zeros(p * SAMPLES, sizeof *x);
  for (int64_t i = 0; i < SAMPLES; i++)
    for (int64_t k = 0; k < p; k++)
      x[i * p + k % (p / channels) * channels + k / (p / channels)] = bvl_rng_normal(
          3, BVL_STREAM_INIT, (uint64_t)i, (uint64_t)(kept != NULL ? kept[k] : k));
  void *now = zeros(p * SAMPLES, real->bytes);
  real->from_double(p * SAMPLES, x, now);
  free(x);
  int64_t size = 0;
  for (int64_t l = 0; l < w->arch.n; l++) {
    const bvl_layer *layer = &w->arch.layer[l];
    const int64_t H = bvl_layer_outputs(layer), n_weights = H * bvl_layer_fan_in(layer);
    size = bvl_picture_size(&layer->out) * SAMPLES;
    void *out = zeros(size, real->bytes), *work = zeros(bvl_layer_work(layer, SAMPLES), 8);
    void *weight = zeros(n_weights, real->bytes), *bias = zeros(H, real->bytes);
    int32_t *where = zeros(size, sizeof *where);
    if (H > 0) real->from_double(n_weights, w->weight[l], weight);
    if (H > 0) real->from_double(H, w->bias[l], bias);
    real->forward(layer, SAMPLES, weight, bias, now, out, where, work);
    free(now);
    free(work);
    free(weight);
    free(bias);
    free(where);
    now = out;
  }
  double *y = zeros(size, sizeof *y);
  real->to_double(size, now, y);
  free(now);
  return y;
}

/* Largest difference relative to the largest output. */
static double distance(const whole *a, const whole *b, const bvl_real *real, const int64_t *kept)
{
  double *x = outputs(a, real, NULL), *y = outputs(b, real, kept), most = 0.0, largest = 0.0;
  const int64_t n = bvl_architecture_outputs(&a->arch) * SAMPLES;
  for (int64_t k = 0; k < n; k++) {
    most = fmax(most, fabs(x[k] - y[k]));
    largest = fmax(largest, fabs(x[k]));
  }
  free(x);
  free(y);
  return most / largest;
}

/* ---- a network with small weights and dead pieces ----------------------------------------------
 */

typedef struct sample {
  bvl_grid *grid;
  bvl_architecture arch;
  bvl_net *net;
  double *params;
  unsigned char *mask;
} sample;

static double draw(int64_t a, int64_t b)
{
  return bvl_rng_uniform(29, BVL_STREAM_INIT, (uint64_t)a, (uint64_t)b);
}

/* Weights uniform on [-1, 1); what some units gather, and what some channels or inputs send, is
 * small: the same on every grid. `share` of them; biases of both signs. */
static void fill(sample *s, double share)
{
  for (int64_t q = 0; q < s->net->n_tensors; q++) {
    const bvl_tensor *t = &s->net->tensor[q];
    const bvl_layer *layer = &s->arch.layer[t->layer];
    const int64_t n = t->layer == 0 && s->net->split ? t->all_columns : layer->in.channels;
    for (int64_t k = 0; k < t->columns; k++)
      for (int64_t o = 0; o < t->outputs; o++) {
        const int64_t at = t->first_column + k;
        const int cold = draw(100 + t->layer, o) < share || draw(200 + t->layer, at % n) < share;
        const double w = 2.0 * draw(q, at * t->outputs + o) - 1.0;
        s->params[bvl_tensor_place(s->net, t, o, k)] = w * (cold && !t->is_bias ? 1e-4 : 1.0);
      }
  }
}

static void make(sample *s, const char *text, int by_output, int n_rows, int n_cols, double share)
{
  *s = (sample){.grid = NULL};
  ASSERT_OK(bvl_architecture_read(text, BVL_RELU, &s->arch));
  for (int64_t l = 0; l < s->arch.n; l++) s->arch.layer[l].by_output = by_output;
  ASSERT_OK(bvl_grid_create(MPI_COMM_WORLD, n_rows, n_cols, &s->grid));
  ASSERT_OK(bvl_net_create(s->grid, &s->arch, 1, &s->net));
  s->params = zeros(s->net->n_params, sizeof *s->params);
  s->mask = zeros(s->net->n_params, 1);
  fill(s, share);
}

static void clean(sample *s)
{
  bvl_net_destroy(&s->net);
  bvl_grid_destroy(&s->grid);
  free(s->params);
  free(s->mask);
}

/* ---- what must hold ----------------------------------------------------------------------------
 */

/* The rule by its definition, two passes over the whole layer. */
static void cut_plainly(whole *w, const bvl_prune_rule *rule)
{
  for (int64_t l = 0; l < w->arch.n; l++) {
    const int64_t n = bvl_layer_outputs(&w->arch.layer[l]) * bvl_layer_fan_in(&w->arch.layer[l]);
    double mean = 0.0, variance = 0.0, cut = 0.0;
    for (int64_t k = 0; k < n; k++) mean += w->weight[l][k] / (double)n;
    for (int64_t k = 0; k < n; k++) variance += pow(w->weight[l][k] - mean, 2) / (double)n;
    if (!isnan(rule->threshold)) cut = rule->threshold;
    if (!isnan(rule->deviations)) cut = fmax(cut, rule->deviations * sqrt(variance));
    for (int64_t k = 0; k < n; k++)
      if (fabs(w->weight[l][k]) <= cut) w->weight[l][k] = 0.0;
  }
}

static int any_gathered(const whole *w, int64_t l, int64_t o)
{
  const bvl_layer *layer = &w->arch.layer[l];
  const int64_t H = bvl_layer_outputs(layer), p = bvl_layer_fan_in(layer);
  for (int64_t k = 0; k < p; k++)
    if (w->weight[l][layer->by_output ? o * p + k : k * H + o] != 0.0) return 1;
  return 0;
}

static int any_sent(const whole *w, int64_t l, int64_t channel)
{
  const bvl_layer *layer = &w->arch.layer[l];
  const int64_t H = bvl_layer_outputs(layer), p = bvl_layer_fan_in(layer);
  for (int64_t k = channel; k < p; k += layer->in.channels)
    for (int64_t o = 0; o < H; o++)
      if (w->weight[l][layer->by_output ? o * p + k : k * H + o] != 0.0) return 1;
  return 0;
}

static int64_t weighted_after(const bvl_architecture *arch, int64_t l)
{
  for (l++; l < arch->n; l++)
    if (bvl_layer_outputs(&arch->layer[l]) > 0) return l;
  return -1;
}

/* Nothing in the small network could still go. */
static int is_minimal(const whole *w)
{
  for (int64_t l = weighted_after(&w->arch, -1); l >= 0; l = weighted_after(&w->arch, l)) {
    const bvl_layer *layer = &w->arch.layer[l];
    const int64_t next = weighted_after(&w->arch, l);
    for (int64_t c = 0; c < layer->in.channels; c++)
      if (layer->in.channels > 1 && !any_sent(w, l, c)) return 0;
    for (int64_t o = 0; o < bvl_layer_outputs(layer) && next >= 0; o++)
      if (bvl_layer_outputs(layer) > 1 && !any_gathered(w, l, o) &&
          w->arch.layer[next].padding == 0)
        return 0;
  }
  return 1;
}

static int64_t count_nonzeros(const whole *w, int64_t l)
{
  const int64_t H = bvl_layer_outputs(&w->arch.layer[l]), p = bvl_layer_fan_in(&w->arch.layer[l]);
  int64_t n = 0;
  for (int64_t k = 0; k < H * p; k++) n += w->weight[l][k] != 0.0;
  for (int64_t o = 0; o < H; o++) n += w->bias[l][o] != 0.0;
  return n;
}

static void check_counts(const whole *pruned, const whole *small, const bvl_compact *compact,
                         const bvl_prune_counts *counts)
{
  int64_t left = 0, all = 0;
  for (int64_t l = 0; l < pruned->arch.n; l++) {
    const bvl_layer *layer = &pruned->arch.layer[l];
    const int64_t n = bvl_layer_outputs(layer) * (bvl_layer_fan_in(layer) + 1);
    ASSERT_ALL(counts->params[l] == n);
    ASSERT_ALL(counts->params_left[l] == count_nonzeros(pruned, l));
    ASSERT_ALL(counts->params_left[l] == count_nonzeros(small, l));
    ASSERT_ALL(counts->units[l] == bvl_layer_outputs(layer));
    ASSERT_ALL(counts->units_left[l] == bvl_layer_outputs(&small->arch.layer[l]));
    left += count_nonzeros(small, l);
    all += n;
  }
  ASSERT_ALL(counts->n_layers == pruned->arch.n);
  ASSERT_ALL(counts->left == left && counts->all == all);
  ASSERT_ALL(counts->all == bvl_architecture_parameters(&pruned->arch));
  ASSERT_ALL(counts->inputs == bvl_architecture_inputs(&pruned->arch));
  ASSERT_ALL(counts->inputs_left == compact->n_kept);
}

static void check_mask(const sample *s)
{
  int good = 1;
  for (int64_t q = 0; q < s->net->n_tensors; q++) {
    const bvl_tensor *t = &s->net->tensor[q];
    for (int64_t k = t->begin; k < t->begin + t->count; k++) {
      if (!t->is_bias) good &= (s->params[k] != 0.0) == (s->mask[k] != 0);
      if (!s->mask[k]) good &= s->params[k] == 0.0;
    }
  }
  ASSERT_ALL(good);
}

/* Returns the share of parameters that is left. */
static double check(sample *s, const bvl_prune_rule *rule)
{
  whole before, pruned, small;
  bvl_prune_counts counts;
  bvl_compact *compact = NULL;
  gather(s->net, s->params, &before);
  cut_plainly(&before, rule);
  ASSERT_OK(bvl_prune(s->net, rule, s->params, s->mask, &counts));
  ASSERT_OK(bvl_compact_create(s->net, s->params, &compact));
  gather(s->net, s->params, &pruned);
  gather_compact(s->net, compact, &small);
  /* sums of a few hundred terms in another order */
  ASSERT_ALL(bvl_test_near(distance(&before, &pruned, &bvl_real_f64, NULL), 0.0, 1e-12));
  ASSERT_ALL(bvl_test_near(distance(&before, &small, &bvl_real_f64, compact->kept), 0.0, 1e-12));
  ASSERT_ALL(bvl_test_near(distance(&before, &small, &bvl_real_f32, compact->kept), 0.0, 1e-6));
  ASSERT_ALL(is_minimal(&small));
  for (int64_t k = 1; k < compact->n_kept; k++)
    assert_true(compact->kept[k - 1] < compact->kept[k]);
  check_counts(&pruned, &small, compact, &counts);
  check_mask(s);
  bvl_compact_destroy(&compact);
  free_whole(&before);
  free_whole(&pruned);
  free_whole(&small);
  return (double)counts.left / (double)counts.all;
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static const char *const networks[] = {
    "input 13\ndense 9 relu\ndense 8 tanh\ndense 3\n",
    "input 2\ndense 30 tanh\ndense 1\n",
    "input 40\ndense 6 linear\ndense 12 relu\ndense 5 tanh\ndense 2\n",
    "input 21\ndense 4\n",
    "input 1x8x8\nconv 6 3x3 relu\npool 2x2\ndense 10 tanh\ndense 3\n",
    "input 3x9x8\nconv 5 3x3 tanh\npool 2x2\nconv 7 2x2 relu\ndense 3\n",
    "input 3x7x7\nconv 5 3x3 padding 1 tanh\nconv 6 3x3 padding 1 relu\npool 2x2\ndense 3\n",
    "input 4x6x6\npool 2x2\nconv 6 2x2 stride 1 tanh\nconv 4 2x2 padding 1 tanh\ndense 2\n",
    "input 3x2x2\ndense 6 tanh\ndense 2\n",
};

/* Every grid that the network and the ranks allow. */
static void over_grids(const bvl_prune_rule *rule, double share)
{
  const int size = bvl_test_size();
  for (size_t a = 0; a < sizeof networks / sizeof *networks; a++)
    for (int by_output = 0; by_output < 2; by_output++)
      for (int n_rows = 1; n_rows <= size; n_rows++) {
        const int dense = strstr(networks[a], "\ndense") == strchr(networks[a], '\n');
        if (size % n_rows != 0 || (n_rows < size && (by_output || !dense))) continue;
        sample s;
        make(&s, networks[a], by_output, n_rows, size / n_rows, share);
        assert_true(check(&s, rule) < 1.0);
        clean(&s);
      }
}

static void test_threshold(void **state)
{
  (void)state;
  const bvl_prune_rule rule = {.threshold = 1e-3, .deviations = NAN};
  over_grids(&rule, 0.15);
  over_grids(&rule, 0.4);
}

static void test_deviations(void **state)
{
  (void)state;
  const bvl_prune_rule rule = {.threshold = NAN, .deviations = 0.4};
  over_grids(&rule, 0.3);
}

/* All that is left of a network whose middle is gone is its last bias. */
static void test_dead_layer(void **state)
{
  (void)state;
  const bvl_prune_rule rule = {.threshold = 0.0, .deviations = NAN};
  for (size_t a = 0; a < sizeof networks / sizeof *networks; a++) {
    sample s;
    make(&s, networks[a], 0, bvl_test_size(), 1, 0.1);
    const bvl_tensor *last = &s.net->tensor[s.net->n_tensors - 2];
    memset(s.params + last->begin, 0, (size_t)last->count * sizeof *s.params);
    const double outputs_left = (double)bvl_architecture_outputs(&s.arch);
    assert_true(round(check(&s, &rule) * (double)s.net->n_all) <= outputs_left);
    clean(&s);
  }
}

/* With no rule at all only zeros go, and a network without any stays as it is. */
static void test_nothing_to_prune(void **state)
{
  (void)state;
  const bvl_prune_rule rule = {.threshold = NAN, .deviations = NAN};
  sample s;
  bvl_prune_counts counts;
  make(&s, networks[0], 0, 1, bvl_test_size(), 0.0);
  double *before = copy(s.net->n_params, s.params);
  ASSERT_OK(bvl_prune(s.net, &rule, s.params, NULL, &counts));
  ASSERT_ALL(memcmp(before, s.params, (size_t)s.net->n_params * sizeof *before) == 0);
  ASSERT_ALL(counts.left == counts.all && counts.inputs_left == 13);
  free(before);
  clean(&s);
}

static void test_refusal(void **state)
{
  (void)state;
  sample s;
  make(&s, networks[0], 0, 1, bvl_test_size(), 0.0);
  const bvl_prune_rule negative = {.threshold = -1.0, .deviations = NAN};
  ASSERT_ALL(bvl_prune(s.net, &negative, s.params, NULL, NULL) == BVL_ERR_USAGE);
  const bvl_prune_rule one_rank = {.threshold = NAN,
                                   .deviations = bvl_test_rank() == bvl_test_size() - 1 ? -1 : 1};
  ASSERT_ALL(bvl_prune(s.net, &one_rank, s.params, NULL, NULL) == BVL_ERR_USAGE);
  clean(&s);
}

BVL_TEST_MAIN_MPI(cmocka_unit_test(test_threshold), cmocka_unit_test(test_deviations),
                  cmocka_unit_test(test_dead_layer), cmocka_unit_test(test_nothing_to_prune),
                  cmocka_unit_test(test_refusal))
