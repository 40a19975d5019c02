/* SPDX-License-Identifier: BSD-3-Clause */
/* The ini file of a study, multiplied out into tasks.
 *
 *   [study]                  keys of all tasks; without further sections, the grid itself
 *   command = path           or cv
 *   data = a.h5, b.h5        files; like every key of one value, a list is crossed with the others
 *   penalty = lasso, mcp     all other keys are the command's flags
 *   gamma = 2, 3             dropped where the penalty (or solver) has no such thing
 *   lambda = 0.5, 0.2        what takes a list anyway keeps it whole
 *   [wide]                   any further name: a sub-grid, its keys in place of [study]'s
 *   nlambda = 50
 *
 * A key that comes twice in a section adds to its list. Tasks that ask for the same thing are one.
 */
#ifndef BEVEL_APPS_STUDY_PLAN_H
#define BEVEL_APPS_STUDY_PLAN_H

#include "flags.h"
#include "run/study.h"

typedef struct study_plan {
  bvl_study_task *tasks; /* n_tasks; what they point to is the plan's */
  int64_t n_tasks;
  settings *settings; /* a task's each, owned */
  struct plan_section *sections;
  int64_t n_sections;
  command command;
} study_plan;

/** Multiplies out `text`, the content of `file`; every task is parsed and checked as the command
 * line of its command would be. study_plan_free afterwards in any case.
 * @return 0, or -1 with file, section, key and, where it is about one, the line in `error`. */
int study_plan_make(const char *file, const char *text, const char *output, study_plan *out,
                    char error[FLAGS_ERROR_BYTES]);
void study_plan_free(study_plan *plan);

#endif
