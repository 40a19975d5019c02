/* SPDX-License-Identifier: BSD-3-Clause */
/* What commands that write a file and are done came to: simulate, predict, import. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "report.h"
#include "report_json.h"

int report_file(const settings *s, int rank, progress *p)
{
  if (rank != 0) return EXIT_DONE;
  progress_say(p, s->quiet || s->json ? NULL : stdout, "bevel %s: result in %s",
               command_name(s->command), s->output);
  if (!s->json) return EXIT_DONE;
  json_result(s, "ok", EXIT_DONE);
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
  json_result(s, "ok", EXIT_DONE);
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
  json_result(s, "ok", EXIT_DONE);
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
