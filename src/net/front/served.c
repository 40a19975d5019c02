/* SPDX-License-Identifier: BSD-3-Clause */
/* Rank 0 asks, all evaluate. */
#include "net/front/served.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { WORD, BATCH, N_HEAD };
enum { RELEASE, EVALUATE };

/* All ranks: what packed asks for. grad, on rank 0, gets the whole gradient. */
static bvl_status evaluate(bvl_served *self, double *value, double *grad, int *wants)
{
  bvl_status status = BVL_OK;
  const bvl_objective *f = self->f;
  const int64_t batch = (int64_t)self->packed[BATCH];
  BVL_TRY(
      f->eval(f->context, self->packed + N_HEAD + self->begin, batch, value, self->grad, wants));
  BVL_TRY(bvl_gather_to(f->space.comm, 0, self->grad, self->counts, grad));
cleanup:
  if (status != BVL_OK) self->broken = 1;
  return status;
}

static bvl_status ask(void *context, const double *x, int64_t batch, double *value, double *grad,
                      int *wants)
{
  bvl_served *self = context;
  self->packed[WORD] = EVALUATE;
  self->packed[BATCH] = (double)batch;
  memcpy(self->packed + N_HEAD, x, (size_t)self->n * sizeof *x);
  bvl_status status = bvl_bcast(self->f->space.comm, 0, self->packed, N_HEAD + self->n);
  if (status != BVL_OK) return status;
  return evaluate(self, value, grad, wants);
}

bvl_status bvl_served_work(bvl_served *self)
{
  bvl_status status = BVL_OK;
  double value = 0.0;
  int wants = 0;
  while (status == BVL_OK) {
    BVL_TRY(bvl_bcast(self->f->space.comm, 0, self->packed, N_HEAD + self->n));
    if (self->packed[WORD] == RELEASE) break;
    status = evaluate(self, &value, NULL, &wants);
  }
cleanup:
  return status;
}

bvl_status bvl_served_release(bvl_served *self)
{
  if (self->broken) return BVL_OK;
  self->packed[WORD] = RELEASE;
  return bvl_bcast(self->f->space.comm, 0, self->packed, N_HEAD + self->n);
}

static bvl_status allocate(bvl_served *self)
{
  bvl_status status = BVL_OK;
  const bvl_comm *comm = self->f->space.comm;
  self->n = self->f->space.n_local;
  BVL_TRY(bvl_agree(comm, BVL_ALLOC(&self->counts, comm->size)));
  self->counts[comm->rank] = self->f->space.n_local;
  BVL_TRY(bvl_sum_i64(comm, self->counts, comm->size));
  self->n = 0;
  for (int r = 0; r < comm->size; r++) {
    if (r == comm->rank) self->begin = self->n;
    self->n += self->counts[r];
  }
  status = BVL_ALLOC(&self->packed, N_HEAD + self->n);
  if (status == BVL_OK) status = BVL_ALLOC(&self->grad, self->f->space.n_local);
  BVL_TRY(bvl_agree(comm, status));
cleanup:
  return status;
}

bvl_status bvl_served_create(const bvl_objective *f, bvl_served **out)
{
  bvl_status status = BVL_OK;
  bvl_served *self = NULL;
  *out = NULL;
  BVL_TRY(bvl_agree(f->space.comm, BVL_ALLOC(&self, 1)));
  self->f = f;
  BVL_TRY(bvl_agree(f->space.comm, bvl_comm_dup(MPI_COMM_SELF, &self->traffic, &self->self)));
  BVL_TRY(allocate(self));
  self->objective = (bvl_objective){
      .space = {.comm = &self->self, .n_local = self->n, .own_end = self->n},
      .n_batches = f->n_batches,
      .context = self,
      .eval = ask};
  *out = self;
  self = NULL;
cleanup:
  bvl_served_destroy(&self);
  return status;
}

void bvl_served_destroy(bvl_served **handle)
{
  bvl_served *self = *handle;
  *handle = NULL;
  if (self == NULL) return;
  bvl_comm_free(&self->self);
  free(self->counts);
  free(self->packed);
  free(self->grad);
  free(self);
}
