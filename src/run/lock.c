/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "comm/comm.h"

struct bvl_lock {
  char *path; /* FILE.lock, owned */
  int fd;     /* rank 0: holds it; -1 */
};

enum { HOLDER_BYTES = 128 };

/* Whether the open file is still the one of that name: its last holder removes it. */
static int is_current(int fd, const char *path)
{
  struct stat open_one, named;
  return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 && open_one.st_dev == named.st_dev &&
         open_one.st_ino == named.st_ino;
}

/* Who holds it, for the next one who asks. What cannot be written is not missed. */
static void sign(int fd)
{
  char text[HOLDER_BYTES], host[64] = "?";
  gethostname(host, sizeof host - 1);
  const int n = snprintf(text, sizeof text, "process %ld on %s", (long)getpid(), host);
  if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n) (void)ftruncate(fd, 0);
}

/* 1 = taken, 0 = another has it, -1 = there are no locks to be had here. */
static int try_once(bvl_lock *lock)
{
  for (;;) {
    const int fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return -1;
    const int got = flock(fd, LOCK_EX | LOCK_NB) == 0;
    const int held = !got && errno == EWOULDBLOCK;
    if (got && is_current(fd, lock->path)) {
      sign(fd);
      lock->fd = fd;
      return 1;
    }
    close(fd);
    if (!got) return held ? 0 : -1;
  }
}

static bvl_status refuse(const bvl_lock *lock, const char *path)
{
  char holder[HOLDER_BYTES] = "";
  const int fd = open(lock->path, O_RDONLY | O_CLOEXEC);
  const ssize_t n = fd >= 0 ? pread(fd, holder, sizeof holder - 1, 0) : 0;
  if (fd >= 0) close(fd);
  return bvl_fail(BVL_ERR_IO, "%.100s: another bevel is writing it (%s)", path,
                  n > 0 ? holder : "an unknown process");
}

static bvl_status take(bvl_lock *lock, const char *path)
{
  const struct timespec pause = {0, 50000000};
  const int tries = (int)(BVL_LOCK_WAIT_S / 0.05);
  for (int k = 0; k < tries; k++) {
    if (try_once(lock) != 0) return BVL_OK;
    nanosleep(&pause, NULL);
  }
  return refuse(lock, path);
}

bvl_status bvl_run_lock(MPI_Comm comm, const char *path, bvl_lock **out)
{
  bvl_status status = BVL_OK;
  bvl_traffic traffic = {0};
  bvl_comm all = {0};
  bvl_lock *lock = NULL;
  const size_t n_bytes = strlen(path) + sizeof ".lock";
  *out = NULL;
  BVL_TRY(bvl_comm_dup(comm, &traffic, &all));
  status = BVL_ALLOC(&lock, 1);
  if (status == BVL_OK) {
    lock->fd = -1;
    status = BVL_ALLOC(&lock->path, (int64_t)n_bytes);
  }
  if (status == BVL_OK && all.rank == 0) {
    int length = (int)strlen(path);
    while (length > 1 && path[length - 1] == '/') length--; /* a folder's lock stands beside it */
    snprintf(lock->path, n_bytes, "%.*s.lock", length, path);
    status = take(lock, path);
  }
  BVL_TRY(bvl_agree(&all, status));
  *out = lock;
  lock = NULL;
cleanup:
  bvl_run_unlock(&lock);
  bvl_comm_free(&all);
  return status;
}

/* Removed while it is held: whoever opened it meanwhile finds that it is not current. */
void bvl_run_unlock(bvl_lock **handle)
{
  bvl_lock *lock = *handle;
  *handle = NULL;
  if (lock == NULL) return;
  if (lock->fd >= 0) {
    unlink(lock->path);
    close(lock->fd);
  }
  free(lock->path);
  free(lock);
}
