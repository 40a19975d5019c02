/* SPDX-License-Identifier: BSD-3-Clause */
/* What path and fit, cv and stability came to: their last lines, the machine-readable one, the
 * code. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "profile.h"
#include "report.h"
#include "report_json.h"

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
  json_result(s, code == EXIT_DONE ? "ok" : "unconverged", code);
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
