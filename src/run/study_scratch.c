/* SPDX-License-Identifier: BSD-3-Clause */
/* Claims, rows and files of a study's tasks in their folder. */
#include "run/study_scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "run/job.h"

static const char *const kinds[] = {"claim",      "row", "row.partial", "h5",
                                    "h5.partial", "ck",  "ck.old",      "ck.partial"};
enum { FIRST_CHECKPOINT = 5 }; /* of kinds, to its end */
static const char stop_sign[] = "stop";

static bvl_status system_fail(const char *what, const char *path)
{
  const int code = errno, full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  return bvl_fail(full ? BVL_ERR_DISK : BVL_ERR_IO, "cannot %s %s: %s", what, path, strerror(code));
}

static char *join(const char *folder, const char *name, const char *kind)
{
  const size_t n_bytes = strlen(folder) + strlen(name) + strlen(kind) + 3;
  char *path = malloc(n_bytes);
  if (path != NULL)
    snprintf(path, n_bytes, "%s/%s%s%s", folder, name, kind[0] != '\0' ? "." : "", kind);
  return path;
}

char *bvl_scratch_file(const char *folder, const char *identity, const char *kind)
{
  char name[24];
  const uint64_t hash = bvl_hash_bytes(BVL_HASH_START, identity, (int64_t)strlen(identity));
  snprintf(name, sizeof name, "%016" PRIx64, hash);
  return join(folder, name, kind);
}

/* Files of a task from kinds[from] on. */
static void remove_files(const char *folder, const char *identity, size_t from, size_t to)
{
  for (size_t f = from; f < to; f++) {
    char *path = bvl_scratch_file(folder, identity, kinds[f]);
    if (path != NULL) unlink(path);
    free(path);
  }
}

void bvl_scratch_drop_checkpoint(const char *folder, const char *identity)
{
  remove_files(folder, identity, FIRST_CHECKPOINT, sizeof kinds / sizeof *kinds);
}

bvl_status bvl_scratch_prepare(const char *folder, const bvl_study_task *tasks, int64_t n_tasks,
                               int resume)
{
  const size_t n_kinds = sizeof kinds / sizeof *kinds;
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) return system_fail("create the folder", folder);
  char *stop = join(folder, stop_sign, "");
  if (stop == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  unlink(stop);
  free(stop);
  for (int64_t k = 0; k < n_tasks; k++)
    remove_files(folder, tasks[k].identity, 0, resume ? 1 : n_kinds);
  if (access(folder, W_OK | X_OK) != 0) return system_fail("write in", folder);
  return BVL_OK;
}

void bvl_scratch_remove(const char *folder, const bvl_study_task *tasks, int64_t n_tasks)
{
  char *stop = join(folder, stop_sign, "");
  if (stop != NULL) unlink(stop);
  free(stop);
  for (int64_t k = 0; k < n_tasks; k++)
    remove_files(folder, tasks[k].identity, 0, sizeof kinds / sizeof *kinds);
  rmdir(folder);
}

bvl_status bvl_scratch_claim(const char *folder, const char *identity, int *won)
{
  char *path = bvl_scratch_file(folder, identity, kinds[0]);
  bvl_status status = BVL_OK;
  *won = 0;
  if (path == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (fd >= 0) {
    *won = 1;
    close(fd);
  } else if (errno != EEXIST) {
    status = system_fail("create", path);
  }
  free(path);
  return status;
}

void bvl_scratch_stop(const char *folder)
{
  char *path = join(folder, stop_sign, "");
  const int fd = path != NULL ? open(path, O_WRONLY | O_CREAT, 0666) : -1;
  if (fd >= 0) close(fd);
  free(path);
}

int bvl_scratch_stopped(const char *folder)
{
  char *path = join(folder, stop_sign, "");
  const int there = path != NULL && access(path, F_OK) == 0;
  free(path);
  return there;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Raw: bevel of one version on one machine writes and reads it. */
typedef struct kept_row {
  char version[24];
  int64_t n_bytes;
  bvl_study_row row;
  uint64_t hash; /* of row */
} kept_row;

static bvl_status write_whole(const char *path, const void *bytes, size_t n_bytes)
{
  FILE *file = fopen(path, "wb");
  if (file == NULL) return system_fail("create", path);
  const int written = fwrite(bytes, n_bytes, 1, file) == 1 && fflush(file) == 0;
  const int synced = written && (fsync(fileno(file)) == 0 || errno == EINVAL);
  const bvl_status status = synced ? BVL_OK : system_fail("write", path);
  if (fclose(file) != 0 && status == BVL_OK) return system_fail("write", path);
  return status;
}

bvl_status bvl_scratch_put_row(const char *folder, const char *identity, const bvl_study_row *row)
{
  kept_row kept;
  char *path = bvl_scratch_file(folder, identity, "row");
  char *partial = bvl_scratch_file(folder, identity, "row.partial");
  bvl_status status = BVL_OK;
  memset(&kept, 0, sizeof kept);
  snprintf(kept.version, sizeof kept.version, "%s", bvl_version());
  kept.n_bytes = (int64_t)sizeof kept;
  kept.row = *row;
  kept.hash = bvl_hash_bytes(BVL_HASH_START, &kept.row, (int64_t)sizeof kept.row);
  if (path == NULL || partial == NULL) status = bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  if (status == BVL_OK) status = write_whole(partial, &kept, sizeof kept);
  if (status == BVL_OK && rename(partial, path) != 0) status = system_fail("write", path);
  free(partial);
  free(path);
  return status;
}

int bvl_scratch_get_row(const char *folder, const char *identity, bvl_study_row *row)
{
  kept_row kept;
  char *path = bvl_scratch_file(folder, identity, "row");
  FILE *file = path != NULL ? fopen(path, "rb") : NULL;
  const int read = file != NULL && fread(&kept, sizeof kept, 1, file) == 1;
  if (file != NULL) fclose(file);
  free(path);
  if (!read || kept.n_bytes != (int64_t)sizeof kept ||
      strncmp(kept.version, bvl_version(), sizeof kept.version) != 0 ||
      kept.hash != bvl_hash_bytes(BVL_HASH_START, &kept.row, (int64_t)sizeof kept.row))
    return 0;
  *row = kept.row;
  return 1;
}
