/* SPDX-License-Identifier: BSD-3-Clause */
/* What dictionary came to. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "report.h"
#include "report_json.h"

static void json_dictionary(const settings *s, const bvl_dictionary_outcome *o, int ranks, int code)
{
  json_result(s, code == EXIT_DONE ? "ok" : "unfinished", code);
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
