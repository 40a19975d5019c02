# SPDX-License-Identifier: BSD-3-Clause
# As worker.py, for glmnet: Rscript glmnet.R FOLDER LAMBDAS.f64 N P SPARSE NNZ FAMILY. Its objective is
# bevel's; it has one thread, and takes its covariance method where n is much larger than p. Answers
# coefficients as OUT.p, OUT.i, OUT.x (columns of the path).
suppressMessages(library(glmnet))
args <- commandArgs(trailingOnly = TRUE)
folder <- args[1]; n <- as.integer(args[3]); p <- as.integer(args[4]); sparse <- args[5] == "1"
real <- function(name, count) readBin(file.path(folder, name), "double", count)
whole <- function(name, count) readBin(file.path(folder, name), "integer", count, size = 4)
if (sparse) {
  nnz <- as.integer(args[6])
  X <- new("dgCMatrix", x = real("values.f64", nnz), i = whole("rows.i32", nnz),
           p = whole("starts.i32", p + 1L), Dim = c(n, p))
} else {
  X <- matrix(real("x.f64", as.double(n) * p), n, p)
}
y <- real("y.f64", n)
lambda <- readBin(args[2], "double", 1e6)
glmnet.control(fdev = 0, devmax = 1, epsnr = 1e-12)
extra <- if (args[7] == "gaussian" && !sparse && n > 10 * p) list(type.gaussian = "covariance") else list()
input <- file("stdin", "r")
cat("ready\n"); flush(stdout())
repeat {
  line <- readLines(input, 1)
  if (length(line) == 0) break
  words <- strsplit(line, " ")[[1]]
  seconds <- system.time(
    fit <- do.call(glmnet, c(list(quote(X), quote(y), family = args[7], lambda = lambda, standardize = FALSE,
                                  intercept = FALSE, thresh = as.numeric(words[1]), maxit = 1e9), extra))
  )[["elapsed"]]
  writeBin(fit$beta@p, paste0(words[2], ".p"), size = 4)
  writeBin(fit$beta@i, paste0(words[2], ".i"), size = 4)
  writeBin(fit$beta@x, paste0(words[2], ".x"))
  cat(seconds, "\n"); flush(stdout())
}
