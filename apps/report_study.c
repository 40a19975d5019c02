/* SPDX-License-Identifier: BSD-3-Clause */
/* A study's table, a row a task, and its machine-readable line. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report.h"
#include "report_json.h"

static const char *word_of(const bvl_study_row *row)
{
  static const char *const words[] = {"converged", "not all", "failed"};
  return words[row->status];
}

/* "-" where there is no number. */
static const char *number(double value, const char *format, char out[32])
{
  if (isnan(value))
    snprintf(out, 32, "-");
  else
    snprintf(out, 32,
             strcmp(format, "g") == 0   ? "%.6g"
             : strcmp(format, "e") == 0 ? "%.1e"
                                        : "%.2f",
             value);
  return out;
}

static void say_row(progress *p, FILE *to, const bvl_study_outcome *o, int64_t k, int width)
{
  const bvl_study_row *row = &o->rows[k];
  char best[32], lambda[32], gap[32], seconds[32];
  if (row->status == BVL_STUDY_FAILED) {
    progress_say(p, to, "%5" PRId64 "  %-*s  failed: %s", k, width, row->label, row->message);
    return;
  }
  progress_say(p, to, "%5" PRId64 "%c %-*s  %-9s %12s %10s %7" PRId64 " %9s %7s %5" PRId64 "%s", k,
               k == o->best ? '*' : ' ', width, row->label, word_of(row),
               number(row->best, "g", best), number(row->best_lambda, "g", lambda), row->best_df,
               number(row->worst_gap, "e", gap), number(row->seconds, "f", seconds), row->ranks,
               row->resumed ? " (before)" : "");
}

static void say_table(progress *p, FILE *to, const bvl_study_outcome *o)
{
  int width = 4;
  const char *criterion = "";
  for (int64_t k = 0; k < o->n_tasks; k++) {
    const int length = (int)strlen(o->rows[k].label);
    if (length > width) width = length < 70 ? length : 70;
    criterion = o->rows[k].criterion;
  }
  progress_say(p, to, " task  %-*s  %-9s %12s %10s %7s %9s %7s %5s", width, "what", "", criterion,
               "lambda", "df", "gap", "s", "ranks");
  for (int64_t k = 0; k < o->n_tasks; k++) say_row(p, to, o, k, width);
}

static void json_rows(const bvl_study_outcome *o)
{
  printf(", \"rows\": [");
  for (int64_t k = 0; k < o->n_tasks; k++) {
    const bvl_study_row *row = &o->rows[k];
    printf("%s{", k > 0 ? ", " : "");
    json_text("what", row->label);
    printf(", ");
    json_text("status", word_of(row));
    printf(", ");
    json_text("message", row->message);
    json_integer("ranks", row->ranks);
    json_real("seconds", row->seconds);
    json_real("best", row->best);
    json_real("best_lambda", row->best_lambda);
    json_integer("best_df", row->best_df);
    json_real("worst_gap", row->worst_gap);
    printf("}");
  }
  printf("]");
}

static void json_study(const settings *s, const bvl_study_outcome *o, int ranks, int code)
{
  json_result(s, code == EXIT_DONE ? "ok" : "unfinished", code);
  json_integer("tasks", o->n_tasks);
  json_integer("failed", o->n_failed);
  json_integer("unconverged", o->n_unconverged);
  json_integer("resumed", o->n_resumed);
  json_integer("best_task", o->best);
  json_integer("ranks", ranks);
  json_real("seconds", o->seconds);
  json_real("write_s", o->write_s);
  json_real("busy", o->busy);
  json_rows(o);
  json_end();
}

int report_study(const settings *s, MPI_Comm comm, progress *p, const bvl_study_outcome *o)
{
  int rank, size;
  const int code = o->n_failed + o->n_unconverged > 0 ? EXIT_UNCONVERGED : EXIT_DONE;
  FILE *to = s->quiet ? NULL : s->json ? stderr : stdout;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  if (rank != 0) return code;
  say_table(p, to, o);
  progress_say(p, to,
               "bevel study: %" PRId64 " tasks, %" PRId64 " failed, %" PRId64
               " not wholly converged; %.2f s on %d rank%s, %.0f %% of the solving time at work",
               o->n_tasks, o->n_failed, o->n_unconverged, o->seconds, size, size == 1 ? "" : "s",
               100.0 * o->busy);
  progress_say(p, to, "bevel study: result in %s", s->output);
  if (s->json) json_study(s, o, size, code);
  return code;
}
