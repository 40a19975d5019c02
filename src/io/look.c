/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking at a foreign file in a forked child: see look.h. The child sends records through a pipe:
 * what it looks at now, at the end what it came to. */
#include "io/look.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"

/* Shorter than PIPE_BUF: written in one piece. */
typedef struct record {
  int is_last;
  bvl_status status;
  char text[BVL_MESSAGE_BYTES]; /* the message of the last one, else what is looked at */
} record;

static int report_to = -1; /* in the child: the pipe */

static void send_record(int is_last, bvl_status status, const char *text)
{
  record r = {.is_last = is_last, .status = status, .text = ""};
  snprintf(r.text, sizeof r.text, "%s", text);
  while (write(report_to, &r, sizeof r) < 0 && errno == EINTR) continue;
}

void bvl_look_at(const char *name)
{
  if (report_to >= 0) send_record(0, BVL_OK, name);
}

/* Dies quietly: without core file, back trace (MPI's handlers) or the C library's last words. */
static void become_expendable(int limit_s)
{
  static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU};
  const struct rlimit no_core = {0, 0};
  const struct rlimit cpu = {(rlim_t)limit_s, (rlim_t)limit_s + 1};
  setrlimit(RLIMIT_CORE, &no_core);
  setrlimit(RLIMIT_CPU, &cpu);
  for (size_t k = 0; k < sizeof fatal / sizeof fatal[0]; k++) signal(fatal[k], SIG_DFL);
#ifndef __SANITIZE_ADDRESS__ /* whose reports are wanted */
  const int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0) dup2(nowhere, STDERR_FILENO);
#endif
}

_Noreturn static void look_and_leave(int pipe_end, bvl_look_fn look, void *context, int limit_s)
{
  report_to = pipe_end;
  become_expendable(limit_s);
  const bvl_status status = look(context);
  send_record(1, status, status != BVL_OK ? bvl_last_error() : "");
  _exit(0);
}

/* Everything the child sends, until it is gone; the last record is left in *last. */
static void listen_to(int pipe_end, record *last)
{
  record r;
  for (;;) {
    const ssize_t got = read(pipe_end, &r, sizeof r);
    if (got < 0 && errno == EINTR) continue;
    if (got != (ssize_t)sizeof r) return;
    *last = r;
  }
}

/* Of a child that did not come to its end. */
static bvl_status blame(const char *path, const record *last, int limit_s, int gone)
{
  const char *at = last->text[0] != '\0' ? last->text : "its head";
  if (WIFSIGNALED(gone) && (WTERMSIG(gone) == SIGXCPU || WTERMSIG(gone) == SIGKILL))
    return bvl_fail(BVL_ERR_INPUT, "%s: HDF5 could not read it (no end after %d s in %.80s)", path,
                    limit_s, at);
  if (WIFSIGNALED(gone))
    return bvl_fail(BVL_ERR_INPUT, "%s: HDF5 could not read it (signal %d in %.80s)", path,
                    WTERMSIG(gone), at);
  return bvl_fail(BVL_ERR_INPUT, "%s: HDF5 could not read it (exit %d in %.80s)", path,
                  WEXITSTATUS(gone), at);
}

/* What there is to look at is in the file: 20 MB of names or chunk index a second, and some. */
static int limit_of(const char *path)
{
  enum { LEAST = 2, MOST = 600, BYTES_A_SECOND = 20000000 };
  struct stat about;
  const int64_t size = stat(path, &about) == 0 ? (int64_t)about.st_size : 0;
  return (int)bvl_lesser(LEAST + size / BYTES_A_SECOND, MOST);
}

bvl_status bvl_look(const char *path, bvl_look_fn look, void *context, int limit_s)
{
  int ends[2], gone = 0;
  if (limit_s <= 0) limit_s = limit_of(path);
  record last = {.is_last = 0, .status = BVL_OK, .text = ""};
  H5open(); /* here: its first call asks MPI whether it runs */
  if (pipe(ends) != 0) return look(context);
  const pid_t child = fork();
  if (child == 0) look_and_leave(ends[1], look, context, limit_s);
  close(ends[1]);
  if (child > 0) {
    listen_to(ends[0], &last);
    while (waitpid(child, &gone, 0) < 0 && errno == EINTR) continue;
  }
  close(ends[0]);
  if (child < 0) return look(context);
  if (!last.is_last) return blame(path, &last, limit_s, gone);
  return last.status == BVL_OK ? BVL_OK : bvl_fail(last.status, "%s", last.text);
}

/* ---- what to look at --------------------------------------------------------------------------
 */

enum { LOOK_COLUMNS = 4096 };

/* The head of one row. */
static bvl_status look_row(const bvl_array *array, int64_t row, double *buffer)
{
  const hsize_t start[2] = {(hsize_t)row, 0};
  const hsize_t size[2] = {1, (hsize_t)bvl_lesser(array->dims[1], LOOK_COLUMNS)};
  hid_t file_space = H5Dget_space(array->dataset);
  hid_t memory_space = H5Screate_simple(2, size, NULL);
  bvl_status status = BVL_OK;
  if (H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, size, NULL) < 0)
    status = bvl_h5_fail(BVL_ERR_IO, "cannot read %s", array->name);
  else
    status = bvl_array_transfer(array, H5T_NATIVE_DOUBLE, memory_space, file_space, 0, buffer);
  bvl_h5_release(&memory_space);
  bvl_h5_release(&file_space);
  return status;
}

/* Bytes of data this process has mapped; -1 = not known. */
static int64_t data_in_use(void)
{
  long long pages = -1;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (statm != NULL && fscanf(statm, "%*s %*s %*s %*s %*s %lld", &pages) != 1) pages = -1;
  if (statm != NULL) fclose(statm);
  return pages < 0 ? -1 : (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* In the child: strings of any length lie in the file as they are, those of one length are n times
 * that, and no more than both is allocated for them, a few times over. A length that says otherwise
 * would have HDF5 fill gigabytes before it asks whether they are there.
 */
static void limit_data(const bvl_array *array, struct rlimit *before)
{
  enum { ROOM = 64 << 20 };
  hsize_t n_bytes = 0;
  hid_t file = H5Iget_file_id(array->dataset);
  const int64_t used = data_in_use();
  getrlimit(RLIMIT_DATA, before);
  if (file > 0 && H5Fget_filesize(file, &n_bytes) >= 0 && used >= 0 && report_to >= 0) {
    struct rlimit data = *before;
    const double fixed = (double)array->dims[0] * array->n_bytes; /* may be compressed */
    const double most = (double)used + ROOM + 4 * ((double)n_bytes + fixed);
    if (most < 1e18 && (data.rlim_cur == RLIM_INFINITY || (double)data.rlim_cur > most))
      data.rlim_cur = (rlim_t)most;
    setrlimit(RLIMIT_DATA, &data);
  }
  bvl_h5_release(&file);
}

static bvl_status look_strings(const bvl_array *array)
{
  char **strings = NULL;
  int64_t n_bytes = 0;
  struct rlimit before;
  limit_data(array, &before);
  const bvl_status status = bvl_array_read_strings(array, &strings, &n_bytes);
  setrlimit(RLIMIT_DATA, &before);
  free(strings);
  return status;
}

bvl_status bvl_look_array(const bvl_array *array)
{
  double *buffer = NULL;
  bvl_status status = BVL_OK;
  bvl_look_at(array->name);
  hid_t layout = H5Dget_create_plist(array->dataset);
  hid_t space = H5Dget_space(array->dataset);
  const int chunked = H5Pget_layout(layout) == H5D_CHUNKED;
  hsize_t n_chunks = 0;
  if (chunked && H5Dget_num_chunks(array->dataset, space, &n_chunks) < 0)
    status = bvl_h5_fail(BVL_ERR_IO, "cannot read %s", array->name);
  bvl_h5_release(&space);
  bvl_h5_release(&layout);
  if (status == BVL_OK && chunked && array->filtered) status = bvl_look_chunk(array);
  if (status != BVL_OK) return status;
  if (array->dims[0] == 0 || array->dims[1] == 0) return BVL_OK;
  if (bvl_array_is_string(array)) return array->n_dims == 1 ? look_strings(array) : BVL_OK;
  if (!bvl_array_is_numeric(array)) return BVL_OK;
  BVL_TRY(BVL_ALLOC(&buffer, LOOK_COLUMNS));
  BVL_TRY(look_row(array, 0, buffer));
  BVL_TRY(look_row(array, array->dims[0] - 1, buffer));
cleanup:
  free(buffer);
  return status;
}

/* What one cannot make sense of is left to whoever wants to read it. */
static herr_t look_object(hid_t file, const char *name, const H5O_info_t *info, void *context)
{
  bvl_array array = {0};
  (void)context;
  bvl_look_at(name);
  if (info->type != H5O_TYPE_DATASET) return 0;
  if (bvl_array_open(file, name, &array) == BVL_OK) bvl_look_array(&array);
  bvl_array_close(&array);
  return 0;
}

static bvl_status look_everywhere(void *context)
{
  hid_t file = 0;
  const bvl_status status = bvl_h5_open_serial(context, &file);
  if (status == BVL_OK)
    H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, look_object, NULL, H5O_INFO_BASIC);
  return status;
}

bvl_status bvl_h5_open_foreign(const char *path, hid_t *out)
{
  char *copy = strdup(path);
  *out = 0;
  if (copy == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory to open %s", path);
  bvl_status status = bvl_look(path, look_everywhere, copy, 0);
  free(copy);
  return status == BVL_OK ? bvl_h5_open_serial(path, out) : status;
}
