/* SPDX-License-Identifier: BSD-3-Clause */
/* --profile: where the time of every rank went, what it sent, and the batches of a path. */
#ifndef BEVEL_APPS_PROFILE_H
#define BEVEL_APPS_PROFILE_H

#include <stdio.h>

#include <mpi.h>

#include "progress.h"
#include "run/run.h"

typedef struct profile profile; /* opaque */

/** Every rank's figures on rank 0, NULL elsewhere. Collective; MPI_Abort without memory. */
profile *profile_gather(MPI_Comm comm, const bvl_run_outcome *outcome);
void profile_free(profile *all);

/** The tables, line by line through progress_say; `all` NULL: nothing. Not collective. */
void profile_print(const profile *all, progress *p, FILE *to);

/** `, "profile": {...}` on standard output; `all` NULL: nothing. Not collective.
 *
 *   ranks    one object a rank: "seconds" by phase; "sent" and (of that) "path_sent" by kind of
 *            collective as [messages, bytes], the path being from lambda_max to the last lambda;
 *            "path_wait_s", its share of the phase "wait"
 *   entered  how often rank 0 entered each phase
 *   batches  bvl_batch's members, those of one rank as a list over ranks
 *   outlooks bvl_outlook's members: what was expected of the rest, batch by batch */
void profile_print_json(const profile *all);

#endif
