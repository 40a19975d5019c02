/* SPDX-License-Identifier: BSD-3-Clause */
/* What importers share: the table of formats, the file they write, progress, strings. */
#include "io/import.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/phase.h"
#include "io/text.h"
#include "io/writeback.h"

enum {
  TOLD_BYTES = 1 << 20,      /* less is done before anybody reads how far it is */
  WRITEBACK_BYTES = 32 << 20 /* of rank 0, between pushes towards the disk */
};

static const bvl_importer importers[] = {
    {"csv", {".csv", ".tsv", ".txt", NULL}, bvl_import_csv},
    {"libsvm", {".libsvm", ".svm", ".svmlight", NULL}, bvl_import_libsvm},
    {"plink", {".bed", ".bim", ".fam", NULL}, bvl_import_plink},
};
enum { N_IMPORTERS = sizeof importers / sizeof importers[0] };

void bvl_import_options_init(bvl_import_options *options)
{
  memset(options, 0, sizeof *options);
  options->header = 2;
  options->base = 2;
  options->memory_limit = INT64_C(256) << 20;
}

static int ends_with(const char *path, const char *suffix)
{
  size_t n = strlen(path), m = strlen(suffix);
  return n > m && strcasecmp(path + n - m, suffix) == 0;
}

static const bvl_importer *look_up(const bvl_import_options *options)
{
  for (int k = 0; k < N_IMPORTERS; k++) {
    if (options->format != NULL) {
      if (strcmp(options->format, importers[k].name) == 0) return &importers[k];
      continue;
    }
    for (const char *const *suffix = importers[k].suffixes; *suffix != NULL; suffix++)
      if (ends_with(options->file, *suffix)) return &importers[k];
  }
  return NULL;
}

static bvl_status find_importer(const bvl_import_options *options, const bvl_importer **found)
{
  *found = look_up(options);
  if (*found != NULL) return BVL_OK;
  if (options->format != NULL)
    return bvl_fail(BVL_ERR_USAGE, "--format %.40s: wanted csv, libsvm or plink", options->format);
  return bvl_fail(BVL_ERR_USAGE, "%s: its name does not say what it is: --format csv|libsvm|plink",
                  bvl_text_name(options->file));
}

const char *bvl_import_format(const bvl_import_options *options)
{
  const bvl_importer *found = look_up(options);
  return found != NULL ? found->name : NULL;
}

bvl_status bvl_import_create(bvl_import *job)
{
  bvl_status status = bvl_out_create(&job->comm, job->options->output, 1, &job->out);
  job->out.is_data = 1;
  job->created = status == BVL_OK;
  return status;
}

bvl_status bvl_import_step(bvl_import *job, int64_t n_bytes)
{
  const bvl_monitor *monitor = job->monitor;
  job->bytes_done += n_bytes;
  if (monitor == NULL) return BVL_OK;
  if (job->comm.rank == 0 && monitor->progress != NULL && job->bytes_all >= TOLD_BYTES) {
    const bvl_progress at = {.phase = "import",
                             .k = job->bytes_done,
                             .n_lambda = job->bytes_all,
                             .gap = NAN,
                             .elapsed_s = bvl_now_s() - job->start_s};
    monitor->progress(monitor->context, &at);
  }
  if (monitor->poll != NULL && (monitor->poll(monitor->context) & BVL_WANT_STOP) != 0)
    return bvl_fail(BVL_ERR_INTERRUPTED, "asked to stop");
  return BVL_OK;
}

void bvl_import_written(bvl_import *job, int64_t n_bytes)
{
  job->bytes_written += n_bytes;
  if (job->bytes_written < WRITEBACK_BYTES) return;
  job->bytes_written = 0;
  bvl_writeback_begin(job->out.fd);
}

void bvl_import_note(const bvl_import *job, const char *format, ...)
{
  char line[512];
  va_list args;
  if (job->comm.rank != 0 || job->monitor == NULL || job->monitor->log == NULL) return;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  job->monitor->log(job->monitor->context, line);
}

/* ---- strings --------------------------------------------------------------------------------- */

/* In pieces, so that one long string does not make all of them long in memory too. */
static bvl_status write_strings(bvl_import *job, hid_t dataset, hid_t type, int64_t width,
                                int64_t n, char *const *strings)
{
  const int64_t rows = bvl_greater(1, bvl_lesser(n, (INT64_C(1) << 20) / width));
  char *piece = NULL;
  bvl_status status = bvl_agree(&job->comm, BVL_ALLOC(&piece, rows * width));
  for (int64_t first = 0; status == BVL_OK && first < n; first += rows) {
    const int64_t count = bvl_lesser(rows, n - first);
    for (int64_t k = 0; strings != NULL && k < count; k++)
      strncpy(piece + k * width, strings[first + k], (size_t)width);
    status = bvl_out_rows(&job->out, dataset, type, first, strings != NULL ? count : 0, 1, piece);
  }
  free(piece);
  return status;
}

bvl_status bvl_import_put_strings(bvl_import *job, const char *name, int64_t n,
                                  char *const *strings)
{
  int64_t width = 1;
  hid_t dataset = 0, type = H5Tcopy(H5T_C_S1);
  for (int64_t k = 0; strings != NULL && k < n; k++)
    width = bvl_greater(width, (int64_t)strlen(strings[k]));
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_bcast_i64(&job->comm, 0, &width, 1));
  H5Tset_size(type, (size_t)width);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  BVL_TRY(bvl_out_dataset(&job->out, name, type, 1, &n, &dataset));
  BVL_TRY(write_strings(job, dataset, type, width, n, strings));
cleanup:
  bvl_h5_release(&dataset);
  bvl_h5_release(&type);
  return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* FNV-1a of the source's length and its ends, 64 KiB each: what another version of it would change.
 * Not collective; 0 when it cannot be read again. */
static uint64_t fingerprint(const char *path)
{
  enum { END = 1 << 16 };
  uint64_t hash = UINT64_C(14695981039346656037);
  FILE *file = fopen(path, "rb");
  if (file == NULL) return 0;
  for (int end = 0; end < 2; end++) {
    int byte;
    for (int k = 0; k < END && (byte = fgetc(file)) != EOF; k++)
      hash = (hash ^ (uint64_t)byte) * UINT64_C(1099511628211);
    if (fseeko(file, 0, SEEK_END) != 0) break;
    const off_t length = ftello(file);
    hash = (hash ^ (uint64_t)length) * UINT64_C(1099511628211);
    if (fseeko(file, length > END ? length - END : 0, SEEK_SET) != 0) break;
  }
  fclose(file);
  return hash;
}

static bvl_status write_origin(bvl_import *job, const char *start_time)
{
  const bvl_import_options *options = job->options;
  bvl_origin origin = {.command_line = options->command_line,
                       .start_time = start_time,
                       .data = options->file,
                       .grid_rows = job->comm.size,
                       .grid_cols = 1};
  bvl_status status = BVL_OK;
  if (job->comm.rank == 0) origin.fingerprint = fingerprint(options->file);
  BVL_TRY(bvl_bcast_bytes(&job->comm, 0, &origin.fingerprint, sizeof origin.fingerprint));
  BVL_TRY(bvl_out_attr_text(&job->out, "source", options->file));
  BVL_TRY(bvl_out_attr_text(&job->out, "source_format", job->outcome->format));
  BVL_TRY(bvl_out_origin(&job->out, &origin));
cleanup:
  return status;
}

bvl_status bvl_import_file(const bvl_comm *comm, const bvl_import_options *options,
                           const bvl_monitor *monitor, bvl_import_outcome *outcome)
{
  bvl_import job = {.options = options, .outcome = outcome, .monitor = monitor};
  const bvl_importer *importer;
  char start_time[24];
  bvl_status status = BVL_OK;
  bvl_time_now(start_time);
  memset(outcome, 0, sizeof *outcome);
  outcome->nnz = -1;
  BVL_TRY(bvl_comm_dup(comm->mpi, comm->traffic, &job.comm));
  job.start_s = bvl_now_s();
  BVL_TRY(find_importer(options, &importer));
  outcome->format = importer->name;
  BVL_TRY(importer->read(&job));
  BVL_TRY(write_origin(&job, start_time));
  job.created = 0;
  BVL_TRY(bvl_out_close(&job.out, 1));
  outcome->seconds = bvl_now_s() - job.start_s;
cleanup:
  if (job.created) bvl_out_discard(&job.out);
  bvl_comm_free(&job.comm);
  return status;
}
