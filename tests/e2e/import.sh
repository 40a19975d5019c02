#!/usr/bin/env bash
# fast. SPDX-License-Identifier: BSD-3-Clause
# csv, libsvm and PLINK: what bevel makes of them is what other readers make of them, and a path of it is
# certified; what is refused says where.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

is() { "$python" "$lib/imports.py" "$@" || fail "$*"; }
fit() { # DATA FLAGS...
  local file=$1
  shift
  bevel 2 path "$file" -o "$work/path.h5" --nlambda 8 --quiet "$@"
  check "$work/path.h5" "$file"
  all_zero "$work/path.h5"
}

"$python" "$lib/imports.py" write "$work"
for ranks in 1 3; do
  bevel $ranks import "$work/data.csv" -o "$work/csv.h5" --y $'out\ncome' --ignore id --quiet --memory-limit 4K
  is csv "$work/csv.h5" "$work/data.csv" 'out\ncome'
  bevel $ranks import "$work/gaps.csv" -o "$work/gaps.h5" --y 9 --ignore 1 --missing mean >"$work/said"
  is csv "$work/gaps.h5" "$work/gaps.csv" 'out\ncome' mean
  grep -q "90 rows, 7 columns, 10 missing values read as means" "$work/said" || fail "$(cat "$work/said")"
  bevel $ranks import "$work/data.libsvm" -o "$work/svm.h5" --family binomial --quiet --memory-limit 16K
  is libsvm "$work/svm.h5" "$work/data.libsvm"
  bevel $ranks import "$data/genotype/example.bed" -o "$work/bed.h5" --y "$data/genotype/phenotype.txt" \
    --y-column Y2 --quiet --memory-limit 100K
  is plink "$work/bed.h5" "$data/genotype/example" "$data/genotype/phenotype.txt" Y2
done
fit "$work/csv.h5"
fit "$work/gaps.h5"
fit "$work/svm.h5"
fit "$work/bed.h5" --lambda-min-ratio 0.2

bevel 1 import "$work/gaps.csv" -o "$work/drop.h5" --y 9 --ignore 1 --missing drop --json >"$work/said"
"$python" -c 'import json, sys
said = json.load(open(sys.argv[1]))
assert (said["format"], said["n"], said["p"], said["dropped"], said["missing"]) == ("csv", 80, 7, 10, 0), said' "$work/said"

refused() { # EXIT PATTERN ARGS...
  local wanted=$1 pattern=$2 code=0
  shift 2
  bevel 1 import "$@" -o "$work/no.h5" >/dev/null 2>"$work/said" || code=$?
  [ $code -eq "$wanted" ] || fail "$*: exit $code: $(cat "$work/said")"
  grep -q -- "$pattern" "$work/said" || fail "$*: $(cat "$work/said")"
  [ ! -e "$work/no.h5" ] && [ ! -e "$work/no.h5.partial" ] || fail "$*: left a file"
}
refused 3 "gaps.csv: line 11: column 6 (gene, 4): the value is missing" "$work/gaps.csv" --y 9 --ignore id
refused 3 'data.csv: line 3: column 1 (id): "row ""0""?of 90": not a number' "$work/data.csv" --y 9
refused 2 "its name does not say what it is" "$work/data"
refused 2 "wanted one of csv, libsvm, plink" "$work/data.csv" --format arff
refused 2 "--ignore goes with csv" "$work/data.libsvm" --ignore 1
refused 2 "-o would overwrite" "$work/no.h5" --format csv
