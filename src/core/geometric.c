#include "geometric.h"

#include "double-double.h"

#include <float.h>
#include <math.h>

#define POLL_EVERY 65536u

/* -2^500 log(1 - x) = 2^500 (x + x^2/2 + x^3/3 + ...) for x < 2^-40: scaled, so that
 * nothing is lost where x is near the smallest double. */
static tt_dd dd_tiny_log1m(double x) {
  tt_dd scaled = tt_dd_from(ldexp(x, 500));
  tt_dd half = tt_dd_multiply(scaled, tt_dd_from(x / 2.0));
  tt_dd third = tt_dd_from(scaled.hi * x * x / 3.0);
  return tt_dd_add(scaled, tt_dd_add(half, third));
}

/* Whether (1 - p)^t <= 1 - tau, for tiny p where t p and tau agree to 94 bits: then
 * t p - t (t - 1) p^2 / 2 >= tau decides. */
static int reaches_tiny(double p, double tau, double t) {
  double scaled = ldexp(p, 500);
  tt_dd first = tt_dd_add(tt_dd_two_product(t, scaled), tt_dd_from(-ldexp(tau, 500)));
  double ahead = first.hi + first.lo;
  /* The second-order term may underflow, but it is not 0. */
  return ahead == 0.0 ? t <= 1.0 : ahead >= t * (t - 1.0) / 2.0 * p * scaled;
}

/* The quantile where rounding could matter. A ratio within 2^-94 (relative) of an
 * integer t means (1 - p)^t = 1 - tau where p is not tiny: that does happen, for t up
 * to about 53, and nothing else comes that near in practice. */
static double quantile_extended(double p, double tau) {
  tt_dd ratio = p < 0x1p-94 ? tt_dd_divide(dd_tiny_log1m(tau), dd_tiny_log1m(p))
                            : tt_dd_divide(tt_dd_log1m(tau), tt_dd_log1m(p));
  double whole = nearbyint(ratio.hi);
  double rest = (ratio.hi - whole) + ratio.lo;
  double shift = nearbyint(rest);
  rest -= shift;
  whole += shift;
  int above = rest > 0x1p-94 * ratio.hi;
  if (p < 0x1p-50 && fabs(rest) <= 0x1p-94 * ratio.hi) {
    above = !reaches_tiny(p, tau, whole);
  }
  double t = above ? whole + 1.0 : whole;
  return t < 1.0 ? 1.0 : t;
}

/* log_p = log1p(-p) and log_tau = log1p(-tau), with p and tau inside (0, 1). */
static double quantile_inside(double p, double tau, double log_p, double log_tau) {
  double ratio = log_tau / log_p;
  if (ratio <= 0.5) {
    return 1.0;
  }
  if (ratio > 0x1p+51) {
    return ceil(ratio);
  }
  /* ratio carries at most about 4 roundings: 8 epsilon covers them twice. */
  if (fabs(ratio - nearbyint(ratio)) <= 8.0 * DBL_EPSILON * ratio) {
    return quantile_extended(p, tau);
  }
  return ceil(ratio);
}

static double quantile_any(double p, double tau, double log_p, double log_tau) {
  if (tau == 0.0 || p == 1.0) {
    return 1.0;
  }
  if (p == 0.0 || tau == 1.0) {
    return INFINITY;
  }
  return quantile_inside(p, tau, log_p, log_tau);
}

double tt_geometric_quantile1(double p, double tau) {
  return quantile_any(p, tau, log1p(-p), log1p(-tau));
}

tt_status tt_check_unit(size_t n, const double *x, const char *what, tt_error *error) {
  for (size_t i = 0; i < n; i++) {
    if (!(x[i] >= 0.0 && x[i] <= 1.0)) {
      return tt_fail(error, TT_EINVAL, what, i, x[i]);
    }
  }
  return TT_OK;
}

tt_status tt_check_quantiles(size_t n, const double *prob, size_t n_tau,
                             const double *tau, double cap, tt_error *error) {
  tt_status status = tt_check_unit(n, prob, "prob", error);
  if (status == TT_OK) {
    status = tt_check_unit(n_tau, tau, "tau", error);
  }
  if (status == TT_OK && !(cap >= 1.0)) {
    status = tt_fail(error, TT_EINVAL, "cap", 0, cap);
  }
  return status;
}

tt_status tt_geometric_quantile(size_t n, const double *prob, size_t n_tau,
                                const double *tau, double cap, double *out,
                                double *scratch, const tt_poll *poll, tt_error *error) {
  tt_status status = tt_check_quantiles(n, prob, n_tau, tau, cap, error);
  if (status != TT_OK) {
    return status;
  }
  for (size_t i = 0; i < n; i++) {
    scratch[i] = log1p(-prob[i]);
  }
  for (size_t k = 0; k < n_tau; k++) {
    double log_tau = log1p(-tau[k]);
    double *column = out + n * k;
    for (size_t i = 0; i < n; i++) {
      if (i % POLL_EVERY == 0 && tt_stop_requested(poll)) {
        return TT_EINTERRUPT;
      }
      double q = quantile_any(prob[i], tau[k], scratch[i], log_tau);
      column[i] = q < cap ? q : cap;
    }
  }
  return TT_OK;
}

tt_status tt_geometric_distribution(size_t n, const double *time, const double *prob,
                                    double *out, tt_error *error) {
  tt_status status = tt_check_unit(n, prob, "prob", error);
  if (status != TT_OK) {
    return status;
  }
  for (size_t i = 0; i < n; i++) {
    if (!(time[i] >= 0.0)) {
      return tt_fail(error, TT_EINVAL, "time", i, time[i]);
    }
    double t = floor(time[i]);
    /* 0 * -Inf and Inf * 0 have to be settled by hand. */
    out[i] = (t == 0.0 || prob[i] == 0.0) ? 0.0 : -expm1(t * log1p(-prob[i]));
  }
  return TT_OK;
}

tt_status tt_geometric_sample(size_t n, const double *prob, const tt_uniform *uniform,
                              double *out, const tt_poll *poll, tt_error *error) {
  tt_status status = tt_check_unit(n, prob, "prob", error);
  if (status != TT_OK) {
    return status;
  }
  for (size_t i = 0; i < n; i++) {
    if (i % POLL_EVERY == 0 && tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    double u = uniform->fn(uniform->ctx);
    if (prob[i] == 0.0) {
      out[i] = INFINITY;
      continue;
    }
    double t = ceil(log(u) / log1p(-prob[i]));
    out[i] = t < 1.0 ? 1.0 : t;
  }
  return TT_OK;
}
