# SPDX-License-Identifier: BSD-3-Clause
"""The bevel program, on some ranks."""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("BEVEL", os.path.join(ROOT, "build", "bevel"))
# for timings with a core a rank: ranks that wait keep theirs
MPI = f'. "{ROOT}/scripts/mpi.sh"; export OMPI_MCA_mpi_yield_when_idle=0; mpi "$@"'


def train(data, out, words, ranks=1):
    """Its one machine-readable line, as a dictionary."""
    words = [PROGRAM, "train", data, "-o", out, "--quiet", "--json"] + [str(w) for w in words]
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    if ranks > 1:
        words = ["bash", "-c", MPI, "mpi", str(ranks)] + words
    done = subprocess.run(words, capture_output=True, text=True, timeout=7200, env=environment)
    if done.returncode not in (0, 4):
        sys.exit(f"study-networks: {' '.join(words)}: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])
