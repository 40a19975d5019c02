/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BVL_IO_WRITEBACK_H
#define BVL_IO_WRITEBACK_H

#include <stdint.h>

/** Asks the system to begin with bringing a file's written pages to the disk, where it knows how to
 * be asked; does not wait for them, promises nothing. Not collective. */
void bvl_writeback_begin(int fd);

#endif
