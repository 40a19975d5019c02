/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of bvl_path: what is asked for, what is done, and where the solver stands. */
#ifndef BVL_PATH_PATH_STATE_H
#define BVL_PATH_PATH_STATE_H

#include "path/outlook.h"
#include "solver/solver.h"

/* Shapes of the penalty between its own and a convex one that a start goes by. */
enum { BVL_PATH_SHAPES = 2 };

struct bvl_path {
  bvl_problem *problem;       /* borrowed */
  const bvl_monitor *monitor; /* borrowed, never NULL */
  bvl_path_options options;   /* options.lambda points to `lambda` */
  int64_t n_lambda;           /* points reported */
  double *lambda;             /* n_lambda, as asked for, owned */
  bvl_path_point *points;     /* n_lambda; column and value of each owned */
  double lambda_max;
  /* the way there: lambdas in the order they are solved */
  int64_t n_stops;
  double *stop;        /* n_stops, descending up to n_first, owned */
  int64_t *stop_point; /* n_stops: which point it is, -1 for one that only warms the next; owned */
  double *stop_shape;  /* n_stops: the penalty's shape there, NaN: its own; owned */
  int64_t next_stop;   /* first stop not finished */
  int64_t n_first;     /* stops of the first start; those behind it go up, down, ... (starts.c) */
  int64_t first_shaken;
  double shape_top[BVL_PATH_SHAPES]; /* lambda_max at these shapes; 0: no start goes by them */
  /* where it stands */
  const bvl_solver_type *solver; /* the one asked for */
  void *solver_data;
  const bvl_solver_type *polish; /* certified engine after a surrogate, NULL = none */
  void *polish_data;
  int polishing; /* the stop in work was handed over already */
  bvl_solve_state state;
  bvl_solve_control control;
  double stop_begin_s; /* bvl_now_s() when the stop in work began */
  double stop_seconds; /* spent on it before this run, or before the last checkpoint */
  double way_s;        /* spent on stops behind the last point, which the next point is to bear */
  double share_s;      /* what each of the next `sharing` lambdas took */
  int64_t sharing;
  bvl_batch *batches; /* n_batches, owned */
  int64_t n_batches;
  int64_t batch_capacity;    /* -1: given up */
  bvl_outlook_state outlook; /* how long the rest will take */
  bvl_status (*save)(void *context);
  void *save_context;
};

/** Fills lambda, stop and stop_point from options and lambda_max. Not collective, replicated. */
bvl_status bvl_path_make_grid(bvl_path *path);
/** Of the first n stops those that are points. Not collective. */
int64_t bvl_path_count_points(const bvl_path *path, int64_t n);

/** lambda_max at the shapes that the second start goes by, where it does. state.v is the null
 * fit's. Collective: one reduction. */
bvl_status bvl_path_measure_shapes(bvl_path *path);
/** Appends a stop. shape NaN: the penalty's own. Not collective. */
bvl_status bvl_path_add_stop(bvl_path *path, int64_t *capacity, double lambda, int64_t point,
                             double shape);
/** Gives the penalty the shape of the stop that is next, and returns the one it had. Not
 * collective.
 */
double bvl_path_bend(bvl_path *path);
/** Appends the stops of the second and later starts. Not collective, replicated. */
bvl_status bvl_path_add_starts(bvl_path *path);
/** Before a stop of a later start is begun: puts blocks of the state's point to zero at random, the
 * same on every grid. Collective: a few certificates. */
bvl_status bvl_path_shake(bvl_path *path);
/** Is the state's solution better than what point k has? Not collective, the same on all ranks. */
int bvl_path_improves(const bvl_path *path, int64_t k);

/** Stores the state's solution as point k (one small reduction along the grid row). Collective. */
bvl_status bvl_path_record(bvl_path *path, int64_t k, double seconds);

/** Point k: NaN and an empty column. Not collective. */
void bvl_path_blank(bvl_path *path, int64_t k);

#endif
