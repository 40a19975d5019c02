/* SPDX-License-Identifier: BSD-3-Clause */
/* Text, line by line, to whoever prints it. */
#ifndef BVL_BASE_LINES_H
#define BVL_BASE_LINES_H

typedef struct bvl_lines {
  void (*emit)(void *context, const char *line);
  void *context;
} bvl_lines;

/** A line without its end; beyond 511 bytes it is cut. Not collective. */
void bvl_say(const bvl_lines *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
