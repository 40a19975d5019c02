/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's face of training: a network, its rows, its penalty and its trainer in one object.
 * Words of the options are looked up here; what they mean is in the rooms they come from. */
#include "bevel/learner.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "net/train.h"
#include "penalty/penalty.h"

/* A parameter made of factors and below this stands for an exact zero: the loss cannot tell. */
#define TINY 1e-8

struct bvl_learner {
  const bvl_grid *grid; /* borrowed */
  bvl_net *net;         /* owned, as all below */
  bvl_net_rows *rows;
  bvl_penalty penalty; /* type NULL = none */
  bvl_sparsity *sparsity;
  bvl_net_objective *objective;
  bvl_train *train;
};

void bvl_learner_options_init(bvl_learner_options *options)
{
  *options = (bvl_learner_options){.activation = "relu",
                                   .family = "gaussian",
                                   .structure = "input",
                                   .single = 1,
                                   .optimizer = "adam",
                                   .schedule = "cosine",
                                   .step = 1e-3,
                                   .epochs = 100,
                                   .batch = 100,
                                   .seed = 1};
}

/* ---- words ----------------------------------------------------------------------------------- */

static bvl_status find_word(const char *what, const char *word, size_t n, const char *const *words,
                            int *out)
{
  for (size_t k = 0; word != NULL && k < n; k++)
    if (strcmp(word, words[k]) == 0) {
      *out = (int)k;
      return BVL_OK;
    }
  return bvl_fail(BVL_ERR_USAGE, "%s %.40s: not available", what, word != NULL ? word : "NULL");
}
#define FIND_WORD(what, word, words, out)                                                          \
  find_word((what), (word), sizeof(words) / sizeof((words)[0]), (words), (out))

static bvl_status choose_layers(const bvl_learner_options *o, int by_output, bvl_architecture *arch)
{
  const int activation = o->activation != NULL ? bvl_activation_find(o->activation) : -1;
  if (activation < 0)
    return bvl_fail(BVL_ERR_USAGE, "activation %.40s: not available",
                    o->activation != NULL ? o->activation : "NULL");
  if (o->layers == NULL) return bvl_fail(BVL_ERR_USAGE, "no layers");
  const bvl_activation act = (bvl_activation)activation;
  bvl_status status = strchr(o->layers, '\n') != NULL ? bvl_architecture_read(o->layers, act, arch)
                      : o->layers[0] >= '0' && o->layers[0] <= '9'
                          ? bvl_architecture_dense(o->layers, act, arch)
                          : bvl_architecture_named(o->layers, act, arch);
  for (int64_t l = 0; status == BVL_OK && l + 1 < arch->n; l++)
    arch->layer[l].by_output = by_output;
  return status;
}

static bvl_status choose_sparsity(const bvl_learner_options *o, bvl_penalty *penalty,
                                  bvl_sparsity_options *out)
{
  static const char *const structures[] = {"element", "input", "neuron"};
  static const char *const trained[] = {"lasso", "lq", "group-lasso", "group-lq"};
  int structure = 0, which = 0;
  bvl_status status = FIND_WORD("structure", o->structure, structures, &structure);
  *out = (bvl_sparsity_options){
      .structure = (bvl_structure)structure, .lambda = o->lambda, .weight_decay = o->weight_decay};
  if (status != BVL_OK || o->penalty == NULL) return status;
  if (strcmp(o->penalty, "hoyer-square") == 0 || strcmp(o->penalty, "group-hs") == 0) {
    out->hoyer = o->penalty[0] == 'h' ? BVL_HOYER_SQUARE : BVL_HOYER_GROUP;
    out->hoyer_lambda = o->lambda;
    return BVL_OK;
  }
  status = FIND_WORD("penalty", o->penalty, trained, &which);
  if (status != BVL_OK) return status;
  status = bvl_penalty_init(bvl_penalty_find(o->penalty), o->parameters, penalty);
  out->penalty = penalty;
  return status;
}

static bvl_status choose_optimizer(const bvl_learner_options *o, bvl_optim_options *out)
{
  static const char *const methods[] = {"sgd", "momentum", "adam", "lbfgs"};
  static const char *const schedules[] = {"constant", "step", "cosine"};
  int method = 0, schedule = 0;
  bvl_status status = FIND_WORD("optimizer", o->optimizer, methods, &method);
  if (status == BVL_OK) status = FIND_WORD("schedule", o->schedule, schedules, &schedule);
  if (status != BVL_OK) return status;
  bvl_optim_options_init((bvl_optimizer)method, out);
  out->schedule = (bvl_schedule)schedule;
  out->step = o->step;
  out->epochs = o->epochs;
  out->seed = o->seed;
  return BVL_OK;
}

/* ---- create and destroy ---------------------------------------------------------------------- */

static bvl_status lay_out(const bvl_grid *grid, const bvl_source *source,
                          const bvl_learner_options *o, bvl_optim_options *optim,
                          bvl_sparsity_options *sparsity, bvl_learner *learner)
{
  bvl_architecture arch;
  bvl_status status = choose_sparsity(o, &learner->penalty, sparsity);
  if (status == BVL_OK) status = choose_optimizer(o, optim);
  const int grouped = learner->penalty.type != NULL && learner->penalty.type->grouped;
  const int by_output = grouped && sparsity->structure == BVL_BY_NEURON;
  if (status == BVL_OK) status = choose_layers(o, by_output, &arch);
  if (status != BVL_OK) return status;
  if (bvl_architecture_inputs(&arch) != source->p)
    return bvl_fail(BVL_ERR_USAGE, "the network has %" PRId64 " inputs, %s has %" PRId64 " columns",
                    bvl_architecture_inputs(&arch), source->name, source->p);
  if (o->batch < 0 || o->batch > source->n)
    return bvl_fail(BVL_ERR_USAGE, "batch %" PRId64 ": there are %" PRId64 " rows", o->batch,
                    source->n);
  if ((by_output || sparsity->hoyer == BVL_HOYER_GROUP) && grid->n_cols > 1)
    return bvl_fail(BVL_ERR_USAGE, "%s wants a grid of 1 column, not %d",
                    by_output ? "structure neuron" : "penalty group-hs", grid->n_cols);
  return bvl_net_create(grid, &arch, !o->single, &learner->net);
}

static bvl_status read_rows(const bvl_source *source, const bvl_learner_options *o, int full_batch,
                            bvl_learner *learner)
{
  const int64_t batch = o->batch > 0 && !full_batch ? o->batch : source->n;
  const int64_t n_slices = bvl_greater(1, (source->n + batch / 2) / bvl_greater(1, batch));
  const int64_t outputs = bvl_architecture_outputs(&learner->net->arch);
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_net_rows_create(learner->grid, source, o->family, outputs,
                              bvl_greater(1, o->n_responses), n_slices, o->context, o->read_rows,
                              &learner->rows));
  BVL_TRY(bvl_net_rows_scale(learner->rows, o->standardize ? BVL_SCALE_STANDARD : BVL_SCALE_NONE));
cleanup:
  return status;
}

static bvl_status make_trainer(const bvl_learner_options *o, const bvl_optim_options *optim,
                               const bvl_sparsity_options *sparsity, const bvl_monitor *monitor,
                               bvl_learner *learner)
{
  const bvl_comm *all = &learner->grid->all;
  bvl_status status = BVL_OK;
  double *params = NULL;
  BVL_TRY(bvl_agree(all, bvl_sparsity_create(learner->net, sparsity, &learner->sparsity)));
  BVL_TRY(bvl_net_objective_create(learner->net, learner->rows, learner->sparsity,
                                   &learner->objective));
  learner->objective->control.monitor = monitor;
  BVL_TRY(bvl_agree(all, BVL_ALLOC(&params, learner->net->n_params)));
  bvl_net_start(learner->net, o->seed, params);
  BVL_TRY(bvl_train_create(learner->objective, NULL, optim, params, &learner->train));
  BVL_TRY(bvl_net_objective_expand(learner->objective, learner->train->theta));
cleanup:
  free(params);
  return status;
}

bvl_status bvl_learner_create(const bvl_grid *grid, const bvl_source *source,
                              const bvl_learner_options *options, const bvl_monitor *monitor,
                              bvl_learner **out)
{
  bvl_status status = BVL_OK;
  bvl_learner *learner = NULL;
  bvl_optim_options optim = {0};
  bvl_sparsity_options sparsity = {0};
  *out = NULL;
  BVL_TRY(bvl_agree(&grid->all, BVL_ALLOC(&learner, 1)));
  learner->grid = grid;
  BVL_TRY(bvl_agree(&grid->all, lay_out(grid, source, options, &optim, &sparsity, learner)));
  BVL_TRY(read_rows(source, options, optim.method == BVL_OPTIM_LBFGS, learner));
  BVL_TRY(make_trainer(options, &optim, &sparsity, monitor, learner));
  *out = learner;
  learner = NULL;
cleanup:
  bvl_learner_destroy(&learner);
  return status;
}

void bvl_learner_destroy(bvl_learner **learner)
{
  if (*learner == NULL) return;
  bvl_train_destroy(&(*learner)->train);
  bvl_net_objective_destroy(&(*learner)->objective);
  bvl_sparsity_destroy(&(*learner)->sparsity);
  bvl_net_rows_destroy(&(*learner)->rows);
  bvl_net_destroy(&(*learner)->net);
  free(*learner);
  *learner = NULL;
}

/* ---- training and what it came to ------------------------------------------------------------ */

bvl_status bvl_learner_train(bvl_learner *learner)
{
  const bvl_status status = bvl_train_run(learner->train, INFINITY, NULL, NULL);
  double *params = learner->objective->params;
  if (learner->penalty.type == NULL) return status;
  for (int64_t k = 0; k < learner->net->n_params; k++)
    if (fabs(params[k]) <= TINY) params[k] = 0.0;
  return status;
}

/* Is this rank the one that counts parameter k? The head is on every rank, the first layer's part
 * on every rank of a grid column. */
static int is_mine(const bvl_learner *learner, int64_t k)
{
  return learner->grid->i == 0 && (k < learner->net->n_first || learner->grid->j == 0);
}

bvl_status bvl_learner_measure(bvl_learner *learner, bvl_learner_figures *out)
{
  bvl_status status = BVL_OK;
  bvl_pass_sums sums = {0};
  double counts[2] = {0.0, 0.0};
  const double *params = learner->objective->params;
  for (int64_t k = 0; k < learner->net->n_params; k++) {
    if (!is_mine(learner, k)) continue;
    counts[0] += fabs(params[k]);
    counts[1] += params[k] != 0.0;
  }
  BVL_TRY(bvl_sum(&learner->grid->all, counts, 2));
  BVL_TRY(bvl_net_objective_try(learner->objective, learner->rows, &sums));
  *out = (bvl_learner_figures){.epochs = learner->train->n_epochs,
                               .diverged = learner->train->diverged,
                               .loss = sums.loss / sums.weight,
                               .accuracy = bvl_pass_accuracy(learner->rows, &sums),
                               .l1 = counts[0],
                               .n_nonzero = (int64_t)counts[1],
                               .n_all = learner->net->n_all};
cleanup:
  return status;
}

/* Adds a tensor's entries of this rank to their places among all. */
static void place_tensor(const bvl_learner *learner, const bvl_tensor *t, double *out)
{
  const bvl_net *net = learner->net;
  const bvl_layer *layer = &net->arch.layer[t->layer];
  for (int64_t o = 0; o < t->outputs; o++)
    for (int64_t k = 0; k < t->columns; k++) {
      const int64_t from = bvl_tensor_place(net, t, o, k);
      const int64_t column = t->is_bias ? 0 : bvl_layer_file_index(layer, t->first_column + k);
      if (is_mine(learner, from))
        out[o * t->all_columns + column] = learner->objective->params[from];
    }
}

bvl_status bvl_learner_parameters(bvl_learner *learner, int64_t n, double *out)
{
  const bvl_net *net = learner->net;
  int64_t begin = 0;
  bvl_status status = BVL_OK;
  if (n != net->n_all)
    status = bvl_fail(BVL_ERR_USAGE, "%" PRId64 " numbers for %" PRId64 " parameters", n,
                      net->n_all);
  BVL_TRY(bvl_agree(&learner->grid->all, status));
  for (int64_t k = 0; k < n; k++) out[k] = 0.0;
  for (int64_t q = 0; q < net->n_tensors; q++) {
    const bvl_tensor *t = &net->tensor[q];
    place_tensor(learner, t, out + begin);
    begin += t->outputs * t->all_columns;
  }
  BVL_TRY(bvl_sum(&learner->grid->all, out, n));
cleanup:
  return status;
}

/* ---- prediction ------------------------------------------------------------------------------ */

/* Outputs of the local rows to their input rows of `out`, by one rank of each grid row. */
static bvl_status run_rows(bvl_learner *learner, bvl_net_rows *rows, double *eta, double *out)
{
  const bvl_design *X = rows->X;
  const int64_t n = bvl_design_n_local(X), K = rows->outputs;
  bvl_pass_sums sums = {0};
  bvl_status status = BVL_OK;
  bvl_pass_load(learner->objective->pass, learner->objective->params);
  BVL_TRY(bvl_pass_run(learner->objective->pass, rows, 0, n, 0, NULL, &sums, 1.0, NULL, eta, n));
  for (int64_t i = 0; learner->grid->j == 0 && i < n; i++)
    for (int64_t k = 0; k < K; k++) out[bvl_design_input_row(X, i) * K + k] = eta[i + k * n];
cleanup:
  return status;
}

bvl_status bvl_learner_predict(bvl_learner *learner, const bvl_source *source, double *out)
{
  const bvl_design_options options = {.n_slices = 1, .row_access = 1, .equal_columns = 1};
  const bvl_design *learnt = learner->rows->X;
  const bvl_comm *all = &learner->grid->all;
  const int64_t K = learner->rows->outputs;
  bvl_net_rows rows = {.outputs = K};
  bvl_status status = BVL_OK;
  double *eta = NULL;
  if (source->p != bvl_design_p(learnt))
    status = bvl_fail(BVL_ERR_USAGE, "%s has %" PRId64 " columns, the network %" PRId64,
                      source->name, source->p, bvl_design_p(learnt));
  BVL_TRY(bvl_agree(all, status));
  BVL_TRY(bvl_design_create(learner->grid, source, &options, &rows.X));
  status = bvl_design_set_scaling(rows.X, bvl_design_center(learnt), bvl_design_scale(learnt));
  if (status == BVL_OK && bvl_design_fill(learnt) != NULL && bvl_design_fill(rows.X) != NULL)
    bvl_design_set_fill(rows.X, bvl_design_fill(learnt));
  if (status == BVL_OK) status = BVL_ALLOC(&eta, bvl_design_n_local(rows.X) * K);
  BVL_TRY(bvl_agree(all, status));
  memset(out, 0, (size_t)(source->n * K) * sizeof *out);
  BVL_TRY(bvl_agree(all, run_rows(learner, &rows, eta, out)));
  BVL_TRY(bvl_sum(all, out, source->n * K));
cleanup:
  free(eta);
  bvl_design_destroy(&rows.X);
  return status;
}
