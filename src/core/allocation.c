#include "allocation.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#define POLL_EVERY 65536u
#define PIVOT_SAMPLE 31u

/* Reported where the multiplier is beyond the range of doubles, which DBL_MAX cannot
 * be: that one stands for more than anybody needs. */
#define LARGEST 0x1.ffffffffffffep+1023

/* Any number of slopes below it can be added up. */
#define MOST_SLOPE_EXP 960
#define MOST_SLOPE 0x1p+960

/* Where the numbers of a program would leave the range of doubles, the search works on
 * the multiplier times 2^multiplier and on money times 2^money. */
typedef struct {
  int multiplier;
  int money;
} scaling;

static int is_plain(scaling scale) {
  return scale.multiplier == 0 && scale.money == 0;
}

/* What is known of the search: the multiplier lies in [low, high); items that
 * behave in one way over that whole interval are summed up and dropped. */
typedef struct {
  scaling scale; /* of all that is here */
  double low;
  double high;
  tt_sum constant; /* spent by items that are at a bound throughout */
  tt_sum slope;    /* spending rate of items that are between theirs throughout */
  tt_allocation_item *items;
  size_t n_items; /* not settled yet */
} search;

static tt_status check_prompt(size_t i, double cost, double benefit, double lower,
                              double upper, tt_error *error) {
  if (!(cost >= 0.0 && cost < INFINITY)) {
    return tt_fail(error, TT_EINVAL, "cost", i, cost);
  }
  if (!(benefit >= 0.0 && benefit < INFINITY)) {
    return tt_fail(error, TT_EINVAL, "benefit", i, benefit);
  }
  if (!(lower >= 0.0 && lower < INFINITY)) {
    return tt_fail(error, TT_EINVAL, "lower", i, lower);
  }
  if (!(upper >= lower) || (upper == INFINITY && (cost == 0.0 || benefit == 0.0))) {
    return tt_fail(error, TT_EINVAL, "upper", i, upper);
  }
  return TT_OK;
}

static double clamp(double x, double lower, double upper) {
  if (x < lower) {
    return lower;
  }
  return x > upper ? upper : x;
}

/* The range of quotients whose roots are taken directly. */
static int is_moderate(double ratio) {
  return ratio > 1e-300 && ratio < INFINITY;
}

/* x * sqrt(a / b) * 2^shift for x >= 0, a >= 0 and b > 0, where no part of the product
 * need be in the range of doubles: 0 or Inf only where the product itself is not. */
static double scaled_root(double x, double a, double b, int shift) {
  int at_x, at_a, at_b;
  double product = frexp(x, &at_x) * (frexp(sqrt(a), &at_a) / frexp(sqrt(b), &at_b));
  /* Infinite x has no exponent. */
  return x < INFINITY ? ldexp(product, at_x + at_a - at_b + shift) : x;
}

/* x * y * 2^shift, in the same way. */
static double scaled_product(double x, double y, int shift) {
  int at_x, at_y;
  double product = frexp(x, &at_x) * frexp(y, &at_y);
  return ldexp(product, at_x + at_y + shift);
}

static double pi_at(double multiplier, int shift, double cost, double benefit) {
  double ratio = benefit / cost;
  if (shift == 0 && is_moderate(ratio)) {
    return multiplier * sqrt(ratio);
  }
  return scaled_root(multiplier, benefit, cost, -shift);
}

/* inclusion for the multiplier times 2^shift. */
static tt_status spread(size_t n, const double *cost, tt_column benefit, tt_column lower,
                        tt_column upper, double multiplier, int shift, double *inclusion,
                        const tt_poll *poll, tt_error *error) {
  for (size_t i = 0; i < n; i++) {
    if (i % POLL_EVERY == 0 && tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    double lo = tt_at(lower, i);
    double up = tt_at(upper, i);
    double b = tt_at(benefit, i);
    tt_status status = check_prompt(i, cost[i], b, lo, up, error);
    if (status != TT_OK) {
      return status;
    }
    if (cost[i] == 0.0 || multiplier == INFINITY) {
      inclusion[i] = up;
    } else if (b == 0.0) {
      inclusion[i] = lo;
    } else if (multiplier == DBL_MAX && up < INFINITY) {
      inclusion[i] = up;
    } else {
      inclusion[i] = clamp(pi_at(multiplier, shift, cost[i], b), lo, up);
    }
  }
  return TT_OK;
}

tt_status tt_allocate_given(size_t n, const double *cost, tt_column benefit,
                            tt_column lower, tt_column upper, double multiplier,
                            double *inclusion, const tt_poll *poll, tt_error *error) {
  if (!(multiplier >= 0.0)) {
    return tt_fail(error, TT_EINVAL, "multiplier", 0, multiplier);
  }
  return spread(n, cost, benefit, lower, upper, multiplier, 0, inclusion, poll, error);
}

/* The least that can be spent, the most that is of use, and the most. */
typedef struct {
  tt_sum least;
  tt_sum useful;
  tt_sum most;
} range;

static int in_range(double breakpoint, double bound) {
  return bound == 0.0 || bound == INFINITY ||
         (breakpoint >= DBL_MIN && breakpoint < INFINITY);
}

/* The item of a prompt of positive cost and benefit. Returns 0 where a number in it is
 * too large, or too small to have all its digits, though nothing given is. */
static int make_item(double cost, double benefit, double lower, double upper,
                     scaling scale, tt_allocation_item *item) {
  double ratio = cost / benefit;
  if (is_plain(scale) && is_moderate(ratio)) {
    double unit = sqrt(ratio);
    item->start = lower * unit;
    item->stop = upper * unit;
    item->slope = cost / unit;
  } else {
    item->start = scaled_root(lower, cost, benefit, scale.multiplier);
    item->stop = scaled_root(upper, cost, benefit, scale.multiplier);
    item->slope =
        scaled_product(sqrt(cost), sqrt(benefit), scale.money - scale.multiplier);
  }
  return in_range(item->start, lower) && in_range(item->stop, upper) &&
         item->slope >= DBL_MIN && item->slope < MOST_SLOPE;
}

static int exponent_of(double x) {
  int exponent;
  frexp(x, &exponent);
  return exponent;
}

static int int_min(int a, int b) {
  return a < b ? a : b;
}

static int int_max(int a, int b) {
  return a > b ? a : b;
}

/* The exponents between which numbers lie. */
typedef struct {
  int least;
  int most;
} span;

static void widen(span *s, int exponent) {
  s->least = int_min(s->least, exponent);
  s->most = int_max(s->most, exponent);
}

/* Finds the powers of two that bring breakpoints, slopes and the total into the range
 * of doubles. Returns 0 where there are none. */
static int choose_scale(size_t n, const double *cost, tt_column benefit, tt_column lower,
                        tt_column upper, double total, scaling *scale) {
  span breakpoints = {0, 0};
  span slopes = {INT_MAX, INT_MIN};
  for (size_t i = 0; i < n; i++) {
    const double bounds[2] = {tt_at(lower, i), tt_at(upper, i)};
    double b = tt_at(benefit, i);
    if (cost[i] == 0.0 || b == 0.0 || bounds[0] == bounds[1]) {
      continue;
    }
    int of_cost = exponent_of(sqrt(cost[i]));
    int of_benefit = exponent_of(sqrt(b));
    widen(&slopes, of_cost + of_benefit);
    for (size_t side = 0; side < 2; side++) {
      if (bounds[side] > 0.0 && bounds[side] < INFINITY) {
        widen(&breakpoints, exponent_of(bounds[side]) + of_cost - of_benefit);
      }
    }
  }
  int from = DBL_MIN_EXP + 2 - breakpoints.least;
  int to = DBL_MAX_EXP - 2 - breakpoints.most;
  if (slopes.least > slopes.most || from > to) {
    return 0;
  }
  int centre = slopes.least + (slopes.most - slopes.least) / 2;
  scale->multiplier = int_max(from, int_min(to, centre - exponent_of(total)));
  scale->money = scale->multiplier - centre;
  double money = ldexp(total, scale->money);
  return slopes.most - centre < MOST_SLOPE_EXP && money >= DBL_MIN && money < INFINITY;
}

/* Checks every prompt, lists those whose inclusion depends on the multiplier, and adds up
 * the range of what can be spent. *fits: whether all items are in range. */
static tt_status list_items(size_t n, const double *cost, tt_column benefit,
                            tt_column lower, tt_column upper, search *s, range *spent,
                            int *fits, const tt_poll *poll, tt_error *error) {
  *fits = 1;
  for (size_t i = 0; i < n; i++) {
    if (i % POLL_EVERY == 0 && tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    double c = cost[i];
    double lo = tt_at(lower, i);
    double up = tt_at(upper, i);
    double b = tt_at(benefit, i);
    tt_status status = check_prompt(i, c, b, lo, up, error);
    if (status != TT_OK) {
      return status;
    }
    if (c == 0.0) {
      continue;
    }
    tt_sum_add(&spent->least, c * lo);
    tt_sum_add(&spent->most, c * up);
    if (b == 0.0 || lo == up) {
      tt_sum_add(&spent->useful, c * lo);
      tt_sum_add(&s->constant,
                 is_plain(s->scale) ? c * lo : scaled_product(c, lo, s->scale.money));
      continue;
    }
    tt_sum_add(&spent->useful, c * up);
    tt_allocation_item item;
    if (!make_item(c, b, lo, up, s->scale, &item)) {
      *fits = 0;
    }
    s->items[s->n_items++] = item;
  }
  return TT_OK;
}

/* A breakpoint inside (low, high) near the median: the median of a sample. Every
 * listed item has one inside; NAN if not, which only numbers out of range can do. */
static double choose_pivot(const search *s, uint64_t *counter) {
  double sample[2 * PIVOT_SAMPLE];
  size_t m = 0;
  for (size_t j = 0; j < PIVOT_SAMPLE; j++) {
    const tt_allocation_item *item = &s->items[tt_pivot_index(counter, s->n_items)];
    const double points[2] = {item->start, item->stop};
    for (size_t side = 0; side < 2; side++) {
      double x = points[side];
      if (!(x > s->low && x < s->high)) {
        continue;
      }
      size_t k = m++;
      for (; k > 0 && sample[k - 1] > x; k--) {
        sample[k] = sample[k - 1];
      }
      sample[k] = x;
    }
  }
  return m > 0 ? sample[m / 2] : NAN;
}

static double spent_at(const search *s, double mu) {
  tt_sum sum = s->constant;
  for (size_t j = 0; j < s->n_items; j++) {
    const tt_allocation_item *item = &s->items[j];
    tt_sum_add(&sum, item->slope * clamp(mu, item->start, item->stop));
  }
  return tt_sum_value(&sum) + mu * tt_sum_value(&s->slope);
}

/* Settles the items whose behaviour over (low, high) is now known. */
static void settle_items(search *s) {
  size_t kept = 0;
  for (size_t j = 0; j < s->n_items; j++) {
    tt_allocation_item item = s->items[j];
    if (item.start >= s->high) {
      tt_sum_add(&s->constant, item.slope * item.start);
    } else if (item.stop <= s->low) {
      tt_sum_add(&s->constant, item.slope * item.stop);
    } else if (item.start <= s->low && item.stop >= s->high) {
      tt_sum_add(&s->slope, item.slope);
    } else {
      s->items[kept++] = item;
    }
  }
  s->n_items = kept;
}

static tt_status find_multiplier(search *s, double total, double *multiplier,
                                 const tt_poll *poll) {
  uint64_t counter = 0;
  settle_items(s);
  while (s->n_items > 0) {
    if (tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    double pivot = choose_pivot(s, &counter);
    if (isnan(pivot)) {
      return TT_ENUMERIC; /* tt_allocate() says what of */
    }
    if (spent_at(s, pivot) <= total) {
      s->low = pivot;
    } else {
      s->high = pivot;
    }
    settle_items(s);
  }
  double slope = tt_sum_value(&s->slope);
  double mu = slope > 0.0 ? (total - tt_sum_value(&s->constant)) / slope : s->low;
  *multiplier = clamp(mu, s->low, s->high);
  return TT_OK;
}

static search new_search(scaling scale, tt_allocation_item *items) {
  search s = {scale, 0.0, INFINITY, {0.0, 0.0}, {0.0, 0.0}, items, 0};
  return s;
}

tt_status tt_allocate(size_t n, const double *cost, tt_column benefit, tt_column lower,
                      tt_column upper, double total, double *inclusion,
                      double *multiplier, tt_allocation_item *items, const tt_poll *poll,
                      tt_error *error) {
  if (!(total >= 0.0)) {
    return tt_fail(error, TT_EINVAL, "total", 0, total);
  }
  scaling scale = {0, 0};
  search s = new_search(scale, items);
  range spent = {{0.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}};
  int fits;
  tt_status status =
      list_items(n, cost, benefit, lower, upper, &s, &spent, &fits, poll, error);
  if (status == TT_OK && !fits) {
    fits = choose_scale(n, cost, benefit, lower, upper, total, &scale);
  }
  if (status == TT_OK && !is_plain(scale)) {
    int unused;
    s = new_search(scale, items);
    memset(&spent, 0, sizeof spent);
    status = list_items(n, cost, benefit, lower, upper, &s, &spent, &unused, poll, error);
  }
  if (status != TT_OK) {
    return status;
  }
  /* A total computed elsewhere as sum(cost * lower) may differ in the last places. */
  if (tt_sum_value(&spent.least) > total * (1.0 + 1e-14)) {
    return tt_fail(error, TT_EINFEASIBLE, "lower", 0, tt_sum_value(&spent.least));
  }
  if (tt_sum_value(&spent.most) <= total) {
    *multiplier = INFINITY;
  } else if (tt_sum_value(&spent.useful) <= total) {
    *multiplier = DBL_MAX; /* more than anybody needs, but nothing for benefit 0 */
  } else {
    double mu = 0.0;
    if (fits) {
      status = find_multiplier(&s, ldexp(total, scale.money), &mu, poll);
    } else if (tt_sum_value(&spent.least) < total) {
      status = TT_ENUMERIC; /* no one multiplier in range */
    }
    if (status == TT_ENUMERIC) {
      return tt_fail(error, status, "cost", 0, cost[0]);
    }
    if (status != TT_OK) {
      return status;
    }
    *multiplier = fmin(ldexp(mu, -scale.multiplier), LARGEST);
    return spread(n, cost, benefit, lower, upper, fmin(mu, LARGEST), scale.multiplier,
                  inclusion, poll, error);
  }
  return spread(n, cost, benefit, lower, upper, *multiplier, 0, inclusion, poll, error);
}
