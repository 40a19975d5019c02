/* SPDX-License-Identifier: BSD-3-Clause */
/* Communicators that count their traffic, and agreement on failures. */
#include "comm/comm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* 1 GiB of doubles: far below INT_MAX, because MPI libraries still count some bytes in int. */
#define DEFAULT_MAX_COUNT ((int64_t)1 << 27)

int64_t bvl_max_count(void)
{
  static int64_t limit; /* the same value whichever thread comes first */
  if (limit == 0) {
    const char *text = getenv("BVL_MAX_COUNT");
    long asked = text != NULL ? strtol(text, NULL, 10) : 0;
    limit = asked > 0 && asked < DEFAULT_MAX_COUNT ? asked : DEFAULT_MAX_COUNT;
  }
  return limit;
}

bvl_status bvl_mpi_check(int code, const char *call)
{
  if (code == MPI_SUCCESS) return BVL_OK;
  char text[MPI_MAX_ERROR_STRING] = "unknown error";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return bvl_fail(BVL_ERR_MPI, "%.*s: %s", (int)strcspn(call, "("), call, text);
}

/* Takes over `mpi`, also on failure; collective over it. */
static bvl_status adopt(MPI_Comm mpi, bvl_traffic *traffic, bvl_comm *out)
{
  bvl_status status = BVL_OK;
  *out = (bvl_comm){.mpi = mpi, .size = 1, .traffic = traffic};
  BVL_TRY(BVL_MPI(MPI_Comm_set_errhandler(mpi, MPI_ERRORS_RETURN)));
  BVL_TRY(BVL_MPI(MPI_Comm_rank(mpi, &out->rank)));
  BVL_TRY(BVL_MPI(MPI_Comm_size(mpi, &out->size)));
  /* allocated here, where ranks can agree on it, so that no collective allocates later */
  BVL_TRY(bvl_agree(out, BVL_ALLOC(&out->work, 2 * (int64_t)out->size)));
cleanup:
  if (status != BVL_OK) bvl_comm_free(out);
  return status;
}

bvl_status bvl_comm_dup(MPI_Comm mpi, bvl_traffic *traffic, bvl_comm *out)
{
  MPI_Comm copy = MPI_COMM_NULL;
  *out = (bvl_comm){.mpi = MPI_COMM_NULL};
  bvl_status status = BVL_MPI(MPI_Comm_dup(mpi, &copy));
  return status == BVL_OK ? adopt(copy, traffic, out) : status;
}

/* One part may fail where another does not: all ranks of `comm` hear of it. */
bvl_status bvl_comm_split(const bvl_comm *comm, int color, int key, bvl_comm *out)
{
  MPI_Comm part = MPI_COMM_NULL;
  *out = (bvl_comm){.mpi = MPI_COMM_NULL};
  bvl_status status = BVL_MPI(MPI_Comm_split(comm->mpi, color, key, &part));
  if (status != BVL_OK) return status;
  status = bvl_agree(comm, adopt(part, comm->traffic, out));
  if (status != BVL_OK) bvl_comm_free(out);
  return status;
}

void bvl_comm_free(bvl_comm *comm)
{
  if (comm->size > 0) MPI_Comm_free(&comm->mpi);
  free(comm->work);
  *comm = (bvl_comm){.mpi = MPI_COMM_NULL};
}

bvl_status bvl_agree(const bvl_comm *comm, bvl_status local)
{
  if (comm->size == 1) return local;
  /* (status, rank) in one integer: the largest status wins, among equals the lowest rank */
  int64_t key = (int64_t)local * comm->size + (comm->size - 1 - comm->rank);
  bvl_status status = bvl_max_i64(comm, &key, 1);
  if (status != BVL_OK) return status;
  bvl_status agreed = (bvl_status)(key / comm->size);
  if (agreed == BVL_OK) return BVL_OK;
  int speaker = comm->size - 1 - (int)(key % comm->size);
  char text[BVL_MESSAGE_BYTES] = {0};
  if (comm->rank == speaker) memcpy(text, bvl_last_error(), strlen(bvl_last_error()));
  status = bvl_bcast_bytes(comm, speaker, text, BVL_MESSAGE_BYTES);
  return status == BVL_OK ? bvl_fail(agreed, "%s", text) : status;
}

bvl_status bvl_check_same(const bvl_comm *comm, int64_t value, const char *what)
{
  int64_t extremes[2] = {value, ~value}; /* ~ reverses the order without overflow */
  bvl_status status = bvl_max_i64(comm, extremes, 2);
  if (status != BVL_OK || extremes[0] == ~extremes[1]) return status;
  return bvl_fail(BVL_ERR_USAGE, "%s differs between ranks: from %" PRId64 " to %" PRId64, what,
                  ~extremes[1], extremes[0]);
}
