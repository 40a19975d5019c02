#!/usr/bin/env bash
# fast
# SPDX-License-Identifier: BSD-3-Clause
# The library from outside: the programs of apps/examples at 1 and 2 ranks, which check their answers
# by their own formulas; an installed tree that has been moved, an example built and run against it,
# public headers that compile alone and include nothing but the standard's and MPI's.
set -euo pipefail
: "${BEVEL:?the program}" "${BEVEL_SOURCE:?the source folder}"
. "$BEVEL_SOURCE/scripts/mpi.sh"
build=$(dirname "$BEVEL")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# within NAME WHAT LIMIT: the line "WHAT number" of NAME says at most LIMIT, and is a number
within() {
  awk -v what="$2" -v limit="$3" 'index($0, what) == 1 { n++; x = $NF }
    END { exit !(n == 1 && x ~ /^[-+0-9.e]+$/ && x + 0 >= 0 && x + 0 <= limit) }' "$1" || fail "$1: $2 above $3: $(cat "$1")"
}

# the programs recompute what bevel says; 1e-8 is the tolerance of a path, 1e-6 what it allows a
# residual, and two ways to run a network differ by rounding
for ranks in 1 2; do
  for name in lasso_path group_admm train; do
    timeout 60 bash -c '. "$0"; mpi "$@"' "$BEVEL_SOURCE/scripts/mpi.sh" $ranks "$build/examples/$name" >$name.$ranks ||
      fail "$name at $ranks ranks: $(cat $name.$ranks)"
  done
  within lasso_path.$ranks "worst gap" 1e-8
  within group_admm.$ranks "worst residual" 1e-6
  within train.$ranks "worst difference" 1e-10
  grep -q "support 7 40 250$" lasso_path.$ranks || fail "the three columns that made y: $(cat lasso_path.$ranks)"
  [ "$(grep -c " 2 groups " group_admm.$ranks)" -ge 5 ] || fail "the two groups: $(cat group_admm.$ranks)"
  awk '/accuracy/ { exit !($NF >= 0.9) }' train.$ranks || fail "not learnt: $(cat train.$ranks)"
done
# every rank count has the same answer: supports, groups, inputs
for name in lasso_path group_admm train; do
  cmp -s <(grep -o "support.*\|[0-9]* groups\|[0-9]* of.*gone" $name.1) <(grep -o "support.*\|[0-9]* groups\|[0-9]* of.*gone" $name.2) ||
    fail "$name: 2 ranks say something else: $(cat $name.1 $name.2)"
done

# headers
for header in "$BEVEL_SOURCE"/include/bevel/*.h; do
  bad=$(grep '^#include' "$header" | grep -v '<std[a-z]*\.h>\|<mpi\.h>\|"bevel/[a-z]*\.h"') && fail "$header: $bad"
  echo "#include \"$header\"" >alone.c
  mpicc -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$BEVEL_SOURCE/include" -fsyntax-only alone.c || fail "$header alone"
done
if echo '#include <mpi.h>' >alone.cc && mpicxx -fsyntax-only alone.cc 2>/dev/null; then
  for header in "$BEVEL_SOURCE"/include/bevel/*.h; do echo "#include \"$header\""; done >alone.cc
  mpicxx -I"$BEVEL_SOURCE/include" -fsyntax-only alone.cc || fail "headers from C++"
fi

# every public name is documented, where Doxygen is there to say so
if command -v doxygen >/dev/null && [ -f "$build/Doxyfile" ]; then
  { cat "$build/Doxyfile"; echo "OUTPUT_DIRECTORY = $work/doc"; } | doxygen - >log 2>&1 || fail "doxygen: $(cat log)"
  [ -s doc/html/structbvl__path__point.html ] || fail "no documentation: $(ls doc)"
fi

# installed, and moved elsewhere
cmake --install "$build" --prefix "$work/there" >log || fail "install: $(cat log)"
mv there here
for file in bin/bevel include/bevel/path.h include/bevel/learner.h share/man/man1/bevel.1 share/man/man1/bevel-path.1 \
  share/bash-completion/completions/bevel share/bevel/cluster/bevel.slurm share/bevel/cluster/bevel.pbs; do
  [ -s "here/$file" ] || fail "not installed: $file"
done
[ "$(ls here/share/modulefiles/*/bevel/* | wc -l)" -eq 2 ] || fail "module files: $(ls -R here/share)"
here/bin/bevel --version >/dev/null || fail "the installed program does not run"
libdir=$(dirname "$(find here -name bevel.pc)")
export PKG_CONFIG_PATH=$work/$libdir
flags=$(pkg-config --cflags --libs bevel) || fail "pkg-config: $flags"
case $flags in *"$work/there"*) fail "bevel.pc remembers where it was: $flags" ;; esac
grep -q "BVL_SANITIZE:BOOL=ON" "$build/CMakeCache.txt" && flags="$flags -fsanitize=address,undefined"
grep -q "BVL_COVERAGE:BOOL=ON" "$build/CMakeCache.txt" && flags="$flags --coverage"
cp "$BEVEL_SOURCE"/apps/examples/{lasso_path.c,example.h} .
mpicc lasso_path.c $flags -lm -o installed 2>log || fail "against the installed tree: $(cat log)"
LD_LIBRARY_PATH=$(dirname "$libdir"):${LD_LIBRARY_PATH:-} ./installed >installed.out || fail "installed: $(cat installed.out)"
within installed.out "worst gap" 1e-8
MANPATH=$work/here/share/man man -w bevel-path >/dev/null 2>&1 || ! command -v man >/dev/null || fail "man does not find bevel-path"

# a module of the moved tree points into it
if command -v tclsh >/dev/null; then
  cat >module.tcl <<'TCL'
proc module-whatis args {}; proc conflict args {}; proc setenv {k v} { puts "$k=$v" }
proc prepend-path {k v} { puts "$k=$v" }
set ModulesCurrentModulefile [file normalize [lindex $argv 0]]
source $ModulesCurrentModulefile
TCL
  tclsh module.tcl here/share/modulefiles/tcl/bevel/* >module.out # no pipe: grep -q leaves before all is said
  grep -qx "PATH=$(pwd -P)/here/bin" module.out || fail "the Tcl module"
fi
for lua in lua5.4 lua5.3 lua; do
  command -v $lua >/dev/null || continue
  cat >module.lua <<'LUA'
function help() end; whatis, conflict = help, help
function myFileName() return arg[1] end
function pathJoin(...) return table.concat({...}, "/") end
function setenv(k, v) print(k .. "=" .. v) end; prepend_path = setenv
dofile(arg[1])
LUA
  $lua module.lua "$work"/here/share/modulefiles/lmod/bevel/*.lua >module.out
  grep -qx "PATH=$work/here/bin" module.out || fail "the Lua module"
  break
done
if command -v python3 >/dev/null; then
  python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$BEVEL_SOURCE/share/spack/package.py" || fail "package.py"
fi
echo "examples: ok"
