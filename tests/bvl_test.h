/* SPDX-License-Identifier: BSD-3-Clause */
/* What every test includes: CMocka with the headers it wants before it, assertions that all ranks
 * take part in, and a main for tests under mpirun. */
#ifndef BVL_TEST_H
#define BVL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mpi.h>

#include "bevel/penalty.h"
#include "bevel/status.h"

/** All defaults but alpha (NaN = it too). */
static inline bvl_penalty_parameters with_alpha(double alpha)
{
  bvl_penalty_parameters parameters;
  bvl_penalty_parameters_init(&parameters);
  parameters.alpha = alpha;
  return parameters;
}

/** Where every rank may complain: the real standard error, also after bvl_test_mute. */
static inline FILE *bvl_test_log(void)
{
  static FILE *log;
  if (log == NULL) log = stderr;
  return log;
}

/* Ranks above 0 write CMocka's report nowhere, so that a log is one report. The streams are
 * changed, not the file descriptors: sanitizers still reach the real standard error. */
static inline void bvl_test_mute(void)
{
  FILE *nowhere = fopen("/dev/null", "w");
  if (nowhere == NULL) return;
  bvl_test_log();
  stdout = nowhere;
  stderr = nowhere;
}

/* In a test under mpirun a condition must be judged by all ranks together: an assertion that fails
 * on one rank leaves the others waiting in their next collective until the time limit. Says which
 * rank it was. */
static inline int bvl_test_all_ranks(int condition, const char *text, const char *file, int line)
{
  int all = 0;
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (!condition) fprintf(bvl_test_log(), "rank %d: %s:%d: %s is false\n", rank, file, line, text);
  MPI_Allreduce(&condition, &all, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
  return all;
}

/** Collective over MPI_COMM_WORLD: fails on every rank unless the condition holds on every rank. */
#define ASSERT_ALL(condition)                                                                      \
  assert_true(bvl_test_all_ranks((condition) != 0, #condition, __FILE__, __LINE__))

/** Collective: `call` gave BVL_OK on every rank; prints bvl_last_error() where it did not. */
#define ASSERT_OK(call) ASSERT_ALL(bvl_test_ok((call), #call))
static inline int bvl_test_ok(bvl_status status, const char *call)
{
  if (status != BVL_OK)
    fprintf(bvl_test_log(), "%s: %s: %s\n", call, bvl_status_text(status), bvl_last_error());
  return status == BVL_OK;
}

/** |a - b| <= tolerance, in double (CMocka's assert_float_equal rounds to float). Not collective;
 * under mpirun put bvl_test_near into ASSERT_ALL. */
#define ASSERT_NEAR(a, b, tolerance) assert_true(bvl_test_near((a), (b), (tolerance)))
static inline int bvl_test_near(double a, double b, double tolerance)
{
  int near = fabs(a - b) <= tolerance;
  if (!near)
    fprintf(bvl_test_log(), "%.17g - %.17g = %.3g, more than %.3g\n", a, b, a - b, tolerance);
  return near;
}

static inline int bvl_test_rank(void)
{
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

static inline int bvl_test_size(void)
{
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

/* A failure anywhere is everyone's exit status. */
static inline int bvl_test_finish(int failed)
{
  int worst = 0;
  MPI_Allreduce(&failed, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return worst != 0;
}

/** main of a test under mpirun: BVL_TEST_MAIN_MPI(cmocka_unit_test(a), cmocka_unit_test(b)) */
#define BVL_TEST_MAIN_MPI(...)                                                                     \
  int main(int argc, char **argv)                                                                  \
  {                                                                                                \
    const struct CMUnitTest tests[] = {__VA_ARGS__};                                               \
    MPI_Init(&argc, &argv);                                                                        \
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);                                    \
    if (bvl_test_rank() > 0) bvl_test_mute();                                                      \
    return bvl_test_finish(cmocka_run_group_tests(tests, NULL, NULL));                             \
  }

/** main of a test that runs bare. */
#define BVL_TEST_MAIN(...)                                                                         \
  int main(void)                                                                                   \
  {                                                                                                \
    const struct CMUnitTest tests[] = {__VA_ARGS__};                                               \
    return cmocka_run_group_tests(tests, NULL, NULL);                                              \
  }

#endif
