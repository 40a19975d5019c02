/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock of every duration and deadline. MPI_Wtime may be the time of day (the standard lets
 * it), and that is set back and forth while a job runs. */
#ifndef BVL_BASE_CLOCK_H
#define BVL_BASE_CLOCK_H

/** Seconds since an unknown moment, never set (CLOCK_MONOTONIC). Not collective: ranks' clocks
 * differ. */
double bvl_now_s(void);

/** "2026-01-31T12:00:00Z" for now. Not collective. */
void bvl_time_now(char out[24]);

#endif
