#include "miscoverage-replicated.h"

#include "counts.h"
#include "miscoverage-curve.h"
#include "numeric.h"

#include <math.h>

/* What is left of a share once it cannot be told from 0. */
#define NEGLIGIBLE 0x1p-60

/* Factors between two questions whether to stop: some milliseconds. */
#define POLL_EVERY 1e6

/* Adds the factors of one loss to what was done since the last question. */
static int work_stops(double unsafe, double quantile, double *work, const tt_poll *poll) {
  *work += 1.0 + fmin(unsafe, quantile);
  if (*work < POLL_EVERY) {
    return 0;
  }
  *work = 0.0;
  return tt_stop_requested(poll);
}

/* choose(n - S, k) / choose(n, k) is a product of min(S, k) factors, each the chance
 * that one more of the few misses all of the many; S and k may change places. The loss
 * is summed up from the positive parts that the factors take away, so that it does not
 * cancel where it is small. */
double tt_replicated_loss1(double unsafe, double draws, double quantile) {
  double few = fmin(unsafe, quantile - 1.0);
  double many = fmax(unsafe, quantile - 1.0);
  if (draws > 0.0 && few + many > draws) {
    return 1.0;
  }
  if (!(few > 0.0)) {
    return 0.0;
  }
  double loss = 0.0;
  double left = 1.0;
  for (double j = 0.0; j < few && left > NEGLIGIBLE; j += 1.0) {
    double hit = left * (many / (draws - j));
    loss += hit;
    left -= hit;
  }
  return loss < 1.0 ? loss : 1.0;
}

static int bad_quantile(double draws, double quantile) {
  return !(quantile >= 1.0) || (draws > 0.0 && !(quantile - 1.0 <= draws));
}

tt_status tt_replicated_loss(size_t n, const double *unsafe, const double *draws,
                             const double *quantile, double *loss, const tt_poll *poll,
                             tt_error *error) {
  tt_status status = tt_check_counts(n, unsafe, draws, error);
  double work = 0.0;
  for (size_t i = 0; i < n && status == TT_OK; i++) {
    if (work_stops(unsafe[i], quantile[i], &work, poll)) {
      return TT_EINTERRUPT;
    }
    if (bad_quantile(draws[i], quantile[i])) {
      return tt_fail(error, TT_EINVAL, "quantiles", i, quantile[i]);
    }
    loss[i] = tt_replicated_loss1(unsafe[i], draws[i], quantile[i]);
  }
  return status;
}

static int can_lose(double unsafe, double draws) {
  (void)draws;
  return unsafe > 0.0;
}

static size_t wrong_quantile(size_t n, const double *draws, const double *quantile) {
  size_t i = 0;
  while (i < n && !bad_quantile(draws[i], quantile[i])) {
    i++;
  }
  return i;
}

static tt_status lost(const tt_losers *losers, const double *quantile, double *sum,
                      const tt_poll *poll) {
  tt_sum total = {0.0, 0.0};
  double work = 0.0;
  for (size_t j = 0; j < losers->m; j++) {
    double q = quantile[losers->row[j]];
    if (work_stops(losers->seen[j], q, &work, poll)) {
      return TT_EINTERRUPT;
    }
    double loss = tt_replicated_loss1(losers->seen[j], losers->beyond[j], q);
    /* No loss stays none where a weight is infinite. */
    if (loss > 0.0) {
      tt_sum_add(&total, loss * losers->weight[j]);
    }
  }
  *sum = tt_sum_value(&total);
  return TT_OK;
}

tt_status tt_replicated_miscoverage(size_t n, const double *unsafe, const double *draws,
                                    const double *inclusion, int inclusion_by_tau,
                                    size_t n_tau, const double *quantiles, void *scratch,
                                    double *curve, const tt_poll *poll, tt_error *error) {
  const tt_curve_kind kind = {unsafe, draws, can_lose, wrong_quantile, lost};
  tt_status status = n > 0 ? tt_check_counts(n, unsafe, draws, error)
                           : tt_fail(error, TT_EINVAL, "unsafe", 0, 0.0);
  return status != TT_OK ? status
                         : tt_curve(&kind, n, inclusion, inclusion_by_tau, n_tau,
                                    quantiles, scratch, curve, poll, error);
}
