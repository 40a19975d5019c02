/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine-readable line on standard output, piece by piece. */
#include "report_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void json_text(const char *key, const char *value)
{
  printf("\"%s\": \"", key);
  for (const char *c = value; *c != '\0'; c++) {
    if ((unsigned char)*c < 0x20)
      printf("\\u%04x", (unsigned)*c);
    else
      printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
  }
  printf("\"");
}

void json_real(const char *key, double value)
{
  if (isfinite(value))
    printf(", \"%s\": %.17g", key, value);
  else
    printf(", \"%s\": null", key);
}

void json_integer(const char *key, int64_t value)
{
  printf(", \"%s\": %" PRId64, key, value);
}

void json_begin(const settings *s, const char *status, int code)
{
  printf("{");
  json_text("command", command_name(s->command));
  printf(", ");
  json_text("status", status);
  json_integer("exit", code);
}

void json_result(const settings *s, const char *status, int code)
{
  json_begin(s, status, code);
  printf(", ");
  json_text("output", s->output);
}

void json_end(void)
{
  printf("}\n");
  fflush(stdout);
}

void json_run(int ranks, int grid_rows, int grid_cols, double load_s, double solve_s,
              double write_s)
{
  json_integer("ranks", ranks);
  printf(", \"grid\": \"%dx%d\"", grid_rows, grid_cols);
  json_real("load_s", load_s);
  json_real("solve_s", solve_s);
  json_real("write_s", write_s);
}

void json_resources(int64_t resumed_from, int64_t estimate_bytes, int64_t peak_bytes,
                    const bvl_traffic *traffic)
{
  json_integer("resumed_from", resumed_from);
  json_integer("estimate_bytes", estimate_bytes);
  json_integer("peak_bytes", peak_bytes);
  json_integer("reductions", traffic->reductions);
  json_integer("reduction_bytes", traffic->reduction_bytes);
  json_integer("other_messages", traffic->others);
  json_integer("other_bytes", traffic->other_bytes);
}
