#include "miscoverage.h"

#include "miscoverage-curve.h"
#include "numeric.h"

#include <math.h>

#define POLL_EVERY 65536u

/* Weights that reach alpha * n but for rounding count as reaching it. */
#define REACHED (1.0 - 1e-12)

/* ---- The curve on a grid -------------------------------------------------- */

static tt_status check_prompts(size_t n, const double *time, const double *horizon,
                               tt_error *error) {
  for (size_t i = 0; i < n; i++) {
    if (!(horizon[i] >= 0.0)) {
      return tt_fail(error, TT_EINVAL, "horizon", i, horizon[i]);
    }
    if (!(time[i] >= 0.0 && time[i] <= horizon[i])) {
      return tt_fail(error, TT_EINVAL, "time", i, time[i]);
    }
  }
  return TT_OK;
}

static int can_lose(double time, double horizon) {
  return time < horizon;
}

static size_t wrong_quantile(size_t n, const double *horizon, const double *quantile) {
  (void)horizon;
  size_t i = 0;
  while (i < n && quantile[i] >= 1.0) {
    i++;
  }
  return i;
}

/* The inner loop works on blocks of a fixed width, without a branch, so that compilers
 * vectorise it at -O2, and keeps one partial sum per lane. */
#define LANES 8u

static void add_block(double *sum, const double *time, const double *horizon,
                      const double *weight, const double *q) {
  for (size_t l = 0; l < LANES; l++) {
    double w = weight[l];
    w = time[l] < q[l] ? w : 0.0;
    w = q[l] <= horizon[l] ? w : 0.0;
    sum[l] += w;
  }
}

/* Quick enough to be asked to stop after each column only. */
static tt_status lost(const tt_losers *losers, const double *quantile, double *out,
                      const tt_poll *poll) {
  (void)poll;
  double sum[LANES] = {0.0};
  tt_sum total = {0.0, 0.0};
  size_t j = 0;
  for (; j + LANES <= losers->m; j += LANES) {
    double q[LANES];
    for (size_t l = 0; l < LANES; l++) {
      q[l] = quantile[losers->row[j + l]];
    }
    add_block(sum, losers->seen + j, losers->beyond + j, losers->weight + j, q);
  }
  for (size_t l = 0; l < LANES; l++) {
    tt_sum_add(&total, sum[l]);
  }
  for (; j < losers->m; j++) {
    double q = quantile[losers->row[j]];
    if (losers->seen[j] < q && q <= losers->beyond[j]) {
      tt_sum_add(&total, losers->weight[j]);
    }
  }
  *out = tt_sum_value(&total);
  return TT_OK;
}

tt_status tt_miscoverage_curve(size_t n, const double *time, const double *horizon,
                               const double *inclusion, int inclusion_by_tau,
                               size_t n_tau, const double *quantiles, void *scratch,
                               double *curve, const tt_poll *poll, tt_error *error) {
  const tt_curve_kind kind = {time, horizon, can_lose, wrong_quantile, lost};
  tt_status status = n > 0 ? TT_OK : tt_fail(error, TT_EINVAL, "time", 0, 0.0);
  if (status == TT_OK) {
    status = check_prompts(n, time, horizon, error);
  }
  return status != TT_OK ? status
                         : tt_curve(&kind, n, inclusion, inclusion_by_tau, n_tau,
                                    quantiles, scratch, curve, poll, error);
}

tt_status tt_select_tau(size_t n_tau, const double *tau, const double *miscoverage,
                        double alpha, size_t *selected, tt_error *error) {
  if (!(alpha > 0.0 && alpha < 1.0)) {
    return tt_fail(error, TT_EINVAL, "alpha", 0, alpha);
  }
  size_t feasible = 0;
  int all = 1;
  for (size_t k = 0; k < n_tau; k++) {
    if (!(tau[k] >= 0.0 && tau[k] <= 1.0) || (k > 0 && !(tau[k] > tau[k - 1]))) {
      return tt_fail(error, TT_EINVAL, "tau", k, tau[k]);
    }
    if (!(miscoverage[k] >= 0.0)) {
      return tt_fail(error, TT_EINVAL, "miscoverage", k, miscoverage[k]);
    }
    all = all && miscoverage[k] < alpha;
    feasible += all ? 1u : 0u;
  }
  *selected = feasible;
  return TT_OK;
}

/* ---- The exact path ------------------------------------------------------- */

tt_status tt_miscoverage_jumps(size_t n, const double *tau, const double *time,
                               const double *horizon, const double *reach, tt_jump *jumps,
                               size_t *n_jumps, const tt_poll *poll, tt_error *error) {
  tt_status status = check_prompts(n, time, horizon, error);
  if (status != TT_OK) {
    return status;
  }
  size_t m = 0;
  for (size_t i = 0; i < n; i++) {
    if (i % POLL_EVERY == 0 && tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    if (!(tau[i] >= 0.0 && tau[i] <= 1.0)) {
      return tt_fail(error, TT_EINVAL, "tau", i, tau[i]);
    }
    if (!(time[i] < horizon[i])) {
      continue;
    }
    if (!(reach[i] > 0.0 && reach[i] <= 1.0)) {
      return tt_fail(error, TT_EINVAL, "inclusion", i, reach[i]);
    }
    tt_jump jump = {tau[i], 1.0 / reach[i]};
    jumps[m++] = jump;
  }
  *n_jumps = m;
  return TT_OK;
}

static void swap(tt_jump *a, tt_jump *b) {
  tt_jump t = *a;
  *a = *b;
  *b = t;
}

/* Splits jumps[from, to) into those below, at and above the pivot; returns the ends
 * of the first two parts and their weights. */
typedef struct {
  size_t below_end;
  size_t equal_end;
  tt_sum below;
  tt_sum equal;
} split;

static split partition(tt_jump *jumps, size_t from, size_t to, double pivot) {
  split s = {from, from, {0.0, 0.0}, {0.0, 0.0}};
  size_t above = to;
  while (s.equal_end < above) {
    tt_jump *jump = &jumps[s.equal_end];
    if (jump->tau < pivot) {
      tt_sum_add(&s.below, jump->weight);
      swap(jump, &jumps[s.below_end++]);
      s.equal_end++;
    } else if (jump->tau > pivot) {
      swap(jump, &jumps[--above]);
    } else {
      tt_sum_add(&s.equal, jump->weight);
      s.equal_end++;
    }
  }
  return s;
}

/* The smallest tau at which the cumulative weight reaches the target. The caller
 * has made sure that the weights altogether do. */
static tt_status weighted_quantile(size_t n_jumps, tt_jump *jumps, double target,
                                   double *tau, const tt_poll *poll) {
  size_t from = 0;
  size_t to = n_jumps;
  double passed = 0.0;
  uint64_t counter = 0;
  while (to - from > 1) {
    if (tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    double pivot = jumps[from + tt_pivot_index(&counter, to - from)].tau;
    split s = partition(jumps, from, to, pivot);
    double below = tt_sum_value(&s.below);
    double equal = tt_sum_value(&s.equal);
    if (passed + below >= target) {
      to = s.below_end;
    } else if (passed + below + equal >= target || s.equal_end == to) {
      *tau = pivot;
      return TT_OK;
    } else {
      passed += below + equal;
      from = s.equal_end;
    }
  }
  *tau = jumps[from].tau;
  return TT_OK;
}

tt_status tt_select_jump(size_t n, size_t n_jumps, tt_jump *jumps, double alpha,
                         double tau_max, double *tau, int *at_tau_max,
                         const tt_poll *poll, tt_error *error) {
  if (!(alpha > 0.0 && alpha < 1.0)) {
    return tt_fail(error, TT_EINVAL, "alpha", 0, alpha);
  }
  if (!(tau_max >= 0.0 && tau_max <= 1.0)) {
    return tt_fail(error, TT_EINVAL, "tau_max", 0, tau_max);
  }
  double target = alpha * (double)n * REACHED;
  tt_sum total = {0.0, 0.0};
  for (size_t j = 0; j < n_jumps; j++) {
    tt_sum_add(&total, jumps[j].weight);
  }
  double at = tau_max;
  *at_tau_max = !(tt_sum_value(&total) >= target) || n_jumps == 0;
  if (!*at_tau_max) {
    tt_status status = weighted_quantile(n_jumps, jumps, target, &at, poll);
    if (status != TT_OK) {
      return status;
    }
    *at_tau_max = at >= tau_max;
    at = tt_below_jump(at);
  }
  *tau = at < tau_max ? at : tau_max;
  return TT_OK;
}
