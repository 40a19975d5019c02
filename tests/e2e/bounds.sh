#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# --lower and --upper: numbers and datasets, judged by scripts/check at 1, 2 and 3 ranks; through a
# checkpoint; and bounds that cannot be, refused where they stand.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" - "$work" <<'PY'
import sys, h5py, numpy as np
rng = np.random.default_rng(3)
n, p = 90, 140
X = rng.normal(size=(n, p)) * (1 + np.arange(p) % 4) + np.arange(p) % 3
eta = 0.3 + X[:, :12] @ np.where(np.arange(12) % 3 == 1, -0.4, 0.3)
ys = {"gaussian": eta + rng.normal(size=n), "binomial": (rng.random(n) < 1 / (1 + np.exp(-eta))) * 1.0,
      "poisson": rng.poisson(np.exp(np.clip(eta / 3, -3, 2))) * 1.0}
low = np.where(np.arange(p) % 4 == 0, -np.inf, np.where(np.arange(p) % 4 == 1, -0.1, 0.0))
high = np.where(np.arange(p) % 5 == 0, np.inf, np.where(np.arange(p) % 5 == 1, 0.0, 0.15))
for family, y in ys.items():
    with h5py.File(f"{sys.argv[1]}/{family}.h5", "w") as f:
        f["X"], f["y"], f["limits/low"], f["limits/high"] = X, y, low, high
        f["short"] = low[:-1]
        f["above"] = np.where(np.arange(p) == 5, 0.25, low)
        f["nan"] = np.where(np.arange(p) == 6, np.nan, high)
        f["penalty_factor"] = np.ones(p)
        f["free"] = np.where(np.arange(p) == 9, 0.0, 1.0)
        f["groups"] = np.arange(p) // 4
        f.attrs["family"] = family
PY

ranks=1
for family in gaussian binomial poisson; do
  for penalty in lasso enet; do
    for limits in "--lower 0" "--lower -0.05 --upper 0.1" "--lower /limits/low --upper limits/high"; do
      bevel $ranks path "$work/$family.h5" -o "$work/out.h5" --penalty $penalty --nlambda 15 \
        --lambda-min-ratio 0.02 --quiet $limits
      check "$work/out.h5" "$work/$family.h5"
      all_zero "$work/out.h5"
      ranks=$((ranks % 3 + 1))
    done
  done
done

# the same at every rank count and by coordinate descent; the bounds bind; a lie about them is seen
args=(--nlambda 15 --lambda-min-ratio 0.02 --quiet --lower /limits/low --upper 0.1)
for ranks in 1 2 3; do
  bevel $ranks path "$work/gaussian.h5" -o "$work/out$ranks.h5" "${args[@]}"
done
compare "$work/out1.h5" "$work/out2.h5" --objective 1e-8 --coef 1e-5
compare "$work/out1.h5" "$work/out3.h5" --objective 1e-8 --coef 1e-5
bevel 2 path "$work/gaussian.h5" -o "$work/cd.h5" "${args[@]}" --solver cd
check "$work/cd.h5" "$work/gaussian.h5"
compare "$work/out1.h5" "$work/cd.h5" --objective 1e-8 --coef 1e-3
"$python" - "$work" <<'PY'
import sys, shutil, h5py, numpy as np
with h5py.File(sys.argv[1] + "/out1.h5", "r") as f:
    values = f["coef/data"][:]
    assert f.attrs["lower"] == "/limits/low" and float(f.attrs["upper"]) == 0.1, dict(f.attrs)
assert np.sum(values == 0.1) > 5 and np.sum(values == -0.1) > 5, "no bound binds"
for name, change in (("none", {"upper": "none"}), ("tighter", {"upper": "0.09"})):
    shutil.copy(sys.argv[1] + "/out1.h5", sys.argv[1] + f"/{name}.h5")
    with h5py.File(sys.argv[1] + f"/{name}.h5", "r+") as f:
        f.attrs.update(change)
PY
for lie in none tighter; do
  ! "$python" "$BEVEL_SOURCE/scripts/check" "$work/$lie.h5" "$work/gaussian.h5" >"$work/said" ||
    fail "check believes a result with upper changed to $lie"
done

# with --dfmax, a checkpoint and another rank count
bevel 2 path "$work/gaussian.h5" -o "$work/dfmax.h5" "${args[@]}" --dfmax 5 --checkpoint "$work/ck.h5"
bevel 3 path "$work/gaussian.h5" -o "$work/dfmax.h5" "${args[@]}" --dfmax 5 --checkpoint "$work/ck.h5" --resume
check "$work/dfmax.h5" "$work/gaussian.h5"

# refuse CODE WORDS FLAGS...
refuse() {
  local want=$1 words=$2
  shift 2
  for ranks in 1 3; do
    code=0
    bevel $ranks path "$work/gaussian.h5" -o "$work/no.h5" "$@" >"$work/said" 2>"$work/err" || code=$?
    [ $code -eq "$want" ] || fail "$*: exit code $code, not $want: $(cat "$work/err")"
    grep -qF -e "$words" "$work/err" || fail "$*: no '$words' in: $(cat "$work/err")"
    [ ! -e "$work/no.h5" ] || fail "$*: a result"
  done
}
refuse 2 "--lower 0.1: wanted a number of at most 0" --lower 0.1
refuse 2 "--upper -1: wanted a number of at least 0" --upper -1
refuse 2 "--lower nan: wanted a number" --lower nan
refuse 2 "--lower goes with --penalty lasso or enet" --lower 0 --penalty group-lasso
refuse 2 "--upper goes with --solver newton or cd" --upper 1 --solver adam
refuse 2 "lower=/limits/low there" "${args[@]}" --dfmax 5 --checkpoint "$work/ck.h5" --resume --lower 0
refuse 3 "short has 139 entries, /X has 140 columns" --lower /short
refuse 3 "lower: column 5: 0.25" --lower /above
refuse 3 "upper: column 6: nan" --upper /nan
refuse 3 "/nowhere" --upper /nowhere
refuse 3 "column 9 is unpenalised and has bounds [0, inf]" --lower 0 --penalty-factor /free
bevel 1 path "$work/gaussian.h5" -o "$work/out.h5" --nlambda 5 --lower -inf --upper inf --quiet
bevel 1 path "$work/gaussian.h5" -o "$work/none.h5" --nlambda 5 --quiet
compare "$work/out.h5" "$work/none.h5" --objective 0 --coef 1e-300
