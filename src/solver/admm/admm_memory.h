/* SPDX-License-Identifier: BSD-3-Clause */
/* Anderson's acceleration of the sweeps of ADMM (Anderson 1965; Walker, Ni 2011): a sweep takes the
 * aim b of one x-step to that of the next, g(b). The next aim is what the last few sweeps, taken as
 * linear, say about where f = g(b) - b vanishes. Vectors are this rank's; their inner products ride
 * in the sweep's  own reduction.
 *
 * Where that misleads, as near a saddle, it may push instead: the plain step made longer, twice as
 * long each time, for as long as nothing speaks against it. */
#ifndef BVL_SOLVER_ADMM_MEMORY_H
#define BVL_SOLVER_ADMM_MEMORY_H

#include "model/problem.h"

enum { BVL_ADMM_DEPTH = 8, BVL_ADMM_N_DOTS = 2 * BVL_ADMM_DEPTH + 2 };

typedef struct bvl_admm_memory {
  int64_t n;                                     /* length of an aim here */
  int64_t n_image;                               /* of its image, what the x-step knows it by */
  int64_t count;                                 /* sweeps seen since the last reset */
  double *b;                                     /* n: the aim of the last x-step, owned */
  double *f;                                     /* n: of the last sweep, owned */
  double *g;                                     /* n, owned */
  double *image;                                 /* n_image: of the last g, owned */
  double *dg[BVL_ADMM_DEPTH];                    /* differences of successive g, owned */
  double *df[BVL_ADMM_DEPTH];                    /* of f */
  double *dimage[BVL_ADMM_DEPTH];                /* of images */
  double normal[BVL_ADMM_DEPTH][BVL_ADMM_DEPTH]; /* inner products of df */
  double last;    /* ||f||^2 of the last sweep, INFINITY after a reset */
  double *aimed;  /* n_image: of b, owned */
  int pushes;     /* may it push? */
  double push;    /* steps that the next one is made longer by, 0: none */
  int moved;      /* the last aim was accelerated */
  int64_t misled; /* times that ||f|| grew since open or forgive */
  int64_t hold;   /* sweeps to go without acceleration, the longer the more often that was */
} bvl_admm_memory;

bvl_status bvl_admm_memory_open(int64_t n, int64_t n_image, int pushes, bvl_admm_memory *out);
void bvl_admm_memory_close(bvl_admm_memory *memory);
/** Forgets: the iteration is another one from here. */
void bvl_admm_memory_reset(bvl_admm_memory *memory);

/** A new lambda: what misled before is no matter. */
void bvl_admm_memory_forgive(bvl_admm_memory *memory);

/** Takes note of g; dots (BVL_ADMM_N_DOTS) <- inner products over this rank's part where it is
 * `counted`. Not collective. */
void bvl_admm_memory_note(bvl_admm_memory *memory, const double *g, int counted, double *dots);

/** ||f||^2 over that of the sweep before; 0 where there was none. Not collective. */
double bvl_admm_memory_growth(const bvl_admm_memory *memory, const double *dots);

/** What is thought of the last aim, and so of the next. */
typedef enum bvl_admm_judgement {
  BVL_ADMM_PLAIN, /* the next is not to be accelerated */
  BVL_ADMM_FINE,
  BVL_ADMM_MISLED /* the last one, if it was accelerated, is taken back: the plain one is next */
} bvl_admm_judgement;

/** From the dots of all ranks: g and its image become the next aim and its image.  Not
 * collective. @return whether g was changed. */
int bvl_admm_memory_aim(bvl_admm_memory *memory, const double *dots, bvl_admm_judgement judgement,
                        double *g, double *image);

#endif
