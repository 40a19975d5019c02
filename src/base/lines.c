/* SPDX-License-Identifier: BSD-3-Clause */
/* Formatted lines. */
#include "base/lines.h"

#include <stdarg.h>
#include <stdio.h>

void bvl_say(const bvl_lines *to, const char *format, ...)
{
  char line[512];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  to->emit(to->context, line);
}
