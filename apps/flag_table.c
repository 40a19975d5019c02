/* SPDX-License-Identifier: BSD-3-Clause */
/* Every flag and command there is, those to come, and the manual printed from them. */
#include "flag_table.h"

#include <argp.h>
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "loss/loss.h"
#include "penalty/penalty.h"
#include "run/recipe.h"
#include "surrogate/surrogate.h"

/* ---- the table ------------------------------------------------------------------------------ */

enum {
  SOLVE = COMMANDS_SOLVE,
  TRAIN = COMMAND_TRAIN,
  FRONT = COMMAND_PARETO,
  WORDS = COMMAND_DICTIONARY,
  NETWORK = COMMAND_TRAIN | COMMAND_PARETO,
  IMPORT = COMMAND_IMPORT,
  STABLE = COMMAND_STABILITY,
  PATHS = COMMAND_PATH | COMMAND_CV | COMMAND_STABILITY,
  ASK = COMMAND_INFO, /* what a path's memory depends on */
  STUDY = COMMAND_STUDY,
  SAYS = COMMANDS_SOLVE | COMMAND_PREDICT | COMMAND_SIMULATE | COMMAND_TRAIN | COMMAND_PRUNE |
         COMMAND_PARETO | COMMAND_DICTIONARY | COMMAND_IMPORT | COMMAND_STUDY
};

#define AT(member) offsetof(settings, member)
#define FAMILIES "@families" /* filled in from the tables of loss/ and penalty/ */
#define PENALTIES "@penalties"
#define RECIPES "@recipes" /* of run/recipe.c */
#define PARAMS "@params"   /* of surrogate/ */
#define TRAIN_PENALTIES                                                                            \
  "none|lasso|lq|group-lasso|group-lq|hoyer-square|group-hs" /* of weights                         \
                                                              */
#define POSITIVE DBL_MIN, DBL_MAX, "a number above 0"
#define COUNT 1, 0x1p62, "an integer of at least 1"
#define ANY 0, 0, NULL

const flag flag_table[] = {
    {"output", KIND_TEXT,
     SOLVE | COMMAND_PREDICT | NETWORK | COMMAND_PRUNE | WORDS | IMPORT | STUDY, AT(output), ANY,
     "FILE", "result file (also -o)"},
    {"family", KIND_WORD, SOLVE | ASK, AT(run.family), 0, 0, FAMILIES, "NAME",
     "default: the data's attribute, else gaussian"},
    {"penalty", KIND_WORD, SOLVE | ASK, AT(run.penalty), 0, 0, PENALTIES, "NAME",
     "default lasso; mcp, scad, tl1, log, lq, l1-l2, also of groups, are not convex: a path of "
     "them is of "
     "stationary points, not proven global"},
    {"alpha", KIND_REAL, SOLVE | ASK, AT(run.parameters.alpha), 0, 1, "a number in [0, 1]", "A",
     "share of the l1 term: enet default 0.5, sparse-group-lasso 0.05; l1-l2, group-l1-l2: how "
     "much "
     "of the l2 norm is taken off, below 1, default 0.5"},
    {"gamma", KIND_REAL, SOLVE | ASK, AT(run.parameters.gamma), 1 + DBL_EPSILON, DBL_MAX,
     "a number above 1 (scad: above 2)", "G",
     "mcp, group-mcp: > 1, default 3; scad, group-scad (their a): > 2, default 3.7"},
    {"q", KIND_REAL, SOLVE | ASK, AT(run.parameters.q), DBL_MIN, 1, "a number in (0, 1]", "Q",
     "lq, group-lq: the power of the norm, default 0.5"},
    {"depth", KIND_REAL, SOLVE | ASK, AT(depth), 2, BVL_SURROGATE_MAX_FACTORS,
     "a number in [2, 64]", "D", "lq, group-lq by the depth of their factors: q = 2/D"},
    {"k1", KIND_REAL, SOLVE, AT(run.parameters.k1), 1, 63, "an integer in [1, 63]", "K",
     "lpq: factors of a column, p = 2/K, default 2"},
    {"k2", KIND_REAL, SOLVE, AT(run.parameters.k2), 1, 63, "an integer in [1, 63]", "K",
     "lpq: factors of a group, q = 2/(k1 + K), default 1"},
    {"tl1-a", KIND_REAL, SOLVE, AT(run.parameters.tl1_a), POSITIVE, "A",
     "tl1, group-tl1: default 1"},
    {"log-eps", KIND_REAL, SOLVE, AT(run.parameters.log_eps), POSITIVE, "E",
     "log, group-log: default 1"},
    {"lambda", KIND_REALS, SOLVE, AT(lambda), 0, DBL_MAX, "numbers of at least 0, with commas",
     "L1,L2,...", "path: these values; fit: the one value"},
    {"nlambda", KIND_INTEGER, PATHS | ASK, AT(run.path.n_lambda), COUNT, "K",
     "lambdas on the path, default 100"},
    {"lambda-min-ratio", KIND_REAL, PATHS | ASK, AT(run.path.lambda_min_ratio), DBL_MIN,
     1 - DBL_EPSILON, "a number in (0, 1)", "R",
     "smallest lambda over lambda_max, default 0.01 if n < p else 1e-4"},
    {"tol", KIND_REAL, SOLVE, AT(run.path.tol), DBL_MIN, 1 - DBL_EPSILON, "a number in (0, 1)", "T",
     "relative duality gap to reach, default 1e-8"},
    {"solver", KIND_INDEX, SOLVE | ASK, AT(solver), 0, 0,
     "auto|newton|cd|sgd|momentum|adam|lbfgs|varpro|admm", "NAME",
     "auto (= newton), newton, cd, admm; on the surrogate: sgd, momentum, adam, lbfgs, varpro "
     "(gaussian)"},
    {"param", KIND_WORD, SOLVE, AT(run.path.param), 0, 0, PARAMS, "NAME",
     "factors of sgd, momentum, adam, lbfgs; default: product, or power where 2/q is no integer; "
     "square with --lower 0"},
    {"polish", KIND_SWITCH, SOLVE | ASK, AT(run.path.polish), 1, 1, NULL, NULL,
     "after a surrogate solver or admm, certify with newton (default; lpq has no such engine)"},
    {"no-polish", KIND_SWITCH, SOLVE | ASK, AT(run.path.polish), 0, 0, NULL, NULL,
     "return the surrogate's or admm's own answer with its honest gap"},
    {"admm-rho", KIND_REAL, SOLVE, AT(run.path.admm_rho), POSITIVE, "R",
     "admm: the augmented Lagrangian's rho, fixed; default: from the data, then adapted"},
    {"epochs", KIND_INTEGER, SOLVE, AT(run.path.epochs), COUNT, "E",
     "sgd, momentum, adam: epochs a lambda"},
    {"batch", KIND_INTEGER, SOLVE, AT(run.batch), COUNT, "B",
     "sgd, momentum, adam: rows a minibatch, default 256"},
    {"lr", KIND_REAL, SOLVE, AT(run.path.step), POSITIVE, "S",
     "sgd, momentum, adam: learning rate"},
    {"schedule", KIND_INDEX, SOLVE, AT(run.path.schedule), 0, 0, "constant|step|cosine", "NAME",
     "sgd, momentum, adam: constant, step, cosine (default)"},
    {"starts", KIND_INTEGER, SOLVE, AT(run.path.starts), 1, 1000, "an integer in [1, 1000]", "K",
     "not convex: solve that many times, down and up the path and from random points; keep the "
     "best; path: 2 for lq and group-lq without --dfmax, else 1"},
    {"gram", KIND_INDEX, SOLVE | ASK, AT(gram), 0, 0, "auto|replicated|distributed", "WORD",
     "gaussian lasso and enet: the working set's Gram on one rank or over all (auto: by size)"},
    {"dfmax", KIND_INTEGER, PATHS | ASK, AT(run.path.dfmax), 0, 0x1p62, "an integer of at least 0",
     "N", "stop the path at the first lambda with more than N nonzero coefficients"},
    {"max-iter", KIND_INTEGER, SOLVE, AT(run.path.max_iter), COUNT, "K", "iterations a lambda"},
    {"max-seconds", KIND_REAL, SOLVE, AT(run.path.max_seconds), POSITIVE, "S",
     "finish with what there is after S seconds of solving"},
    {"ebic-gamma", KIND_REAL, SOLVE, AT(run.ebic_gamma), 0, 1, "a number in [0, 1]", "G",
     "ebic: how much a choice among many columns costs, default 1; 0 is bic"},
    {"relax", KIND_SWITCH, SOLVE, AT(run.relax), 1, 1, NULL, NULL,
     "also the unpenalised fit on every lambda's support, which predict --relax-gamma mixes in; "
     "gaussian, binomial, poisson"},
    {"relax-gamma", KIND_REAL, COMMAND_PREDICT, AT(relax_gamma), 0, 1, "a number in [0, 1]", "G",
     "G times the model's coefficients and 1 - G times those of its relaxed fit; default 1"},
    {"standardize", KIND_SWITCH, SOLVE, AT(run.standardize), 1, 1, NULL, NULL,
     "penalise on standardised columns (default)"},
    {"no-standardize", KIND_SWITCH, SOLVE, AT(run.standardize), 0, 0, NULL, NULL,
     "take X as it is"},
    {"intercept", KIND_SWITCH, SOLVE, AT(run.intercept), 1, 1, NULL, NULL,
     "fit an unpenalised intercept (default)"},
    {"no-intercept", KIND_SWITCH, SOLVE, AT(run.intercept), 0, 0, NULL, NULL, "fit none"},
    {"folds", KIND_INTEGER, COMMAND_CV, AT(cv.folds), 2, 0x1p31, "an integer of at least 2", "K",
     "default 10"},
    {"fold-kind", KIND_INDEX, COMMAND_CV, AT(fold_kind), 0, 0, "auto|random|stratified|grouped",
     "WORD",
     "auto (default): stratified for labels, else random; stratified: each fold has its share of "
     "each label; grouped: rows of a group stay together"},
    {"fold-groups", KIND_TEXT, COMMAND_CV, AT(cv.fold_groups), ANY, "PATH",
     "dataset of an integer a row, for --fold-kind grouped"},
    {"fold-id", KIND_TEXT, COMMAND_CV, AT(cv.fold_id), ANY, "PATH",
     "dataset of an integer a row: equal ones are a fold"},
    {"replicas", KIND_INTEGER, COMMAND_CV, AT(cv.replicas), COUNT, "R",
     "R groups of ranks, each with all of X, share out the folds; default 1: all ranks on each"},
    {"type-measure", KIND_INDEX, COMMAND_CV, AT(measure), 0, 0, "deviance|mse|mae|class|auc",
     "NAME",
     "error of the rows left out: deviance (default; gaussian: mse), mse, mae, class "
     "(misclassification), auc (binomial)"},
    {"subsamples", KIND_INTEGER, STABLE, AT(stability.subsamples), 2, 0x1p31,
     "an integer of at least 2", "B", "of the rows, default 100"},
    {"fraction", KIND_REAL, STABLE, AT(stability.fraction), DBL_MIN, 1 - DBL_EPSILON,
     "a number in (0, 1)", "F", "of the rows in a subsample, default 0.5"},
    {"complementary", KIND_SWITCH, STABLE, AT(stability.complementary), 1, 1, NULL, NULL,
     "subsamples in pairs without a common row (default)"},
    {"no-complementary", KIND_SWITCH, STABLE, AT(stability.complementary), 0, 0, NULL, NULL,
     "subsamples drawn one by one"},
    {"stratify", KIND_SWITCH, STABLE, AT(stability.stratify), 1, 1, NULL, NULL,
     "each class has its share of a subsample"},
    {"weakness", KIND_REAL, STABLE, AT(stability.weakness), DBL_MIN, 1, "a number in (0, 1]", "W",
     "randomised lasso: penalty factors divided by draws from [W, 1], default 1; not of groups"},
    {"threshold", KIND_REAL, STABLE, AT(stability.threshold), 0.5 + DBL_EPSILON, 1,
     "a number in (0.5, 1]", "S",
     "a variable is stable when this share of the subsamples selects it, default 0.9"},
    {"pfer", KIND_REAL, STABLE, AT(stability.pfer), POSITIVE, "E",
     "bound on the expected number of false selections: sets --selected, or beside that "
     "--threshold"},
    {"selected", KIND_INTEGER, STABLE, AT(stability.selected), COUNT, "Q",
     "a subsample's path ends before more than Q variables have entered"},
    {"assumption", KIND_INDEX, STABLE, AT(assumption), 0, 0, "none|unimodal", "WORD",
     "of the bound that --pfer asks for: unimodal (default with pairs: Shah and Samworth) or none"},
    {"x", KIND_TEXT, SOLVE | ASK | COMMAND_PREDICT, AT(run.names.x), ANY, "PATH",
     "dataset, default /X"},
    {"y", KIND_TEXT, SOLVE | ASK, AT(run.names.y), ANY, "PATH",
     "dataset, default /y; n x K: K gaussian responses, which share their zeros (the penalty is on "
     "a "
     "column's K coefficients, or a group's times K, together)"},
    {"weights", KIND_TEXT, SOLVE | ASK, AT(run.names.weights), ANY, "PATH|none",
     "default /weights if there"},
    {"offset", KIND_TEXT, SOLVE | COMMAND_PREDICT, AT(run.names.offset), ANY, "PATH|none",
     "default /offset if there"},
    {"groups", KIND_TEXT, SOLVE | ASK, AT(run.names.groups), ANY, "PATH", "default /groups"},
    {"group-weights", KIND_TEXT, SOLVE, AT(run.names.group_weights), ANY, "PATH|none",
     "default /group_weights if there, else sqrt(size)"},
    {"penalty-factor", KIND_TEXT, SOLVE, AT(run.names.penalty_factor), ANY, "PATH|none",
     "default /penalty_factor if there"},
    {"lower", KIND_TEXT, SOLVE, AT(lower), ANY, "L|PATH",
     "coefficients of at least L <= 0 on the input's scale, or a dataset of p such bounds"},
    {"upper", KIND_TEXT, SOLVE, AT(upper), ANY, "U|PATH",
     "coefficients of at most U >= 0 on the input's scale, or a dataset of p such bounds"},
    {"checkpoint", KIND_TEXT, SOLVE, AT(run.checkpoint), ANY, "FILE", "save the state there"},
    {"checkpoint-every", KIND_REAL, SOLVE, AT(run.path.checkpoint_every_s), POSITIVE, "SECONDS",
     "default 600"},
    {"resume", KIND_SWITCH, SOLVE, AT(run.resume), 1, 1, NULL, NULL,
     "go on from the checkpoint if there is one"},
    {"grid", KIND_GRID, SOLVE | ASK, AT(run.grid_rows), 0, 0, "RxC, as in 2x4", "RxC",
     "process grid: R over samples, C over features"},
    {"precision", KIND_EITHER, SOLVE | ASK, AT(run.single), 0, 0, "single|double", "WORD",
     "how dense float64 X is held: double (default) or single"},
    {"io", KIND_EITHER, SOLVE | COMMAND_PREDICT, AT(run.collective_io), 0, 0,
     "collective|independent", "WORD", "how ranks read: collective (default) or independent"},
    {"memory-limit", KIND_BYTES, SOLVE | ASK, AT(run.memory_limit), 1, 0x1p62,
     "bytes, as in 500M or 4G", "BYTES",
     "for all ranks of a node; default: what machine or cgroup have"},
    {"stream", KIND_INDEX, SOLVE | ASK, AT(stream), 0, 0, "auto|on|off", "WORD",
     "read dense X from the file each time instead of holding it: auto (default) where it does not "
     "fit, on, off"},
    {"model", KIND_TEXT, COMMAND_PREDICT, AT(model), ANY, "FILE",
     "result of path or fit, or a network"},
    {"type", KIND_WORD, COMMAND_PREDICT, AT(type), 0, 0, "link|response|class", "WORD",
     "link (default), response or class"},
    {"at", KIND_TEXT, COMMAND_PREDICT, AT(at_text), ANY, "L",
     "one lambda, interpolated between its neighbours, or lambda.min or lambda.1se of bevel cv, or "
     "where aic, bic or ebic is least; default: all"},
    {"recipe", KIND_WORD, COMMAND_SIMULATE, AT(simulate.recipe), 0, 0, RECIPES, "NAME",
     "a problem of the benchmark by name; the flags below win over it"},
    {"n", KIND_INTEGER, COMMAND_SIMULATE, AT(simulate.n), COUNT, "N", "rows"},
    {"p", KIND_INTEGER, COMMAND_SIMULATE, AT(simulate.p), COUNT, "P", "columns"},
    {"group-size", KIND_INTEGER, COMMAND_SIMULATE, AT(simulate.group_size), COUNT, "G",
     "columns a group, default 1 (no groups)"},
    {"active", KIND_INTEGER, COMMAND_SIMULATE, AT(simulate.active), 0, 0x1p62,
     "an integer of at least 0", "K", "groups (columns) with coefficients, default 10"},
    {"responses", KIND_INTEGER, COMMAND_SIMULATE, AT(simulate.responses), COUNT, "K",
     "gaussian: columns of /y, default 1; all have the same active columns"},
    {"rho", KIND_REAL, COMMAND_SIMULATE, AT(simulate.rho), -1 + DBL_EPSILON, 1 - DBL_EPSILON,
     "a number in (-1, 1)", "R", "correlation of neighbouring columns, default 0"},
    {"snr", KIND_REAL, COMMAND_SIMULATE, AT(simulate.snr), POSITIVE, "S",
     "gaussian: variance of X beta over the noise's, default 3"},
    {"density", KIND_REAL, COMMAND_SIMULATE, AT(simulate.density), DBL_MIN, 1, "a number in (0, 1]",
     "D", "share of nonzero entries; below 1: a sparse X"},
    {"family", KIND_WORD, COMMAND_SIMULATE, AT(simulate.family), 0, 0, FAMILIES, "NAME",
     "default gaussian"},
    {"classes", KIND_INTEGER, COMMAND_SIMULATE, AT(simulate.classes), 2, 0x1p15,
     "an integer of at least 2", "K", "multinomial: classes, default 3"},
    {"seed", KIND_INTEGER, SOLVE, AT(run.path.seed), 0, 0x1p56, "an integer in [0, 2^56]", "S",
     "of everything random"},
    {"seed", KIND_INTEGER, COMMAND_SIMULATE, AT(simulate.seed), 0, 0x1p56,
     "an integer in [0, 2^56]", "S", "of everything random, default 1"},
    {"layers", KIND_TEXT, NETWORK, AT(train.network.layers), ANY, "P-H-...-K",
     "dense layers: inputs, hidden units, outputs, as in 784-300-100-10"},
    {"arch", KIND_TEXT, NETWORK, AT(train.network.arch), ANY, "NAME|FILE",
     "lenet300, lenet5, or a file with a line a layer: input 1x28x28, conv 20 5x5, pool 2x2, dense "
     "500"},
    {"activation", KIND_INDEX, NETWORK, AT(activation), 0, 0, "linear|relu|tanh", "NAME",
     "of hidden layers, default relu"},
    {"family", KIND_WORD, NETWORK, AT(train.network.family), 0, 0, FAMILIES, "NAME",
     "what the outputs mean; default: the data's attribute, else gaussian"},
    {"penalty", KIND_WORD, TRAIN, AT(train.penalty), 0, 0, TRAIN_PENALTIES, "NAME",
     "default none; of weights, never of biases"},
    {"lambda", KIND_REAL, TRAIN, AT(train.lambda), 0, DBL_MAX, "a number of at least 0", "L",
     "level of the penalty on the mean loss"},
    {"init", KIND_TEXT, TRAIN, AT(train.init), ANY, "NETWORK.h5",
     "start from that network, of the same layers; default: at random"},
    {"structure", KIND_INDEX, TRAIN, AT(structure), 0, 0, "element|input|neuron|filter", "NAME",
     "blocks of a group penalty: what an input sends out (default), what a neuron or filter "
     "gathers"},
    {"q", KIND_REAL, TRAIN, AT(train.parameters.q), DBL_MIN, 1, "a number in (0, 1]", "Q",
     "lq, group-lq: the power of the norm, default 0.5"},
    {"depth", KIND_REAL, TRAIN, AT(depth), 2, BVL_SURROGATE_MAX_FACTORS, "a number in [2, 64]", "D",
     "lq, group-lq by the depth of their factors: q = 2/D"},
    {"param", KIND_WORD, TRAIN, AT(train.param), 0, 0, PARAMS, "NAME",
     "factors of a penalised weight, default product"},
    {"weight-decay", KIND_REAL, TRAIN, AT(train.weight_decay), 0, DBL_MAX, "a number of at least 0",
     "D", "adds (D/2) ||parameters||^2, default 0"},
    {"solver", KIND_INDEX, TRAIN, AT(optimizer), 0, 0, "sgd|momentum|adam|lbfgs", "NAME",
     "sgd, momentum, adam (default), lbfgs (all rows at once)"},
    {"epochs", KIND_INTEGER, TRAIN, AT(train.optim.epochs), COUNT, "E",
     "default 100; lbfgs: iterations"},
    {"batch", KIND_INTEGER, NETWORK, AT(train.network.batch), COUNT, "B",
     "rows a minibatch; train: default 100, pareto: default all"},
    {"lr", KIND_REAL, TRAIN, AT(train.optim.step), POSITIVE, "S", "learning rate, default 0.001"},
    {"schedule", KIND_INDEX, TRAIN, AT(schedule), 0, 0, "constant|step|cosine", "NAME",
     "of the learning rate: constant, step, cosine (default)"},
    {"test-fraction", KIND_REAL, NETWORK, AT(train.network.test_fraction), 0, 1 - DBL_EPSILON,
     "a number in [0, 1)", "F", "share of the rows kept to try the network on, default 0"},
    {"train-index", KIND_TEXT, NETWORK, AT(train.network.train_index), ANY, "PATH",
     "dataset of the rows to learn from, counted from 0; the rest is tried"},
    {"scale", KIND_INDEX, NETWORK, AT(scaling), 0, 0, "none|standard|max|global", "WORD",
     "inputs by their mean and deviation, all by the largest |x|, or by their mean and one "
     "deviation; default none"},
    {"prune-threshold", KIND_REAL, TRAIN, AT(train.prune_threshold), 0, DBL_MAX,
     "a number of at least 0", "T", "after training cut weights of magnitude at most T"},
    {"prune-std", KIND_REAL, TRAIN, AT(train.prune_std), 0, DBL_MAX, "a number of at least 0", "S",
     "after training cut weights of at most S deviations of their layer's"},
    {"prune-threshold", KIND_REAL, COMMAND_PRUNE, AT(prune.rule.threshold), 0, DBL_MAX,
     "a number of at least 0", "T", "cut weights of magnitude at most T; default: zeros alone"},
    {"prune-std", KIND_REAL, COMMAND_PRUNE, AT(prune.rule.deviations), 0, DBL_MAX,
     "a number of at least 0", "S", "cut weights of at most S deviations of their layer's"},
    {"finetune-epochs", KIND_INTEGER, TRAIN, AT(train.finetune_epochs), COUNT, "E",
     "after cutting train what is left, without the penalty"},
    {"finetune-lr", KIND_REAL, TRAIN, AT(train.finetune_step), POSITIVE, "S",
     "default: a tenth of --lr"},
    {"max-seconds", KIND_REAL, TRAIN, AT(train.max_seconds), POSITIVE, "S",
     "finish with what there is after S seconds of training"},
    {"method", KIND_INDEX, FRONT, AT(method), 0, 0, "continuation|weighted-sum|lambda-path", "NAME",
     "continuation (default); or what it is compared with: Adam from scratch for every weight, "
     "proximal gradients from lambda to lambda"},
    {"penalty", KIND_INDEX, FRONT, AT(second), 0, 0, "lasso|group-lasso", "NAME",
     "the second objective: lasso (default; the l1 norm of all weights and biases), group-lasso "
     "(norms of what an input or hidden unit sends out)"},
    {"points", KIND_INTEGER, FRONT, AT(pareto.points), 2, 1e6, "an integer of at least 2", "K",
     "of the front, evenly spaced in the second objective; weights; lambdas; default 25"},
    {"norm-max", KIND_REAL, FRONT, AT(pareto.norm_max), POSITIVE, "T",
     "the dense end; default: where 99 % of the loss is explained"},
    {"starts", KIND_INTEGER, FRONT, AT(pareto.starts), COUNT, "K",
     "dense ends to come down from, default 1"},
    {"sweeps", KIND_INTEGER, FRONT, AT(pareto.sweeps), 0, 0x1p31, "an integer of at least 0", "K",
     "up and down the front again at most K times, while it pays; default 1"},
    {"epochs", KIND_INTEGER, FRONT, AT(pareto.optim.epochs), 0, 0x1p31, "an integer of at least 0",
     "E", "Adam's for a dense end or a weight; default 20, without --batch 0"},
    {"lr", KIND_REAL, FRONT, AT(pareto.optim.step), POSITIVE, "S", "Adam's, default 0.001"},
    {"schedule", KIND_INDEX, FRONT, AT(schedule), 0, 0, "constant|step|cosine", "NAME",
     "of Adam's learning rate: constant, step, cosine (default)"},
    {"correct-epochs", KIND_INTEGER, FRONT, AT(pareto.stir.epochs), 0, 0x1p31,
     "an integer of at least 0", "E", "of minibatch steps before a correction, default 5"},
    {"correct-lr", KIND_REAL, FRONT, AT(pareto.stir.step), POSITIVE, "S",
     "of those steps, default 0.1"},
    {"max-iter", KIND_INTEGER, FRONT, AT(pareto.limits.max_steps), 0, 0x1p31,
     "an integer of at least 0", "K", "steps of a correction; default 200, with --batch 10"},
    {"tol", KIND_REAL, FRONT, AT(pareto.limits.tol), POSITIVE, "T",
     "a point is done when stationarity is violated by at most T lambda, default 1e-3"},
    {"lambda-min", KIND_REAL, FRONT, AT(pareto.lambda_min), POSITIVE, "L",
     "lambda-path: the smallest, where it begins, default 1e-4"},
    {"lambda-max", KIND_REAL, FRONT, AT(pareto.lambda_max), POSITIVE, "L",
     "lambda-path: the largest, default 0.1"},
    {"max-seconds", KIND_REAL, FRONT, AT(pareto.max_seconds), POSITIVE, "S",
     "finish with what there is after S seconds"},
    {"x", KIND_TEXT, NETWORK, AT(train.network.names.x), ANY, "PATH", "dataset, default /X"},
    {"y", KIND_TEXT, NETWORK, AT(train.network.names.y), ANY, "PATH", "dataset, default /y"},
    {"weights", KIND_TEXT, NETWORK, AT(train.network.names.weights), ANY, "PATH|none",
     "default /weights if there"},
    {"checkpoint", KIND_TEXT, NETWORK, AT(train.checkpoint), ANY, "FILE", "save the state there"},
    {"checkpoint-every", KIND_REAL, NETWORK, AT(train.checkpoint_every_s), POSITIVE, "SECONDS",
     "default 600"},
    {"resume", KIND_SWITCH, NETWORK, AT(train.resume), 1, 1, NULL, NULL,
     "go on from the checkpoint if there is one"},
    {"seed", KIND_INTEGER, NETWORK, AT(train.network.seed), 0, 0x1p56, "an integer in [0, 2^56]",
     "S", "of everything random, default 1"},
    {"grid", KIND_GRID, NETWORK, AT(run.grid_rows), 0, 0, "RxC, as in 2x4", "RxC",
     "process grid: R over samples, C over inputs of a dense first layer"},
    {"precision", KIND_EITHER, NETWORK, AT(train.network.is_double), 0, 0, "double|single", "WORD",
     "of products: single (default) or double; sums and parameters are double"},
    {"io", KIND_EITHER, NETWORK, AT(train.network.collective_io), 0, 0, "collective|independent",
     "WORD", "how ranks read: collective (default) or independent"},
    {"memory-limit", KIND_BYTES, NETWORK, AT(train.network.memory_limit), 1, 0x1p62,
     "bytes, as in 500M or 4G", "BYTES",
     "for all ranks of a node; default: what machine or cgroup have"},
    {"atoms", KIND_INTEGER, WORDS, AT(dictionary.options.atoms), 1, 1e6, "an integer of at least 1",
     "K", "of the dictionary, default 100"},
    {"lambda", KIND_REAL, WORDS, AT(dictionary.options.lambda), POSITIVE, "L",
     "level of the codes' l1 norm beside half the squared residual of a row; scikit-learn's alpha"},
    {"sparse-dictionary", KIND_REAL, WORDS, AT(dictionary.options.lambda_dictionary), 0, DBL_MAX,
     "a number of at least 0", "L", "adds L |D|_1 to the mean over rows, default 0"},
    {"solver", KIND_INDEX, WORDS, AT(engine), 0, 0, "alternate|lbfgs|adam", "NAME",
     "alternate (default): exact codes and passes over the atoms in turns; lbfgs, adam: smooth "
     "factors of both, then exact codes"},
    {"max-iter", KIND_INTEGER, WORDS, AT(dictionary.max_iter), COUNT, "K",
     "rounds, or lbfgs' iterations, default 1000"},
    {"tol", KIND_REAL, WORDS, AT(dictionary.tol), DBL_MIN, 1 - DBL_EPSILON, "a number in (0, 1)",
     "T",
     "done when a round (5 iterations of lbfgs) lowers the objective by less, relatively; "
     "default 1e-6"},
    {"epochs", KIND_INTEGER, WORDS, AT(dictionary.optim.epochs), COUNT, "E", "adam's, default 50"},
    {"batch", KIND_INTEGER, WORDS, AT(dictionary.batch), COUNT, "B",
     "adam: rows a minibatch, default 256"},
    {"lr", KIND_REAL, WORDS, AT(dictionary.optim.step), POSITIVE, "S",
     "adam's learning rate, default 0.01"},
    {"schedule", KIND_INDEX, WORDS, AT(schedule), 0, 0, "constant|step|cosine", "NAME",
     "of that: constant, step, cosine (default)"},
    {"max-seconds", KIND_REAL, WORDS, AT(dictionary.max_seconds), POSITIVE, "S",
     "finish with what there is after S seconds"},
    {"checkpoint", KIND_TEXT, WORDS, AT(dictionary.checkpoint), ANY, "FILE",
     "save the state of an alternation there"},
    {"checkpoint-every", KIND_REAL, WORDS, AT(dictionary.checkpoint_every_s), POSITIVE, "SECONDS",
     "default 600"},
    {"resume", KIND_SWITCH, WORDS, AT(dictionary.resume), 1, 1, NULL, NULL,
     "go on from the checkpoint if there is one"},
    {"x", KIND_TEXT, WORDS, AT(dictionary.names.x), ANY, "PATH", "dataset, default /X; dense"},
    {"seed", KIND_INTEGER, WORDS, AT(dictionary.options.seed), 0, 0x1p56, "an integer in [0, 2^56]",
     "S", "of everything random, default 1"},
    {"io", KIND_EITHER, WORDS, AT(dictionary.collective_io), 0, 0, "collective|independent", "WORD",
     "how ranks read: collective (default) or independent"},
    {"memory-limit", KIND_BYTES, WORDS, AT(dictionary.memory_limit), 1, 0x1p62,
     "bytes, as in 500M or 4G", "BYTES",
     "for all ranks of a node; default: what machine or cgroup have"},
    {"estimate", KIND_SWITCH, ASK, AT(estimate), 1, 1, NULL, NULL,
     "memory that `bevel path` would need, with the flags below, per rank and in all"},
    {"ranks", KIND_INTEGER, ASK, AT(ranks), 1, 1e6, "an integer of at least 1", "R",
     "--estimate: on so many ranks, default 1, 2, 4, .. 64"},
    {"format", KIND_WORD, IMPORT, AT(import.format), 0, 0, "csv|libsvm|plink", "NAME",
     "default: by the file's name (.csv .tsv .txt, .libsvm .svm .svmlight, .bed .bim .fam)"},
    {"y", KIND_TEXT, IMPORT, AT(import.y), ANY, "COLUMN|FILE",
     "csv: the response, a column's name or number from 1, default y; plink: a file FID IID VALUE "
     "..., default the .fam"},
    {"y-column", KIND_TEXT, IMPORT, AT(import.y_column), ANY, "NAME|NUMBER",
     "plink: which value of that file, default the first"},
    {"missing", KIND_INDEX, SOLVE | COMMAND_PREDICT, AT(missing), 0, 0, "error|mean|drop", "WORD",
     "NaN in X: refused (default), read as its column's mean, or its row left out, as a row whose "
     "response is NaN; predict: the mean of the fit, or NaN predicted"},
    {"missing", KIND_INDEX, IMPORT, AT(missing), 0, 0, "error|mean|drop", "WORD",
     "empty and NA values of a csv, missing calls of a .bed: refused (default of csv), read as "
     "their column's mean (default of plink), or their rows are left out"},
    {"family", KIND_WORD, IMPORT, AT(import.family), 0, 0, FAMILIES, "NAME",
     "written as the data's; labels of binomial and multinomial become 0, 1, ... in their order"},
    {"ignore", KIND_TEXT, IMPORT, AT(import.ignore), ANY, "COLUMN,...", "csv: leave these out"},
    {"header", KIND_INDEX, IMPORT, AT(header), 0, 0, "no|yes|auto", "WORD",
     "csv: whether the first line has names, default auto: when it is not all numbers"},
    {"separator", KIND_TEXT, IMPORT, AT(separator), ANY, "CHARACTER",
     "csv: one character or the word tab; default: the most frequent of , ; and tab"},
    {"base", KIND_INDEX, IMPORT, AT(base), 0, 0, "0|1|auto", "WORD",
     "libsvm: the first column's number, default auto: 0 when there is one"},
    {"columns", KIND_INTEGER, IMPORT, AT(import.columns), COUNT, "P",
     "libsvm: columns of X, default: as the largest number says"},
    {"precision", KIND_EITHER, IMPORT, AT(import.single), 0, 0, "single|double", "WORD",
     "X in the file: double (default) or single"},
    {"memory-limit", KIND_BYTES, IMPORT, AT(import.memory_limit), 1, 0x1p62,
     "bytes, as in 500M or 4G", "BYTES", "of a rank's buffers, default 256M"},
    {"checkpoint", KIND_TEXT, STUDY, AT(run.checkpoint), ANY, "FOLDER",
     "keep tasks there, to go on with after an interruption"},
    {"checkpoint-every", KIND_REAL, STUDY, AT(run.path.checkpoint_every_s), POSITIVE, "SECONDS",
     "inside a task; default 600"},
    {"resume", KIND_SWITCH, STUDY, AT(run.resume), 1, 1, NULL, NULL,
     "leave out what is finished there, go on inside what is not"},
    {"memory-limit", KIND_BYTES, STUDY, AT(run.memory_limit), 1, 0x1p62, "bytes, as in 500M or 4G",
     "BYTES", "for all ranks of a node; default: what machine or cgroup have"},
    {"task", KIND_INTEGER, COMMAND_PREDICT, AT(task), 0, 0x1p31, "an integer of at least 0", "K",
     "of a study, counted from 0; default: the best one"},
    {"point", KIND_INTEGER, COMMAND_PREDICT, AT(point), 0, 0x1p31, "an integer of at least 0", "K",
     "of a front, counted from 0; default: the one of the best test accuracy, without test rows of "
     "the least loss"},
    {"run", KIND_TEXT, SOLVE | NETWORK | WORDS, AT(run_file), ANY, "FILE",
     "ini file with the same keys; the command line wins"},
    {"quiet", KIND_SWITCH, SAYS, AT(quiet), 1, 1, NULL, NULL, "errors and warnings only"},
    {"json", KIND_SWITCH, SAYS, AT(json), 1, 1, NULL, NULL,
     "one machine-readable line on standard output at the end"},
    {"log", KIND_TEXT, SAYS, AT(log), ANY, "FILE", "append what is said to FILE, with times"},
    {"watchdog", KIND_REAL, SAYS, AT(watchdog), 0, DBL_MAX, "a number from 0", "SECONDS",
     "no progress for so long: say which ranks are late, then end; default 600, 0 = never"},
    {"profile", KIND_SWITCH, SOLVE, AT(profile), 1, 1, NULL, NULL,
     "times, messages and bytes of every rank"},
};

const int n_flags = sizeof flag_table / sizeof flag_table[0];
_Static_assert(sizeof flag_table / sizeof flag_table[0] <= FLAGS_MAX,
               "settings.given is too short");

/* ---- commands ------------------------------------------------------------------------------- */

const manual manuals[] = {
    {COMMAND_SIMULATE, "simulate", "OUT.h5 --recipe NAME | --n N --p P",
     "Writes a data file with known coefficients."},
    {COMMAND_PATH, "path", "DATA.h5 -o OUT.h5", "Fits a whole regularization path, certified."},
    {COMMAND_FIT, "fit", "DATA.h5 -o OUT.h5 --lambda L",
     "Fits one lambda, from a warm path inside."},
    {COMMAND_CV, "cv", "DATA.h5 -o OUT.h5",
     "Fits a path and tries it on rows left out, fold by fold."},
    {COMMAND_STABILITY, "stability", "DATA.h5 -o OUT.h5",
     "Fits a path, and counts what subsamples of the rows select."},
    {COMMAND_PREDICT, "predict", "DATA.h5 --model RESULT.h5 -o OUT.h5", "Predicts with a result."},
    {COMMAND_TRAIN, "train", "DATA.h5 -o OUT.h5 --layers P-H-K | --arch NAME|FILE",
     "Trains a network, sparse where asked."},
    {COMMAND_PRUNE, "prune", "NETWORK.h5 -o SMALL.h5",
     "Cuts small weights of a network and stores what is left."},
    {COMMAND_PARETO, "pareto", "DATA.h5 -o OUT.h5 --layers P-H-K | --arch NAME|FILE",
     "Finds the front between a network's loss and its l1 norm."},
    {COMMAND_DICTIONARY, "dictionary", "DATA.h5 -o OUT.h5 --atoms K --lambda L",
     "Learns a dictionary of the rows, and their sparse codes in it."},
    {COMMAND_STUDY, "study", "STUDY.ini -o OUT.h5",
     "Runs a grid of paths or cross-validations as one job."},
    {COMMAND_IMPORT, "import", "FILE -o DATA.h5", "Makes a data file of csv, libsvm or PLINK."},
    {COMMAND_INFO, "info", "[FILE.h5]",
     "Describes a file, the machine, or the memory a path would need."},
};

const int n_manuals = sizeof manuals / sizeof manuals[0];

command command_find(const char *name)
{
  for (int k = 0; k < n_manuals; k++)
    if (strcmp(name, manuals[k].name) == 0) return manuals[k].which;
  return COMMAND_NONE;
}

const manual *manual_of(command which)
{
  for (int k = 0; k < n_manuals; k++)
    if (manuals[k].which == which) return &manuals[k];
  return NULL;
}

const char *command_name(command which)
{
  const manual *found = manual_of(which);
  return found != NULL ? found->name : "bevel";
}

/* ---- near misses ---------------------------------------------------------------------------- */

/* Levenshtein's distance, one row at a time; names longer than the row count as far away. */
static int distance(const char *a, const char *b)
{
  int row[32], n = (int)strlen(b);
  if (n >= 32) return 99;
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 1; *a != '\0'; a++, i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      int change = diagonal + (*a != b[j - 1]);
      int shorter = row[j] < row[j - 1] ? row[j] : row[j - 1];
      diagonal = row[j];
      row[j] = change < shorter + 1 ? change : shorter + 1;
    }
  }
  return row[n];
}

void line_append(char *line, size_t size, const char *a, const char *b)
{
  size_t used = strlen(line);
  snprintf(line + used, size - used, "%s%s", a, b);
}

int flag_refuse(command which, const char *name, char error[FLAGS_ERROR_BYTES])
{
  const char *nearest = NULL;
  int least = 3; /* two slips at most */
  for (int k = 0; k < n_flags; k++) {
    int far = distance(name, flag_table[k].name);
    if ((flag_table[k].commands & which) == 0 || far >= least || far >= (int)strlen(name)) continue;
    least = far;
    nearest = flag_table[k].name;
  }
  snprintf(error, FLAGS_ERROR_BYTES, "unknown flag --%.40s", name);
  if (nearest != NULL) {
    line_append(error, FLAGS_ERROR_BYTES, " (did you mean --", nearest);
    line_append(error, FLAGS_ERROR_BYTES, "?)", "");
  }
  return -1;
}

void command_refuse(const char *name, char error[FLAGS_ERROR_BYTES])
{
  snprintf(error, FLAGS_ERROR_BYTES, "unknown command %.40s; commands:", name);
  for (int k = 0; k < n_manuals; k++) line_append(error, FLAGS_ERROR_BYTES, " ", manuals[k].name);
}

const char *flag_words(const flag *f, char *out, size_t size)
{
  out[0] = '\0';
  if (strcmp(f->allowed, FAMILIES) == 0)
    for (const bvl_loss *const *l = bvl_loss_all(); *l != NULL; l++)
      line_append(out, size, out[0] != '\0' ? "|" : "", (*l)->name);
  else if (strcmp(f->allowed, PENALTIES) == 0)
    for (const bvl_penalty_type *const *t = bvl_penalty_all(); *t != NULL; t++)
      line_append(out, size, out[0] != '\0' ? "|" : "", (*t)->name);
  else if (strcmp(f->allowed, RECIPES) == 0)
    for (const bvl_recipe *r = bvl_recipe_all() + 1; r->about != NULL; r++)
      line_append(out, size, out[0] != '\0' ? "|" : "", r->name);
  else if (strcmp(f->allowed, PARAMS) == 0)
    bvl_surrogate_names(out, size);
  else
    line_append(out, size, f->allowed, "");
  return out;
}

int flag_find(command which, const char *name, size_t length)
{
  for (int k = 0; k < n_flags; k++)
    if ((flag_table[k].commands & which) && strlen(flag_table[k].name) == length &&
        strncmp(flag_table[k].name, name, length) == 0)
      return k;
  return -1;
}

/* ---- manuals -------------------------------------------------------------------------------- */

static void program_help(FILE *to)
{
  fprintf(to, "Usage: [mpirun -n RANKS] bevel COMMAND ...\n"
              "Distributed sparse regression and whole regularization paths, certified.\n\n");
  for (int k = 0; k < n_manuals; k++)
    fprintf(to, "  bevel %-11s%-38s %s\n", manuals[k].name, manuals[k].args, manuals[k].about);
  fprintf(to,
          "\nbevel COMMAND --help lists a command's flags; bevel --version the versions;\n"
          "bevel help penalties|solvers|data|results|checkpoints|exit-codes|cluster the rest.\n"
          "Exit codes: 0 done, 1 internal, 2 usage, 3 bad input, 4 something did not converge,\n"
          "5 out of memory or disk, 75 interrupted and resumable, 128 + signal without "
          "--checkpoint.\n");
}

/* Held to the program by tests/e2e/pairs.sh. */
static const char pairs_help[] =
    "\nPenalties, and the solvers that take them; families gaussian, binomial, Poisson unless "
    "said:\n"
    "  lasso enet group-lasso       auto newton cd sgd momentum adam lbfgs admm varpro(gaussian)\n"
    "  sparse-group-lasso           auto newton cd admm\n"
    "  mcp scad tl1 log             auto newton cd admm\n"
    "  group-mcp group-scad group-tl1 group-log   auto newton cd admm\n"
    "  l1-l2 group-l1-l2            auto newton cd admm\n"
    "  lq group-lq                  auto newton cd sgd momentum adam lbfgs admm\n"
    "                               varpro(gaussian, 2/3 < q <= 1)\n"
    "  lpq                          sgd momentum adam lbfgs\n"
    "Several responses and family multinomial: lasso, enet, group-lasso by auto and newton;\n"
    "varpro takes several responses too.\n";

void flags_pairs(FILE *to)
{
  fputs(pairs_help, to);
}

void flags_help(command which, FILE *to)
{
  struct argp_option options[FLAGS_MAX + 2] = {{0}};
  const manual *m = manual_of(which);
  char name[32];
  int n = 0;
  if (m == NULL) {
    program_help(to);
    return;
  }
  for (int k = 0; k < n_flags; k++) {
    const flag *f = &flag_table[k];
    if ((f->commands & which) == 0) continue;
    int key = strcmp(f->name, "output") == 0 ? 'o' : 256 + k;
    options[n++] = (struct argp_option){f->name, key, f->arg, 0, f->help, 1};
  }
  options[n] = (struct argp_option){"help", 255 + FLAGS_MAX, NULL, 0, "this text", 2};
  struct argp argp = {options, NULL, m->args, m->about, NULL, NULL, NULL};
  snprintf(name, sizeof name, "bevel %s", m->name);
  argp_help(&argp, to, ARGP_HELP_SHORT_USAGE | ARGP_HELP_PRE_DOC | ARGP_HELP_LONG, name);
  if (which & COMMANDS_SOLVE) flags_pairs(to);
}
