/* SPDX-License-Identifier: BSD-3-Clause */
/* Flags of train: whether they make sense together, and what follows from them. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "flag_table.h"
#include "penalty/penalty.h"
#include "surrogate/surrogate.h"

enum { WORD_ELEMENT, WORD_INPUT, WORD_NEURON, WORD_FILTER };

static int is_factored(const char *penalty)
{
  return bvl_penalty_find(penalty) != NULL;
}

/* Flags that the chosen penalty or solver would ignore. */
static int check_idle(const settings *s, char error[FLAGS_ERROR_BYTES])
{
  const bvl_train_options *t = &s->train;
  const int none = strcmp(t->penalty, "none") == 0;
  const int grouped = strncmp(t->penalty, "group-", 6) == 0 && is_factored(t->penalty);
  const int power = strcmp(t->penalty, "lq") == 0 || strcmp(t->penalty, "group-lq") == 0;
  const int cut = flag_given(s, "prune-threshold") || flag_given(s, "prune-std");
  const struct {
    const char *flag, *who;
    int works;
  } needs[] = {
      {"lambda", "a --penalty", !none},
      {"structure", "--penalty group-lasso or group-lq", grouped},
      {"param", "--penalty lasso, lq, group-lasso or group-lq", is_factored(t->penalty)},
      {"q", "--penalty lq or group-lq", power},
      {"depth", "--penalty lq or group-lq", power},
      {"finetune-epochs", "--prune-threshold or --prune-std", cut},
      {"finetune-lr", "--finetune-epochs", flag_given(s, "finetune-epochs")},
      {"lr", "--solver sgd, momentum or adam", s->optimizer != BVL_OPTIM_LBFGS},
      {"schedule", "--solver sgd, momentum or adam", s->optimizer != BVL_OPTIM_LBFGS},
      {"checkpoint-every", "--checkpoint FILE", t->checkpoint != NULL},
      {"resume", "--checkpoint FILE", t->checkpoint != NULL},
  };
  for (size_t k = 0; k < sizeof needs / sizeof needs[0]; k++) {
    if (needs[k].works || !flag_given(s, needs[k].flag)) continue;
    snprintf(error, FLAGS_ERROR_BYTES, "--%s goes with %s", needs[k].flag, needs[k].who);
    return -1;
  }
  if (!none && !flag_given(s, "lambda"))
    return flag_complain(error, "--lambda L is missing: the level of --penalty");
  if (flag_given(s, "prune-threshold") && flag_given(s, "prune-std"))
    return flag_complain(error, "--prune-threshold and --prune-std: one of them");
  if (flag_given(s, "test-fraction") && flag_given(s, "train-index"))
    return flag_complain(error, "--test-fraction and --train-index: one of them");
  return 0;
}

/* A map that induces the penalty at its depth. */
static int check_map(settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_train_options *t = &s->train;
  bvl_penalty pen;
  bvl_surrogate map;
  const bvl_penalty_type *type = bvl_penalty_find(t->penalty);
  if (flag_given(s, "depth")) {
    if (flag_given(s, "q") && fabs(t->parameters.q * s->depth - 2.0) > 1e-9)
      return flag_complain(error, "--q and --depth: q is 2/depth");
    t->parameters.q = 2.0 / s->depth;
  }
  if (type == NULL) return 0;
  if (bvl_penalty_init(type, &t->parameters, &pen) == BVL_OK &&
      bvl_surrogate_find(t->param, &pen, 0, &map) == BVL_OK)
    return 0;
  snprintf(error, FLAGS_ERROR_BYTES, "%s", bvl_last_error());
  return -1;
}

int check_train_flags(settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_train_options *t = &s->train;
  bvl_network_options *network = &t->network;
  if ((network->layers == NULL) == (network->arch == NULL))
    return flag_complain(error, network->layers == NULL
                                    ? "--layers P-H-K or --arch NAME|FILE is missing"
                                    : "--layers and --arch: one of them");
  if (check_idle(s, error) != 0 || check_map(s, error) != 0) return -1;
  network->data = s->file;
  t->output = s->output;
  network->activation = (bvl_activation)s->activation;
  network->scaling = (bvl_scaling)s->scaling;
  network->whole_inputs = strcmp(t->penalty, "group-hs") == 0;
  t->structure = s->structure >= WORD_NEURON ? BVL_BY_NEURON : (bvl_structure)s->structure;
  network->by_output = is_factored(t->penalty) && strncmp(t->penalty, "group-", 6) == 0 &&
                       t->structure == BVL_BY_NEURON;
  t->optim.method = (bvl_optimizer)s->optimizer;
  t->optim.schedule = (bvl_schedule)s->schedule;
  t->optim.seed = network->seed;
  if (t->optim.method == BVL_OPTIM_LBFGS && !flag_given(s, "batch")) network->batch = 0;
  if (t->checkpoint == NULL) t->checkpoint_every_s = INFINITY;
  return 0;
}
