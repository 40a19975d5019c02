/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEVEL_APPS_VERSIONS_H
#define BEVEL_APPS_VERSIONS_H

#include <stdio.h>

/** bevel's version, then a line for each library it runs on: what is loaded, not what it was built
 * with. Works without MPI_Init. */
void versions_print(FILE *to);

#endif
