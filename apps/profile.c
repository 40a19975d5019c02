/* SPDX-License-Identifier: BSD-3-Clause */
#include "profile.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* One rank's figures as they travel: doubles only. */
typedef struct figures {
  double load_s, solve_s, write_s, comm_s, path_wait_s;
  double reductions, reduction_bytes, others, other_bytes;
  double seconds[BVL_N_PHASES];
  double sent[BVL_N_MESSAGES][2]; /* messages, bytes */
  double path_sent[BVL_N_MESSAGES][2];
} figures;
enum { N_FIGURES = sizeof(figures) / sizeof(double) };

struct profile {
  int size;
  figures *rank;                  /* size */
  const bvl_run_outcome *outcome; /* rank 0's, borrowed */
  int64_t *moved;                 /* size x n_batches x 2: joined_here, entries_sent */
};

static void fill_tally(const bvl_traffic *traffic, double out[BVL_N_MESSAGES][2])
{
  for (int k = 0; k < BVL_N_MESSAGES; k++) {
    out[k][0] = (double)traffic->kind[k].messages;
    out[k][1] = (double)traffic->kind[k].bytes;
  }
}

static figures figures_of(const bvl_run_outcome *o)
{
  figures mine = {.load_s = o->load_s,
                  .solve_s = o->solve_s,
                  .write_s = o->write_s,
                  .comm_s = o->traffic.seconds,
                  .path_wait_s = o->path_traffic.seconds,
                  .reductions = (double)o->traffic.reductions,
                  .reduction_bytes = (double)o->traffic.reduction_bytes,
                  .others = (double)o->traffic.others,
                  .other_bytes = (double)o->traffic.other_bytes};
  memcpy(mine.seconds, o->phases.seconds, sizeof mine.seconds);
  fill_tally(&o->traffic, mine.sent);
  fill_tally(&o->path_traffic, mine.path_sent);
  return mine;
}

static void *room(MPI_Comm comm, size_t count, size_t bytes)
{
  void *out = calloc(count > 0 ? count : 1, bytes);
  if (out == NULL) MPI_Abort(comm, EXIT_RESOURCES);
  return out;
}

profile *profile_gather(MPI_Comm comm, const bvl_run_outcome *o)
{
  int rank, size;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  const int n_moved = (int)(2 * o->n_batches);
  figures mine = figures_of(o);
  int64_t *moved = room(comm, (size_t)n_moved, sizeof *moved);
  profile *all = rank == 0 ? room(comm, 1, sizeof *all) : NULL;
  for (int64_t k = 0; k < o->n_batches; k++) {
    moved[2 * k] = o->batches[k].joined_here;
    moved[2 * k + 1] = o->batches[k].entries_sent;
  }
  if (all != NULL) {
    all->size = size;
    all->outcome = o;
    all->rank = room(comm, (size_t)size, sizeof *all->rank);
    all->moved = room(comm, (size_t)size * (size_t)n_moved, sizeof *all->moved);
  }
  MPI_Gather(&mine, N_FIGURES, MPI_DOUBLE, all != NULL ? all->rank : NULL, N_FIGURES, MPI_DOUBLE, 0,
             comm);
  MPI_Gather(moved, n_moved, MPI_INT64_T, all != NULL ? all->moved : NULL, n_moved, MPI_INT64_T, 0,
             comm);
  free(moved);
  return all;
}

void profile_free(profile *all)
{
  if (all == NULL) return;
  free(all->rank);
  free(all->moved);
  free(all);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void print_ranks(const profile *all, progress *p, FILE *to)
{
  enum { MOST_SHOWN = 4096 };
  progress_say(p, to, "%6s %9s %9s %9s %9s %11s %14s %9s %14s", "rank", "load s", "solve s",
               "write s", "comm s", "reductions", "bytes", "others", "bytes");
  for (int r = 0; r < all->size && r < MOST_SHOWN; r++) {
    const figures *f = &all->rank[r];
    progress_say(p, to, "%6d %9.3f %9.3f %9.3f %9.3f %11.0f %14.0f %9.0f %14.0f", r, f->load_s,
                 f->solve_s, f->write_s, f->comm_s, f->reductions, f->reduction_bytes, f->others,
                 f->other_bytes);
  }
}

/* Least and most over the ranks of the double that lies `offset` doubles into their figures. */
static void extremes(const profile *all, const double *first, double *least, double *most)
{
  const ptrdiff_t offset = first - (const double *)&all->rank[0];
  *least = INFINITY;
  *most = -INFINITY;
  for (int r = 0; r < all->size; r++) {
    const double value = ((const double *)&all->rank[r])[offset];
    *least = fmin(*least, value);
    *most = fmax(*most, value);
  }
}

static void print_phases(const profile *all, progress *p, FILE *to)
{
  const bvl_phases *phases = &all->outcome->phases;
  double least, most;
  progress_say(p, to, "%-14s %9s %9s %9s", "phase", "least s", "most s", "entered");
  for (int k = 0; k < BVL_N_PHASES; k++) {
    extremes(all, &all->rank[0].seconds[k], &least, &most);
    if (most > 0 || phases->entered[k] > 0)
      progress_say(p, to, "%-14s %9.3f %9.3f %9" PRId64, bvl_phase_name((bvl_phase)k), least, most,
                   phases->entered[k]);
  }
}

static void print_messages(const profile *all, progress *p, FILE *to)
{
  double least, most;
  if (all->size == 1) return;
  progress_say(p, to, "%-14s %9s %14s %14s %9s %14s", "messages", "whole job", "least bytes",
               "most bytes", "path", "bytes, rank 0");
  for (int k = 0; k < BVL_N_MESSAGES; k++) {
    const figures *f = &all->rank[0];
    if (!(f->sent[k][0] > 0)) continue;
    extremes(all, &f->sent[k][1], &least, &most);
    progress_say(p, to, "%-14s %9.0f %14.0f %14.0f %9.0f %14.0f", bvl_message_name((bvl_message)k),
                 f->sent[k][0], least, most, f->path_sent[k][0], f->path_sent[k][1]);
  }
}

void profile_print(const profile *all, progress *p, FILE *to)
{
  if (all == NULL) return;
  print_ranks(all, p, to);
  print_phases(all, p, to);
  print_messages(all, p, to);
}

/* ---- the machine-readable line --------------------------------------------------------------- */

static void json_sent(const char *key, const double sent[BVL_N_MESSAGES][2])
{
  printf(", \"%s\": {", key);
  for (int k = 0; k < BVL_N_MESSAGES; k++)
    printf("%s\"%s\": [%.0f, %.0f]", k > 0 ? ", " : "", bvl_message_name((bvl_message)k),
           sent[k][0], sent[k][1]);
  printf("}");
}

static void json_rank(const figures *f)
{
  printf("{\"seconds\": {");
  for (int k = 0; k < BVL_N_PHASES; k++)
    printf("%s\"%s\": %.9f", k > 0 ? ", " : "", bvl_phase_name((bvl_phase)k), f->seconds[k]);
  printf("}, \"path_wait_s\": %.9f", f->path_wait_s);
  json_sent("sent", f->sent);
  json_sent("path_sent", f->path_sent);
  printf("}");
}

static void json_batch(const profile *all, int64_t k)
{
  static const char *const name[] = {"joined", "entries_sent"};
  const bvl_batch *b = &all->outcome->batches[k];
  printf("{\"offered\": %" PRId64 ", \"lambdas\": %" PRId64 ", \"finished\": %" PRId64
         ", \"before\": %" PRId64 ", \"screened\": %" PRId64 ", \"violators\": %" PRId64
         ", \"after\": %" PRId64 ", \"surveyed\": %d",
         b->offered, b->lambdas, b->finished, b->before, b->screened, b->violators, b->after,
         b->surveyed);
  for (int64_t m = 0; m < 2; m++) {
    printf(", \"%s\": [", name[m]);
    for (int64_t r = 0; r < all->size; r++)
      printf("%s%" PRId64, r > 0 ? ", " : "",
             all->moved[2 * (r * all->outcome->n_batches + k) + m]);
    printf("]");
  }
  printf("}");
}

void profile_print_json(const profile *all)
{
  if (all == NULL) return;
  printf(", \"profile\": {\"ranks\": [");
  for (int r = 0; r < all->size; r++) {
    if (r > 0) printf(", ");
    json_rank(&all->rank[r]);
  }
  printf("], \"entered\": {");
  for (int k = 0; k < BVL_N_PHASES; k++)
    printf("%s\"%s\": %" PRId64, k > 0 ? ", " : "", bvl_phase_name((bvl_phase)k),
           all->outcome->phases.entered[k]);
  printf("}, \"batches\": [");
  for (int64_t k = 0; k < all->outcome->n_batches; k++) {
    if (k > 0) printf(", ");
    json_batch(all, k);
  }
  printf("], \"outlooks\": [");
  for (int64_t k = 0; k < all->outcome->n_outlooks; k++) {
    const bvl_outlook *o = &all->outcome->outlooks[k];
    printf("%s{\"finished\": %" PRId64
           ", \"elapsed_s\": %.6f, \"left_s\": %.6f, \"support\": %.1f}",
           k > 0 ? ", " : "", o->finished, o->elapsed_s, o->left_s, o->support);
  }
  printf("]}");
}
