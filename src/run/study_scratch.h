/* SPDX-License-Identifier: BSD-3-Clause */
/* The folder in which a study's tasks stand until they are one file. Nothing here is collective:
 * one rank of a group calls. */
#ifndef BVL_RUN_STUDY_SCRATCH_H
#define BVL_RUN_STUDY_SCRATCH_H

#include "run/study.h"

/** The file of a task in the folder: FOLDER/HASH.KIND, kind "h5", "row", "ck", "claim". The
 * caller's, free(); NULL without memory. */
char *bvl_scratch_file(const char *folder, const char *identity, const char *kind);

/** Makes the folder, and removes what must not be taken for this job's: claims and the stop sign,
 * and unless `resume` rows, results and checkpoints of these tasks.
 * @return BVL_ERR_IO, BVL_ERR_DISK. */
bvl_status bvl_scratch_prepare(const char *folder, const bvl_study_task *tasks, int64_t n_tasks,
                               int resume);
/** Removes these tasks' files and, when it is empty then, the folder. */
void bvl_scratch_remove(const char *folder, const bvl_study_task *tasks, int64_t n_tasks);

/** A finished task needs no checkpoint. */
void bvl_scratch_drop_checkpoint(const char *folder, const char *identity);

/** Takes a task: *won = 1 for exactly one caller of all. @return BVL_ERR_IO, BVL_ERR_DISK. */
bvl_status bvl_scratch_claim(const char *folder, const char *identity, int *won);

/** A sign for the other groups that this job is to end. */
void bvl_scratch_stop(const char *folder);
int bvl_scratch_stopped(const char *folder);

/** Writes a row aside and renames it. @return BVL_ERR_IO, BVL_ERR_DISK. */
bvl_status bvl_scratch_put_row(const char *folder, const char *identity, const bvl_study_row *row);
/** Reads it: 1, or 0 when there is none (or one of another version of bevel). */
int bvl_scratch_get_row(const char *folder, const char *identity, bvl_study_row *row);

#endif
