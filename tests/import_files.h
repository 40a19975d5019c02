/* SPDX-License-Identifier: BSD-3-Clause */
/* For the tests of importers: a foreign file by rank 0, the import by all, arrays read back. */
#ifndef BVL_TEST_IMPORT_FILES_H
#define BVL_TEST_IMPORT_FILES_H

#include "io_files.h"

#include "io/hdf5_util.h"
#include "io/io.h"

/** Rank 0 writes n bytes; the others wait. */
static inline void import_put(const char *name, const void *bytes, size_t n)
{
  if (bvl_test_rank() == 0) {
    FILE *file = fopen(io_path(name), "w");
    fwrite(bytes, 1, n, file);
    fclose(file);
  }
  io_ready();
}

/** Options of the file `name` into out.h5, with buffers so small that a few lines are a block. */
static inline bvl_import_options import_options(const char *name)
{
  static char from[512], to[512];
  bvl_import_options options;
  bvl_import_options_init(&options);
  snprintf(from, sizeof from, "%s", io_path(name));
  snprintf(to, sizeof to, "%s", io_path("out.h5"));
  options.file = from;
  options.output = to;
  options.memory_limit = 4096;
  return options;
}

static inline bvl_status import_run(const bvl_import_options *options, bvl_import_outcome *outcome)
{
  return bvl_import_file(&io_comm, options, NULL, outcome);
}

/** The import is refused on every rank with `text` in the message, and leaves no file. */
#define ASSERT_IMPORT_REFUSED(options, expected, text)                                             \
  do {                                                                                             \
    bvl_import_outcome refused_outcome;                                                            \
    ASSERT_REFUSED(import_run((options), &refused_outcome), (expected), (text));                   \
    ASSERT_ALL(io_stands("out.h5", 0) && io_stands("out.h5.partial", 0));                          \
  } while (0)

/** A dataset of out.h5 whole, at most `most` values: how many, or -1. */
static inline int64_t import_get(const char *name, hid_t memory_type, int64_t most, void *out)
{
  hid_t file = 0;
  bvl_array array = {0};
  int64_t n = -1;
  if (bvl_test_ok(bvl_h5_open_serial(io_path("out.h5"), &file), "open") &&
      bvl_test_ok(bvl_array_open(file, name, &array), name) &&
      array.dims[0] * array.dims[1] <= most &&
      bvl_test_ok(bvl_array_read(&array, memory_type, 0, array.dims[0], out), name))
    n = array.dims[0] * array.dims[1];
  bvl_array_close(&array);
  if (file > 0) H5Fclose(file);
  return n;
}

/** Whether dataset `name` is these strings. */
static inline int import_names_are(const char *name, int64_t n, const char *const *names)
{
  hid_t file = 0;
  bvl_array array = {0};
  char **got = NULL;
  int64_t n_bytes;
  int good = bvl_test_ok(bvl_h5_open_serial(io_path("out.h5"), &file), "open") &&
             bvl_test_ok(bvl_array_open(file, name, &array), name) && array.dims[0] == n &&
             bvl_test_ok(bvl_array_read_strings(&array, &got, &n_bytes), name);
  for (int64_t k = 0; good && k < n; k++) good = strcmp(got[k], names[k]) == 0;
  free(got);
  bvl_array_close(&array);
  if (file > 0) H5Fclose(file);
  return good;
}

#endif
