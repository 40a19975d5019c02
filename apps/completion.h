/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEVEL_APPS_COMPLETION_H
#define BEVEL_APPS_COMPLETION_H

#include <stdio.h>

/** Prints a script for bash that completes commands, topics, flags, their words and files; from the
 * tables of flags, commands and topics. */
void completion_print(FILE *to);

#endif
