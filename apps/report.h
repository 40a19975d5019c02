/* SPDX-License-Identifier: BSD-3-Clause */
/* What a run came to: last lines, the machine-readable line, the profile, exit codes. */
#ifndef BEVEL_APPS_REPORT_H
#define BEVEL_APPS_REPORT_H

#include <mpi.h>

#include "flags.h"
#include "progress.h"
#include "run/study.h"

enum {
  EXIT_DONE = 0,
  EXIT_INTERNAL = 1,
  EXIT_USAGE = 2,
  EXIT_INPUT = 3,
  EXIT_UNCONVERGED = 4,
  EXIT_RESOURCES = 5,
  EXIT_RESUMABLE = 75
};

/** The exit code of a failure (an interruption not among them). */
int report_exit_code(bvl_status status);

/** Prints one line about a failure on rank 0 and returns its exit code; MPI_Abort on an MPI error.
 * Collective in effect: every rank calls it with the same status. */
int report_failure(const settings *s, int rank, bvl_status status);

/** Prints a usage error the same way. */
int report_usage(const char *name, int rank, const char *error);

/** The last lines of path and fit. Collective over comm. Returns the exit code. */
int report_path(const settings *s, MPI_Comm comm, progress *p, const bvl_run_outcome *outcome);

/** The last lines of cv. Collective over comm. Returns the exit code. */
int report_cv(const settings *s, MPI_Comm comm, progress *p, const bvl_cv_outcome *outcome);
/** Of these, what is about the stable set. Rank 0 alone. */
void report_stable(progress *p, FILE *to, const bvl_stability_outcome *o);
/** The last lines of stability. Collective over comm. Returns the exit code. */
int report_stability(const settings *s, MPI_Comm comm, progress *p,
                     const bvl_stability_outcome *outcome);

/** The last lines of train. Collective over comm. Returns the exit code. */
int report_train(const settings *s, MPI_Comm comm, progress *p, const bvl_train_outcome *outcome);

/** The last lines of pareto. Collective over comm. Returns the exit code. */
int report_pareto(const settings *s, MPI_Comm comm, progress *p, const bvl_pareto_outcome *outcome);

/** The last lines of dictionary. Collective over comm. Returns the exit code. */
int report_dictionary(const settings *s, MPI_Comm comm, progress *p,
                      const bvl_dictionary_outcome *outcome);

/** The last lines of import. Collective over comm. Returns the exit code. */
int report_import(const settings *s, MPI_Comm comm, progress *p, const bvl_import_outcome *outcome);

/** The table of a study and its last lines. Collective over comm. Returns the exit code. */
int report_study(const settings *s, MPI_Comm comm, progress *p, const bvl_study_outcome *outcome);

/** The last line of simulate. */
int report_file(const settings *s, int rank, progress *p);
/** The same of a prediction and of a pruned network, with their figures. */
int report_predict(const settings *s, int rank, progress *p, const bvl_predict_outcome *outcome);
int report_prune(const settings *s, int rank, progress *p, const bvl_prune_outcome *outcome);

#endif
