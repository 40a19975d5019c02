# SPDX-License-Identifier: BSD-3-Clause
# For scripts to source: `mpi N PROGRAM ...` runs under mpirun with more ranks than cores allowed,
# waiting ranks yielding their core, and root allowed. BEVEL_MPIRUN names another launcher.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

mpi() {
  local ranks=$1
  shift
  "${BEVEL_MPIRUN:-mpirun}" -n "$ranks" "$@" </dev/null
}

# A python3 with numpy and h5py: the one on PATH or Debian's.
python_with_h5py() {
  local python
  for python in "${BEVEL_PYTHON:-python3}" /usr/bin/python3; do
    if "$python" -c 'import numpy, h5py' 2>/dev/null; then
      echo "$python"
      return 0
    fi
  done
  return 1
}
