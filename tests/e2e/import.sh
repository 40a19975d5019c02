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

# text that is a class: a number each in the order of the names, which predict says; empty ones are missing
"$python" "$lib/imports.py" words "$data/iris.h5" "$work"
for ranks in 1 3; do
  bevel $ranks import "$work/words.csv" -o "$work/words.h5" --y kind --missing drop --quiet --memory-limit 4K
  is words "$work/words.h5" "$work/words.csv"
done
fit "$work/words.h5" --lambda-min-ratio 0.01
bevel 1 predict "$work/words.h5" --model "$work/path.h5" --at 0.01 --type class -o "$work/predicted.h5" >"$work/said"
is predicted "$work/predicted.h5" "$work/said"
bevel 3 train "$work/words.h5" -o "$work/net.h5" --layers 4-3-3 --epochs 3 --quiet
check "$work/net.h5" "$work/words.h5"
bevel 1 prune "$work/net.h5" -o "$work/small.h5" --prune-std 0.1 --quiet
bevel 1 predict "$work/words.h5" --model "$work/small.h5" --type class -o "$work/predicted.h5" >"$work/said"
is predicted "$work/predicted.h5" "$work/said"
head -100 "$work/words.csv" >"$work/two.csv" # the first two kinds
bevel 1 import "$work/two.csv" -o "$work/two.h5" --y kind --missing drop --quiet
[ "$(attr "$work/two.h5" family)" = binomial ] || fail "two words are binomial"

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
printf 'a,b,y\n1,2,3\n4,red,5\n' >"$work/colour.csv"
refused 3 'colour.csv: line 3: column 2 (b): "red": not a number (--ignore leaves the column out' "$work/colour.csv"
printf 'a,y\n1,2\n2,yes\n' >"$work/mixed.csv"
refused 3 'mixed.csv: line 3: column 2 (y): "yes": not a number, as the responses before it' "$work/mixed.csv"
refused 3 "words.csv: line 6: the response is missing (--missing drop" "$work/words.csv" --y kind --missing mean
refused 3 "family gaussian: the response is text" "$work/words.csv" --y kind --missing drop --family gaussian
refused 3 "family binomial: the response has 3 different values" "$work/words.csv" --y kind --missing drop --family binomial
printf 'a,y\n1,yes\n2,yes\n' >"$work/one.csv"
refused 3 'text with one class alone, "yes"' "$work/one.csv"
printf 'a,y\n1,%0128d-x\n2,b\n' 7 >"$work/long.csv"
refused 3 'line 2: column 2 (y): .*too long for a class' "$work/long.csv"
"$python" -c 'print("a,y"); [print(f"{k},w{k}") for k in range(1001)]' >"$work/many.csv"
refused 3 "different" "$work/many.csv"
for word in '' NA NaN '?'; do
  printf 'a,b,y\n1,2,3\n4,%s,5\n7,9,8\n' "$word" >"$work/gap.csv"
  refused 3 "gap.csv: line 3: column 2 (b): the value is missing" "$work/gap.csv"
  bevel 1 import "$work/gap.csv" -o "$work/gap.h5" --missing drop >"$work/said"
  grep -q "2 rows, 2 columns, 1 rows left out" "$work/said" || fail "'$word': $(cat "$work/said")"
done
