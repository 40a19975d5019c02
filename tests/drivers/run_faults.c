/* SPDX-License-Identifier: BSD-3-Clause */
/* One rank fails alone: whole jobs in which the k-th allocation of bevel (calloc, malloc ... by the
 * linker's --wrap, so neither MPI's nor HDF5's) or every read of a file from the k-th on fails on
 * one rank. For each k all ranks must come to the same status with the same message: out of memory
 * or a file error; a fault may be survived where there is another way (an allocation alone).
 *
 *   run_faults FOLDER JOB|all alloc|read|both COUNT [K RANK]
 *
 * FOLDER holds data.h5, data.csv and model.h5; JOB: path, sparse, checkpoint, cv, train, predict,
 * import. COUNT faults are spread evenly over the calls of an undisturbed run, the ranks in turn; a
 * given K and RANK is tried alone. A job that hangs ends by SIGALRM, with what it was on standard
 * error. Exit 0 when no fault was mistreated. */
#include <errno.h>
#include <execinfo.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <hdf5.h>
#include <mpi.h>

#include "base/status.h"
#include "run/cv.h"
#include "run/import.h"
#include "run/run.h"
#include "run/train.h"

enum { HANG_SECONDS = 30, BAD_SHOWN = 12 };

/* ---- faults ------------------------------------------------------------------------------------
 */

static struct fault {
  int wants_reads; /* else allocations */
  int64_t calls;   /* since the job began */
  int64_t at;      /* this one fails, 0 = none */
} fault;

/* BVL_FAULT_TRACE: where it was, for addr2line. */
static int alloc_fails(void)
{
  if (fault.wants_reads || ++fault.calls != fault.at) return 0;
  if (getenv("BVL_FAULT_TRACE") != NULL) {
    void *frames[16];
    backtrace_symbols_fd(frames, backtrace(frames, 16), STDERR_FILENO);
  }
  errno = ENOMEM;
  return 1;
}

static int read_fails(void)
{
  return fault.wants_reads && ++fault.calls >= fault.at && fault.at > 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
ssize_t __real_pread(int fd, void *out, size_t n, off_t offset);
size_t __real_fread(void *out, size_t size, size_t n, FILE *from);
herr_t __real_H5Dread(hid_t dataset, hid_t type, hid_t memory, hid_t file, hid_t how, void *out);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
ssize_t __wrap_pread(int fd, void *out, size_t n, off_t offset);
size_t __wrap_fread(void *out, size_t size, size_t n, FILE *from);
herr_t __wrap_H5Dread(hid_t dataset, hid_t type, hid_t memory, hid_t file, hid_t how, void *out);

void *__wrap_malloc(size_t size)
{
  return alloc_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
  return alloc_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
  return alloc_fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
  return alloc_fails() ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text)
{
  return alloc_fails() ? NULL : __real_strdup(text);
}

ssize_t __wrap_pread(int fd, void *out, size_t n, off_t offset)
{
  return read_fails() ? -1 : __real_pread(fd, out, n, offset);
}

size_t __wrap_fread(void *out, size_t size, size_t n, FILE *from)
{
  return read_fails() ? 0 : __real_fread(out, size, n, from);
}

/* A rank whose read fails has still taken part in it where it is collective. */
herr_t __wrap_H5Dread(hid_t dataset, hid_t type, hid_t memory, hid_t file, hid_t how, void *out)
{
  const herr_t failed = __real_H5Dread(dataset, type, memory, file, how, out);
  return read_fails() ? -1 : failed;
}

/* ---- jobs --------------------------------------------------------------------------------------
 */

static char folder[256];

/* A name in the folder; several may be in use. */
static const char *in_folder(const char *name)
{
  static char names[8][512];
  static int next;
  char *out = names[next++ % 8];
  snprintf(out, sizeof names[0], "%s/%s", folder, name);
  return out;
}

static bvl_run_options path_options(void)
{
  bvl_run_options options;
  bvl_run_options_init(&options);
  options.data = in_folder("data.h5");
  options.output = in_folder("out.h5");
  options.path.n_lambda = 4;
  options.path.lambda_min_ratio = 0.1;
  return options;
}

static bvl_status run_path(const bvl_run_options *options)
{
  bvl_run_outcome outcome;
  const bvl_status status = bvl_run_path(MPI_COMM_WORLD, options, NULL, &outcome);
  if (status == BVL_OK) bvl_run_outcome_free(&outcome);
  return status;
}

static bvl_status job_path(void)
{
  const bvl_run_options options = path_options();
  return run_path(&options);
}

static bvl_status job_sparse(void)
{
  bvl_run_options options = path_options();
  options.data = in_folder("sparse.h5");
  options.family = "binomial";
  return run_path(&options);
}

/* Saved after every step, and read again by the next run. */
static bvl_status job_checkpoint(void)
{
  bvl_run_options options = path_options();
  options.checkpoint = in_folder("path.ckpt");
  options.resume = 1;
  return run_path(&options);
}

static bvl_status job_cv(void)
{
  bvl_cv_options folds;
  bvl_cv_outcome outcome;
  const bvl_run_options options = path_options();
  bvl_cv_options_init(&folds);
  folds.folds = 3;
  const bvl_status status = bvl_run_cv(MPI_COMM_WORLD, &options, &folds, NULL, &outcome);
  if (status == BVL_OK) bvl_run_outcome_free(&outcome.path);
  return status;
}

static bvl_status job_train(void)
{
  bvl_train_options options;
  bvl_train_outcome outcome;
  bvl_train_options_init(&options);
  options.network.data = in_folder("data.h5");
  options.network.arch = "input 30\ndense 5\ndense 1\n";
  options.network.test_fraction = 0.25;
  options.network.batch = 16;
  options.output = in_folder("out.h5");
  options.penalty = "group-lasso";
  options.lambda = 1e-3;
  options.optim.epochs = 2;
  return bvl_run_train(MPI_COMM_WORLD, &options, NULL, &outcome);
}

static bvl_status job_predict(void)
{
  bvl_predict_options options;
  bvl_predict_outcome outcome;
  bvl_predict_options_init(&options);
  options.data = in_folder("data.h5");
  options.model = in_folder("model.h5");
  options.output = in_folder("out.h5");
  return bvl_run_predict(MPI_COMM_WORLD, &options, &outcome);
}

static bvl_status job_import(void)
{
  bvl_import_options options;
  bvl_import_outcome outcome;
  bvl_import_options_init(&options);
  options.file = in_folder("data.csv");
  options.output = in_folder("out.h5");
  options.memory_limit = 4096;
  return bvl_run_import(MPI_COMM_WORLD, &options, NULL, &outcome);
}

static const struct job {
  const char *name;
  bvl_status (*run)(void);
} jobs[] = {{"path", job_path},    {"sparse", job_sparse}, {"checkpoint", job_checkpoint},
            {"cv", job_cv},        {"train", job_train},   {"predict", job_predict},
            {"import", job_import}};

/* ---- trials ------------------------------------------------------------------------------------
 */

static char trial[200];

static void on_alarm(int number)
{
  (void)number;
  if (write(STDERR_FILENO, trial, strlen(trial)) < 0) _exit(4);
  _exit(3);
}

/* One run with the k-th call failing on `victim` (k = 0: none); NULL when all is well, else what is
 * not. Collective. */
static const char *try_fault(const struct job *job, int64_t k, int victim, bvl_status *out)
{
  static char said[2 * BVL_MESSAGE_BYTES];
  char first[BVL_MESSAGE_BYTES] = "";
  int rank = 0, from_first = 0, bad = 0, any = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  snprintf(trial, sizeof trial, "run_faults: rank %d hangs in %s %s, k %d on rank %d\n", rank,
           job->name, fault.wants_reads ? "read" : "alloc", (int)k, victim);
  alarm(HANG_SECONDS);
  fault.calls = 0;
  fault.at = rank == victim ? k : 0;
  const bvl_status status = job->run();
  fault.at = 0;
  from_first = (int)status;
  if (rank == 0) snprintf(first, sizeof first, "%s", bvl_last_error());
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
  MPI_Bcast(&from_first, 1, MPI_INT, 0, MPI_COMM_WORLD);
  if ((int)status != from_first || (status != BVL_OK && strcmp(first, bvl_last_error()) != 0))
    bad = 1; /* not agreed */
  else if (fault.wants_reads && k > 0)
    bad = status != BVL_ERR_IO && status != BVL_ERR_INPUT ? 2 : 0;
  else
    bad = status != BVL_OK && (k == 0 || status != BVL_ERR_NOMEM) ? 2 : 0;
  if (bad == 0 && status != BVL_OK && strlen(first) < 8) bad = 3;
  MPI_Allreduce(&bad, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  alarm(0);
  *out = status;
  if (any == 0) return NULL;
  snprintf(said, sizeof said, "%s: %s: %s",
           any == 1   ? "not agreed on"
           : any == 2 ? "not what it was"
                      : "no message",
           bvl_status_text(status), status != BVL_OK ? bvl_last_error() : "");
  return said;
}

/* COUNT of the victim's calls, evenly spread. */
static int try_all(const struct job *job, int64_t count, int64_t only_k, int only_rank)
{
  int rank = 0, size = 1, bad = 0, ended = 0;
  bvl_status status;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const char *wrong = try_fault(job, 0, 0, &status);
  if (wrong != NULL && rank == 0) printf("run_faults: %s undisturbed: %s\n", job->name, wrong);
  if (wrong != NULL) return 1;
  const int64_t mine = fault.calls;
  int64_t tried = 0, all = 0;
  MPI_Allreduce(&mine, &all, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  for (int64_t i = 0; i < count; i++) {
    const int victim = only_k > 0 ? only_rank : (int)(i % size);
    int64_t calls = mine;
    MPI_Bcast(&calls, 1, MPI_INT64_T, victim, MPI_COMM_WORLD);
    const int64_t share = (count + size - 1) / size, turn = i / size;
    if (only_k == 0 && (calls < share ? turn >= calls : 0)) continue;
    const int64_t k = only_k > 0 ? only_k : calls < share ? turn + 1 : 1 + turn * calls / share;
    wrong = try_fault(job, k, victim, &status);
    tried++;
    ended += status != BVL_OK;
    if (only_k > 0 && rank == 0) printf("%s: %s\n", bvl_status_text(status), bvl_last_error());
    if (wrong != NULL && rank == 0 && bad < BAD_SHOWN)
      printf("run_faults: %s %s, k %d on rank %d: %s\n", job->name,
             fault.wants_reads ? "read" : "alloc", (int)k, victim, wrong);
    bad += wrong != NULL;
  }
  if (rank == 0)
    printf("run_faults: %s %s: %d of %d calls failed in turn, %d runs ended by it, %d BAD\n",
           job->name, fault.wants_reads ? "read" : "alloc", (int)tried, (int)all, ended, bad);
  return bad > 0 || ended == 0;
}

int main(int argc, char **argv)
{
  int failed, total = 0, tried = 0, rank = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  signal(SIGALRM, on_alarm);
  for (size_t j = 0; argc >= 5 && j < sizeof jobs / sizeof jobs[0]; j++) {
    if (strcmp(argv[2], "all") != 0 && strcmp(argv[2], jobs[j].name) != 0) continue;
    snprintf(folder, sizeof folder, "%s", argv[1]);
    for (int reads = 0; reads < 2; reads++) {
      if (strcmp(argv[3], reads ? "alloc" : "read") == 0) continue; /* the other one */
      fault.wants_reads = reads;
      failed = try_all(&jobs[j], atoi(argv[4]), argc > 6 ? atoi(argv[5]) : 0,
                       argc > 6 ? atoi(argv[6]) : 0);
      total += failed;
      tried++;
    }
  }
  MPI_Finalize();
  return tried == 0 || total > 0;
}
