#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# Where a file is from stands in it, whichever command wrote it, and in the log: version, command line,
# ranks, grid, times, data and their fingerprint. A command that is not walked here fails the test.
# And a line of warning when ranks share CPUs.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
cd "$work"
printf 'a,b,y\n1,2,3\n2,3,4\n4,1,1\n' >in.csv
walked=
walk() { # RANKS COMMAND DATA OUT ARGS...: DATA - where there is none
  local ranks=$1 command=$2 source=$3 out=$4
  shift 4
  walked="$walked $command"
  local words=($command)
  [ "$source" = - ] || words+=("$source")
  if [ "$command" = simulate ]; then words+=("$out"); else words+=(-o "$out"); fi
  bevel $ranks "${words[@]}" "$@" --quiet --log log || [ $? -eq 4 ] || fail "$command"
  echo "$ranks $source $out bevel ${words[*]} $* --quiet --log log" | tr -s " " >>walks
}
begin=$(date -u +%FT%TZ)
walk 1 simulate - data.h5 --n 60 --p 20 --active 3 --family binomial
walk 2 simulate - more.h5 --n 60 --p 20 --active 3 --seed 2
walk 2 path data.h5 path.h5 --nlambda 5
walk 1 path more.h5 other.h5 --nlambda 5
walk 1 fit data.h5 fit.h5 --lambda 0.1
walk 1 cv data.h5 cv.h5 --folds 3 --nlambda 5
walk 1 stability data.h5 stability.h5 --subsamples 4 --nlambda 5
walk 2 predict data.h5 pred.h5 --model path.h5
walk 1 train data.h5 net.h5 --layers 20-3-1 --epochs 2 --batch 10
walk 2 predict more.h5 outputs.h5 --model net.h5
walk 1 prune net.h5 small.h5 --prune-std 0.5
walk 1 pareto data.h5 front.h5 --layers 20-2-1 --points 2 --max-iter 2
walk 1 dictionary data.h5 words.h5 --atoms 3 --lambda 0.1 --max-iter 3
walk 2 import in.csv imported.h5
printf 'data = data.h5\npenalty = lasso, mcp\nnlambda = 5\n' >grid.ini
walk 1 study grid.ini study.h5
for command in $("$BEVEL" help | sed -n 's/^  bevel \([a-z]*\) .*-o .*/\1/p'); do
  case " $walked " in *" $command "*) ;; *) fail "$command writes a file and is not walked" ;; esac
done

"$python" - "$begin" "$("$BEVEL" --version | sed -n 's/^bevel //p')" <<'PY' || fail "see above"
import sys, re, time, h5py
begin, version = sys.argv[1:]
end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
log = open("log").read()
prints = {}
for walk in open("walks"):
    ranks, source, out, line = walk.rstrip("\n").split(" ", 3)
    with h5py.File(out, "r") as f:
        a = {k: v.decode() if isinstance(v, bytes) else v for k, v in f.attrs.items()}
        if line.startswith("bevel study"):  # grid and fingerprint are its tasks'
            assert a["plan"] == open(source).read() and a["data"] == source, a
            task = {k: v.decode() if isinstance(v, bytes) else v for k, v in f["tasks/0"].attrs.items()}
            a.update({k: task[k] for k in ("grid", "fingerprint", "data")})
            source = task["data"]
            assert source == "data.h5", source
    said = {k: a.get(k) for k in ("version", "command_line", "ranks", "grid", "start_time", "end_time")}
    assert all(v is not None for v in said.values()), (out, said)
    assert a["version"] == version, (out, a["version"])
    assert a["command_line"].endswith(line), (out, a["command_line"], line)
    assert a["command_line"] in log, (out, "not in the log")
    assert int(a["ranks"]) == int(ranks), (out, a["ranks"])
    rows, cols = re.fullmatch(r"(\d+)x(\d+)", a["grid"]).groups()
    assert int(rows) * int(cols) == int(ranks), (out, a["grid"])
    assert begin <= a["start_time"] <= a["end_time"] <= end, (out, a["start_time"], a["end_time"])
    if source == "-":
        continue
    if line.startswith("bevel prune"):  # what the network was trained on
        assert a["pruned_from"] == source, (out, a["pruned_from"])
        source = "data.h5"
    assert a["data"] == source, (out, a["data"])
    assert re.fullmatch("[0-9a-f]{16}", a["fingerprint"]) and int(a["fingerprint"], 16) != 0, (out, a["fingerprint"])
    prints.setdefault(source, set()).add(a["fingerprint"])
    assert re.search(f" in {out}$", log, re.M), (out, "not in the log")
# other data, another fingerprint
assert not prints["data.h5"] & prints["more.h5"], prints
for stamp in re.findall(r"^(\S+) ", log, re.M):
    assert begin <= stamp <= end, stamp
PY

# ranks that share a CPU: a line that says what to do, unless they have been told to yield
crowd() { bash -c '. "$0/scripts/mpi.sh"; unset OMPI_MCA_mpi_yield_when_idle; "$@"' "$BEVEL_SOURCE" "$@"; }
if command -v taskset >/dev/null && mpirun --version | grep -q "Open MPI"; then
  cpu=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)
  line=(--bind-to none -n 2 taskset -c "$cpu" "$BEVEL" predict data.h5 --model path.h5 -o crowd.h5 --quiet)
  crowd mpirun "${line[@]}" 2>err </dev/null || fail "crowded: $(cat err)"
  [ "$(grep -c "warning: 2 ranks share 1 CPU on .*--oversubscribe" err)" -eq 1 ] || fail "no warning: $(cat err)"
  crowd mpirun --mca mpi_yield_when_idle 1 "${line[@]}" 2>err </dev/null || fail "crowded: $(cat err)"
  ! grep -q warning err || fail "a warning though ranks yield: $(cat err)"
  crowd mpirun -n 1 "$BEVEL" predict data.h5 --model path.h5 -o crowd.h5 --quiet 2>err </dev/null
  ! grep -q warning err || fail "a warning about one rank: $(cat err)"
fi
echo "provenance: ok"
