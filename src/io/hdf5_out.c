/* SPDX-License-Identifier: BSD-3-Clause */
/* Files written aside and renamed. */
#include "io/hdf5_out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/clock.h"
#include "io/stamp.h"

/* Reserved ahead of what is claimed, so that small things do not each ask the file system. */
#define AHEAD_BYTES (INT64_C(1) << 20)
/* What a dataset or a group takes beside its elements, with a wide margin. */
#define OBJECT_BYTES INT64_C(8192)

/* Rank 0 makes the empty file first: the system's own words beat HDF5's. */
static bvl_status touch(bvl_out *out)
{
  struct stat about;
  if (stat(out->path, &about) == 0 && S_ISDIR(about.st_mode))
    return bvl_fail(BVL_ERR_IO, "cannot write %s: it is a directory", out->path);
  out->fd = open(out->partial, O_RDWR | O_CREAT | O_TRUNC, 0666);
  return out->fd >= 0 ? BVL_OK : bvl_system_fail("create", out->partial);
}

/* File systems that cannot reserve say so in several ways; only a full one is a reason to stop. */
static int extend(bvl_out *out, int64_t wanted)
{
  int code = posix_fallocate(out->fd, (off_t)out->reserved, (off_t)(wanted - out->reserved));
  if (code == ENOSPC || code == EDQUOT || code == EFBIG) return 0;
  out->reserved = wanted;
  return 1;
}

static bvl_status reserve(bvl_out *out, int64_t n_bytes)
{
  if (out->fd < 0) return BVL_OK;
  out->claimed += n_bytes;
  if (out->claimed <= out->reserved) return BVL_OK;
  if (extend(out, out->claimed + AHEAD_BYTES) || extend(out, out->claimed)) return BVL_OK;
  return bvl_fail(BVL_ERR_DISK, "%s: no room for %" PRId64 " bytes on the disk", out->path,
                  out->claimed);
}

bvl_status bvl_out_claim(bvl_out *out, int64_t n_bytes)
{
  return bvl_agree(&out->comm, reserve(out, n_bytes));
}

static bvl_status create_file(bvl_out *out, int parallel)
{
  bvl_status status = BVL_OK;
  hid_t access = bvl_h5_access(parallel ? &out->comm : NULL);
  hid_t layout = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(layout, BVL_STAMP_BYTES);
  out->file = H5Fcreate(out->partial, H5F_ACC_TRUNC, layout, access);
  if (out->file < 0) status = bvl_h5_fail(BVL_ERR_IO, "cannot create %s", out->partial);
  bvl_h5_release(&layout);
  bvl_h5_release(&access);
  return status;
}

bvl_status bvl_out_create(const bvl_comm *comm, const char *path, int parallel, bvl_out *out)
{
  bvl_status status = BVL_OK;
  memset(out, 0, sizeof *out);
  out->fd = -1;
  BVL_TRY(bvl_comm_dup(comm->mpi, comm->traffic, &out->comm));
  size_t n_bytes = strlen(path) + sizeof ".partial";
  char *partial = malloc(n_bytes);
  if (partial != NULL) snprintf(partial, n_bytes, "%s.partial", path);
  out->path = strdup(path);
  int complete = partial != NULL && out->path != NULL;
  if (!complete) status = bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  status = bvl_agree(comm, status);
  if (status != BVL_OK) {
    free(partial);
    goto cleanup;
  }
  out->partial = partial;
  if (comm->rank == 0) status = touch(out);
  BVL_TRY(bvl_agree(comm, status));
  out->writes = parallel || comm->rank == 0;
  if (out->writes) status = create_file(out, parallel);
  BVL_TRY(bvl_agree(comm, status));
  BVL_TRY(bvl_out_claim(out, BVL_STAMP_BYTES + OBJECT_BYTES));
cleanup:
  if (status != BVL_OK) bvl_out_discard(out);
  return status;
}

static bvl_status create_dataset(bvl_out *out, const char *name, hid_t file_type, int n_dims,
                                 const int64_t *dims, hid_t *dataset)
{
  hsize_t size[4] = {1, 1, 1, 1};
  for (int k = 0; k < n_dims; k++) size[k] = (hsize_t)dims[k];
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  hid_t space = H5Screate_simple(n_dims, size, NULL);
  bvl_status status = BVL_OK;
  *dataset = H5Dcreate2(out->file, name, file_type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  if (*dataset < 0) {
    status = bvl_h5_fail(BVL_ERR_IO, "%s: cannot create %s", out->path, name);
    *dataset = 0;
  }
  bvl_h5_release(&space);
  bvl_h5_release(&links);
  return status;
}

bvl_status bvl_out_dataset(bvl_out *out, const char *name, hid_t file_type, int n_dims,
                           const int64_t *dims, hid_t *dataset)
{
  int64_t n_bytes = (int64_t)H5Tget_size(file_type);
  for (int k = 0; k < n_dims; k++) n_bytes *= dims[k];
  hid_t made = 0;
  bvl_status status = bvl_out_claim(out, n_bytes + OBJECT_BYTES);
  if (status != BVL_OK) return status;
  if (out->writes) status = create_dataset(out, name, file_type, n_dims, dims, &made);
  status = bvl_agree(&out->comm, status);
  if (dataset != NULL && status == BVL_OK)
    *dataset = made;
  else
    bvl_h5_release(&made);
  return status;
}

static bvl_status write_rows(const bvl_out *out, hid_t dataset, hid_t memory_type, int64_t first,
                             int64_t count, int64_t n_cols, const void *values)
{
  if (count == 0 || n_cols == 0) return BVL_OK;
  hsize_t start[4] = {(hsize_t)first, 0, 0, 0};
  hsize_t size[4] = {0, 1, 1, 1}; /* whole rows */
  hsize_t flat[2] = {(hsize_t)count, (hsize_t)n_cols};
  hid_t file_space = H5Dget_space(dataset);
  H5Sget_simple_extent_dims(file_space, size, NULL);
  size[0] = (hsize_t)count;
  hid_t memory_space = H5Screate_simple(2, flat, NULL);
  bvl_status status = BVL_OK;
  if (H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, size, NULL) < 0 ||
      H5Dwrite(dataset, memory_type, memory_space, file_space, H5P_DEFAULT, values) < 0)
    status = bvl_h5_fail(BVL_ERR_IO, "cannot write to %s", out->path);
  bvl_h5_release(&memory_space);
  bvl_h5_release(&file_space);
  return status;
}

bvl_status bvl_out_rows(bvl_out *out, hid_t dataset, hid_t memory_type, int64_t first,
                        int64_t count, int64_t n_cols, const void *values)
{
  bvl_status status = BVL_OK;
  if (out->writes) status = write_rows(out, dataset, memory_type, first, count, n_cols, values);
  return bvl_agree(&out->comm, status);
}

bvl_status bvl_out_vector(bvl_out *out, const char *name, hid_t memory_type, int64_t n_global,
                          int64_t first, int64_t count, const void *values)
{
  hid_t dataset = 0;
  hid_t file_type = H5Tget_class(memory_type) == H5T_FLOAT ? H5T_IEEE_F64LE : H5T_STD_I64LE;
  bvl_status status = bvl_out_dataset(out, name, file_type, 1, &n_global, &dataset);
  if (status == BVL_OK) status = bvl_out_rows(out, dataset, memory_type, first, count, 1, values);
  bvl_h5_release(&dataset);
  return status;
}

bvl_status bvl_out_attr_text(bvl_out *out, const char *name, const char *value)
{
  bvl_status status = bvl_out_claim(out, (int64_t)strlen(value) + OBJECT_BYTES);
  if (status != BVL_OK) return status;
  if (out->writes) status = bvl_h5_put_attr_text(out->file, name, value);
  return bvl_agree(&out->comm, status);
}

bvl_status bvl_out_attr_i64(bvl_out *out, const char *name, int64_t value)
{
  bvl_status status = BVL_OK;
  if (out->writes)
    status = bvl_h5_put_attr(out->file, name, H5T_STD_I64LE, H5T_NATIVE_INT64, 1, &value);
  return bvl_agree(&out->comm, status);
}

bvl_status bvl_out_attr_f64(bvl_out *out, const char *name, double value)
{
  bvl_status status = BVL_OK;
  if (out->writes)
    status = bvl_h5_put_attr(out->file, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, &value);
  return bvl_agree(&out->comm, status);
}

static bvl_status sparse_head(hid_t file, const char *name, const char *encoding,
                              const int64_t *shape)
{
  hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (group < 0) return bvl_h5_fail(BVL_ERR_IO, "cannot create the group %s", name);
  bvl_status status = bvl_h5_put_attr_text(group, "encoding-type", encoding);
  if (status == BVL_OK) status = bvl_h5_put_attr_text(group, "encoding-version", "0.1.0");
  if (status == BVL_OK)
    status = bvl_h5_put_attr(group, "shape", H5T_STD_I64LE, H5T_NATIVE_INT64, 2, shape);
  bvl_h5_release(&group);
  return status;
}

bvl_status bvl_out_sparse_group(bvl_out *out, const char *name, const char *encoding,
                                int64_t n_rows, int64_t n_cols)
{
  int64_t shape[2] = {n_rows, n_cols};
  bvl_status status = bvl_out_claim(out, 2 * OBJECT_BYTES);
  if (status != BVL_OK) return status;
  if (out->writes) status = sparse_head(out->file, name, encoding, shape);
  return bvl_agree(&out->comm, status);
}

/* EINVAL and EROFS: nothing there that could be brought to a disk. */
static bvl_status sync_fd(int fd, const char *path)
{
  if (fsync(fd) == 0 || errno == EINVAL || errno == EROFS) return BVL_OK;
  return bvl_system_fail("sync", path);
}

/* A rename is on the disk when its directory is. */
static bvl_status sync_directory(const char *path)
{
  const char *slash = strrchr(path, '/');
  char *directory = strndup(path, slash != NULL ? (size_t)(slash - path) + 1 : 0);
  if (directory == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  int fd = open(slash != NULL ? directory : ".", O_RDONLY);
  bvl_status status = fd >= 0 ? sync_fd(fd, path) : bvl_system_fail("open the folder of", path);
  if (fd >= 0) close(fd);
  free(directory);
  return status;
}

static bvl_status flush_and_close(bvl_out *out, hsize_t *n_bytes)
{
  if (H5Fflush(out->file, H5F_SCOPE_GLOBAL) < 0)
    return bvl_h5_fail(BVL_ERR_IO, "cannot finish %s", out->path);
  /* MPI-IO does not know the size, but cuts the file to it by itself */
  if (H5Fget_filesize(out->file, n_bytes) < 0) *n_bytes = INT64_MAX;
  if (H5Fclose(out->file) < 0) return bvl_h5_fail(BVL_ERR_IO, "cannot finish %s", out->path);
  out->file = 0;
  return BVL_OK;
}

/* Gives back what was reserved and not used. */
static bvl_status shorten(const bvl_out *out, hsize_t n_bytes)
{
  struct stat about;
  if (out->fd >= 0 && fstat(out->fd, &about) == 0 && about.st_size > (off_t)n_bytes &&
      ftruncate(out->fd, (off_t)n_bytes) != 0)
    return bvl_system_fail("shorten", out->partial);
  return BVL_OK;
}

bvl_status bvl_out_finish(bvl_out *out)
{
  bvl_status status = BVL_OK;
  hsize_t n_bytes = INT64_MAX;
  if (out->writes) status = flush_and_close(out, &n_bytes);
  BVL_TRY(bvl_agree(&out->comm, status));
  BVL_TRY(bvl_agree(&out->comm, shorten(out, n_bytes)));
  BVL_TRY(bvl_stamp_write(&out->comm, out->fd, out->partial, out->is_data ? "data" : "model"));
  if (out->fd >= 0) status = sync_fd(out->fd, out->partial);
  BVL_TRY(bvl_agree(&out->comm, status));
cleanup:
  return status;
}

bvl_status bvl_out_rename(const bvl_out *out, const char *from, const char *to)
{
  bvl_status status = BVL_OK;
  if (out->comm.rank == 0) {
    status = rename(from, to) == 0 ? sync_directory(to) : bvl_system_fail("write", to);
  }
  return bvl_agree(&out->comm, status);
}

void bvl_out_discard(bvl_out *out)
{
  bvl_h5_release(&out->file);
  if (out->fd >= 0) {
    close(out->fd);
    unlink(out->partial);
  }
  bvl_comm_free(&out->comm);
  free(out->partial);
  free(out->path);
  memset(out, 0, sizeof *out);
  out->fd = -1;
}

bvl_status bvl_out_close(bvl_out *out, int commit)
{
  bvl_status status = BVL_OK;
  if (commit) {
    status = bvl_out_finish(out);
    if (status == BVL_OK) status = bvl_out_rename(out, out->partial, out->path);
  }
  bvl_out_discard(out); /* after a rename there is no partial file to remove */
  return status;
}

bvl_status bvl_out_origin(bvl_out *out, const bvl_origin *origin)
{
  char grid[32], fingerprint[24], times[2][24] = {""};
  bvl_status status = BVL_OK;
  snprintf(grid, sizeof grid, "%dx%d", origin->grid_rows, origin->grid_cols);
  snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, origin->fingerprint);
  if (origin->start_time != NULL) snprintf(times[0], sizeof times[0], "%s", origin->start_time);
  bvl_time_now(times[1]);
  BVL_TRY(bvl_bcast_bytes(&out->comm, 0, times, sizeof times)); /* one clock */
  const struct {
    const char *name, *value;
  } texts[] = {{"version", bvl_version()},
               {"command_line", origin->command_line},
               {"data", origin->data},
               {"fingerprint", origin->fingerprint != 0 ? fingerprint : NULL},
               {"grid", origin->grid_rows > 0 ? grid : NULL},
               {"model_group", origin->model_group},
               {"start_time", origin->start_time != NULL ? times[0] : NULL},
               {"end_time", times[1]}};
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
    if (texts[k].value != NULL) BVL_TRY(bvl_out_attr_text(out, texts[k].name, texts[k].value));
  BVL_TRY(bvl_out_attr_i64(out, "ranks", out->comm.size));
cleanup:
  return status;
}
