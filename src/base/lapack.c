/* SPDX-License-Identifier: BSD-3-Clause */
/* LAPACK behind checked integers. */
#include "base/lapack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cblas.h>

#include "base/checked.h"

void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t uplo_len);
void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a, const int *lda,
             double *b, const int *ldb, int *info, size_t uplo_len);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t uplo_len);
void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivots, int *info);
void dgetrs_(const char *trans, const int *n, const int *nrhs, const double *a, const int *lda,
             const int *pivots, double *b, const int *ldb, int *info, size_t trans_len);
void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w,
            double *work, const int *lwork, int *info, size_t jobz_len, size_t uplo_len);

void dtrtri_(const char *uplo, const char *diag, const int *n, double *a, const int *lda, int *info,
             size_t uplo_len, size_t diag_len);

void ilaver_(int *major, int *minor, int *patch);
/* OpenBLAS' own; absent from other BLAS. */
extern char *openblas_get_config(void) __attribute__((weak));
extern char *openblas_get_corename(void) __attribute__((weak));

int bvl_cholesky(int64_t m, double *A, int64_t ld)
{
  int m_int = 0;
  int ld_int = 0;
  int info = 0;
  if (m == 0) return 0;
  if (bvl_to_int(m, &m_int) != BVL_OK || bvl_to_int(ld, &ld_int) != BVL_OK) return -1;
  /* a pivot that is rounding noise next to its column's own size is a singular matrix, whatever the
   * sign the noise has: compare each pivot with the diagonal it came from */
  double smallest = INFINITY;
  for (int64_t k = 0; k < m; k++) smallest = fmin(smallest, A[k + k * ld]);
  if (!(smallest > 0)) return 1;
  const double floor_ratio = 1e-14 * (double)m;
  dpotrf_("L", &m_int, A, &ld_int, &info, 1);
  if (info != 0) return info;
  for (int64_t k = 0; k < m; k++)
    if (!(A[k + k * ld] * A[k + k * ld] > floor_ratio * smallest)) return (int)k + 1;
  return 0;
}

int bvl_invert_lower(int64_t m, double *L, int64_t ld)
{
  int m_int = 0;
  int ld_int = 0;
  int info = 0;
  if (m == 0) return 0;
  if (bvl_to_int(m, &m_int) != BVL_OK || bvl_to_int(ld, &ld_int) != BVL_OK) return -1;
  dtrtri_("L", "N", &m_int, L, &ld_int, &info, 1, 1);
  return info;
}

int bvl_cholesky_invert(int64_t m, double *L, int64_t ld)
{
  int m_int = 0;
  int ld_int = 0;
  int info = 0;
  if (m == 0) return 0;
  if (bvl_to_int(m, &m_int) != BVL_OK || bvl_to_int(ld, &ld_int) != BVL_OK) return -1;
  dpotri_("L", &m_int, L, &ld_int, &info, 1);
  return info;
}

void bvl_cholesky_apply(int64_t m, const double *L, int64_t ld, int64_t k, double *X)
{
  enum { FEW = 4 }; /* below, dtrsm spends its time on a copy of L */
  const int n = (int)m;
  const int n_ld = (int)ld;
  if (m == 0) return;
  for (int64_t q = 0; q < k && k < FEW; q++) {
    cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, L, n_ld, X + q * m, 1);
    cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, n, L, n_ld, X + q * m, 1);
  }
  if (k < FEW) return;
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, n, (int)k, 1, L,
              n_ld, X, n);
  cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, n, (int)k, 1, L, n_ld,
              X, n);
}

int bvl_cholesky_solve(int64_t m, double *A, int64_t ld, double *b)
{
  const int one = 1;
  int info = bvl_cholesky(m, A, ld);
  if (info != 0 || m == 0) return info;
  const int m_int = (int)m; /* checked by the factorisation */
  const int ld_int = (int)ld;
  dpotrs_("L", &m_int, &one, A, &ld_int, b, &m_int, &info, 1);
  for (int64_t k = 0; k < m; k++)
    if (!isfinite(b[k])) return (int)k + 1;
  return info;
}

int bvl_eigen(int64_t m, double *A, int64_t ld, double *values, int64_t n_work, double *work)
{
  int m_int = 0;
  int ld_int = 0;
  int n_int = 0;
  int info = 0;
  if (m == 0) return 0;
  if (bvl_to_int(m, &m_int) != BVL_OK || bvl_to_int(ld, &ld_int) != BVL_OK ||
      bvl_to_int(n_work, &n_int) != BVL_OK)
    return -1;
  dsyev_("V", "L", &m_int, A, &ld_int, values, work, &n_int, &info, 1, 1);
  return info;
}

int bvl_lu_factor(int64_t m, double *A, int64_t ld, int *pivots)
{
  int m_int = 0;
  int ld_int = 0;
  int info = 0;
  if (m == 0) return 0;
  if (bvl_to_int(m, &m_int) != BVL_OK || bvl_to_int(ld, &ld_int) != BVL_OK) return -1;
  dgetrf_(&m_int, &m_int, A, &ld_int, pivots, &info);
  return info;
}

void bvl_lu_solve(int64_t m, const double *LU, int64_t ld, const int *pivots, double *b)
{
  const int m_int = (int)m;
  const int ld_int = (int)ld;
  const int one = 1;
  int info = 0;
  if (m > 0) dgetrs_("N", &m_int, &one, LU, &ld_int, pivots, b, &m_int, &info, 1);
}

/* One pass over the triangle: a column adds to y below it and, in four partial sums, to its own
 * entry. */
void bvl_symmetric_apply(int64_t m, const double *A, int64_t ld, const double *x, double *y)
{
  for (int64_t i = 0; i < m; i++) y[i] = 0.0;
  for (int64_t j = 0; j < m; j++) {
    const double *a = A + j * ld;
    const double x_j = x[j];
    double sum[4] = {a[j] * x_j, 0.0, 0.0, 0.0};
    int64_t i = j + 1;
    for (; i + 4 <= m; i += 4)
      for (int l = 0; l < 4; l++) {
        y[i + l] += a[i + l] * x_j;
        sum[l] += a[i + l] * x[i + l];
      }
    for (; i < m; i++) {
      y[i] += a[i] * x_j;
      sum[0] += a[i] * x[i];
    }
    y[j] += (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
}

void bvl_blas_version(char *out, size_t size)
{
  int major = 0;
  int minor = 0;
  int patch = 0;
  ilaver_(&major, &minor, &patch);
  if (openblas_get_config != NULL && openblas_get_corename != NULL) {
    const char *config = openblas_get_config(); /* "OpenBLAS 0.3.21 NO_AFFINITY ..." */
    const size_t name = strcspn(config, " ");
    const size_t version = config[name] == ' ' ? 1 + strcspn(config + name + 1, " ") : 0;
    snprintf(out, size, "%.*s (%s kernels), LAPACK %d.%d.%d", (int)(name + version), config,
             openblas_get_corename(), major, minor, patch);
  } else {
    snprintf(out, size, "LAPACK %d.%d.%d", major, minor, patch);
  }
}
