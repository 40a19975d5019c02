/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine-readable line: one JSON object on standard output at the end, of what a command came
 * to. Rank 0 alone prints it, where --json asks for it. Not collective. */
#ifndef BEVEL_APPS_REPORT_JSON_H
#define BEVEL_APPS_REPORT_JSON_H

#include <stdint.h>

#include "comm/comm.h"
#include "flags.h"

/** A member; a text has no comma in front, numbers have, and what is no number is null. */
void json_text(const char *key, const char *value);
void json_real(const char *key, double value);
void json_integer(const char *key, int64_t value);

/** Opens the object with command, status and exit code, for json_end; the second names the output,
 * too. */
void json_begin(const settings *s, const char *status, int code);
void json_result(const settings *s, const char *status, int code);
void json_end(void);

/** Where a job ran, and how long its phases took. */
void json_run(int ranks, int grid_rows, int grid_cols, double load_s, double solve_s,
              double write_s);
void json_resources(int64_t resumed_from, int64_t estimate_bytes, int64_t peak_bytes,
                    const bvl_traffic *traffic);

#endif
