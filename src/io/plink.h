/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands beside a .bed: variants (.bim), samples (.fam) and their phenotypes (.fam, or a file
 * "FID IID value ..." with or without a header). Rank 0 alone reads and holds it. */
#ifndef BVL_IO_PLINK_H
#define BVL_IO_PLINK_H

#include "io/io.h"

typedef struct bvl_plink {
  int64_t n;         /* samples */
  int64_t p;         /* variants */
  char **variants;   /* p names, one block, owned */
  char **samples;    /* n individual ids (IID), one block, owned */
  char **families;   /* n family ids (FID), one block, owned */
  double *phenotype; /* n, NaN = missing; owned */
  int64_t n_unknown; /* individuals of the phenotype file that the .fam does not know */
  char column[64];   /* the phenotype's name there; empty when it comes from the .fam */
} bvl_plink;

/** Reads PREFIX.bim and PREFIX.fam, and the phenotypes from `file` where that is not NULL (column:
 * by its name or its number from 1, NULL = the first). Not collective: for rank 0.
 * @return BVL_ERR_IO; BVL_ERR_INPUT with file and line. */
bvl_status bvl_plink_read(const char *prefix, const char *file, const char *column,
                          bvl_plink *plink);
void bvl_plink_free(bvl_plink *plink);

#endif
