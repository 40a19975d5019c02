/* SPDX-License-Identifier: BSD-3-Clause */
/* What train, pareto and prune came to. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "report.h"
#include "report_json.h"

/* ---- train ----------------------------------------------------------------------------------- */

static void json_train(const settings *s, const bvl_train_outcome *o, int ranks, int code)
{
  json_result(s, code == EXIT_DONE ? "ok" : o->diverged ? "diverged" : "unfinished", code);
  json_integer("n", o->n);
  json_integer("p", o->p);
  json_integer("n_train", o->n_train);
  json_integer("n_test", o->n_test);
  json_integer("parameters", o->n_params);
  json_integer("parameters_left", o->left);
  json_integer("blocks", o->n_blocks);
  json_integer("blocks_dead", o->n_dead);
  json_integer("epochs", o->epochs);
  json_integer("epochs_wanted", o->epochs_wanted);
  json_real("objective", o->last.objective);
  json_real("train_loss", o->train_loss);
  json_real("train_accuracy", o->train_accuracy);
  json_real("test_loss", o->test_loss);
  json_real("test_accuracy", o->test_accuracy);
  json_real("dense_test_accuracy", o->before_prune.test_accuracy);
  json_real("pruned_accuracy", o->pruned_accuracy);
  json_real("l1", o->l1);
  json_real("imbalance", o->imbalance);
  json_integer("step", o->step);
  json_real("rate", o->rate);
  json_real("train_s", o->last.seconds);
  json_run(ranks, o->grid_rows, o->grid_cols, o->load_s, o->solve_s, o->write_s);
  json_resources(o->resumed_from, o->estimate_bytes, o->peak_bytes, &o->traffic);
  json_end();
}

static void say_fit(progress *p, FILE *to, const char *what, double loss, double accuracy)
{
  char share[48] = "";
  if (isnan(loss)) return;
  if (!isnan(accuracy)) snprintf(share, sizeof share, ", accuracy %.2f %%", 100.0 * accuracy);
  progress_say(p, to, "bevel train: %s: loss %.4g%s", what, loss, share);
}

static void train_lines(const settings *s, progress *p, FILE *to, int ranks,
                        const bvl_train_outcome *o)
{
  if (o->diverged)
    progress_say(p, to,
                 "bevel train: the loss is no number at step %" PRId64
                 ", learning rate %g; the network of the last good epoch is kept%s%s",
                 o->step, o->rate, s->train.checkpoint != NULL ? ", and the checkpoint " : "",
                 s->train.checkpoint != NULL ? s->train.checkpoint : "");
  progress_say(p, to, "bevel train: %" PRId64 " of %" PRId64 " epochs", o->epochs,
               o->epochs_wanted);
  say_fit(p, to, "rows learnt from", o->train_loss, o->train_accuracy);
  say_fit(p, to, "rows kept apart", o->test_loss, o->test_accuracy);
  progress_say(p, to, "bevel train: %" PRId64 " of %" PRId64 " parameters left (%.2f %% are 0)",
               o->left, o->n_params, 100.0 * (1.0 - (double)o->left / (double)o->n_params));
  if (o->n_blocks > 0)
    progress_say(p, to,
                 "bevel train: %" PRId64 " of %" PRId64
                 " penalised blocks are dead: they stay 0 unless training starts afresh",
                 o->n_dead, o->n_blocks);
  progress_say(p, to,
               "bevel train: %.2f s (load %.2f, train %.2f, write %.2f) on %d rank%s (%dx%d)",
               o->load_s + o->solve_s + o->write_s, o->load_s, o->solve_s, o->write_s, ranks,
               ranks == 1 ? "" : "s", o->grid_rows, o->grid_cols);
  progress_say(p, to, "bevel train: network in %s", s->output);
}

int report_train(const settings *s, MPI_Comm comm, progress *p, const bvl_train_outcome *outcome)
{
  int rank, size;
  const int done = !outcome->diverged && outcome->epochs >= outcome->epochs_wanted;
  const int settled = !outcome->diverged && s->train.optim.method == BVL_OPTIM_LBFGS &&
                      outcome->last.epoch > 0;
  const int code = done || settled ? EXIT_DONE : EXIT_UNCONVERGED;
  FILE *to = s->quiet ? NULL : s->json ? stderr : stdout;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  if (rank != 0) return code;
  train_lines(s, p, to, size, outcome);
  if (s->json) json_train(s, outcome, size, code);
  return code;
}

/* ---- pareto --------------------------------------------------------------------------------- */

static void json_pareto(const settings *s, const bvl_pareto_outcome *o, int ranks, int code)
{
  json_result(s, code == EXIT_DONE ? "ok" : "not converged", code);
  json_integer("n", o->n);
  json_integer("p", o->p);
  json_integer("n_train", o->n_train);
  json_integer("n_test", o->n_test);
  json_integer("parameters", o->n_params);
  json_integer("points", o->points);
  json_integer("converged", o->converged);
  json_integer("nondominated", o->nondominated);
  json_real("norm_max", o->norm_max);
  json_real("best_test_accuracy", o->best_test_accuracy);
  json_real("worst_violation", o->worst_violation);
  json_run(ranks, o->grid_rows, o->grid_cols, o->load_s, o->solve_s, o->write_s);
  json_end();
}

static void pareto_lines(const settings *s, progress *p, FILE *to, int ranks,
                         const bvl_pareto_outcome *o)
{
  char best[48] = "";
  progress_say(p, to,
               "bevel pareto: %" PRId64 " points up to a norm of %.4g, %" PRId64
               " of them not dominated",
               o->points, o->norm_max, o->nondominated);
  progress_say(p, to,
               "bevel pareto: %" PRId64
               " stationary within tol; the worst violation is %.1e lambda. Stationary points, not "
               "proven global",
               o->converged, o->worst_violation);
  if (!isnan(o->best_test_accuracy))
    snprintf(best, sizeof best, "best test accuracy %.2f %%; ", 100.0 * o->best_test_accuracy);
  progress_say(p, to,
               "bevel pareto: %s%.2f s (load %.2f, solve %.2f, write %.2f) on %d rank%s (%dx%d)",
               best, o->load_s + o->solve_s + o->write_s, o->load_s, o->solve_s, o->write_s, ranks,
               ranks == 1 ? "" : "s", o->grid_rows, o->grid_cols);
  progress_say(p, to, "bevel pareto: front in %s", s->output);
}

/* Minibatches and weighted sums are not asked for stationary points. */
int report_pareto(const settings *s, MPI_Comm comm, progress *p, const bvl_pareto_outcome *outcome)
{
  int rank, size;
  const int asked = s->pareto.network.batch == 0 && s->method != BVL_FRONT_WEIGHTED_SUM;
  const int done = !asked || outcome->converged == s->pareto.points;
  const int code = done && outcome->points == s->pareto.points ? EXIT_DONE : EXIT_UNCONVERGED;
  FILE *to = s->quiet ? NULL : s->json ? stderr : stdout;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  if (rank != 0) return code;
  pareto_lines(s, p, to, size, outcome);
  if (s->json) json_pareto(s, outcome, size, code);
  return code;
}

static double percent_cut(int64_t left, int64_t all)
{
  return all > 0 ? 100.0 * (double)(all - left) / (double)all : 0.0;
}

static void prune_lines(progress *p, FILE *to, const bvl_prune_counts *c)
{
  for (int64_t l = 0; l < c->n_layers; l++)
    if (c->params[l] > 0)
      progress_say(p, to,
                   "layer %" PRId64 ": %" PRId64 " of %" PRId64 " units, %" PRId64 " of %" PRId64
                   " parameters left",
                   l, c->units_left[l], c->units[l], c->params_left[l], c->params[l]);
  progress_say(p, to,
               "%" PRId64 " of %" PRId64 " inputs; %" PRId64 " of %" PRId64
               " parameters left, %.2f%% pruned",
               c->inputs_left, c->inputs, c->left, c->all, percent_cut(c->left, c->all));
}

int report_prune(const settings *s, int rank, progress *p, const bvl_prune_outcome *o)
{
  if (rank == 0) prune_lines(p, s->json || s->quiet ? NULL : stdout, &o->counts);
  if (rank != 0 || !s->json) return report_file(s, rank, p);
  progress_say(p, NULL, "bevel prune: result in %s", s->output);
  json_result(s, "ok", EXIT_DONE);
  json_integer("inputs", o->counts.inputs);
  json_integer("inputs_left", o->counts.inputs_left);
  json_integer("parameters", o->counts.all);
  json_integer("parameters_left", o->counts.left);
  json_integer("parameters_stored", o->stored);
  json_real("pruned_percent", percent_cut(o->counts.left, o->counts.all));
  json_end();
  return EXIT_DONE;
}
