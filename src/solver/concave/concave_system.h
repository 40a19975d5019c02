/* SPDX-License-Identifier: BSD-3-Clause */
/* Newton's matrix G_AA + P'' of a quadratic with an elementwise penalty, factored, A the unknowns
 * that are nonzero or unpenalised. Where P is made of quadratic pieces the matrix changes only with
 * those that change their piece, whatever lambda does: the factor follows them. Purely local. Cost:
 * m^2 for each that joins or leaves, m^3 / 3 where many do or P'' is no constant. */
#ifndef BVL_SOLVER_CONCAVE_SYSTEM_H
#define BVL_SOLVER_CONCAVE_SYSTEM_H

#include "base/watch.h"
#include "penalty/penalty.h"
#include "solver/scalar/factor.h"

typedef struct bvl_concave_problem {
  int64_t d;       /* unknowns */
  const double *G; /* d x d, both triangles, leading dimension ld */
  int64_t ld;
  const double *c;            /* d: the gradient's negative at b = 0 */
  const double *lw;           /* d: lambda times the factor; 0 = unpenalised, finite */
  const bvl_penalty *penalty; /* elementwise, without an l1 part of its own */
  int kept; /* is G that of the last problem, but for unknowns that came behind its own? */
  const bvl_watch *watch; /* NULL = none */
} bvl_concave_problem;

/** All zero is a valid start. */
typedef struct bvl_concave_system {
  bvl_factor factor; /* owned */
  int64_t capacity;  /* of the arrays below, unknowns */
  int64_t d;         /* unknowns `held` is right for */
  double *held;      /* d: the diagonal's addition the factor has; NAN = not in it; owned */
  double *addition;  /* d: what it should be, NAN likewise; owned */
  int64_t *list;     /* d: who joins, owned */
  int64_t *refused;  /* n_refused: of A, but not in the factor: they would make it indefinite; owned
                      */
  int64_t n_refused;
} bvl_concave_system;

void bvl_concave_system_free(bvl_concave_system *s);

/** Brings the factor to p's matrix at b, its diagonal heavier by `weight` of itself and of what the
 * penalty subtracts. Who makes it indefinite is left out. @return BVL_ERR_NOMEM. */
bvl_status bvl_concave_system_follow(bvl_concave_system *s, const bvl_concave_problem *p,
                                     const double *b, double weight);

/** The next follow starts from nothing. */
void bvl_concave_system_forget(bvl_concave_system *s);

#endif
