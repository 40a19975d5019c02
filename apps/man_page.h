/* SPDX-License-Identifier: BSD-3-Clause */
/* Man pages of section 1 from the tables of flags, commands and topics. */
#ifndef BEVEL_APPS_MAN_PAGE_H
#define BEVEL_APPS_MAN_PAGE_H

#include <stdio.h>

#include "flags.h"

/** Writes the page of a command (COMMAND_NONE: bevel(1)), dated by SOURCE_DATE_EPOCH or today. */
void man_page_print(command which, FILE *to);

/** Writes bevel.1 and bevel-COMMAND.1 of every command into a folder that is there. Returns 0, or
 * -1 with a message on standard error. */
int man_pages_write(const char *directory);

#endif
