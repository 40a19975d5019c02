/* SPDX-License-Identifier: BSD-3-Clause */
#include "report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "profile.h"

int report_exit_code(bvl_status status)
{
  switch (status) {
  case BVL_OK: return EXIT_DONE;
  case BVL_ERR_USAGE: return EXIT_USAGE;
  case BVL_ERR_INPUT:
  case BVL_ERR_IO: return EXIT_INPUT;
  case BVL_ERR_INTERRUPTED: return EXIT_RESUMABLE;
  case BVL_ERR_DISK:
  case BVL_ERR_NOMEM: return EXIT_RESOURCES;
  default: return EXIT_INTERNAL;
  }
}

/* ---- the machine-readable line --------------------------------------------------------------- */

void json_text(const char *key, const char *value)
{
  printf("\"%s\": \"", key);
  for (const char *c = value; *c != '\0'; c++) {
    if ((unsigned char)*c < 0x20)
      printf("\\u%04x", (unsigned)*c);
    else
      printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
  }
  printf("\"");
}

void json_real(const char *key, double value)
{
  if (isfinite(value))
    printf(", \"%s\": %.17g", key, value);
  else
    printf(", \"%s\": null", key);
}

void json_integer(const char *key, int64_t value)
{
  printf(", \"%s\": %" PRId64, key, value);
}

void json_begin(const settings *s, const char *status, int code)
{
  printf("{");
  json_text("command", command_name(s->command));
  printf(", ");
  json_text("status", status);
  json_integer("exit", code);
}

void json_end(void)
{
  printf("}\n");
  fflush(stdout);
}

/* Where a job ran, and how long its phases took. */
static void json_run(int ranks, int grid_rows, int grid_cols, double load_s, double solve_s,
                     double write_s)
{
  json_integer("ranks", ranks);
  printf(", \"grid\": \"%dx%d\"", grid_rows, grid_cols);
  json_real("load_s", load_s);
  json_real("solve_s", solve_s);
  json_real("write_s", write_s);
}

static void json_resources(int64_t resumed_from, int64_t estimate_bytes, int64_t peak_bytes,
                           const bvl_traffic *traffic)
{
  json_integer("resumed_from", resumed_from);
  json_integer("estimate_bytes", estimate_bytes);
  json_integer("peak_bytes", peak_bytes);
  json_integer("reductions", traffic->reductions);
  json_integer("reduction_bytes", traffic->reduction_bytes);
  json_integer("other_messages", traffic->others);
  json_integer("other_bytes", traffic->other_bytes);
}

static void json_cv(const settings *s, const bvl_cv_outcome *o)
{
  json_integer("folds", o->folds);
  printf(", ");
  json_text("type_measure", bvl_measure_name(s->cv.measure));
  json_integer("fold_lambdas", o->n_points);
  json_integer("fold_lambdas_unfinished", o->n_unfinished);
  json_real("lambda_min", o->lambda_min);
  json_real("lambda_1se", o->lambda_1se);
  json_real("cvm", o->cvm);
  json_real("cvsd", o->cvsd);
  json_real("path_s", o->path_s);
}

static void json_stability(const bvl_stability_outcome *o)
{
  json_integer("subsamples", o->subsamples);
  json_integer("subsample_size", o->rows);
  json_integer("subsample_lambdas", o->n_points);
  json_integer("subsample_lambdas_unfinished", o->n_unfinished);
  json_integer("variables", o->variables);
  json_integer("selected_limit", o->selected);
  json_real("selected_mean", o->selected_mean);
  json_real("threshold", o->threshold);
  json_integer("stable_variables", o->n_stable);
  json_real("pfer_bound", o->bound);
  json_real("pfer_bound_unimodal", o->bound_unimodal);
  json_real("path_s", o->path_s);
}

/* cv and stable NULL: it was none. */
static void json_path(const settings *s, const bvl_run_outcome *o, const bvl_cv_outcome *cv,
                      const bvl_stability_outcome *stable, const profile *all, int ranks, int code)
{
  json_begin(s, code == EXIT_DONE ? "ok" : "unconverged", code);
  printf(", ");
  json_text("output", s->output);
  json_integer("n", o->n);
  json_integer("p", o->p);
  json_integer("nnz", o->nnz);
  json_integer("lambdas", o->n_lambda);
  json_integer("converged", o->n_converged);
  json_integer("diverged", o->n_diverged);
  json_integer("not_attempted", o->n_not_attempted);
  json_integer("full", o->full);
  json_integer("convex", o->convex);
  json_integer("support", o->support);
  json_real("worst_gap", o->worst_gap);
  json_real("worst_kkt", o->worst_kkt);
  json_real("lambda_max", o->lambda_max);
  json_real("passes", o->passes);
  if (s->run.relax) {
    json_integer("relaxed_fits", o->relaxed_fits);
    json_integer("relaxed_unfinished", o->relaxed_unfinished);
    json_integer("relaxed_left_out", o->relaxed_left_out);
  }
  json_real("lambda_aic", o->lambda_criterion[BVL_AIC]);
  json_real("lambda_bic", o->lambda_criterion[BVL_BIC]);
  json_real("lambda_ebic", o->lambda_criterion[BVL_EBIC]);
  json_integer("streamed", o->streamed);
  json_real("file_passes", o->file_passes);
  json_run(ranks, o->grid_rows, o->grid_cols, o->load_s, o->solve_s, o->write_s);
  json_resources(o->resumed_from, o->estimate_bytes, o->peak_bytes, &o->traffic);
  json_integer("estimate_all_bytes", o->estimate_all_bytes);
  if (cv != NULL) json_cv(s, cv);
  if (stable != NULL) json_stability(stable);
  profile_print_json(all);
  json_end();
}

/* ---- failures -------------------------------------------------------------------------------- */

int report_failure(const settings *s, int rank, bvl_status status)
{
  int code = report_exit_code(status);
  const char *why = bvl_last_error();
  if (rank == 0) {
    fprintf(stderr, "bevel %s: %s\n", command_name(s->command),
            why[0] != '\0' ? why : bvl_status_text(status));
    if (s->json) {
      json_begin(s, bvl_status_text(status), code);
      printf(", ");
      json_text("message", why);
      json_end();
    }
  }
  if (status == BVL_ERR_MPI) MPI_Abort(MPI_COMM_WORLD, EXIT_INTERNAL);
  return code;
}

int report_usage(const char *name, int rank, const char *error)
{
  if (rank == 0) fprintf(stderr, "%s: %s\n", name, error);
  return EXIT_USAGE;
}

/* ---- last lines ------------------------------------------------------------------------------ */

static void last_lines(const settings *s, progress *p, FILE *to, int ranks,
                       const bvl_run_outcome *o, int as_asked)
{
  int64_t spent = o->n_lambda - o->n_converged - o->n_diverged - o->n_not_attempted;
  char gap[48] = "";
  char file_passes[48] = "";
  if (o->streamed)
    snprintf(file_passes, sizeof file_passes, ", %.1f over its file", o->file_passes);
  if (!isnan(o->worst_gap)) snprintf(gap, sizeof gap, "largest gap %.1e, ", o->worst_gap);
  if (o->n_converged == o->n_lambda)
    progress_say(p, to, "bevel %s: all %" PRId64 " lambdas converged", p->command, o->n_lambda);
  else if (o->full && o->n_converged + o->n_not_attempted == o->n_lambda)
    progress_say(p, to,
                 "bevel %s: --dfmax %" PRId64 " reached: all %" PRId64
                 " lambdas attempted converged, the other %" PRId64 " were left out",
                 p->command, s->run.path.dfmax, o->n_converged, o->n_not_attempted);
  else
    progress_say(p, to,
                 "bevel %s: %" PRId64 " of %" PRId64 " lambdas converged; %" PRId64
                 " spent the budget, %" PRId64 " diverged, %" PRId64 " not attempted%s",
                 p->command, o->n_converged, o->n_lambda, spent, o->n_diverged, o->n_not_attempted,
                 as_asked ? " (--no-polish: the surrogate's own answers)" : "");
  progress_say(p, to, "bevel %s: %slargest KKT residual %.1e, support %" PRId64, p->command, gap,
               o->worst_kkt, o->support);
  if (!o->convex)
    progress_say(
        p, to,
        "bevel %s: penalty %s is not convex: each answer is a stationary point, not proven "
        "global",
        p->command, s->run.penalty);
  if (s->run.relax)
    progress_say(p, to,
                 "bevel %s: %" PRId64 " relaxed fits; %" PRId64
                 " lambdas have none that is finite and stationary, %" PRId64 " none at all",
                 p->command, o->relaxed_fits, o->relaxed_unfinished, o->relaxed_left_out);
  if (!isnan(o->lambda_criterion[BVL_BIC]) && o->n_lambda > 1)
    progress_say(p, to,
                 "bevel %s: least aic at lambda %.5g (%" PRId64 " coefficients), bic %.5g (%" PRId64
                 "), ebic %.5g (%" PRId64 ")",
                 p->command, o->lambda_criterion[BVL_AIC], o->df_criterion[BVL_AIC],
                 o->lambda_criterion[BVL_BIC], o->df_criterion[BVL_BIC],
                 o->lambda_criterion[BVL_EBIC], o->df_criterion[BVL_EBIC]);
  progress_say(p, to,
               "bevel %s: %.2f s (load %.2f, solve %.2f, write %.2f) on %d rank%s (%dx%d), %.1f "
               "passes over X%s",
               p->command, o->load_s + o->solve_s + o->write_s, o->load_s, o->solve_s, o->write_s,
               ranks, ranks == 1 ? "" : "s", o->grid_rows, o->grid_cols, o->passes, file_passes);
  progress_say(p, to, "bevel %s: result in %s", p->command, s->output);
}

static void say_choice(progress *p, FILE *to, const settings *s, const bvl_cv_outcome *o)
{
  if (o->n_unfinished > 0)
    progress_say(p, to, "bevel cv: %" PRId64 " of the folds' %" PRId64 " lambdas did not converge",
                 o->n_unfinished, o->n_points);
  if (isnan(o->lambda_min)) {
    progress_say(p, to, "bevel cv: no lambda was fitted in all folds");
    return;
  }
  progress_say(p, to,
               "bevel cv: %" PRId64
               " folds, least %s %.5g (s.e. %.2g) at lambda.min %.5g with %" PRId64
               " coefficients; lambda.1se %.5g with %" PRId64,
               o->folds, bvl_measure_name(s->cv.measure), o->cvm, o->cvsd, o->lambda_min, o->df_min,
               o->lambda_1se, o->df_1se);
}

/* Of path and fit; of cv or stability too where that is not NULL. */
static int report_solved(const settings *s, MPI_Comm comm, progress *p,
                         const bvl_run_outcome *outcome, const bvl_cv_outcome *cv,
                         const bvl_stability_outcome *stable)
{
  int rank, size;
  int as_asked = s->solver >= BVL_SOLVER_SGD && !s->run.path.polish;
  int64_t wanted = outcome->n_lambda - (outcome->full ? outcome->n_not_attempted : 0);
  int attempted = outcome->n_diverged == 0 && (outcome->n_not_attempted == 0 || outcome->full);
  int done = outcome->n_converged == wanted || (as_asked && attempted);
  if (cv != NULL && (isnan(cv->lambda_min) || (cv->n_unfinished > 0 && !as_asked))) done = 0;
  if (stable != NULL &&
      (stable->subsamples < stable->asked || (stable->n_unfinished > 0 && !as_asked)))
    done = 0;
  int code = done ? EXIT_DONE : EXIT_UNCONVERGED;
  FILE *to = s->quiet ? NULL : s->json ? stderr : stdout;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  profile *all = s->profile ? profile_gather(comm, outcome) : NULL;
  profile_print(all, p, s->json ? stderr : stdout);
  if (rank == 0 && cv != NULL) say_choice(p, to, s, cv);
  if (rank == 0 && stable != NULL) report_stable(p, to, stable);
  if (rank == 0) last_lines(s, p, to, size, outcome, as_asked);
  if (rank == 0 && s->json) json_path(s, outcome, cv, stable, all, size, code);
  profile_free(all);
  return code;
}

int report_path(const settings *s, MPI_Comm comm, progress *p, const bvl_run_outcome *outcome)
{
  return report_solved(s, comm, p, outcome, NULL, NULL);
}

int report_cv(const settings *s, MPI_Comm comm, progress *p, const bvl_cv_outcome *outcome)
{
  return report_solved(s, comm, p, &outcome->path, outcome, NULL);
}

int report_stability(const settings *s, MPI_Comm comm, progress *p,
                     const bvl_stability_outcome *outcome)
{
  return report_solved(s, comm, p, &outcome->path, NULL, outcome);
}

/* ---- train ----------------------------------------------------------------------------------- */

static void json_train(const settings *s, const bvl_train_outcome *o, int ranks, int code)
{
  json_begin(s, code == EXIT_DONE ? "ok" : o->diverged ? "diverged" : "unfinished", code);
  printf(", ");
  json_text("output", s->output);
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
  json_begin(s, code == EXIT_DONE ? "ok" : "not converged", code);
  printf(", ");
  json_text("output", s->output);
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

/* ---- dictionary ----------------------------------------------------------------------------- */

static void json_dictionary(const settings *s, const bvl_dictionary_outcome *o, int ranks, int code)
{
  json_begin(s, code == EXIT_DONE ? "ok" : "unfinished", code);
  printf(", ");
  json_text("output", s->output);
  json_integer("n", o->n);
  json_integer("p", o->p);
  json_integer("atoms", s->dictionary.options.atoms);
  json_real("objective", o->objective);
  json_real("zeros", o->zeros);
  json_real("dictionary_zeros", o->dictionary_zeros);
  json_real("kkt_residual", o->kkt);
  json_real("dictionary_residual", o->residual);
  json_integer("rounds", o->rounds);
  json_integer("ranks", ranks);
  json_real("load_s", o->load_s);
  json_real("solve_s", o->solve_s);
  json_real("write_s", o->write_s);
  json_integer("reductions", o->traffic.reductions);
  json_integer("reduction_bytes", o->traffic.reduction_bytes);
  json_end();
}

int report_dictionary(const settings *s, MPI_Comm comm, progress *p,
                      const bvl_dictionary_outcome *o)
{
  int rank, size;
  const int code = o->converged ? EXIT_DONE : EXIT_UNCONVERGED;
  FILE *to = s->quiet ? NULL : s->json ? stderr : stdout;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  if (rank != 0) return code;
  progress_say(p, to,
               "bevel dictionary: objective %.8g after %" PRId64
               " rounds%s; a local minimum at best, not proven global",
               o->objective, o->rounds, o->converged ? "" : ", not converged");
  progress_say(p, to,
               "bevel dictionary: %.2f %% of the codes are 0, of the dictionary %.2f %%; largest "
               "KKT residual of the codes %.1e, of an atom %.1e",
               100.0 * o->zeros, 100.0 * o->dictionary_zeros, o->kkt, o->residual);
  progress_say(p, to, "bevel dictionary: %.2f s (load %.2f, solve %.2f, write %.2f) on %d rank%s",
               o->load_s + o->solve_s + o->write_s, o->load_s, o->solve_s, o->write_s, size,
               size == 1 ? "" : "s");
  progress_say(p, to, "bevel dictionary: dictionary and codes in %s", s->output);
  if (s->json) json_dictionary(s, o, size, code);
  return code;
}

int report_file(const settings *s, int rank, progress *p)
{
  if (rank != 0) return EXIT_DONE;
  progress_say(p, s->quiet || s->json ? NULL : stdout, "bevel %s: result in %s",
               command_name(s->command), s->output);
  if (!s->json) return EXIT_DONE;
  json_begin(s, "ok", EXIT_DONE);
  printf(", ");
  json_text("output", s->output);
  json_end();
  return EXIT_DONE;
}

/* Which of a front's networks it was. */
static void point_line(progress *p, FILE *to, const bvl_front_choice *from)
{
  char why[64] = "";
  if (from->by != BVL_FRONT_NAMED)
    snprintf(why, sizeof why, ", the one of the %s %.4g",
             from->by == BVL_FRONT_BY_ACCURACY ? "best test accuracy" : "least loss", from->value);
  progress_say(p, to,
               "bevel predict: point %" PRId64 " of the front's %" PRId64 " (0..%" PRId64 ")%s",
               from->point, from->n_points, from->n_points - 1, why);
}

int report_predict(const settings *s, int rank, progress *p, const bvl_predict_outcome *o)
{
  if (rank == 0 && o->from.point >= 0) point_line(p, s->json || s->quiet ? NULL : stdout, &o->from);
  if (rank == 0 && o->classes[0] != '\0')
    progress_say(p, s->json || s->quiet ? NULL : stdout, "bevel predict: %" PRId64 " rows: %s",
                 o->n, o->classes);
  if (rank != 0 || !s->json) return report_file(s, rank, p);
  progress_say(p, NULL, "bevel predict: result in %s", s->output);
  json_begin(s, "ok", EXIT_DONE);
  printf(", ");
  json_text("output", s->output);
  if (o->classes[0] != '\0') {
    printf(", ");
    json_text("classes", o->classes);
  }
  if (o->from.point >= 0) json_integer("point", o->from.point);
  json_integer("n", o->n);
  json_integer("columns", o->columns);
  json_integer("parameters", o->parameters);
  json_real("load_s", o->load_s);
  json_real("predict_s", o->predict_s);
  json_real("rows_per_s", o->predict_s > 0.0 ? (double)o->n / o->predict_s : NAN);
  json_end();
  return EXIT_DONE;
}

static void import_lines(const settings *s, progress *p, const bvl_import_outcome *o)
{
  char entries[40] = "", missing[64] = "", dropped[48] = "";
  if (o->nnz >= 0) snprintf(entries, sizeof entries, ", %" PRId64 " entries", o->nnz);
  if (o->missing > 0)
    snprintf(missing, sizeof missing, ", %" PRId64 " missing values read as means", o->missing);
  if (o->dropped > 0) snprintf(dropped, sizeof dropped, ", %" PRId64 " rows left out", o->dropped);
  FILE *to = s->quiet || s->json ? NULL : stdout;
  progress_say(p, to,
               "bevel import: %" PRId64 " rows, %" PRId64 " columns%s%s%s; %.1f MB in %.2f s", o->n,
               o->p, entries, missing, dropped, (double)o->bytes / 1e6, o->seconds);
  progress_say(p, to, "bevel import: data in %s", s->output);
}

int report_import(const settings *s, MPI_Comm comm, progress *p, const bvl_import_outcome *o)
{
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  if (rank != 0) return EXIT_DONE;
  import_lines(s, p, o);
  if (!s->json) return EXIT_DONE;
  json_begin(s, "ok", EXIT_DONE);
  printf(", ");
  json_text("output", s->output);
  printf(", ");
  json_text("format", o->format);
  json_integer("n", o->n);
  json_integer("p", o->p);
  if (o->nnz >= 0) json_integer("nnz", o->nnz);
  json_integer("missing", o->missing);
  json_integer("dropped", o->dropped);
  json_integer("bytes", o->bytes);
  json_real("seconds", o->seconds);
  json_end();
  return EXIT_DONE;
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
  json_begin(s, "ok", EXIT_DONE);
  printf(", ");
  json_text("output", s->output);
  json_integer("inputs", o->counts.inputs);
  json_integer("inputs_left", o->counts.inputs_left);
  json_integer("parameters", o->counts.all);
  json_integer("parameters_left", o->counts.left);
  json_integer("parameters_stored", o->stored);
  json_real("pruned_percent", percent_cut(o->counts.left, o->counts.all));
  json_end();
  return EXIT_DONE;
}
