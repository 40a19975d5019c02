/* SPDX-License-Identifier: BSD-3-Clause */
/* PLINK's .bed into an int8 /X of copies of allele A1 (0, 1, 2), /y from the .fam or a file. The
 * .bed holds variant after variant, four samples a byte; a rank writes some of the samples, so it
 * reads, for a round of as many rows as its memory takes, blocks of variants and turns them. */
#include "io/import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "io/plink.h"
#include "io/text.h"

enum { HEAD_BYTES = 3, MISSING_CODE = -1, TILE = 64 };

/* By the two bits: two copies of A1, missing, one, none. */
static const int8_t copies[4] = {2, MISSING_CODE, 1, 0};

typedef struct bed {
  bvl_import *job;
  char *prefix; /* owned */
  int fd;
  bvl_plink names; /* rank 0 */
  bvl_labels labels;
  bvl_missing missing; /* never auto */
  int64_t n, p;        /* samples and variants of the .bed */
  int64_t stride;      /* bytes of a variant */
  double *phenotype;   /* n, then n_kept; owned */
  int64_t *kept;       /* n_kept samples, ascending; owned */
  int64_t n_kept;
  hid_t x;
  int64_t block_variants; /* that are read at once */
  unsigned char *block;   /* owned */
  int8_t *rows;           /* owned */
} bed;

/* ---- files ----------------------------------------------------------------------------------- */

static bvl_status find_prefix(bed *f)
{
  static const char *const suffixes[] = {".bed", ".bim", ".fam"};
  f->prefix = strdup(f->job->options->file);
  if (f->prefix == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  const size_t n = strlen(f->prefix);
  for (size_t k = 0; k < 3 && n > 4; k++)
    if (strcasecmp(f->prefix + n - 4, suffixes[k]) == 0) {
      f->prefix[n - 4] = '\0';
      break;
    }
  const char *output = f->job->options->output;
  const size_t length = strlen(f->prefix);
  for (size_t k = 0; k < 3; k++)
    if (strncmp(output, f->prefix, length) == 0 && strcmp(output + length, suffixes[k]) == 0)
      return bvl_fail(BVL_ERR_USAGE, "-o would overwrite %s", bvl_text_name(output));
  return BVL_OK;
}

/* Rank 0's. */
static bvl_status read_names(bed *f)
{
  const bvl_import_options *options = f->job->options;
  if (options->y_column != NULL && options->y == NULL)
    return bvl_fail(BVL_ERR_USAGE, "--y-column needs --y FILE");
  return bvl_plink_read(f->prefix, options->y, options->y_column, &f->names);
}

static bvl_status share_samples(bed *f)
{
  const bvl_comm *comm = &f->job->comm;
  int64_t shape[2] = {f->names.n, f->names.p};
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_bcast_i64(comm, 0, shape, 2));
  f->n = shape[0];
  f->p = shape[1];
  f->stride = (f->n + 3) / 4;
  status = BVL_ALLOC(&f->phenotype, f->n);
  if (status == BVL_OK) status = BVL_ALLOC(&f->kept, f->n);
  BVL_TRY(bvl_agree(comm, status));
  if (comm->rank == 0) memcpy(f->phenotype, f->names.phenotype, (size_t)f->n * sizeof(double));
  BVL_TRY(bvl_bcast(comm, 0, f->phenotype, f->n));
cleanup:
  return status;
}

static bvl_status check_head(const bed *f, const char *path, int64_t size)
{
  unsigned char head[HEAD_BYTES] = {0};
  const char *name = bvl_text_name(path);
  const ssize_t got = pread(f->fd, head, HEAD_BYTES, 0);
  if (got != HEAD_BYTES || head[0] != 0x6c || head[1] != 0x1b)
    return bvl_fail(BVL_ERR_INPUT, "%s: byte 1: not a PLINK .bed", name);
  if (head[2] == 0)
    return bvl_fail(BVL_ERR_INPUT,
                    "%s: byte 3: sample after sample; only variant after variant is "
                    "read (plink --make-bed rewrites it)",
                    name);
  if (head[2] != 1) return bvl_fail(BVL_ERR_INPUT, "%s: byte 3: %d, wanted 1", name, head[2]);
  const int64_t wanted = HEAD_BYTES + f->p * f->stride;
  if (size == wanted) return BVL_OK;
  return bvl_fail(BVL_ERR_INPUT,
                  "%s: %s: %" PRId64 " bytes, %" PRId64 " wanted for %" PRId64
                  " samples and %" PRId64 " variants",
                  name, size < wanted ? "truncated" : "too long", size, wanted, f->n, f->p);
}

static bvl_status open_bed(bed *f)
{
  struct stat about;
  const size_t n_bytes = strlen(f->prefix) + sizeof ".bed";
  char *path = malloc(n_bytes);
  if (path == NULL) return bvl_fail(BVL_ERR_NOMEM, "no memory for a path");
  snprintf(path, n_bytes, "%s.bed", f->prefix);
  bvl_status status = BVL_OK;
  f->fd = open(path, O_RDONLY);
  if (f->fd < 0 || fstat(f->fd, &about) != 0)
    status = bvl_fail(BVL_ERR_IO, "cannot open %s: %s", bvl_text_name(path), strerror(errno));
  else
    status = check_head(f, path, about.st_size);
  f->job->outcome->bytes = HEAD_BYTES + f->p * f->stride;
  free(path);
  return status;
}

static bvl_status read_bed(const bed *f, int64_t offset, int64_t n, unsigned char *out)
{
  for (int64_t got = 0; got < n;) {
    const ssize_t now = pread(f->fd, out + got, (size_t)(n - got), (off_t)(offset + got));
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0)
      return bvl_fail(BVL_ERR_IO, "%s.bed: byte %" PRId64 ": %s", bvl_text_name(f->prefix),
                      offset + got, now < 0 ? strerror(errno) : "it ends there");
    got += now;
  }
  return BVL_OK;
}

/* ---- which samples --------------------------------------------------------------------------- */

/* Samples with a missing call among this rank's variants. Not collective. */
static bvl_status find_gaps(const bed *f, int64_t *gaps)
{
  const int64_t v0 = bvl_cut(f->p, f->job->comm.size, f->job->comm.rank);
  const int64_t v1 = bvl_cut(f->p, f->job->comm.size, f->job->comm.rank + 1);
  for (int64_t v = v0; v < v1; v += f->block_variants) {
    const int64_t n_variants = bvl_lesser(f->block_variants, v1 - v);
    bvl_status status = read_bed(f, HEAD_BYTES + v * f->stride, n_variants * f->stride, f->block);
    if (status == BVL_OK) status = bvl_import_step(f->job, 0);
    if (status != BVL_OK) return status;
    for (int64_t k = 0; k < n_variants; k++)
      for (int64_t i = 0; i < f->n; i++)
        gaps[i] |= ((f->block[k * f->stride + i / 4] >> (2 * (i % 4))) & 3) == 1;
  }
  return BVL_OK;
}

static bvl_status refuse_phenotype(const bed *f, int64_t i, int64_t n_missing)
{
  const char *name = bvl_text_name(f->prefix);
  if (n_missing == f->n && f->job->options->y == NULL)
    return bvl_fail(BVL_ERR_INPUT, "%s.fam: column 6: no sample has a phenotype (--y FILE)", name);
  if (n_missing == f->n)
    return bvl_fail(BVL_ERR_INPUT, "%s: no sample of the .fam has a phenotype there",
                    bvl_text_name(f->job->options->y));
  return bvl_fail(BVL_ERR_INPUT, "%s.fam: sample %" PRId64 " (from 1) has no phenotype%s%s", name,
                  i + 1, f->job->options->y != NULL ? " in " : "",
                  f->job->options->y != NULL ? f->job->options->y : "");
}

/* Samples without a phenotype are left out unless they are refused; those with a missing call where
 * rows are dropped. Collective. */
static bvl_status choose_samples(bed *f)
{
  const bvl_comm *comm = &f->job->comm;
  int64_t *gaps = NULL, n_missing = 0, first = -1;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&gaps, f->n)));
  for (int64_t i = 0; i < f->n; i++) {
    if (!isnan(f->phenotype[i])) continue;
    n_missing++;
    if (first < 0) first = i;
  }
  if (n_missing == f->n || (n_missing > 0 && f->missing == BVL_MISSING_ERROR))
    BVL_TRY(refuse_phenotype(f, first, n_missing));
  if (n_missing > 0)
    bvl_import_note(f->job, "%" PRId64 " samples have no phenotype and are left out", n_missing);
  if (f->missing == BVL_MISSING_DROP) {
    BVL_TRY(bvl_agree(comm, find_gaps(f, gaps)));
    BVL_TRY(bvl_max_i64(comm, gaps, f->n));
  }
  for (int64_t i = 0; i < f->n; i++) {
    if (isnan(f->phenotype[i]) || gaps[i]) continue;
    f->phenotype[f->n_kept] = f->phenotype[i];
    f->kept[f->n_kept++] = i;
  }
  f->job->outcome->dropped = f->n - f->n_kept;
  if (f->n_kept == 0)
    status = bvl_fail(BVL_ERR_INPUT, "%s: every sample has a missing call or no phenotype",
                      bvl_text_name(f->prefix));
cleanup:
  free(gaps);
  return status;
}

/* ---- genotypes ------------------------------------------------------------------------------- */

/* Variants v0 .. + n_variants of the kept samples k0 .. + count from `block` (variants `width`
 * bytes apart, the first byte that of sample 4 byte0) into rows of p. Missing calls are counted;
 * the place of the last is left in *k_missing, *v_missing. */
static int64_t turn(const bed *f, int64_t k0, int64_t count, int64_t v0, int64_t n_variants,
                    int64_t byte0, int64_t width, int64_t *k_missing, int64_t *v_missing)
{
  int64_t missing = 0;
  for (int64_t tile = 0; tile < n_variants; tile += TILE) {
    const int64_t end = bvl_lesser(tile + TILE, n_variants);
    for (int64_t k = 0; k < count; k++) {
      const int64_t sample = f->kept[k0 + k];
      const int shift = (int)(2 * (sample % 4));
      const unsigned char *from = f->block + sample / 4 - byte0;
      int8_t *to = f->rows + k * f->p + v0;
      for (int64_t v = tile; v < end; v++) {
        const int bits = from[v * width] >> shift & 3;
        to[v] = copies[bits];
        if (bits != 1) continue;
        missing++;
        *k_missing = k;
        *v_missing = v0 + v;
      }
    }
  }
  return missing;
}

/* Rows k0 .. k0 + count - 1 of the output. Not collective. */
static bvl_status take_rows(bed *f, int64_t k0, int64_t count)
{
  if (count == 0) return BVL_OK;
  const int64_t byte0 = f->kept[k0] / 4;
  const int64_t width = f->kept[k0 + count - 1] / 4 - byte0 + 1;
  int64_t k_missing = 0, v_missing = 0;
  for (int64_t v = 0; v < f->p; v += f->block_variants) {
    const int64_t n_variants = bvl_lesser(f->block_variants, f->p - v);
    bvl_status status = read_bed(f, HEAD_BYTES + v * f->stride + byte0,
                                 (n_variants - 1) * f->stride + width, f->block);
    if (status == BVL_OK) status = bvl_import_step(f->job, n_variants * count);
    if (status != BVL_OK) return status;
    const int64_t missing = turn(f, k0, count, v, n_variants, byte0, f->stride, &k_missing,
                                 &v_missing);
    f->job->outcome->missing += missing;
    if (missing > 0 && f->missing == BVL_MISSING_ERROR)
      return bvl_fail(BVL_ERR_INPUT,
                      "%s.bed: variant %" PRId64 " (line of the .bim), sample %" PRId64
                      " (line of the .fam): the call is missing (--missing mean or drop)",
                      bvl_text_name(f->prefix), v_missing + 1, f->kept[k0 + k_missing] + 1);
  }
  return BVL_OK;
}

static bvl_status mark_missing(bed *f)
{
  const int8_t code = MISSING_CODE;
  bvl_status status = bvl_out_claim(&f->job->out, 1024);
  if (status != BVL_OK || f->missing != BVL_MISSING_MEAN) return status;
  return bvl_agree(&f->job->comm,
                   bvl_h5_put_attr(f->x, "missing", H5T_STD_I8LE, H5T_NATIVE_INT8, 1, &code));
}

/* Each round as many rows of every rank as its memory takes. */
static bvl_status write_genotypes(bed *f)
{
  const bvl_comm *comm = &f->job->comm;
  const int64_t dims[2] = {f->n_kept, f->p};
  const int64_t k1 = bvl_cut(f->n_kept, comm->size, comm->rank + 1);
  int64_t k = bvl_cut(f->n_kept, comm->size, comm->rank);
  int64_t rows = bvl_greater(1, f->job->options->memory_limit / 2 / f->p);
  rows = bvl_lesser(rows, bvl_greater(1, k1 - k));
  int64_t rounds = (k1 - k + rows - 1) / rows;
  f->job->bytes_all = (k1 - k) * f->p;
  bvl_status status = BVL_OK;
  BVL_TRY(bvl_out_dataset(&f->job->out, "/X", H5T_STD_I8LE, 2, dims, &f->x));
  BVL_TRY(mark_missing(f));
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&f->rows, rows * f->p)));
  BVL_TRY(bvl_max_i64(comm, &rounds, 1));
  for (; rounds > 0; rounds--) {
    const int64_t count = bvl_lesser(rows, k1 - k);
    BVL_TRY(bvl_agree(comm, take_rows(f, k, count)));
    BVL_TRY(bvl_out_rows(&f->job->out, f->x, H5T_NATIVE_INT8, k, count, f->p, f->rows));
    bvl_import_written(f->job, count * f->p);
    k += count;
  }
  BVL_TRY(bvl_sum_i64(comm, &f->job->outcome->missing, 1));
cleanup:
  return status;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static bvl_status write_vectors(bed *f)
{
  bvl_import *job = f->job;
  const int first = job->comm.rank == 0;
  bvl_status status = BVL_OK;
  for (int64_t k = 0; k < f->n_kept; k++) {
    if (first) f->names.samples[k] = f->names.samples[f->kept[k]]; /* kept ascends */
    f->phenotype[k] = bvl_labels_map(&f->labels, f->phenotype[k]);
  }
  BVL_TRY(bvl_out_vector(&job->out, "/y", H5T_NATIVE_DOUBLE, f->n_kept, 0, first ? f->n_kept : 0,
                         f->phenotype));
  BVL_TRY(bvl_import_put_strings(job, "/feature_names", f->p, first ? f->names.variants : NULL));
  BVL_TRY(bvl_import_put_strings(job, "/sample_names", f->n_kept, first ? f->names.samples : NULL));
  BVL_TRY(bvl_out_attr_text(&job->out, "genotypes", "copies of A1, the fifth column of the .bim"));
  BVL_TRY(bvl_labels_write(job, &f->labels));
cleanup:
  return status;
}

static bvl_status find_labels(bed *f)
{
  bvl_status status = BVL_OK;
  for (int64_t k = 0; k < f->n_kept && status == BVL_OK; k++)
    if (bvl_labels_note(&f->labels, f->phenotype[k]) != 0)
      status = bvl_fail(BVL_ERR_INPUT, "%s: more than %d different phenotypes for classes",
                        bvl_text_name(f->prefix), BVL_MOST_LABELS);
  BVL_TRY(bvl_agree(&f->job->comm, status));
  BVL_TRY(bvl_labels_merge(f->job, &f->labels));
cleanup:
  return status;
}

static bvl_status open_all(bed *f)
{
  const bvl_comm *comm = &f->job->comm;
  bvl_status status = BVL_OK;
  status = bvl_labels_init(f->job, &f->labels);
  if (status == BVL_OK) status = find_prefix(f);
  if (status == BVL_OK && comm->rank == 0) status = read_names(f);
  BVL_TRY(bvl_agree(comm, status));
  if (comm->rank == 0 && f->names.column[0] != '\0')
    bvl_import_note(f->job, "phenotype %s of %s", f->names.column,
                    bvl_text_name(f->job->options->y));
  if (f->names.n_unknown > 0)
    bvl_import_note(f->job, "%" PRId64 " individuals there are not in the .fam",
                    f->names.n_unknown);
  BVL_TRY(share_samples(f));
  f->block_variants = bvl_greater(1, f->job->options->memory_limit / 4 / f->stride);
  f->block_variants = bvl_lesser(f->block_variants, f->p);
  BVL_TRY(bvl_agree(comm, open_bed(f)));
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&f->block, f->block_variants * f->stride)));
cleanup:
  return status;
}

bvl_status bvl_import_plink(bvl_import *job)
{
  bed f = {.job = job, .fd = -1, .missing = job->options->missing};
  bvl_status status = BVL_OK;
  if (f.missing == BVL_MISSING_AUTO) f.missing = BVL_MISSING_MEAN;
  BVL_TRY(open_all(&f));
  BVL_TRY(choose_samples(&f));
  BVL_TRY(find_labels(&f));
  job->outcome->n = f.n_kept;
  job->outcome->p = f.p;
  BVL_TRY(bvl_import_create(job));
  BVL_TRY(write_genotypes(&f));
  BVL_TRY(write_vectors(&f));
cleanup:
  if (f.fd >= 0) close(f.fd);
  bvl_h5_release(&f.x);
  bvl_labels_free(&f.labels);
  bvl_plink_free(&f.names);
  free(f.prefix);
  free(f.phenotype);
  free(f.kept);
  free(f.block);
  free(f.rows);
  return status;
}
