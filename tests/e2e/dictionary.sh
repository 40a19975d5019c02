#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# bevel dictionary from the outside: a planted dictionary is found again; every code is a lasso's to machine precision,
# judged by numpy; the same at 1 and 3 ranks; sparse atoms; both engines on factors; stopped by a signal and by time;
# what cannot be is refused.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
work, g = sys.argv[1], np.random.default_rng(4)
n, p, K = 900, 12, 12
def write(name, D, noise):
    C = np.zeros((n, K))
    for row in C:
        row[g.choice(K, 2, replace=False)] = g.choice([-1, 1], 2) * g.uniform(1, 2, 2)
    with h5py.File(f"{work}/{name}.h5", "w") as f:
        f["X"], f["D"] = C @ D + noise * g.normal(size=(n, p)), D
D = g.normal(size=(K, p))
write("planted", D / np.linalg.norm(D, axis=1, keepdims=True), 0.01)
D *= g.random(D.shape) < 0.4
D[:, :K] += 0.5 * np.eye(K)
write("sparse", D / np.linalg.norm(D, axis=1, keepdims=True), 0.01)
PY
dictionary() { bevel "$1" dictionary "$work/$2.h5" -o "$work/$3.h5" --quiet "${@:4}"; }
# planted NAME DATA LEAST ATOMS: so many atoms of the data are in the dictionary, up to sign, within a cosine of LEAST
planted() {
  "$python" - "$work/$1.h5" "$work/$2.h5" "$3" "$4" <<'PY' || fail "the planted dictionary is not in $1"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f, h5py.File(sys.argv[2]) as data:
    D = f["dictionary"][:]
    best = np.abs(data["D"][:] @ (D / np.maximum(np.linalg.norm(D, axis=1, keepdims=True), 1e-300)).T).max(1)
    sys.exit(f"{np.sort(best)}" if np.count_nonzero(best > float(sys.argv[3])) < int(sys.argv[4]) else 0)
PY
}
same() {
  "$python" - "$work/$1.h5" "$work/$2.h5" <<'PY' || fail "$1 and $2 differ"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as a, h5py.File(sys.argv[2]) as b:
    assert len(a["history/objective"]) == len(b["history/objective"]) > 1
    assert np.allclose(a["history/objective"], b["history/objective"], rtol=1e-9), "history"
    assert np.abs(a["dictionary"][:] - b["dictionary"][:]).max() < 1e-6, "dictionary"
    assert np.array_equal(a["codes/indptr"], b["codes/indptr"]) and np.array_equal(a["codes/indices"], b["codes/indices"])
    assert np.abs(a["codes/data"][:] - b["codes/data"][:]).max() < 1e-5, "codes"
PY
}

dictionary 1 planted one --atoms 12 --lambda 0.1 --tol 1e-8
dictionary 3 planted three --atoms 12 --lambda 0.1 --tol 1e-8
check "$work/one.h5" "$work/planted.h5"
check "$work/three.h5" "$work/planted.h5"
planted one planted 0.995 12
same one three
"$python" - "$work/one.h5" <<'PY' || fail "the objective rises"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f:
    h = f["history/objective"][:]
    assert np.all(np.diff(h) <= 1e-9 * h[0]) and f["objective"][0] == h[-1] and f["kkt_residual"][0] < 1e-11, np.diff(h).max()
PY

# atoms with zeros are found with zeros, and an atom too many goes
dictionary 2 sparse zeros --atoms 14 --lambda 0.05 --sparse-dictionary 0.002
check "$work/zeros.h5" "$work/sparse.h5"
planted zeros sparse 0.98 10
"$python" - "$work/zeros.h5" <<'PY' || fail "the sparse dictionary has no zeros"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1]) as f:
    assert np.mean(f["dictionary"][:] == 0) > 0.3, np.mean(f["dictionary"][:] == 0)
PY

# factors: the same at 1 and 3 ranks while rounding has not parted them; within 10 % of alternation
dictionary 1 planted factors --atoms 12 --lambda 0.1 --solver lbfgs --max-iter 300 || test $? = 4
dictionary 1 planted few --atoms 12 --lambda 0.1 --solver lbfgs --max-iter 10 || test $? = 4
dictionary 3 planted few3 --atoms 12 --lambda 0.1 --solver lbfgs --max-iter 10 || test $? = 4
dictionary 2 planted adam --atoms 12 --lambda 0.1 --solver adam --epochs 200 --batch 100 --lr 0.02
dictionary 1 sparse both --atoms 12 --lambda 0.05 --sparse-dictionary 0.002 --solver lbfgs --max-iter 100 || test $? = 4
same few few3
for name in factors few3 adam; do check "$work/$name.h5" "$work/planted.h5"; done
check "$work/both.h5" "$work/sparse.h5"
"$python" - "$work" <<'PY' || fail "factors end elsewhere"
import sys, h5py
value = {k: float(h5py.File(f"{sys.argv[1]}/{k}.h5")["objective"][0]) for k in ("one", "factors", "adam")}
assert all(v <= 1.1 * value["one"] for v in value.values()), value
PY

# stopped once there is a checkpoint, gone on with on other ranks: the same dictionary after as many rounds
for how in USR1 KILL; do
  rm -f "$work"/rounds.ckpt*
  timeout 60 "$BEVEL" dictionary "$work/planted.h5" -o "$work/stopped.h5" --quiet --atoms 12 --lambda 0.1 --tol 1e-8 \
    --checkpoint "$work/rounds.ckpt" --checkpoint-every 1e-9 </dev/null >/dev/null 2>&1 &
  job=$!
  until [ -e "$work/rounds.ckpt" ] || ! kill -0 $job 2>/dev/null; do sleep 0.01; done
  pkill -"$how" -P $job 2>/dev/null || true
  code=0
  wait $job 2>/dev/null || code=$?
  case $how-$code in USR1-75 | USR1-0 | KILL-137 | KILL-0) ;; *) fail "stopped by $how: exit $code" ;; esac
  if [ $how = USR1 ]; then ranks=3; else ranks=1; fi
  dictionary $ranks planted again --atoms 12 --lambda 0.1 --tol 1e-8 --checkpoint "$work/rounds.ckpt" --resume
  same one again
done
code=0
dictionary 1 planted again --atoms 11 --lambda 0.1 --checkpoint "$work/rounds.ckpt" --resume >"$work/said" 2>&1 || code=$?
test $code = 2 && grep -q "atoms" "$work/said" || fail "another dictionary's checkpoint: exit $code: $(cat "$work/said")"

# what is changed afterwards is seen
"$python" - "$work/one.h5" <<'PY'
import sys, h5py
with h5py.File(sys.argv[1], "r+") as f:
    f["codes/data"][5] += 1e-4
PY
"$python" "$BEVEL_SOURCE/scripts/check" "$work/one.h5" "$work/planted.h5" >"$work/said" && fail "a changed code is not seen"
grep -q "codes: a violation" "$work/said" || fail "$(cat "$work/said")"

# time and signals
code=0
dictionary 2 planted timed --atoms 12 --lambda 0.1 --max-seconds 1e-9 || code=$?
test "$code" = 4 || fail "time: exit $code"
check "$work/timed.h5" "$work/planted.h5"
code=0
dictionary 2 planted timed --atoms 12 --lambda 0.1 --solver adam --epochs 1000000000 --max-seconds 0.3 || code=$?
test "$code" = 4 || fail "time in the middle: exit $code"
check "$work/timed.h5" "$work/planted.h5"
"$BEVEL" dictionary "$work/planted.h5" -o "$work/stopped.h5" --quiet --atoms 12 --lambda 0.1 --solver adam --epochs 1000000000 2>"$work/said" &
pid=$!
sleep 1
kill -USR1 $pid
code=0
wait $pid || code=$?
test "$code" = 138 || fail "signal: exit $code $(cat "$work/said")"
test ! -e "$work/stopped.h5" && test ! -e "$work/stopped.h5.partial" || fail "a stopped run leaves a file"

refuse() {
  local code=0
  bevel 1 dictionary "${@:3}" >"$work/said" 2>&1 || code=$?
  test "$code" = "$1" || fail "exit $code, wanted $1: ${*:3}"
  grep -q -e "$2" "$work/said" || fail "wanted '$2': $(cat "$work/said")"
}
refuse 2 "lambda L is missing" "$work/planted.h5" -o "$work/x.h5"
refuse 2 "number above 0" "$work/planted.h5" -o "$work/x.h5" --lambda 0
refuse 2 "epochs goes with" "$work/planted.h5" -o "$work/x.h5" --lambda 1 --epochs 3
refuse 2 "there are 900 rows" "$work/planted.h5" -o "$work/x.h5" --lambda 1 --solver adam --batch 1000
bevel 1 info "$work/three.h5" >"$work/said"
grep -q "12 atoms of 12" "$work/said" || fail "$(cat "$work/said")"
echo ok
