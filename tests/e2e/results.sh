#!/usr/bin/env bash
# fast. SPDX-License-Identifier: BSD-3-Clause
# Results as numpy and scipy (scripts/bevel_results.py), as csv, npz and an R list (scripts/export).
. "${BEVEL_SOURCE:?}/tests/e2e/lib/common.sh"

bevel 1 simulate "$work/data.h5" --n 80 --p 12 --active 4 --seed 2 --quiet
bevel 1 path "$work/data.h5" -o "$work/path.h5" --nlambda 6 --quiet
bevel 1 simulate "$work/classes_data.h5" --n 90 --p 10 --active 4 --family multinomial --quiet
bevel 1 path "$work/classes_data.h5" -o "$work/classes.h5" --nlambda 6 --lambda-min-ratio 0.05 --quiet
for to in csv npz R; do
  "$python" "$BEVEL_SOURCE/scripts/export" "$work/path.h5" -o "$work/out1.$to" || fail "export $to"
  "$python" "$BEVEL_SOURCE/scripts/export" "$work/classes.h5" -o "$work/out3.$to" || fail "export $to of classes"
done
"$python" "$lib/networks.py" "$work"
bevel 1 train "$data/iris.h5" -o "$work/trained.h5" --layers 4-3-3 --epochs 4 --quiet
bevel 1 pareto "$data/iris.h5" -o "$work/searched.h5" --layers 4-3 --points 4 --method weighted-sum --epochs 3 --quiet
echo no >"$work/none.h5"
printf '[study]\ndata = %s\ndata = %s\npenalty = lasso, mcp\nnlambda = 6\n' "$work/data.h5" "$work/none.h5" >"$work/grid.ini"
bevel 1 study "$work/grid.ini" -o "$work/study.h5" --quiet 2>/dev/null || [ $? -eq 4 ] || fail study
"$python" "$lib/results.py" "$BEVEL_SOURCE" "$work/path.h5" "$work/classes.h5" "$work" || fail "bevel_results"
"$python" "$BEVEL_SOURCE/scripts/export" "$work/genes.h5" -o "$work/no.csv" 2>"$work/said" && fail "exported a network"
grep -q "wanted a path" "$work/said" || fail "$(cat "$work/said")"

if Rscript -e 'library(Matrix)' >/dev/null 2>&1; then # the list is R's, and says what the csv says
  Rscript - "$work" >"$work/said" 2>&1 <<'END' || fail "R: $(cat "$work/said")"
library(Matrix)
folder <- commandArgs(TRUE)
close <- function(a, b) stopifnot(all(abs(a - b) <= 4 * .Machine$double.eps * abs(b)))
for (K in c(1, 3)) {
  r <- dget(file.path(folder, paste0("out", K, ".R")))
  t <- read.csv(file.path(folder, paste0("out", K, ".csv")), stringsAsFactors = FALSE)
  stopifnot(inherits(r, "glmnet"), length(r$lambda) == 6, r$jerr == 0)
  for (k in 1:K) {
    beta <- if (K == 1) r$beta else r$beta[[k]]
    a0 <- if (K == 1) r$a0 else r$a0[k, ]
    mine <- if (K == 1) t else t[t$response == k - 1, ]
    stopifnot(is(beta, "dgCMatrix"), validObject(beta), identical(dim(beta), r$dim))
    cut <- mine[mine$feature == "(Intercept)", ]
    close(a0[cut$k + 1], cut$coefficient)
    rest <- mine[mine$feature != "(Intercept)", ]
    close(beta[cbind(match(rest$feature, rownames(beta)), rest$k + 1)], rest$coefficient)
    stopifnot(sum(beta != 0) == nrow(rest))
  }
  if (K == 1 && suppressWarnings(requireNamespace("glmnet", quietly = TRUE))) {
    x <- diag(r$dim[1])
    suppressMessages(library(glmnet))
    at <- as.numeric(predict(r, x, s = r$lambda[3]))
    stopifnot(max(abs(at - (r$a0[3] + r$beta[, 3]))) < 1e-12)
  }
}
END
fi
