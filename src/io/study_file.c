/* SPDX-License-Identifier: BSD-3-Clause */
/* One file out of the files of a study's tasks, by rank 0: whole groups are copied by HDF5. Cost:
 * the bytes of the task files once read and once written. */
#include "io/study_file.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "io/hdf5_out.h"
#include "io/hdf5_util.h"

/* ---- the summary ----------------------------------------------------------------------------- */

typedef struct column {
  const char *name;
  size_t offset;
  size_t n_bytes; /* of a text; 0 = a number */
} column;

#define TEXT(member)                                                                               \
  {                                                                                                \
    "/summary/" #member, offsetof(bvl_study_row, member), sizeof((bvl_study_row *)0)->member       \
  }
#define NUMBER(member)                                                                             \
  {                                                                                                \
    "/summary/" #member, offsetof(bvl_study_row, member), 0                                        \
  }

static const column texts[] = {TEXT(label),   TEXT(message), TEXT(data),     TEXT(family),
                               TEXT(penalty), TEXT(solver),  TEXT(criterion)};
static const column reals[] = {
    NUMBER(alpha),     NUMBER(gamma), NUMBER(q),           NUMBER(tl1_a),     NUMBER(log_eps),
    NUMBER(k1),        NUMBER(k2),    NUMBER(predicted),   NUMBER(seconds),   NUMBER(worst_gap),
    NUMBER(worst_kkt), NUMBER(best),  NUMBER(best_lambda), NUMBER(lambda_1se)};
static const column integers[] = {NUMBER(status),  NUMBER(ranks),   NUMBER(n),
                                  NUMBER(p),       NUMBER(lambdas), NUMBER(converged),
                                  NUMBER(support), NUMBER(best_df), NUMBER(seed)};

/* Texts of a fixed length, the longest's. */
static bvl_status put_text(bvl_out *out, const column *what, const bvl_study_row *rows, int64_t n)
{
  int64_t longest = 1;
  char *block = NULL;
  hid_t dataset = 0, type = 0;
  bvl_status status = BVL_OK;
  for (int64_t k = 0; out->writes && k < n; k++)
    longest = bvl_greater(longest, (int64_t)strlen((const char *)&rows[k] + what->offset));
  BVL_TRY(bvl_agree(&out->comm, BVL_ALLOC(&block, out->writes ? n * longest : 0)));
  for (int64_t k = 0; out->writes && k < n; k++) {
    const char *text = (const char *)&rows[k] + what->offset;
    memcpy(block + k * longest, text, strlen(text));
  }
  type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, (size_t)longest);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  BVL_TRY(bvl_out_dataset(out, what->name, type, 1, &n, &dataset));
  BVL_TRY(bvl_out_rows(out, dataset, type, 0, out->comm.rank == 0 ? n : 0, 1, block));
cleanup:
  bvl_h5_release(&dataset);
  bvl_h5_release(&type);
  free(block);
  return status;
}

/* Doubles and int64_t are of one size: `memory_type` tells them apart. */
static bvl_status put_number(bvl_out *out, const column *what, hid_t memory_type,
                             const bvl_study_row *rows, int64_t n)
{
  int64_t *block = NULL;
  const int64_t mine = out->comm.rank == 0 ? n : 0;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(&out->comm, BVL_ALLOC(&block, mine)));
  for (int64_t k = 0; k < mine; k++)
    memcpy(&block[k], (const char *)&rows[k] + what->offset, sizeof *block);
  status = bvl_out_vector(out, what->name, memory_type, n, 0, mine, block);
cleanup:
  free(block);
  return status;
}

static bvl_status put_summary(bvl_out *out, const bvl_study_row *rows, int64_t n)
{
  bvl_status status = BVL_OK;
  for (size_t c = 0; c < sizeof texts / sizeof *texts; c++)
    BVL_TRY(put_text(out, &texts[c], rows, n));
  for (size_t c = 0; c < sizeof reals / sizeof *reals; c++)
    BVL_TRY(put_number(out, &reals[c], H5T_NATIVE_DOUBLE, rows, n));
  for (size_t c = 0; c < sizeof integers / sizeof *integers; c++)
    BVL_TRY(put_number(out, &integers[c], H5T_NATIVE_INT64, rows, n));
cleanup:
  return status;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* Rank 0: the bytes of all task files, so that a full disk is known of before HDF5 meets it. */
static int64_t count_bytes(const bvl_study_row *rows, char *const *files, int64_t n)
{
  int64_t bytes = 0;
  struct stat about;
  for (int64_t k = 0; k < n; k++)
    if (rows[k].status != BVL_STUDY_FAILED && stat(files[k], &about) == 0) bytes += about.st_size;
  return bytes + bytes / 16;
}

static bvl_status copy_task(bvl_out *out, int64_t k, const char *file)
{
  char name[48];
  hid_t from = 0;
  bvl_status status = bvl_h5_open_own(file, &from);
  if (status != BVL_OK) return status;
  snprintf(name, sizeof name, "/tasks/%" PRId64, k);
  if (H5Ocopy(from, "/", out->file, name, H5P_DEFAULT, H5P_DEFAULT) < 0)
    status = bvl_h5_fail(BVL_ERR_IO, "%s: cannot copy task %" PRId64, out->path, k);
  bvl_h5_release(&from);
  return status;
}

static bvl_status copy_tasks(bvl_out *out, const bvl_study_row *rows, char *const *files, int64_t n)
{
  hid_t group = H5Gcreate2(out->file, "/tasks", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  bvl_status status = BVL_OK;
  if (group < 0) return bvl_h5_fail(BVL_ERR_IO, "%s: cannot create /tasks", out->path);
  for (int64_t k = 0; status == BVL_OK && k < n; k++)
    if (rows[k].status != BVL_STUDY_FAILED) status = copy_task(out, k, files[k]);
  bvl_h5_release(&group);
  return status;
}

bvl_status bvl_study_write(const bvl_comm *comm, const char *path, const bvl_study_row *rows,
                           char *const *files, int64_t n_tasks, int64_t best, const char *plan,
                           const bvl_origin *origin)
{
  bvl_out out;
  const int root = comm->rank == 0;
  bvl_status status = bvl_out_create(comm, path, 0, &out);
  if (status != BVL_OK) return status;
  BVL_TRY(bvl_out_claim(&out, root ? count_bytes(rows, files, n_tasks) : 0));
  if (root) status = copy_tasks(&out, rows, files, n_tasks);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(put_summary(&out, rows, n_tasks));
  BVL_TRY(bvl_out_attr_i64(&out, "tasks", n_tasks));
  BVL_TRY(bvl_out_attr_i64(&out, "best_task", best));
  if (plan != NULL) BVL_TRY(bvl_out_attr_text(&out, "plan", plan));
  BVL_TRY(bvl_out_origin(&out, origin));
cleanup:
  if (status != BVL_OK) {
    bvl_out_close(&out, 0);
    return status;
  }
  return bvl_out_close(&out, 1);
}

/* ---- read back ------------------------------------------------------------------------------- */

int bvl_study_is(const char *path)
{
  hid_t file = 0;
  if (bvl_h5_open_own(path, &file) != BVL_OK) return 0;
  const int is = bvl_h5_kind_of(file, "/tasks") == BVL_H5_GROUP &&
                 bvl_h5_kind_of(file, "/summary") == BVL_H5_GROUP;
  bvl_h5_release(&file);
  return is;
}

bvl_status bvl_study_best(const char *path, int64_t *task)
{
  hid_t file = 0;
  bvl_status status = bvl_h5_open_own(path, &file);
  *task = -1;
  if (status != BVL_OK) return status;
  const int there = bvl_h5_attr_i64(file, "best_task", 1, task);
  bvl_h5_release(&file);
  if (there == 1 && *task >= 0) return BVL_OK;
  return bvl_fail(BVL_ERR_USAGE, "%s: a study whose tasks do not compare: which one, --task K says",
                  path);
}
