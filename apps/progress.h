/* SPDX-License-Identifier: BSD-3-Clause */
/* What a run says while it works: a bar on a terminal, else about ten plain lines; both on standard
 * error, by rank 0. */
#ifndef BEVEL_APPS_PROGRESS_H
#define BEVEL_APPS_PROGRESS_H

#include <stdarg.h>
#include <stdio.h>

#include "bevel/monitor.h"

typedef struct progress {
  const char *command; /* "path" */
  int quiet;
  int bar;       /* standard error ends in a terminal */
  int bar_shown; /* the cursor stands behind a bar */
  FILE *log;     /* NULL = none; owned */
  int64_t tenth; /* of the path, last one told */
  double told_s; /* when something was last shown */
  double drawn_s;
} progress;

/** Opens rank 0's channel. @return 0, or -1 with `error` (at most size bytes) when the log file
 * cannot be opened. Not collective. */
int progress_open(progress *p, const char *command, int quiet, const char *log_file, char *error,
                  size_t size);
void progress_close(progress *p);

/** Callbacks; `context` of the monitor is a progress on rank 0. */
bvl_monitor progress_monitor(progress *p);

/** One line on `to` and in the log, after clearing a bar. NULL: in the log alone. */
void progress_say(progress *p, FILE *to, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
