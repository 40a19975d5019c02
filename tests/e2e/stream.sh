#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# X streamed from its file: the answers of X held, at 1, 2 and 3 ranks, on every kind of dense file, for
# path, fit and cv; where X does not fit the limit it is streamed without being asked, within the
# limit; what cannot be streamed, and a file that changes or ends under a run, are refused in words.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

"$python" - "$work" <<'PY'
import sys
import h5py
import numpy as np

rng = np.random.default_rng(11)
n, p = 150, 700
X = rng.normal(size=(n, p)) + 3
X[:, 5] = 2.5
y = X[:, 10:30:2] @ rng.normal(size=10) + 2 * rng.normal(size=n)


def write(name, X, y=y, how={}, **datasets):
    with h5py.File(f"{sys.argv[1]}/{name}.h5", "w") as f:
        f.create_dataset("X", data=X, **how)
        f["y"] = y
        for key, value in datasets.items():
            f[key] = value


write("plain", X, weights=rng.uniform(0.5, 2, n))
write("float", X.astype("f4"))
write("chunked", X.astype(">f8"), how={"chunks": (32, 100), "compression": "gzip"})
write("groups", X, groups=rng.permutation(p) % 120)  # columns are permuted
write("labels", X, y=(y > np.median(y)).astype("f8"))
missing = rng.integers(0, 3, X.shape).astype("i1")
missing[rng.uniform(size=X.shape) < 0.1] = -9
write("missing", missing)
with h5py.File(f"{sys.argv[1]}/missing.h5", "a") as f:
    f["X"].attrs["missing"] = np.int8(-9)
write("tall", rng.normal(size=(2500, 30)), y=rng.normal(size=2500))
bad = X.copy()
bad[77, 613] = np.nan
write("nan", bad)
with h5py.File(f"{sys.argv[1]}/sparse.h5", "w") as f:
    f["y"] = y
    g = f.create_group("X")
    g.attrs["encoding-type"], g.attrs["shape"] = "csc_matrix", (n, p)
    g["data"], g["indices"] = np.ones(p), np.arange(p) % n
    g["indptr"] = np.arange(p + 1)
PY

# same COMMAND NAME RANKS FLAGS: held and streamed say the same, and nothing in either is a lie
same() {
  local command=$1 name=$2 ranks=$3
  shift 3
  bevel "$ranks" "$command" "$work/$name.h5" -o "$work/held.h5" --quiet --stream off "$@"
  bevel "$ranks" "$command" "$work/$name.h5" -o "$work/streamed.h5" --quiet --stream on "$@"
  [ "$(attr "$work/held.h5" streamed) $(attr "$work/streamed.h5" streamed)" = "0 1" ] || fail "$name: streamed"
  compare "$work/held.h5" "$work/streamed.h5" --objective 1e-10 --coef 1e-6 >/dev/null
  [ "$ranks" -eq 1 ] || check "$work/streamed.h5" "$work/$name.h5" >"$work/said" || fail "$(cat "$work/said")"
}
few="--nlambda 10"
same path plain 2 $few --grid 2x1
same path plain 3 $few --grid 1x3 --no-standardize
same path float 1 $few
same path chunked 3 $few
same path missing 1 $few
same path tall 2 --nlambda 30
same path groups 2 $few --penalty group-lasso
same path groups 3 $few --penalty group-mcp --grid 3x1
same path labels 1 $few --family binomial
same path labels 1 $few --family multinomial
same path plain 2 --nlambda 5 --solver cd
same fit plain 1 --lambda 0.5
same cv plain 2 $few --folds 3 --seed 4
"$python" - "$work" <<'PY' || fail "cv: other predictions or another curve"
import sys
import h5py
import numpy as np

held, streamed = (h5py.File(f"{sys.argv[1]}/{k}.h5", "r") for k in ("held", "streamed"))
for name in ("oof", "cvm", "cvsd", "lambda_min", "lambda_1se"):
    a, b = held[name][()], streamed[name][()]
    assert np.max(np.abs(a - b)) <= 1e-8 * (1 + np.max(np.abs(a))), name
PY

# a limit below what X needs: streamed, said so, and no more than that; with X held it is refused
"$BEVEL" simulate "$work/wide.h5" --n 2000 --p 4000 --quiet
code=0
bevel 1 path "$work/wide.h5" -o "$work/w.h5" --nlambda 20 --dfmax 100 --memory-limit 60M --stream off 2>"$work/err" || code=$?
[ $code -eq 5 ] && grep -q "the limit is 60.0 MiB" "$work/err" || fail "held in 60 MiB: $code: $(cat "$work/err")"
bevel 2 path "$work/wide.h5" -o "$work/w.h5" --nlambda 20 --dfmax 100 --memory-limit 60M --json >"$work/json" 2>"$work/err"
grep -q "X is not held but streamed from" "$work/err" && grep -q "over its file" "$work/err" || fail "$(cat "$work/err")"
check "$work/w.h5" "$work/wide.h5" >"$work/said" || fail "$(cat "$work/said")"
"$python" - "$work/json" <<'PY' || fail "memory: $(cat "$work/json")"
import json
import sys

said = json.loads(open(sys.argv[1]).read().splitlines()[-1])
assert said["streamed"] == 1 and said["file_passes"] >= 1, said
assert 2 * said["estimate_bytes"] <= 60 << 20, said
PY
code=0
bevel 2 path "$work/wide.h5" -o "$work/w.h5" --dfmax 100 --memory-limit 20M 2>"$work/err" || code=$?
[ $code -eq 5 ] || fail "20 MiB are not enough for 2 ranks: $code: $(cat "$work/err")"

# refused: in words, once
refused() {
  local expected=$1 words=$2
  shift 2
  local code=0
  bevel 2 path "$@" -o "$work/r.h5" --quiet 2>"$work/err" || code=$?
  [ $code -eq "$expected" ] && [ "$(grep -c "$words" "$work/err")" -eq 1 ] ||
    fail "$*: exit code $code: $(cat "$work/err")"
}
refused 2 "stream on: X cannot be streamed, it is sparse" "$work/sparse.h5" --stream on
refused 2 "stream on: X cannot be streamed, only solver auto, newton or cd can" "$work/plain.h5" --stream on --solver lbfgs
refused 3 "row 77, column 613: NaN" "$work/nan.h5" --stream on
refused 3 "row 77, column 613: NaN" "$work/nan.h5" --stream on --grid 1x2

# the file changes, or is cut off, in the middle of a run
for how in touch cut; do
  cp "$work/wide.h5" "$work/victim.h5"
  code=0
  {
    bevel 2 path "$work/victim.h5" -o "$work/v.h5" --stream on --lambda-min-ratio 0.001 --nlambda 400 2>"$work/err"
  } &
  run=$!
  for _ in $(seq 200); do
    if grep -q "lambda 1/400" "$work/err" 2>/dev/null; then break; fi
    sleep 0.05
  done
  if [ $how = touch ]; then touch "$work/victim.h5"; else truncate -s 40M "$work/victim.h5"; fi
  wait $run || code=$?
  [ $code -eq 1 ] || [ $code -eq 3 ] || fail "$how: exit code $code: $(cat "$work/err")"
  [ "$(grep -c "victim.h5 was changed while it was in use" "$work/err")" -eq 1 ] || fail "$how: $(cat "$work/err")"
done
