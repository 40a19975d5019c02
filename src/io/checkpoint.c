/* SPDX-License-Identifier: BSD-3-Clause */
/* Checkpoints: named distributed arrays in one file, written in parallel under a partial name. The
 * attribute `complete` is written last, so that a file whose writer died is recognised; the last
 * two whole ones are kept. A checksum (io/stamp.h) finds what changed since. Per array written:
 * three small allreduces; no array is gathered anywhere.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "io/hdf5_out.h"
#include "io/io.h"
#include "io/stamp.h"

struct bvl_checkpoint {
  bvl_out out;                  /* while writing */
  bvl_comm comm;                /* while reading, owned */
  hid_t file;                   /* while reading */
  char note[BVL_MESSAGE_BYTES]; /* why it is not the newest; "" */
};

/* ---- what stands under a name; rank 0 ----------------------------------------------------------
 */

typedef enum standing {
  STANDS_NOTHING, /* no such file */
  STANDS_BROKEN,  /* cannot be opened, its writer did not finish, or its checksum is wrong */
  STANDS_OTHER,   /* an HDF5 file of another kind */
  STANDS_WHOLE
} standing;

static standing look(const char *path)
{
  hid_t file;
  int64_t version = 0, complete = 0;
  if (access(path, F_OK) != 0 && errno == ENOENT) return STANDS_NOTHING;
  if (bvl_h5_open_own(path, &file) != BVL_OK) return STANDS_BROKEN;
  int ours = bvl_h5_attr_i64(file, "bevel_checkpoint", 1, &version) == 1;
  int whole = bvl_h5_attr_i64(file, "complete", 1, &complete) == 1 && complete == 1;
  bvl_h5_release(&file);
  if (!ours) return STANDS_OTHER;
  return whole ? STANDS_WHOLE : STANDS_BROKEN;
}

static bvl_status old_path(const char *path, char **out)
{
  size_t n_bytes = strlen(path) + sizeof ".old";
  *out = malloc(n_bytes);
  if (*out == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  snprintf(*out, n_bytes, "%s.old", path);
  return BVL_OK;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static bvl_status put_f64(void *context, const char *name, int64_t n_global, int64_t first,
                          int64_t count, const double *values)
{
  bvl_checkpoint *checkpoint = context;
  return bvl_out_vector(&checkpoint->out, name, H5T_NATIVE_DOUBLE, n_global, first, count, values);
}

static bvl_status put_i64(void *context, const char *name, int64_t n_global, int64_t first,
                          int64_t count, const int64_t *values)
{
  bvl_checkpoint *checkpoint = context;
  return bvl_out_vector(&checkpoint->out, name, H5T_NATIVE_INT64, n_global, first, count, values);
}

bvl_status bvl_checkpoint_begin(const bvl_comm *comm, const char *path, const char *text,
                                bvl_checkpoint **out, bvl_store *store)
{
  bvl_status status = BVL_OK;
  bvl_checkpoint *checkpoint = NULL;
  *out = NULL;
  status = BVL_ALLOC(&checkpoint, 1);
  if (status == BVL_OK && comm->rank == 0 && look(path) == STANDS_OTHER)
    status = bvl_fail(BVL_ERR_IO, "%s exists and is not a checkpoint", path);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_out_create(comm, path, 1, &checkpoint->out));
  BVL_TRY(bvl_out_attr_i64(&checkpoint->out, "bevel_checkpoint", 1));
  BVL_TRY(bvl_out_attr_text(&checkpoint->out, "text", text));
  *store = (bvl_store){.context = checkpoint, .put_f64 = put_f64, .put_i64 = put_i64};
  *out = checkpoint;
  checkpoint = NULL;
cleanup:
  bvl_checkpoint_end(&checkpoint, 0);
  return status;
}

/* A broken file under the name makes way for the new one alone: the old one may be the last whole.
 */
static bvl_status keep_previous(bvl_out *out)
{
  bvl_status status = BVL_OK;
  char *old = NULL;
  int64_t whole = out->comm.rank == 0 && look(out->path) == STANDS_WHOLE;
  status = old_path(out->path, &old);
  BVL_TRY(bvl_agree(&out->comm, status));
  BVL_TRY(bvl_bcast_i64(&out->comm, 0, &whole, 1));
  if (whole) BVL_TRY(bvl_out_rename(out, out->path, old));
cleanup:
  free(old);
  return status;
}

static bvl_status commit_file(bvl_out *out)
{
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_out_attr_i64(out, "complete", 1));
  BVL_TRY(bvl_out_finish(out));
  BVL_TRY(keep_previous(out));
  BVL_TRY(bvl_out_rename(out, out->partial, out->path));
cleanup:
  return status;
}

bvl_status bvl_checkpoint_end(bvl_checkpoint **handle, int commit)
{
  bvl_checkpoint *checkpoint = *handle;
  bvl_status status = BVL_OK;
  *handle = NULL;
  if (checkpoint == NULL) return BVL_OK;
  if (checkpoint->out.path != NULL) {
    if (commit) status = commit_file(&checkpoint->out);
    bvl_out_discard(&checkpoint->out);
  }
  bvl_h5_release(&checkpoint->file);
  bvl_comm_free(&checkpoint->comm);
  free(checkpoint);
  return status;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

static bvl_status length(void *context, const char *name, int64_t *n_global)
{
  bvl_checkpoint *checkpoint = context;
  bvl_array array;
  bvl_status status = BVL_OK;
  *n_global = -1;
  if (bvl_h5_kind_of(checkpoint->file, name) == BVL_H5_DATASET) {
    status = bvl_array_open(checkpoint->file, name, &array);
    if (status == BVL_OK) {
      *n_global = array.dims[0];
      bvl_array_close(&array);
    }
  }
  return bvl_agree(&checkpoint->comm, status);
}

static bvl_status get(bvl_checkpoint *checkpoint, const char *name, hid_t memory_type,
                      int64_t first, int64_t count, void *values)
{
  bvl_array array = {0};
  bvl_status status = bvl_array_open(checkpoint->file, name, &array);
  if (status == BVL_OK && (array.class != H5Tget_class(memory_type) || first < 0 || count < 0 ||
                           first > array.dims[0] - count))
    status = bvl_fail(BVL_ERR_IO,
                      "checkpoint: %s has not the type or the %" PRId64 " entries from %" PRId64
                      " asked for",
                      name, count, first);
  if (status == BVL_OK) status = bvl_array_read(&array, memory_type, first, count, values);
  bvl_array_close(&array);
  if (status == BVL_ERR_INPUT)
    status = BVL_ERR_IO; /* nobody's data: a checkpoint of something else */
  return bvl_agree(&checkpoint->comm, status);
}

static bvl_status get_f64(void *context, const char *name, int64_t first, int64_t count,
                          double *values)
{
  return get(context, name, H5T_NATIVE_DOUBLE, first, count, values);
}

static bvl_status get_i64(void *context, const char *name, int64_t first, int64_t count,
                          int64_t *values)
{
  return get(context, name, H5T_NATIVE_INT64, first, count, values);
}

/* Rank 0's choice: 0 = path, 1 = path.old, -1 = there is none. */
static bvl_status choose(const char *path, const char *old, int64_t *which, char *note)
{
  standing newest = look(path);
  *which = 0;
  if (newest == STANDS_WHOLE) return BVL_OK;
  standing previous = look(old);
  *which = 1;
  if (previous == STANDS_WHOLE && newest != STANDS_NOTHING)
    snprintf(note, BVL_MESSAGE_BYTES, "%s is %s: the one before it is taken", path,
             newest == STANDS_OTHER ? "not a checkpoint" : "damaged or unfinished");
  if (previous == STANDS_WHOLE) return BVL_OK;
  *which = -1;
  if (newest == STANDS_NOTHING && previous == STANDS_NOTHING) return BVL_OK;
  bvl_stamp stamp;
  bvl_status status = bvl_stamp_check(newest != STANDS_NOTHING ? path : old, &stamp);
  if (status != BVL_OK) return status;
  return bvl_fail(BVL_ERR_IO, "%s: %s", newest != STANDS_NOTHING ? path : old,
                  newest == STANDS_OTHER || (newest == STANDS_NOTHING && previous == STANDS_OTHER)
                      ? "not a checkpoint"
                      : "a broken checkpoint, and no whole one beside it");
}

static bvl_status open_file(bvl_checkpoint *checkpoint, const char *path, char **text)
{
  bvl_status status = BVL_OK;
  hid_t how = bvl_h5_access(&checkpoint->comm);
  checkpoint->file = H5Fopen(path, H5F_ACC_RDONLY, how);
  if (checkpoint->file < 0) status = bvl_h5_fail(BVL_ERR_IO, "cannot open %s", path);
  bvl_h5_release(&how);
  if (status == BVL_OK) *text = bvl_h5_attr_text(checkpoint->file, "text");
  if (status == BVL_OK && *text == NULL)
    status = bvl_fail(BVL_ERR_IO, "%s: a checkpoint without the attribute text", path);
  return bvl_agree(&checkpoint->comm, status);
}

const char *bvl_checkpoint_note(const bvl_checkpoint *checkpoint)
{
  return checkpoint->note;
}

bvl_status bvl_checkpoint_open(const bvl_comm *comm, const char *path, bvl_checkpoint **out,
                               bvl_store *store, char **text)
{
  bvl_status status = BVL_OK;
  bvl_checkpoint *checkpoint = NULL;
  char *old = NULL;
  int64_t which = -1;
  *out = NULL;
  *text = NULL;
  status = old_path(path, &old);
  if (status == BVL_OK) status = BVL_ALLOC(&checkpoint, 1);
  if (status == BVL_OK && comm->rank == 0) status = choose(path, old, &which, checkpoint->note);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_bcast_i64(comm, 0, &which, 1));
  if (which < 0) goto cleanup;
  BVL_TRY(bvl_comm_dup(comm->mpi, comm->traffic, &checkpoint->comm));
  BVL_TRY(open_file(checkpoint, which == 0 ? path : old, text));
  *store = (bvl_store){
      .context = checkpoint, .length = length, .get_f64 = get_f64, .get_i64 = get_i64};
  *out = checkpoint;
  checkpoint = NULL;
cleanup:
  bvl_checkpoint_end(&checkpoint, 0);
  if (status != BVL_OK) {
    free(*text);
    *text = NULL;
  }
  free(old);
  return status;
}
