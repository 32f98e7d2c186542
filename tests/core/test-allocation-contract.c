#include "allocation.h"

#include "contract.h"

enum { N = 5 };

/* A small program in which a test changes one thing. */
typedef struct {
  double cost[N];
  double benefit[N];
  double lower[N];
  double upper[N];
  double total;
  double multiplier; /* for tt_allocate_given */
  double inclusion[N];
  tt_error error;
} program;

static program small_program(void) {
  program p = {.cost = {1.0, 2.0, 3.0, 4.0, 5.0},
               .benefit = {5.0, 1.0, 4.0, 2.0, 3.0},
               .lower = {0.1, 0.1, 0.1, 0.1, 0.1},
               .upper = {1.0, 1.0, 1.0, 1.0, INFINITY},
               .total = 6.0,
               .multiplier = 0.5};
  return p;
}

static tt_status allocate(program *p, const tt_poll *poll, tt_error *error) {
  const tt_column b = {p->benefit, 1}, lo = {p->lower, 1}, up = {p->upper, 1};
  tt_allocation_item items[N];
  double mu;
  return tt_allocate(N, p->cost, b, lo, up, p->total, p->inclusion, &mu, items, poll,
                     error);
}

static tt_status allocate_given(program *p, const tt_poll *poll, tt_error *error) {
  const tt_column b = {p->benefit, 1}, lo = {p->lower, 1}, up = {p->upper, 1};
  return tt_allocate_given(N, p->cost, b, lo, up, p->multiplier, p->inclusion, poll,
                           error);
}

/* Both routines refuse it. */
static void refuses(program p, const char *what, size_t index, double value,
                    const char *sentence) {
  tt_error error = untouched;
  tt_status got = allocate(&p, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, index, value, sentence);
  error = untouched;
  got = allocate_given(&p, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, index, value, "... for a known multiplier");
  check_that(allocate(&p, NULL, NULL) == TT_EINVAL &&
                 allocate_given(&p, NULL, NULL) == TT_EINVAL,
             "... told or not");
}

static void test_refusals(void) {
  const double bad[] = {-1.0, NAN, INFINITY};
  const char *sentences[] = {"a negative cost", "a cost that is NaN", "an infinite cost"};
  for (size_t i = 0; i < 3; i++) {
    program p = small_program();
    p.cost[2] = bad[i];
    refuses(p, "cost", 2, bad[i], sentences[i]);
    p = small_program();
    p.benefit[1] = bad[i];
    refuses(p, "benefit", 1, bad[i], "the same as a benefit");
    p = small_program();
    p.lower[3] = bad[i];
    refuses(p, "lower", 3, bad[i], "and as a lower bound");
  }
  program p = small_program();
  p.upper[0] = 0.05;
  refuses(p, "upper", 0, 0.05, "an upper bound below the lower");
  p.upper[0] = NAN;
  refuses(p, "upper", 0, NAN, "an upper bound that is NaN");
  p = small_program();
  p.cost[4] = 0.0;
  refuses(p, "upper", 4, INFINITY, "no upper bound where it costs nothing");
  p = small_program();
  p.benefit[4] = 0.0;
  refuses(p, "upper", 4, INFINITY, "no upper bound where it is of no use");
}

static void test_total_and_multiplier(void) {
  const double bad[] = {-1.0, NAN};
  for (size_t i = 0; i < 2; i++) {
    program p = small_program();
    p.total = bad[i];
    p.multiplier = bad[i];
    tt_error error = untouched;
    tt_status got = allocate(&p, NULL, &error);
    check_refused(got, TT_EINVAL, error, "total", 0, bad[i], "a bad total");
    error = untouched;
    got = allocate_given(&p, NULL, &error);
    check_refused(got, TT_EINVAL, error, "multiplier", 0, bad[i], "a bad multiplier");
  }
}

static void test_infeasible(void) {
  program p = small_program();
  p.total = 1.4999;
  tt_error error = untouched;
  const tt_status got = allocate(&p, NULL, &error);
  check_that(got == TT_EINFEASIBLE && strcmp(error.what, "lower") == 0, "too little");
  check_near(error.value, 1.5, 1e-15, "it says how much is required");
  check_that(allocate(&p, NULL, NULL) == TT_EINFEASIBLE, "told or not");
  p.total = 1.5;
  check_that(allocate(&p, NULL, NULL) == TT_OK && p.inclusion[0] == 0.1 &&
                 p.inclusion[4] == 0.1,
             "exactly enough for the lower bounds");
  p.total = 1.5 * (1.0 - 4e-15);
  check_that(allocate(&p, NULL, NULL) == TT_OK && p.inclusion[0] == 0.1 &&
                 p.inclusion[4] == 0.1,
             "enough but for rounding");
}

static void test_interrupt(void) {
  program p = small_program();
  tt_error error = untouched;
  int stop = 0, status = TT_EINTERRUPT;
  for (; status == TT_EINTERRUPT && stop < 100; stop++) {
    poll_counter counter = {0, stop + 1};
    const tt_poll poll = {count_poll, &counter};
    status = (int)allocate(&p, &poll, &error);
  }
  check_that(status == TT_OK && stop > 3 && is_untouched(error),
             "it stops at every stage when the poll says so");
  poll_counter counter = {0, 1};
  const tt_poll poll = {count_poll, &counter}, silent = {NULL, NULL};
  check_that(allocate_given(&p, &poll, NULL) == TT_EINTERRUPT,
             "so it does for a known multiplier");
  check_that(allocate(&p, &silent, NULL) == TT_OK, "a poll may have no function");
}

/* Quotients and products that leave the range of doubles, though nothing given does. */
static void test_extreme_sizes(void) {
  const double cost[] = {1e200, 1e-200, 1e200}, benefit[] = {1e-200, 1e200, 1.0};
  for (size_t i = 0; i < 2; i++) {
    const tt_column b = {benefit + i, 0};
    const double zero = 0.0, one = 1.0;
    const tt_column lo = {&zero, 0}, up = {&one, 0};
    double inclusion = NAN, mu = NAN;
    tt_allocation_item items[1];
    poll_counter counter = {0, 1000}; /* in case it never ends */
    const tt_poll poll = {count_poll, &counter};
    const tt_status got = tt_allocate(1, cost + i, b, lo, up, cost[i] / 2.0, &inclusion,
                                      &mu, items, &poll, NULL);
    check_that(got == TT_OK && fabs(inclusion - 0.5) < 1e-14,
               "a benefit per cost of 1e400 or 1e-400");
  }
  const double huge = 1e200;
  const tt_column b = {benefit + 2, 0}, bound = {&huge, 0};
  double inclusion = NAN, mu = NAN;
  tt_allocation_item items[1];
  check_that(tt_allocate(1, cost, b, bound, bound, 1.0, &inclusion, &mu, items, NULL,
                         NULL) == TT_EINFEASIBLE,
             "a lower bound that costs 1e400 is not affordable");
}

int main(void) {
  test_refusals();
  test_total_and_multiplier();
  test_infeasible();
  test_interrupt();
  test_extreme_sizes();
  return check_report();
}
