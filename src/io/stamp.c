/* SPDX-License-Identifier: BSD-3-Clause */
/* Checksums in front of files. Reads pass through one buffer of a megabyte. */
#include "io/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "io/hdf5_util.h"

enum { BUFFER_BYTES = 1 << 20 };
/* Below this much a rank is not worth waking. */
#define PART_BYTES (INT64_C(64) << 20)

static const char unchecked[] = "unchecked";
static const char data_begins[] = "bevel data ";

/* ---- the text ----------------------------------------------------------------------------------
 */

static void render(const char *kind, int64_t n_bytes, uint32_t crc, char block[BVL_STAMP_BYTES])
{
  memset(block, 0, BVL_STAMP_BYTES);
  snprintf(block, BVL_STAMP_BYTES,
           "bevel %-5s 1 bytes=%020" PRId64 " crc32c=%08" PRIx32 "\n"
           "HDF5 begins at byte 512. The line above is of all that follows there; bevel\n"
           "refuses a file that it does not match, unless the file begins with: %s\n",
           kind, n_bytes, crc, unchecked);
}

/* Bytes begin .. end - 1 of a file. */
static bvl_status sum_bytes(int fd, const char *path, int64_t begin, int64_t end, uint32_t *crc)
{
  bvl_status status = BVL_OK;
  char *buffer = NULL;
  *crc = 0;
  BVL_TRY(BVL_ALLOC(&buffer, bvl_lesser(end - begin, BUFFER_BYTES)));
  while (begin < end) {
    const int64_t most = bvl_lesser(end - begin, BUFFER_BYTES);
    const ssize_t n = pread(fd, buffer, (size_t)most, (off_t)begin);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) BVL_TRY(bvl_system_fail("read", path));
    if (n == 0) BVL_TRY(bvl_fail(BVL_ERR_IO, "cannot read %s: it became shorter", path));
    *crc = bvl_crc32c(*crc, buffer, (size_t)n);
    begin += n;
  }
cleanup:
  free(buffer);
  return status;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

/* The checksum of this rank's part, shifted to where it counts in the whole. */
static bvl_status sum_part(const bvl_comm *comm, const char *path, int64_t n_bytes, uint32_t *crc)
{
  const int64_t parts = bvl_lesser(comm->size, 1 + n_bytes / PART_BYTES);
  *crc = 0;
  if (comm->rank >= parts) return BVL_OK;
  const int64_t begin = bvl_cut(n_bytes, parts, comm->rank);
  const int64_t end = bvl_cut(n_bytes, parts, comm->rank + 1);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return bvl_system_fail("open", path);
  const bvl_status status = sum_bytes(fd, path, BVL_STAMP_BYTES + begin, BVL_STAMP_BYTES + end,
                                      crc);
  close(fd);
  *crc = bvl_crc32c_shift(*crc, n_bytes - end);
  return status;
}

/* The exclusive or over the ranks: sums of bits, modulo two. */
static bvl_status combine(const bvl_comm *comm, uint32_t *crc)
{
  int64_t bits[32];
  for (int k = 0; k < 32; k++) bits[k] = (*crc >> k) & 1;
  const bvl_status status = bvl_sum_i64(comm, bits, 32);
  *crc = 0;
  for (int k = 0; k < 32; k++) *crc |= (uint32_t)(bits[k] & 1) << k;
  return status;
}

static bvl_status put_block(int fd, const char *path, const char block[BVL_STAMP_BYTES])
{
  for (ssize_t done = 0; done < BVL_STAMP_BYTES;) {
    const ssize_t n = pwrite(fd, block + done, (size_t)(BVL_STAMP_BYTES - done), (off_t)done);
    if (n < 0 && errno != EINTR) return bvl_system_fail("write", path);
    if (n > 0) done += n;
  }
  return BVL_OK;
}

bvl_status bvl_stamp_write(const bvl_comm *comm, int fd, const char *path, const char *kind)
{
  bvl_status status = BVL_OK;
  char block[BVL_STAMP_BYTES];
  uint32_t crc = 0;
  int64_t n_bytes = 0;
  struct stat about;
  if (comm->rank == 0) {
    if (fstat(fd, &about) != 0)
      status = bvl_system_fail("look at", path);
    else
      n_bytes = (int64_t)about.st_size - BVL_STAMP_BYTES;
  }
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_bcast_i64(comm, 0, &n_bytes, 1));
  BVL_TRY(bvl_agree(comm, sum_part(comm, path, n_bytes, &crc)));
  BVL_TRY(combine(comm, &crc));
  render(kind, n_bytes, crc, block);
  if (comm->rank == 0) status = put_block(fd, path, block);
  BVL_TRY(bvl_agree(comm, status));
cleanup:
  return status;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* Ours, perhaps with some damage, and not what another program keeps there (MATLAB does): more than
 * half of the text stands where we put it. */
static int looks_ours(const char there[BVL_STAMP_BYTES])
{
  char ours[BVL_STAMP_BYTES];
  size_t same = 0;
  render("model", 0, 0, ours);
  const size_t length = strlen(ours);
  for (size_t k = 0; k < length; k++) same += there[k] == ours[k];
  return 2 * same > length;
}

static bvl_status check_block(int fd, const char *path, bvl_stamp *found)
{
  char there[BVL_STAMP_BYTES] = {0}, wanted[BVL_STAMP_BYTES];
  bvl_status status = BVL_OK;
  uint32_t crc = 0;
  struct stat about;
  if (fstat(fd, &about) != 0 || pread(fd, there, sizeof there, 0) < 0)
    return bvl_system_fail("read", path);
  if (memcmp(there, unchecked, strlen(unchecked)) == 0 || !looks_ours(there)) return BVL_OK;
  const int64_t n_bytes = bvl_greater((int64_t)about.st_size - BVL_STAMP_BYTES, 0);
  const int is_data = memcmp(there, data_begins, strlen(data_begins)) == 0;
  status = sum_bytes(fd, path, BVL_STAMP_BYTES, BVL_STAMP_BYTES + n_bytes, &crc);
  if (status != BVL_OK) return status;
  render(is_data ? "data" : "model", n_bytes, crc, wanted);
  if (memcmp(there, wanted, sizeof wanted) == 0)
    *found = BVL_STAMP_HOLDS;
  else if (is_data)
    *found = BVL_STAMP_CHANGED;
  else
    return bvl_fail(BVL_ERR_IO,
                    "%s: checksum wrong: damaged, or changed since bevel wrote it (changed on "
                    "purpose? printf %s | dd of=FILE conv=notrunc)",
                    path, unchecked);
  return BVL_OK;
}

bvl_status bvl_stamp_check(const char *path, bvl_stamp *found)
{
  struct stat about;
  *found = BVL_STAMP_NONE;
  if (stat(path, &about) != 0 || !S_ISREG(about.st_mode))
    return BVL_OK; /* who opens it says what is wrong with it */
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return bvl_system_fail("open", path);
  const bvl_status status = check_block(fd, path, found);
  close(fd);
  return status;
}
