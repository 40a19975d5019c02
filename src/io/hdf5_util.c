/* SPDX-License-Identifier: BSD-3-Clause */
/* Small wrappers of HDF5: errors in words, files, attributes. Arrays: hdf5_array.c. */
#include "io/hdf5_util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "io/look.h"
#include "io/stamp.h"

void bvl_h5_release(hid_t *id)
{
  if (*id > 0) H5Idec_ref(*id);
  *id = 0;
}

/* The stack's innermost entry, and whether any entry tells of a disk without room. HDF5 has no code
 * for that, only the errno (ENOSPC 28, EDQUOT 122, EFBIG 27: a limit on the file's size) in words.
 */
typedef struct reason {
  char text[128];
  int disk_full;
} reason;

static herr_t note_reason(unsigned depth, const H5E_error2_t *entry, void *context)
{
  reason *why = context;
  const char *text = entry->desc != NULL ? entry->desc : "";
  if (depth == 0) snprintf(why->text, sizeof why->text, "%s", text);
  if (strstr(text, "errno = 28,") != NULL || strstr(text, "errno = 122,") != NULL ||
      strstr(text, "errno = 27,") != NULL || strstr(text, "MPI_ERR_NO_SPACE") != NULL ||
      strstr(text, "MPI_ERR_QUOTA") != NULL)
    why->disk_full = 1;
  return 0;
}

bvl_status bvl_h5_fail(bvl_status status, const char *format, ...)
{
  reason why = {.text = "", .disk_full = 0};
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note_reason, &why);
  char what[BVL_MESSAGE_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  if (why.disk_full) return bvl_fail(BVL_ERR_DISK, "%s: no room left on the disk", what);
  return bvl_fail(status, "%s%s%s", what, why.text[0] != '\0' ? ": " : "", why.text);
}

bvl_status bvl_system_fail(const char *what, const char *path)
{
  const int code = errno;
  const int full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  return bvl_fail(full ? BVL_ERR_DISK : BVL_ERR_IO, "cannot %s %s: %s", what, path, strerror(code));
}

hid_t bvl_h5_access(const bvl_comm *comm)
{
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access > 0 && comm != NULL && comm->size > 1 &&
      H5Pset_fapl_mpio(access, comm->mpi, MPI_INFO_NULL) < 0) {
    H5Pclose(access);
    return -1;
  }
  return access;
}

bvl_status bvl_h5_open_serial(const char *path, hid_t *out)
{
  *out = 0;
  struct stat about;
  if (stat(path, &about) != 0)
    return bvl_fail(BVL_ERR_IO, "cannot open %s: %s", path, strerror(errno));
  if (S_ISDIR(about.st_mode))
    return bvl_fail(BVL_ERR_IO, "cannot open %s: it is a directory", path);
  if (about.st_size == 0) return bvl_fail(BVL_ERR_IO, "cannot open %s: it is empty", path);
  hid_t access = bvl_h5_access(NULL);
  if (access < 0) return bvl_h5_fail(BVL_ERR_IO, "cannot open %s", path);
  htri_t is_hdf5 = H5Fis_hdf5(path);
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
  bvl_status status = BVL_OK;
  if (file < 0) {
    status = is_hdf5 == 0 ? bvl_fail(BVL_ERR_IO, "cannot open %s: not an HDF5 file", path)
                          : bvl_h5_fail(BVL_ERR_IO, "cannot open %s", path);
  } else {
    *out = file;
  }
  bvl_h5_release(&access);
  return status;
}

bvl_status bvl_h5_open_own(const char *path, hid_t *out)
{
  bvl_stamp stamp;
  *out = 0;
  const bvl_status status = bvl_stamp_check(path, &stamp);
  if (status != BVL_OK) return status;
  /* what bevel wrote, unchanged, need not be looked at first */
  return stamp == BVL_STAMP_HOLDS ? bvl_h5_open_serial(path, out) : bvl_h5_open_foreign(path, out);
}

/* Every link on the way must be there before the object may be asked after: 1, 0, or -1 when the
 * file cannot say. */
static int links_exist(hid_t file, const char *name)
{
  char path[BVL_H5_NAME_BYTES];
  const size_t length = strlen(name);
  if (length >= sizeof path) return -1;
  int there = 1;
  for (size_t end = 1; end <= length && there > 0; end++) {
    if (name[end] != '/' && name[end] != '\0') continue;
    memcpy(path, name, end);
    path[end] = '\0';
    const htri_t known = H5Lexists(file, path, H5P_DEFAULT);
    there = known > 0 ? 1 : known < 0 ? -1 : 0;
  }
  if (there <= 0) return there;
  return H5Oexists_by_name(file, name, H5P_DEFAULT) > 0 ? 1 : -1; /* or it leads nowhere */
}

bvl_h5_kind bvl_h5_kind_of(hid_t file, const char *name)
{
  bvl_look_at(name);
  const int there = name[0] != '\0' ? links_exist(file, name) : 0;
  if (there == 0) return BVL_H5_NONE;
  H5O_info_t info;
  if (there < 0 || H5Oget_info_by_name2(file, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
    return BVL_H5_BROKEN;
  if (info.type == H5O_TYPE_DATASET) return BVL_H5_DATASET;
  return info.type == H5O_TYPE_GROUP ? BVL_H5_GROUP : BVL_H5_BROKEN;
}

/* Opens an attribute with its type and number of elements; 0 when there is none. */
static hid_t open_attr(hid_t object, const char *name, hid_t *type, int64_t *n)
{
  *type = 0;
  if (H5Aexists(object, name) <= 0) return 0;
  hid_t attr = H5Aopen(object, name, H5P_DEFAULT);
  if (attr < 0) return 0;
  *type = H5Aget_type(attr);
  hid_t space = H5Aget_space(attr);
  *n = space > 0 ? (int64_t)H5Sget_simple_extent_npoints(space) : -1;
  bvl_h5_release(&space);
  if (*type > 0 && *n >= 0) return attr;
  bvl_h5_release(type);
  bvl_h5_release(&attr);
  return 0;
}

int bvl_h5_attr_i64(hid_t object, const char *name, int max, int64_t *out)
{
  hid_t type;
  int64_t n;
  hid_t attr = open_attr(object, name, &type, &n);
  if (attr == 0) return -1;
  int count = -1;
  if (H5Tget_class(type) == H5T_INTEGER && n <= max && H5Aread(attr, H5T_NATIVE_INT64, out) >= 0)
    count = (int)n;
  bvl_h5_release(&type);
  bvl_h5_release(&attr);
  return count;
}

char *bvl_h5_attr_text(hid_t object, const char *name)
{
  hid_t type;
  int64_t n;
  hid_t attr = open_attr(object, name, &type, &n);
  if (attr == 0) return NULL;
  char *text = NULL;
  if (n == 1 && H5Tis_variable_str(type) > 0) {
    char *value = NULL;
    if (H5Aread(attr, type, &value) >= 0 && value != NULL) {
      text = strdup(value);
      H5free_memory(value);
    }
  } else if (n == 1 && H5Tget_class(type) == H5T_STRING) {
    text = calloc(H5Tget_size(type) + 1, 1); /* errno says when there is no memory */
    if (text != NULL && H5Aread(attr, type, text) < 0) {
      free(text);
      text = NULL;
    }
  }
  bvl_h5_release(&type);
  bvl_h5_release(&attr);
  return text;
}

bvl_status bvl_h5_put_attr(hid_t object, const char *name, hid_t file_type, hid_t memory_type,
                           int64_t n, const void *values)
{
  hsize_t dim = (hsize_t)n;
  hid_t space = n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dim, NULL);
  hid_t attr = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
  bvl_status status = BVL_OK;
  if (attr < 0 || H5Awrite(attr, memory_type, values) < 0)
    status = bvl_h5_fail(BVL_ERR_IO, "cannot write attribute %s", name);
  bvl_h5_release(&attr);
  bvl_h5_release(&space);
  return status;
}

bvl_status bvl_h5_put_attr_text(hid_t object, const char *name, const char *value)
{
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  bvl_status status = bvl_h5_put_attr(object, name, type, type, 1, &value);
  bvl_h5_release(&type);
  return status;
}
