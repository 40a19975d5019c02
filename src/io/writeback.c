/* SPDX-License-Identifier: BSD-3-Clause */
/* Else the kernel begins with what one fsync at the end then waits for. */
#if defined(__linux__)
#define _GNU_SOURCE /* sync_file_range */
#endif
#include "io/writeback.h"

#include <fcntl.h>

void bvl_writeback_begin(int fd)
{
#if defined(__linux__) && defined(SYNC_FILE_RANGE_WRITE)
  if (fd >= 0) (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
#else
  (void)fd;
#endif
}
