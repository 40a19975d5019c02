/* SPDX-License-Identifier: BSD-3-Clause */
/* What pareto's flags mean together. */
#include "flag_table.h"

/* Flags of one method alone. */
static int check_idle(const settings *s, char error[FLAGS_ERROR_BYTES])
{
  static const struct {
    const char *flag;
    int method; /* whose it is; -1 - m: everybody's but m's */
    const char *who;
  } idle[] = {
      {"lambda-min", BVL_FRONT_LAMBDA_PATH, "--lambda-min goes with --method lambda-path"},
      {"lambda-max", BVL_FRONT_LAMBDA_PATH, "--lambda-max goes with --method lambda-path"},
      {"norm-max", BVL_FRONT_CONTINUATION, "--norm-max goes with --method continuation"},
      {"starts", BVL_FRONT_CONTINUATION, "--starts goes with --method continuation"},
      {"sweeps", BVL_FRONT_CONTINUATION, "--sweeps goes with --method continuation"},
      {"correct-epochs", BVL_FRONT_CONTINUATION,
       "--correct-epochs goes with --method continuation"},
      {"correct-lr", BVL_FRONT_CONTINUATION, "--correct-lr goes with --method continuation"},
      {"checkpoint", BVL_FRONT_CONTINUATION, "--checkpoint goes with --method continuation"},
      {"tol", -1 - BVL_FRONT_WEIGHTED_SUM, "--method weighted-sum has no --tol"},
      {"max-iter", -1 - BVL_FRONT_WEIGHTED_SUM, "--method weighted-sum has no --max-iter"}};
  for (size_t k = 0; k < sizeof idle / sizeof idle[0]; k++) {
    const int mine = idle[k].method >= 0 ? s->method == idle[k].method
                                         : s->method != -1 - idle[k].method;
    if (flag_given(s, idle[k].flag) && !mine) return flag_complain(error, idle[k].who);
  }
  return 0;
}

/* Minibatches find their way by steps on them; without, quasi-Newton steps do it alone. */
static void choose_budget(settings *s)
{
  bvl_pareto_options *o = &s->pareto;
  const int batches = s->train.network.batch > 0;
  if (!flag_given(s, "epochs")) o->optim.epochs = batches || s->method != 0 ? 20 : 0;
  if (!flag_given(s, "correct-epochs")) o->stir.epochs = batches ? 5 : 0;
  if (!flag_given(s, "max-iter")) o->limits.max_steps = batches ? 10 : 200;
}

int check_pareto_flags(settings *s, char error[FLAGS_ERROR_BYTES])
{
  bvl_pareto_options *o = &s->pareto;
  bvl_network_options *network = &s->train.network;
  if ((network->layers == NULL) == (network->arch == NULL))
    return flag_complain(error, network->layers == NULL
                                    ? "--layers P-H-K or --arch NAME|FILE is missing"
                                    : "--layers and --arch: one of them");
  if (check_idle(s, error) != 0) return -1;
  if (s->train.checkpoint == NULL && flag_given(s, "resume"))
    return flag_complain(error, "--resume goes with --checkpoint FILE");
  if (s->train.checkpoint == NULL && flag_given(s, "checkpoint-every"))
    return flag_complain(error, "--checkpoint-every goes with --checkpoint FILE");
  if (o->lambda_min > o->lambda_max)
    return flag_complain(error, "--lambda-min is above --lambda-max");
  choose_budget(s);
  network->data = s->file;
  network->activation = (bvl_activation)s->activation;
  network->scaling = (bvl_scaling)s->scaling;
  o->output = s->output;
  o->checkpoint = s->train.checkpoint;
  o->checkpoint_every_s = s->train.checkpoint_every_s;
  o->resume = s->train.resume;
  o->method = (bvl_front_method)s->method;
  o->structure = s->second == 0 ? BVL_BY_ELEMENT : BVL_BY_INPUT;
  o->optim.schedule = (bvl_schedule)s->schedule;
  o->limits.decrease_tol = network->is_double ? 0.0 : 1e-7;
  return 0;
}
