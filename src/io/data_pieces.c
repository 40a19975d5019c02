/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of a dense X, read by one rank whenever it likes: what streaming asks for. A dataset that
 * lies in the file as it is wanted in memory (contiguous, the machine's own type) is read by pread
 * at its offset: no selections, whole rows in one call, of columns here and there only these and
 * what lies between near ones, and the rows that come next are announced to the kernel, which
 * fetches them while these are worked on. Any other dataset goes through HDF5, independently.
 * A file that is not what it was when it was opened is refused. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "io/data_file.h"

enum {
  NEAR_BYTES = 4096,    /* apart: a call costs what copying about as many bytes does */
  STRIP_BYTES = 4 << 20 /* of rows read through HDF5 at once, to pick columns out of */
};

struct bvl_data_pieces {
  int fd;         /* -1: through HDF5 */
  int64_t offset; /* of X in the file */
  struct stat opened;
  char *row; /* what lies from the first to the last column of a near run, owned */
  int64_t row_len;
};

void bvl_data_pieces_free(struct bvl_data_pieces **pieces)
{
  if (*pieces == NULL) return;
  if ((*pieces)->fd >= 0) close((*pieces)->fd);
  free((*pieces)->row);
  free(*pieces);
  *pieces = NULL;
}

/* Is X in one piece in this very file, in the type it has in memory? */
static int is_plain(const bvl_data *data, int64_t *offset)
{
  hid_t plist = H5Dget_create_plist(data->x.dataset);
  hid_t type = H5Dget_type(data->x.dataset);
  const haddr_t at = H5Dget_offset(data->x.dataset);
  const int plain = plist > 0 && type > 0 && H5Pget_layout(plist) == H5D_CONTIGUOUS &&
                    H5Pget_external_count(plist) == 0 && at != HADDR_UNDEF &&
                    H5Tequal(type, bvl_data_native_type(data->source.dtype)) > 0;
  *offset = plain ? (int64_t)at : 0;
  bvl_h5_release(&type);
  bvl_h5_release(&plist);
  return plain;
}

static bvl_status open_pieces(bvl_data *data)
{
  struct bvl_data_pieces *p = NULL;
  bvl_status status = BVL_ALLOC(&p, 1);
  if (status != BVL_OK) return status;
  data->pieces = p;
  p->fd = is_plain(data, &p->offset) ? open(data->path, O_RDONLY | O_CLOEXEC) : -1;
  if (p->fd >= 0 && fstat(p->fd, &p->opened) != 0) {
    close(p->fd);
    p->fd = -1;
  }
  return BVL_OK;
}

/* ---- by pread ---------------------------------------------------------------------------------
 */

static bvl_status check_unchanged(const bvl_data *data)
{
  const struct bvl_data_pieces *p = data->pieces;
  struct stat now;
  if (fstat(p->fd, &now) != 0)
    return bvl_fail(BVL_ERR_IO, "cannot read %s: %s", data->path, strerror(errno));
  if (now.st_size == p->opened.st_size && now.st_mtim.tv_sec == p->opened.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == p->opened.st_mtim.tv_nsec)
    return BVL_OK;
  return bvl_fail(BVL_ERR_IO, "%s was changed while it was in use", data->path);
}

static bvl_status read_bytes(const bvl_data *data, int64_t at, int64_t count, char *out)
{
  const struct bvl_data_pieces *p = data->pieces;
  while (count > 0) {
    const ssize_t got = pread(p->fd, out, (size_t)count, (off_t)(p->offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return bvl_fail(BVL_ERR_IO, "cannot read %s of %s: %s", data->x_name, data->path,
                      strerror(errno));
    if (got == 0)
      return bvl_fail(BVL_ERR_IO, "%s of %s ends too early: truncated?", data->x_name, data->path);
    at += got;
    out += got;
    count -= got;
  }
  return BVL_OK;
}

/* Rows in one piece each, or all of them in one; the rows that follow are announced. */
static bvl_status read_run(const bvl_data *data, int64_t row0, int64_t n_rows, int64_t n_cols,
                           int64_t col0, char *out)
{
  const int64_t element = bvl_dtype_bytes(data->source.dtype), p = data->source.p;
  const int64_t width = n_cols * element;
  const int64_t next = bvl_lesser(n_rows, data->source.n - row0 - n_rows);
  bvl_status status = BVL_OK;
  if (n_cols == p) {
    status = read_bytes(data, row0 * width, n_rows * width, out);
    (void)posix_fadvise(data->pieces->fd, (off_t)(data->pieces->offset + (row0 + n_rows) * width),
                        (off_t)(next * width), POSIX_FADV_WILLNEED);
    return status;
  }
  for (int64_t i = 0; status == BVL_OK && i < n_rows; i++)
    status = read_bytes(data, ((row0 + i) * p + col0) * element, width, out + i * width);
  for (int64_t i = 0; i < next; i++)
    (void)posix_fadvise(data->pieces->fd,
                        (off_t)(data->pieces->offset + ((row0 + n_rows + i) * p + col0) * element),
                        (off_t)width, POSIX_FADV_WILLNEED);
  return status;
}

/* One row's columns, near ones in one call. */
static bvl_status read_some(const bvl_data *data, int64_t row, int64_t n_cols, const int64_t *cols,
                            char *out, int64_t *elements)
{
  struct bvl_data_pieces *p = data->pieces;
  const int64_t element = bvl_dtype_bytes(data->source.dtype);
  const int64_t near = NEAR_BYTES / element;
  bvl_status status = BVL_OK;
  for (int64_t k = 0, end; status == BVL_OK && k < n_cols; k = end) {
    for (end = k + 1; end < n_cols && cols[end] - cols[end - 1] <= near;) end++;
    const int64_t span = cols[end - 1] - cols[k] + 1;
    char *to = out + k * element;
    *elements += span;
    if (span > end - k) status = BVL_GROW(&p->row, &p->row_len, span * element);
    if (span > end - k) to = p->row;
    if (status == BVL_OK)
      status = read_bytes(data, (row * data->source.p + cols[k]) * element, span * element, to);
    for (int64_t c = k; to == p->row && status == BVL_OK && c < end; c++)
      memcpy(out + c * element, to + (cols[c] - cols[k]) * element, (size_t)element);
  }
  return status;
}

static bvl_status read_plain(const bvl_data *data, int64_t row0, int64_t n_rows, int64_t n_cols,
                             const int64_t *cols, char *out, int64_t *elements)
{
  const int64_t col0 = cols != NULL ? cols[0] : 0;
  const int64_t width = n_cols * bvl_dtype_bytes(data->source.dtype);
  bvl_status status = check_unchanged(data);
  if (status != BVL_OK) return status;
  if (cols == NULL || cols[n_cols - 1] - col0 == n_cols - 1) {
    *elements += n_rows * n_cols;
    return read_run(data, row0, n_rows, n_cols, col0, out);
  }
  for (int64_t i = 0; status == BVL_OK && i < n_rows; i++)
    status = read_some(data, row0 + i, n_cols, cols, out + i * width, elements);
  return status;
}

/* ---- through HDF5 -----------------------------------------------------------------------------
 */

static bvl_status read_block(const bvl_data *data, int64_t row0, int64_t n_rows, int64_t col0,
                             int64_t n_cols, void *out)
{
  const hsize_t start[2] = {(hsize_t)row0, (hsize_t)col0};
  const hsize_t size[2] = {(hsize_t)n_rows, (hsize_t)n_cols};
  hid_t file_space = H5Dget_space(data->x.dataset);
  hid_t memory_space = H5Screate_simple(2, size, NULL);
  H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, size, NULL);
  const bvl_status status = bvl_array_transfer(&data->x, bvl_data_native_type(data->source.dtype),
                                               memory_space, file_space, 0, out);
  bvl_h5_release(&memory_space);
  bvl_h5_release(&file_space);
  return status;
}

/* All from the first to the last column, some rows at a time, and those asked for picked out. */
static bvl_status read_hdf5(const bvl_data *data, int64_t row0, int64_t n_rows, int64_t n_cols,
                            const int64_t *cols, char *out, int64_t *elements)
{
  const int64_t element = bvl_dtype_bytes(data->source.dtype);
  const int64_t col0 = cols != NULL ? cols[0] : 0;
  const int64_t span = cols != NULL ? cols[n_cols - 1] - col0 + 1 : n_cols;
  const int64_t most = bvl_greater(1, STRIP_BYTES / (span * element));
  char *strip = NULL;
  bvl_status status = BVL_OK;
  *elements += n_rows * span;
  if (span == n_cols) return read_block(data, row0, n_rows, col0, n_cols, out);
  status = BVL_ALLOC(&strip, bvl_lesser(most, n_rows) * span * element);
  for (int64_t i = 0; status == BVL_OK && i < n_rows; i += most) {
    const int64_t m = bvl_lesser(most, n_rows - i);
    status = read_block(data, row0 + i, m, col0, span, strip);
    for (int64_t r = 0; status == BVL_OK && r < m; r++)
      for (int64_t c = 0; c < n_cols; c++)
        memcpy(out + ((i + r) * n_cols + c) * element,
               strip + (r * span + cols[c] - col0) * element, (size_t)element);
  }
  free(strip);
  return status;
}

bvl_status bvl_data_read_alone(void *context, int64_t row0, int64_t n_rows, int64_t n_cols,
                               const int64_t *cols, void *out, int64_t *elements)
{
  bvl_data *data = context;
  bvl_status status = data->pieces == NULL ? open_pieces(data) : BVL_OK;
  if (status != BVL_OK || n_rows == 0 || n_cols == 0) return status;
  return (data->pieces->fd >= 0 ? read_plain : read_hdf5)(data, row0, n_rows, n_cols, cols, out,
                                                          elements);
}
