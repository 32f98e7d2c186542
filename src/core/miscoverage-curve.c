#include "miscoverage-curve.h"

#include "arena.h"

static void lay_out(tt_arena *a, size_t n, tt_losers *losers) {
  losers->row = tt_arena_take(a, n, 1, sizeof(size_t));
  losers->seen = tt_arena_doubles(a, n, 1);
  losers->beyond = tt_arena_doubles(a, n, 1);
  losers->weight = tt_arena_doubles(a, n, 1);
}

tt_status tt_curve_scratch(size_t n, size_t *bytes) {
  tt_arena a = tt_arena_measure();
  tt_losers losers;
  lay_out(&a, n, &losers);
  *bytes = a.used;
  return tt_arena_failed(&a) ? TT_EOVERFLOW : TT_OK;
}

static tt_status check_inclusion(size_t n, const double *inclusion, tt_error *error) {
  for (size_t i = 0; i < n; i++) {
    if (!(inclusion[i] > 0.0 && inclusion[i] <= 1.0)) {
      return tt_fail(error, TT_EINVAL, "inclusion", i, inclusion[i]);
    }
  }
  return TT_OK;
}

static void find_losers(const tt_curve_kind *kind, size_t n, tt_losers *losers) {
  size_t m = 0;
  for (size_t i = 0; i < n; i++) {
    if (kind->can_lose(kind->seen[i], kind->beyond[i])) {
      losers->row[m] = i;
      losers->seen[m] = kind->seen[i];
      losers->beyond[m] = kind->beyond[i];
      m++;
    }
  }
  losers->m = m;
}

static void weigh(tt_losers *losers, const double *inclusion) {
  for (size_t j = 0; j < losers->m; j++) {
    losers->weight[j] = 1.0 / inclusion[losers->row[j]];
  }
}

tt_status tt_curve(const tt_curve_kind *kind, size_t n, const double *inclusion,
                   int inclusion_by_tau, size_t n_tau, const double *quantiles,
                   void *scratch, double *curve, const tt_poll *poll, tt_error *error) {
  size_t bytes = 0;
  tt_status status = tt_curve_scratch(n, &bytes);
  if (status == TT_OK) {
    status = check_inclusion(inclusion_by_tau ? n * n_tau : n, inclusion, error);
  }
  if (status != TT_OK) {
    return status;
  }
  tt_arena a = tt_arena_over(scratch, bytes);
  tt_losers losers;
  lay_out(&a, n, &losers);
  find_losers(kind, n, &losers);
  for (size_t k = 0; k < n_tau; k++) {
    if (tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    const double *quantile = quantiles + n * k;
    size_t wrong = kind->wrong(n, kind->beyond, quantile);
    if (wrong < n) {
      return tt_fail(error, TT_EINVAL, "quantiles", n * k + wrong, quantile[wrong]);
    }
    if (inclusion_by_tau || k == 0) {
      weigh(&losers, inclusion_by_tau ? inclusion + n * k : inclusion);
    }
    double sum = 0.0;
    status = kind->losses(&losers, quantile, &sum, poll);
    if (status != TT_OK) {
      return status;
    }
    curve[k] = sum / (double)n;
  }
  return TT_OK;
}
