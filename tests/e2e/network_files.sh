#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Networks written by another program: info says what they are, check what in them is not
# true, plots are drawn of each kind.
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"
"$python" "$lib/networks.py" "$work"

says() { # FILE LINE: a line of bevel info begins so
  bevel 1 info "$work/$1" >"$work/info" || fail "info $1"
  grep -qF -- "$2" "$work/info" || { cat "$work/info"; fail "info $1: no \"$2\""; }
}
says genes.h5 "/layers/1: dense, 4 -> 3, linear: 12 weights, 12 not zero (100%)"
says genes.h5 "/input: 10 of 50 columns kept"
says genes.h5 "/history: 3 entries, the last: epoch 3, train_loss 0.5, test_accuracy 0.875, nonzeros 20"
says image.h5 "weights: 128, 0 not zero (0%), l1 0, float64"
says conv.h5 "/layers/0: conv2d 3 x 3 stride 1 padding 1, 2 x 6 x 6 -> 3 x 6 x 6, relu: 54 weights"
says conv.h5 "/layers/1: maxpool2d 2 x 2 stride 2, 3 x 6 x 6 -> 3 x 3 x 3"
says front.h5 "/l1: 3 values, 0 to 3"
status=0
bevel 1 info "$work/broken.h5" >/dev/null 2>"$work/words" || status=$?
[ $status -eq 3 ] || fail "broken.h5: exit $status"
grep -q "/layers/1/weight is 3 x 5, its layer has 4 inputs" "$work/words" || fail "$(cat "$work/words")"

check "$work/conv.h5" "$work/conv_data.h5"
lie() { # WHAT: python that changes f, an attribute or a dataset; check must say that CLAIM is not true
  cp "$work/conv.h5" "$work/lie.h5"
  "$python" -c "import h5py
with h5py.File('$work/lie.h5', 'a') as f: $1"
  if "$python" "$BEVEL_SOURCE/scripts/check" "$work/lie.h5" "$work/conv_data.h5" >"$work/words"; then fail "believed: $1"; fi
  grep -q "$2" "$work/words" || fail "$1: $(cat "$work/words")"
}
lie "f.attrs['test_loss'] *= 1.0001" "test_loss is"
lie "f.attrs['train_accuracy'] += 1 / 30" "train_accuracy is"
lie "f['layers/2/bias'][0] += 0.01" "train_loss is"
lie "f['input/center'][3] = 0.5" "train_loss is"
lie "f['test_index'][0] = 29" "are in /train_index"
lie "f.attrs['parameters_left'] = 1" "parameters_left is 1"

"$python" -c 'import matplotlib' 2>/dev/null || exit 0
drawn() { # NAME PANEL...: these and no other
  local name=$1 panel
  shift
  for panel in "$@"; do
    [ -s "$work/plots/$name-$panel.png" ] || fail "no plot of $name: $panel"
  done
  [ "$(ls "$work/plots/$name"-*.png | wc -l)" -eq $# ] || fail "plots of $name: $(ls "$work/plots")"
}
for name in genes image conv; do
  "$python" "$BEVEL_SOURCE/scripts/plot" "$work/$name.h5" -o "$work/plots" >/dev/null || fail "plot $name"
done
"$python" "$BEVEL_SOURCE/scripts/plot" "$work/front.h5" --beside "$work/front.h5" -o "$work/plots" >/dev/null ||
  fail "plot front"
drawn genes loss accuracy nonzeros sparsity weights first-layer
drawn image sparsity weights first-layer
drawn conv sparsity weights first-layer
drawn front front accuracy
