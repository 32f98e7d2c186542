/* Double-double arithmetic: an unevaluated sum hi + lo, about 106 bits. For decisions
 * that a rounded double would leave to chance. */
#ifndef TT_DOUBLE_DOUBLE_H
#define TT_DOUBLE_DOUBLE_H

#include <math.h>

typedef struct {
  double hi;
  double lo;
} tt_dd;

static inline tt_dd tt_dd_two_sum(double a, double b) {
  double s = a + b;
  double t = s - a;
  tt_dd r = {s, (a - (s - t)) + (b - t)};
  return r;
}

static inline tt_dd tt_dd_two_product(double a, double b) {
  double p = a * b;
  tt_dd r = {p, fma(a, b, -p)};
  return r;
}

static inline tt_dd tt_dd_add(tt_dd a, tt_dd b) {
  tt_dd s = tt_dd_two_sum(a.hi, b.hi);
  tt_dd t = tt_dd_two_sum(a.lo, b.lo);
  s = tt_dd_two_sum(s.hi, s.lo + t.hi);
  return tt_dd_two_sum(s.hi, s.lo + t.lo);
}

static inline tt_dd tt_dd_multiply(tt_dd a, tt_dd b) {
  tt_dd p = tt_dd_two_product(a.hi, b.hi);
  return tt_dd_two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

static inline tt_dd tt_dd_from(double a) {
  tt_dd r = {a, 0.0};
  return r;
}

static inline tt_dd tt_dd_negate(tt_dd a) {
  tt_dd r = {-a.hi, -a.lo};
  return r;
}

/* Long division, three quotient digits of 53 bits each. */
static inline tt_dd tt_dd_divide(tt_dd a, tt_dd b) {
  double q1 = a.hi / b.hi;
  tt_dd r = tt_dd_add(a, tt_dd_negate(tt_dd_multiply(b, tt_dd_from(q1))));
  double q2 = r.hi / b.hi;
  r = tt_dd_add(r, tt_dd_negate(tt_dd_multiply(b, tt_dd_from(q2))));
  double q3 = r.hi / b.hi;
  return tt_dd_add(tt_dd_two_sum(q1, q2), tt_dd_from(q3));
}

/* 2 * atanh(w) = 2 * (w + w^3/3 + w^5/5 + ...), for |w| <= 0.18. Where a term no longer
 * reaches the upper half of the sum, a double is enough for it and all that follow. */
static inline tt_dd tt_dd_two_atanh(tt_dd w) {
  tt_dd square = tt_dd_multiply(w, w);
  tt_dd power = w;
  tt_dd sum = w;
  int k = 3;
  for (; fabs(power.hi) > 0x1p-52 * fabs(sum.hi); k += 2) {
    power = tt_dd_multiply(power, square);
    sum = tt_dd_add(sum, tt_dd_divide(power, tt_dd_from((double)k)));
  }
  double tail = 0.0;
  for (double term = power.hi; fabs(term) > 1e-34 * fabs(sum.hi); k += 2) {
    term *= square.hi;
    tail += term / k;
  }
  sum = tt_dd_add(sum, tt_dd_from(tail));
  return tt_dd_add(sum, sum);
}

/* log(1 + x) for x > -1, with relative accuracy also where it is tiny. */
static inline tt_dd tt_dd_log1p(tt_dd x) {
  if (fabs(x.hi) < 0.25) {
    return tt_dd_two_atanh(tt_dd_divide(x, tt_dd_add(x, tt_dd_from(2.0))));
  }
  tt_dd f = tt_dd_add(x, tt_dd_from(1.0));
  int e;
  double mantissa = frexp(f.hi, &e);
  if (mantissa < 0.70710678118654752) {
    e -= 1;
  }
  f.hi = ldexp(f.hi, -e);
  f.lo = ldexp(f.lo, -e);
  tt_dd w = tt_dd_divide(tt_dd_add(f, tt_dd_from(-1.0)), tt_dd_add(f, tt_dd_from(1.0)));
  const tt_dd log2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
  return tt_dd_add(tt_dd_multiply(log2, tt_dd_from((double)e)), tt_dd_two_atanh(w));
}

/* log(1 - x) for 0 < x < 1. */
static inline tt_dd tt_dd_log1m(double x) {
  return tt_dd_log1p(tt_dd_from(-x));
}

#endif
