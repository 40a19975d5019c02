#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every penalty by every solver and family does what the table in `bevel path --help` says: what is
# listed runs, what is not is refused with exit 2.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
for family in gaussian binomial poisson multinomial; do
  bevel 1 simulate "$work/$family.h5" --n 40 --p 12 --group-size 3 --active 2 --family $family --seed 2 --quiet
done
bevel 1 simulate "$work/responses.h5" --n 40 --p 12 --group-size 3 --active 2 --responses 2 --seed 2 --quiet
"$BEVEL" path --help >"$work/help"
"$python" - "$work" "$BEVEL" <<'PY' || fail "not what --help says"
import re, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
work, bevel = sys.argv[1:]
text = open(f"{work}/help").read()
solvers = "auto newton cd sgd momentum adam lbfgs admm varpro".split()
listed, penalties = {}, []
for line in text[text.index("Penalties, and the solvers"):].splitlines()[1:]:
    if not line.startswith("  "):
        break
    words = re.sub(r"\([^)]*\)", "", line).split()
    row = [w for w in words if w not in solvers]
    penalties = row or penalties
    for penalty in penalties:
        listed.setdefault(penalty, set()).update(w for w in words if w in solvers)
assert len(listed) >= 17 and all(listed.values()), listed
also = {"multinomial": {"auto", "newton"}, "responses": {"auto", "newton", "varpro"}}

def wanted(penalty, solver, family):
    if family in also:
        return penalty in ("lasso", "enet", "group-lasso") and solver in also[family]
    return solver in listed[penalty] and (solver != "varpro" or family == "gaussian")

def run(pair):
    penalty, solver, family = pair
    words = [bevel, "path", f"{work}/{family}.h5", "-o", f"{work}/{penalty}.{solver}.{family}.h5", "--penalty", penalty,
             "--solver", solver, "--nlambda", "2", "--lambda-min-ratio", "0.5", "--quiet"]
    words += ["--q", "0.8"] if penalty in ("lq", "group-lq") else []
    words += ["--epochs", "1"] if solver in ("sgd", "momentum", "adam") else []
    for attempt in range(2):
        done = subprocess.run(words, capture_output=True, text=True, timeout=100)
        if done.returncode != -11:  # Open MPI 4.1 may unload a library that a thread of its is still in
            break
    good = done.returncode in (0, 4) if wanted(*pair) else done.returncode == 2
    return None if good else f"{' '.join(pair)}: exit {done.returncode}: {done.stderr.strip()}"

pairs = [(p, s, "gaussian") for p in listed for s in solvers]
pairs += [(p, s, f) for p in listed for s in listed[p] for f in ("binomial", "poisson")]
pairs += [(p, s, f) for p in ("lasso", "enet", "group-lasso", "mcp") for s in solvers for f in also]
with ThreadPoolExecutor(2) as pool:
    wrong = [said for said in pool.map(run, pairs) if said]
print("\n".join(wrong[:20]), f"{len(pairs)} pairs, {len(wrong)} not as said", sep="\n")
sys.exit(bool(wrong))
PY
