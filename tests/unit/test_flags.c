/* SPDX-License-Identifier: BSD-3-Clause */
/* The flags of the program: exact names, near misses, ranges, run files and what wins over them. */
#include "bvl_test.h"

#include "../../apps/flag_table.h"

static settings s;
static char error[FLAGS_ERROR_BYTES];

/* Words after the command, separated by blanks, with a run file's text. */
static int parse_with(command which, const char *run_text, const char *line)
{
  static char copy[1024];
  static char *words[64];
  int n = 0;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *word = strtok(copy, " "); word != NULL && n < 64; word = strtok(NULL, " "))
    words[n++] = word;
  settings_free(&s);
  return flags_parse(which, n, words, run_text, &s, error);
}

static int parse(const char *line)
{
  return parse_with(COMMAND_PATH, NULL, line);
}

static void assert_refused(const char *line, const char *with)
{
  assert_int_equal(parse(line), -1);
  if (strstr(error, with) == NULL) fail_msg("\"%s\" does not say \"%s\"", error, with);
  assert_null(strchr(error, '\n'));
}

static void test_defaults(void **state)
{
  (void)state;
  assert_int_equal(parse("data.h5 -o out.h5"), 0);
  assert_string_equal(s.run.data, "data.h5");
  assert_string_equal(s.run.output, "out.h5");
  assert_string_equal(s.run.penalty, "lasso");
  assert_null(s.run.family);
  assert_int_equal(s.run.path.solver, BVL_SOLVER_AUTO);
  assert_int_equal(s.run.path.n_lambda, 100);
  assert_true(s.run.intercept && s.run.standardize && s.run.path.polish && s.run.collective_io);
  assert_false(s.run.single);
  assert_true(s.run.path.tol == 1e-8); /* one literal, one rounding */
}

static void test_values(void **state)
{
  (void)state;
  assert_int_equal(parse("--tol=1e-6 data.h5 --nlambda 7 -oout.h5 --no-intercept --solver adam "
                         "--batch 32 --schedule step --grid 2x3 --memory-limit 1.5G --precision "
                         "single --io independent --penalty enet --alpha 0.25 --seed 9"),
                   0);
  assert_true(s.run.path.tol == 1e-6);
  assert_int_equal(s.run.path.n_lambda, 7);
  assert_string_equal(s.run.output, "out.h5");
  assert_int_equal(s.run.intercept, 0);
  assert_int_equal(s.run.path.solver, BVL_SOLVER_ADAM);
  assert_int_equal(s.run.batch, 32);
  assert_int_equal(s.run.path.schedule, 1);
  assert_int_equal(s.run.grid_rows, 2);
  assert_int_equal(s.run.grid_cols, 3);
  assert_true(s.run.memory_limit == INT64_C(3) << 29); /* 1.5 GiB */
  assert_int_equal(s.run.single, 1);
  assert_int_equal(s.run.collective_io, 0);
  assert_true(s.run.parameters.alpha == 0.25);
  assert_true(s.run.path.seed == 9);
}

static void test_lambdas(void **state)
{
  (void)state;
  assert_int_equal(parse("d -o o --lambda 0.5,0,1e-3"), 0);
  assert_int_equal(s.run.path.n_lambda, 3);
  assert_true(s.run.path.lambda[0] == 0.5 && s.run.path.lambda[1] == 0.0 &&
              s.run.path.lambda[2] == 1e-3);
  assert_refused("d -o o --lambda 0.5,,1", "--lambda 0.5,,1");
  assert_refused("d -o o --lambda -1", "at least 0");
  assert_refused("d -o o --lambda 1 --nlambda 5", "--nlambda");
  assert_int_equal(parse_with(COMMAND_FIT, NULL, "d -o o --lambda 0.5"), 0);
  assert_true(s.run.path.path_to == 0.5);
  assert_int_equal(parse_with(COMMAND_FIT, NULL, "d -o o --lambda 0.5,0.4"), -1);
  assert_int_equal(parse_with(COMMAND_FIT, NULL, "d -o o"), -1);
}

static void test_where_the_gram_is(void **state)
{
  (void)state;
  assert_int_equal(parse("d -o o"), 0);
  assert_int_equal(s.run.path.gram, BVL_GRAM_AUTO);
  assert_int_equal(parse("d -o o --gram distributed"), 0);
  assert_int_equal(s.run.path.gram, BVL_GRAM_DISTRIBUTED);
  assert_int_equal(parse_with(COMMAND_PATH, "gram = replicated\n", "d -o o"), 0);
  assert_int_equal(s.run.path.gram, BVL_GRAM_REPLICATED);
  assert_refused("d -o o --gram spread", "auto, replicated, distributed");
}

static void test_the_last_one_counts(void **state)
{
  (void)state;
  assert_int_equal(parse("d -o o --intercept --no-intercept --tol 1e-3 --tol 1e-4"), 0);
  assert_int_equal(s.run.intercept, 0);
  assert_true(s.run.path.tol == 1e-4);
}

static void test_names_are_exact(void **state)
{
  (void)state;
  assert_refused("d -o o --nlam 5", "unknown flag --nlam");
  assert_refused("d -o o --lamda 1", "did you mean --lambda?");
  assert_refused("d -o o --toll 1", "did you mean --tol?");
  assert_refused("d -o o --Quiet", "did you mean --quiet?");
  assert_refused("d -o o -q", "unknown flag -q");
  assert_refused("d -o o --model m", "unknown flag --model"); /* another command's */
  assert_refused("d -o o --nothinglikeit 1", "--nothinglikeit");
  assert_null(strstr(error, "did you mean"));
}

static void test_import(void **state)
{
  (void)state;
  assert_int_equal(parse_with(COMMAND_IMPORT, NULL,
                              "d.csv -o d.h5 --y age --missing drop --header no --separator tab "
                              "--precision single --memory-limit 2M --ignore id,name"),
                   0);
  const bvl_import_options *o = &s.import;
  assert_string_equal(o->file, "d.csv");
  assert_string_equal(o->output, "d.h5");
  assert_true(o->missing == BVL_MISSING_DROP && o->header == 0 && o->separator == '\t');
  assert_true(o->single && o->memory_limit == 2 << 20 && o->format == NULL);
  settings_free(&s);
  assert_int_equal(parse_with(COMMAND_IMPORT, NULL, "d.svm -o d.h5 --base 0 --columns 7"), 0);
  assert_true(o->missing == BVL_MISSING_AUTO && o->base == 0 && o->columns == 7);
  assert_true(o->header == 2 && !o->single && o->memory_limit == 0);
  static const struct {
    const char *words, *why;
  } bad[] = {{"d.svm -o d.h5 --ignore a", "--ignore goes with csv"},
             {"d.csv -o d.h5 --base 1", "--base goes with libsvm"},
             {"d.csv -o d.h5 --format libsvm --header yes", "--header goes with csv"},
             {"d.bed -o d.h5 --precision single", "--precision goes with csv and libsvm"},
             {"d.svm -o d.h5 --y 3", "--y goes with csv and plink"},
             {"d.svm -o d.h5 --missing mean", "--missing mean and drop go with csv and plink"},
             {"d.bed -o d.h5 --y-column 2", "--y-column goes with --y FILE"},
             {"d.csv -o d.h5 --separator ab", "--separator: wanted one character"},
             {"d.csv -o d.h5 --separator 5", "--separator: wanted one character"},
             {"d.csv -o d.csv", "-o would overwrite"},
             {"d.bed -o p.txt --y p.txt", "-o would overwrite the file of --y"},
             {"d.csv", "-o OUT.h5 is missing"}};
  for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
    settings_free(&s);
    assert_int_equal(parse_with(COMMAND_IMPORT, NULL, bad[k].words), -1);
    assert_non_null(strstr(error, bad[k].why));
  }
}

static void test_not_here(void **state)
{
  (void)state;
  assert_refused("d -o o --replicas 2", "unknown flag --replicas"); /* cv's */
  assert_refused("d -o o --missing zero", "error, mean, drop");
  assert_refused("d -o o --penalty hoyer-square", "lasso, enet, group-lasso"); /* train's */
  assert_refused("d -o o --family cox", "gaussian, binomial, poisson, multinomial");
  assert_refused("d -o o --solver simplex", "newton, cd, sgd");
  assert_refused("d -o o --penalty lasso --alpha 0.5", "l1-l2 or group-l1-l2");
  assert_refused("d -o o --penalty l1-l2 --alpha 1", "[0, 1)");
  assert_refused("d -o o --penalty l1-l2 --solver lbfgs", "penalty l1-l2");
  assert_refused("d -o o --penalty group-l1-l2 --lower 0", "lasso or enet");
  command_refuse("pth", error);
  assert_non_null(strstr(error, "unknown command pth"));
  assert_non_null(strstr(error, "predict"));
}

static void test_prune(void **state)
{
  (void)state;
  assert_int_equal(parse_with(COMMAND_PRUNE, NULL, "net.h5 -o small.h5 --prune-std 0.25"), 0);
  assert_string_equal(s.prune.model, "net.h5");
  assert_string_equal(s.prune.output, "small.h5");
  assert_true(s.prune.rule.deviations == 0.25 && isnan(s.prune.rule.threshold));
  settings_free(&s);
  assert_int_equal(parse_with(COMMAND_PRUNE, NULL, "n -o s --prune-std 1 --prune-threshold 0"), -1);
  assert_non_null(strstr(error, "--prune-threshold and --prune-std: one of them"));
  assert_int_equal(parse_with(COMMAND_PRUNE, NULL, "n -o s --prune-threshold -1"), -1);
  assert_non_null(strstr(error, "--prune-threshold -1: wanted a number of at least 0"));
  assert_int_equal(parse_with(COMMAND_PRUNE, NULL, "n -o n --prune-std 1"), -1);
  assert_non_null(strstr(error, "overwrite"));
}

static void test_impossible_values(void **state)
{
  (void)state;
  assert_refused("d -o o --tol 0", "--tol 0: wanted a number in (0, 1)");
  assert_refused("d -o o --tol nan", "--tol nan");
  assert_refused("d -o o --tol 1e-8x", "--tol 1e-8x");
  assert_refused("d -o o --nlambda 0", "--nlambda 0: wanted an integer of at least 1");
  assert_refused("d -o o --nlambda 2.5", "--nlambda 2.5");
  assert_refused("d -o o --nlambda 99999999999999999999", "--nlambda 9999");
  assert_refused("d -o o --penalty enet --alpha 1.5", "[0, 1]");
  assert_refused("d -o o --grid 2", "--grid 2: wanted RxC");
  assert_refused("d -o o --grid 0x2", "--grid 0x2");
  assert_refused("d -o o --memory-limit 4Q", "--memory-limit 4Q");
  assert_refused("d -o o --memory-limit -1", "--memory-limit -1");
  assert_refused("d -o o --seed -1", "--seed -1");
  assert_refused("d -o o --tol", "the value is missing");
  assert_refused("d -o o --quiet=1", "takes no value");
}

static void test_what_goes_together(void **state)
{
  (void)state;
  assert_refused("-o o", "a file is missing");
  assert_refused("d", "-o");
  assert_refused("d e -o o", "one file is enough");
  assert_refused("d -o d", "overwrite");
  assert_refused("d -o o --resume", "--resume needs --checkpoint");
  assert_refused("d -o o --checkpoint-every 5", "needs --checkpoint");
  assert_refused("d -o o --alpha 0.5", "--alpha goes with --penalty enet");
  assert_refused("d -o o --batch 5", "--batch goes with");
  assert_refused("d -o o --solver lbfgs --epochs 5", "--epochs goes with");
  assert_refused("d -o o --no-polish", "--no-polish goes with");
  assert_int_equal(parse("d -o o --solver lbfgs --no-polish"), 0);
  assert_int_equal(parse("-o o -- --d"), 0);
  assert_string_equal(s.file, "--d");
  assert_int_equal(parse_with(COMMAND_SIMULATE, NULL, "d --n 5"), -1);
  assert_int_equal(parse_with(COMMAND_SIMULATE, NULL, "d --n 5 --p 3 --family poisson --snr 1"),
                   -1);
  assert_int_equal(parse_with(COMMAND_SIMULATE, NULL, "d --recipe sparse --p 3"), 0);
  assert_string_equal(s.simulate.recipe, "sparse");
  assert_int_equal(parse_with(COMMAND_SIMULATE, NULL, "d --n 5 --p 3 --responses 2"), 0);
  assert_true(s.simulate.responses == 2);
  assert_int_equal(parse_with(COMMAND_SIMULATE, NULL, "d --n 5 --p 3 --responses 0"), -1);
  assert_int_equal(parse_with(COMMAND_SIMULATE, NULL, "d --recipe nothing"), -1);
  assert_non_null(strstr(error, "wanted one of lasso, "));
  assert_int_equal(parse_with(COMMAND_PREDICT, NULL, "d -o o"), -1);
  assert_int_equal(parse_with(COMMAND_PREDICT, NULL, "d -o o --model m --at lambda.min"), 0);
  assert_true(s.at == BVL_AT_LAMBDA_MIN);
  assert_int_equal(parse_with(COMMAND_PREDICT, NULL, "d -o o --model m --at lambda.1se"), 0);
  assert_true(s.at == BVL_AT_LAMBDA_1SE);
  assert_int_equal(parse_with(COMMAND_PREDICT, NULL, "d -o o --model m --at 0.25"), 0);
  assert_true(s.at == 0.25);
  assert_int_equal(parse_with(COMMAND_PREDICT, NULL, "d -o o --model m --at -1"), -1);
  assert_int_equal(parse_with(COMMAND_PREDICT, NULL, "d -o o --model m --at lambda.max"), -1);
  assert_non_null(strstr(error, "lambda.min or lambda.1se"));
}

static void test_stability(void **state)
{
  (void)state;
  const command which = COMMAND_STABILITY;
  assert_int_equal(parse_with(which, NULL, "d -o o --nlambda 7"), 0);
  assert_true(s.stability.subsamples == 100 && s.stability.complementary);
  assert_true(s.stability.fraction == 0.5 && isnan(s.stability.threshold));
  assert_true(s.stability.assumption == BVL_ASSUME_UNIMODAL && s.stability.selected == 0);
  assert_true(s.run.path.n_lambda == 7);
  assert_int_equal(
      parse_with(which, NULL, "d -o o --no-complementary --subsamples 5 --pfer 2 --threshold 0.7"),
      0);
  assert_true(s.stability.assumption == BVL_ASSUME_NONE && s.stability.pfer == 2.0);
  assert_int_equal(parse_with(which, NULL, "d -o o --subsamples 5"), -1);
  assert_int_equal(parse_with(which, NULL, "d -o o --threshold 0.5"), -1);
  assert_int_equal(parse_with(which, NULL, "d -o o --pfer 1 --fraction 0.4"), -1);
  assert_int_equal(parse_with(which, NULL, "d -o o --no-complementary --assumption unimodal"), -1);
  assert_int_equal(parse_with(which, NULL, "d -o o --selected 3 --solver adam --no-polish"), -1);
  assert_int_equal(parse_with(COMMAND_CV, NULL, "d -o o --subsamples 4"), -1);
}

static void test_cv(void **state)
{
  (void)state;
  assert_int_equal(parse_with(COMMAND_CV, NULL, "d -o o"), 0);
  assert_true(s.cv.folds == 10 && s.cv.kind == BVL_FOLDS_AUTO);
  assert_true(s.cv.measure == BVL_MEASURE_DEVIANCE);
  assert_int_equal(parse_with(COMMAND_CV, NULL, "d -o o --folds 5 --type-measure auc --nlambda 7"),
                   0);
  assert_true(s.cv.folds == 5 && s.cv.measure == BVL_MEASURE_AUC && s.run.path.n_lambda == 7);
  assert_int_equal(parse_with(COMMAND_CV, NULL, "d -o o --fold-kind grouped --fold-groups /g"), 0);
  assert_true(s.cv.kind == BVL_FOLDS_GROUPED);
  assert_int_equal(parse_with(COMMAND_CV, NULL, "d -o o --folds 1"), -1);
  assert_int_equal(parse_with(COMMAND_CV, NULL, "d -o o --fold-kind grouped"), -1);
  assert_int_equal(parse_with(COMMAND_CV, NULL, "d -o o --fold-groups /g"), -1);
  assert_int_equal(parse_with(COMMAND_CV, NULL, "d -o o --fold-id /f --folds 5"), -1);
  assert_int_equal(parse_with(COMMAND_CV, NULL, "d -o o --type-measure r2"), -1);
  assert_int_equal(parse_with(COMMAND_PATH, NULL, "d -o o --folds 5"), -1);
}

static void test_run_file(void **state)
{
  (void)state;
  const char *text = "; a comment\n"
                     "tol = 1e-5\n"
                     "intercept = no\n"
                     "output = from_file.h5\n"
                     "[path]\n"
                     "nlambda = 12\n"
                     "[fit]\n"
                     "lambda = 0.125\n";
  assert_int_equal(parse_with(COMMAND_PATH, text, "d --run f.ini"), 0);
  assert_true(s.run.path.tol == 1e-5);
  assert_int_equal(s.run.intercept, 0);
  assert_int_equal(s.run.path.n_lambda, 12);
  assert_null(s.run.path.lambda);
  assert_string_equal(s.run.output, "from_file.h5");
  assert_int_equal(parse_with(COMMAND_PATH, text, "--tol 1e-3 d -o o --run f.ini --intercept"), 0);
  assert_true(s.run.path.tol == 1e-3); /* the command line wins */
  assert_int_equal(s.run.intercept, 1);
  assert_string_equal(s.run.output, "o");
  assert_int_equal(parse_with(COMMAND_FIT, text, "d --run f.ini"), 0);
  assert_true(s.run.path.path_to == 0.125);
}

static void assert_file_refused(const char *text, const char *with)
{
  assert_int_equal(parse_with(COMMAND_PATH, text, "d -o o --run f.ini"), -1);
  if (strstr(error, with) == NULL) fail_msg("\"%s\" does not say \"%s\"", error, with);
}

static void test_bad_run_file(void **state)
{
  (void)state;
  assert_file_refused("tol = 1e-5\nlamda = 1\n", "f.ini: line 2: unknown flag --lamda");
  assert_file_refused("\n\ntol = 2\n", "f.ini: line 3: --tol 2: wanted");
  assert_file_refused("tol 1e-5 and more\n", "f.ini: line 1");
  assert_file_refused("[nonsense]\ntol = 1e-5\n", "[nonsense] is no command");
  assert_file_refused("run = other.ini\n", "f.ini: line 1");
  assert_file_refused("replicas = 5\n", "unknown flag --replicas");
}

/* inih would cut a longer line in two. */
static void test_long_line_in_a_run_file(void **state)
{
  (void)state;
  char text[2048] = "tol = 1e-5\nlambda = 0.5";
  for (int k = 0; k < 150; k++) strcat(text, ",0.0078125");
  assert_file_refused(text, "f.ini: line 2: longer than");
}

/* Every row of the table is printed in the manual of every command it belongs to. */
static void test_manuals_are_whole(void **state)
{
  (void)state;
  for (int m = 0; m < n_manuals; m++) {
    char *text = NULL, needle[64];
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    assert_non_null(to);
    flags_help(manuals[m].which, to);
    fclose(to);
    for (int k = 0; k < n_flags; k++) {
      snprintf(needle, sizeof needle, "--%s", flag_table[k].name);
      if (flag_table[k].commands & manuals[m].which) assert_non_null(strstr(text, needle));
    }
    free(text);
  }
}

static int forget(void **state)
{
  (void)state;
  settings_free(&s);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_lambdas),
      cmocka_unit_test(test_where_the_gram_is),
      cmocka_unit_test(test_the_last_one_counts),
      cmocka_unit_test(test_names_are_exact),
      cmocka_unit_test(test_import),
      cmocka_unit_test(test_not_here),
      cmocka_unit_test(test_cv),
      cmocka_unit_test(test_stability),
      cmocka_unit_test(test_prune),
      cmocka_unit_test(test_impossible_values),
      cmocka_unit_test(test_what_goes_together),
      cmocka_unit_test(test_run_file),
      cmocka_unit_test(test_bad_run_file),
      cmocka_unit_test(test_long_line_in_a_run_file),
      cmocka_unit_test(test_manuals_are_whole),
  };
  return cmocka_run_group_tests(tests, NULL, forget);
}
