#include "miscoverage-replicated.h"

#include "counts.h"
#include "miscoverage.h"
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
  if (!(few > 0.0)) {
    return 0.0;
  }
  if (few + many > draws) {
    return 1.0;
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

static tt_status curve_at(size_t n, const double *unsafe, const double *draws,
                          const double *inclusion, const double *quantile, size_t offset,
                          double *out, double *work, const tt_poll *poll,
                          tt_error *error) {
  tt_sum total = {0.0, 0.0};
  for (size_t i = 0; i < n; i++) {
    if (work_stops(unsafe[i], quantile[i], work, poll)) {
      return TT_EINTERRUPT;
    }
    if (bad_quantile(draws[i], quantile[i])) {
      return tt_fail(error, TT_EINVAL, "quantiles", offset + i, quantile[i]);
    }
    if (unsafe[i] > 0.0) {
      tt_sum_add(&total,
                 tt_replicated_loss1(unsafe[i], draws[i], quantile[i]) / inclusion[i]);
    }
  }
  *out = tt_sum_value(&total) / (double)n;
  return TT_OK;
}

tt_status tt_replicated_miscoverage(size_t n, const double *unsafe, const double *draws,
                                    const double *inclusion, int inclusion_by_tau,
                                    size_t n_tau, const double *quantiles, double *curve,
                                    const tt_poll *poll, tt_error *error) {
  if (n == 0) {
    return tt_fail(error, TT_EINVAL, "unsafe", 0, 0.0);
  }
  tt_status status = tt_check_counts(n, unsafe, draws, error);
  if (status == TT_OK) {
    status = tt_check_inclusion(inclusion_by_tau ? n * n_tau : n, inclusion, error);
  }
  double work = 0.0;
  for (size_t k = 0; k < n_tau && status == TT_OK; k++) {
    if (tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    const double *inclusion_k = inclusion_by_tau ? inclusion + n * k : inclusion;
    status = curve_at(n, unsafe, draws, inclusion_k, quantiles + n * k, n * k, curve + k,
                      &work, poll, error);
  }
  return status;
}
