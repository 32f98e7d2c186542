#include "allocation.h"

#include <float.h>
#include <math.h>

#define POLL_EVERY 65536u
#define PIVOT_SAMPLE 31u

/* What is known of the search: the multiplier lies in [low, high); items that
 * behave in one way over that whole interval are summed up and dropped. */
typedef struct {
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

/* sqrt(a / b) for a >= 0 and b > 0, also where the quotient is out of range. */
static double root_ratio(double a, double b) {
  double ratio = a / b;
  if (ratio > 1e-300 && ratio < INFINITY) {
    return sqrt(ratio);
  }
  return sqrt(a) / sqrt(b);
}

tt_status tt_allocate_given(size_t n, const double *cost, tt_column benefit,
                            tt_column lower, tt_column upper, double multiplier,
                            double *pi, const tt_poll *poll, tt_error *error) {
  if (!(multiplier >= 0.0)) {
    return tt_fail(error, TT_EINVAL, "multiplier", 0, multiplier);
  }
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
      pi[i] = up;
    } else if (b == 0.0) {
      pi[i] = lo;
    } else {
      pi[i] = clamp(multiplier * root_ratio(b, cost[i]), lo, up);
    }
  }
  return TT_OK;
}

/* The least that can be spent, the most that is of use, and the most. */
typedef struct {
  tt_sum least;
  tt_sum useful;
  tt_sum most;
} range;

/* Checks every prompt, lists those whose pi depends on the multiplier, and adds up
 * the range of what can be spent. */
static tt_status list_items(size_t n, const double *cost, tt_column benefit,
                            tt_column lower, tt_column upper, search *s, range *spent,
                            const tt_poll *poll, tt_error *error) {
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
      tt_sum_add(&s->constant, c * lo);
      continue;
    }
    tt_sum_add(&spent->useful, c * up);
    double unit = root_ratio(c, b);
    tt_allocation_item item = {lo * unit, up * unit, c / unit};
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

tt_status tt_allocate(size_t n, const double *cost, tt_column benefit, tt_column lower,
                      tt_column upper, double total, double *pi, double *multiplier,
                      tt_allocation_item *items, const tt_poll *poll, tt_error *error) {
  if (!(total >= 0.0)) {
    return tt_fail(error, TT_EINVAL, "total_budget", 0, total);
  }
  search s = {0.0, INFINITY, {0.0, 0.0}, {0.0, 0.0}, items, 0};
  range spent = {{0.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}};
  tt_status status = list_items(n, cost, benefit, lower, upper, &s, &spent, poll, error);
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
    status = find_multiplier(&s, total, multiplier, poll);
    if (status == TT_ENUMERIC) {
      return tt_fail(error, status, "cost", 0, cost[0]);
    }
    if (status != TT_OK) {
      return status;
    }
  }
  return tt_allocate_given(n, cost, benefit, lower, upper, *multiplier, pi, poll, error);
}
