/* SPDX-License-Identifier: BSD-3-Clause */
/* What a task of a study will cost and how many ranks it is given. */
#ifndef BVL_RUN_STUDY_COST_H
#define BVL_RUN_STUDY_COST_H

#include "run/study.h"

/** The head of a task's data file. Doubles and int64_t only. */
typedef struct bvl_study_head {
  int64_t n, p, nnz;                 /* n = 0: it could not be read; the task will say why */
  int64_t dense, element;            /* bytes of an entry in memory */
  int64_t dtype, responses, classes; /* classes: the family couples the responses */
  uint64_t fingerprint;
} bvl_study_head;

/** Heads of all tasks' data, read by rank 0, each file once. Collective. */
bvl_status bvl_study_heads(const bvl_comm *comm, const bvl_study_task *tasks, int64_t n_tasks,
                           bvl_study_head *heads);

/** Predicted seconds of one rank. With s = min(n, p, 500 or dfmax) columns that the last lambda may
 * come to, L lambdas, K coefficients a column, m the dearness of the engine's steps:
 *   certified   (10 + L/4) passes over X at 5 GB/s, n s^2 flops of Gram and m L 10 s^2 of Newton
 *               steps at 5 Gflop/s; m is 3 off convexity; with another family than gaussian the
 *               Gram is made 2 times a lambda
 *   cd          L 50 passes;  surrogates  2 L max(epochs, 100) passes
 * times the starts, times 1 + 0.8 folds of a cross-validation, and 10 ms. Only the order and the
 * ratios decide anything. Not collective. */
double bvl_study_cost(const bvl_study_task *task, const bvl_study_head *head);

/** Bytes a rank needs for the task on that many. Not collective. */
int64_t bvl_study_memory(const bvl_study_task *task, const bvl_study_head *head, int ranks);

/** Groups that the ranks are cut into at a level: 1, 2, 4, ... below size, then size. Returns the
 * number of levels; at most 33. Not collective. */
int bvl_study_levels(int size, int groups[34]);

/** The level whose groups suit the task: the finest where it fits `allowed` bytes a rank and takes
 * one group no longer than an even share of the whole work; 0 (all ranks) when it fits nowhere.
 * Not collective. */
int bvl_study_level(const bvl_study_task *task, const bvl_study_head *head, double total_cost,
                    int size, int64_t allowed);

#endif
