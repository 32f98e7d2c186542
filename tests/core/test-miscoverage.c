#include "miscoverage.h"

#include "contract.h"
#include "miscoverage-curve.h"

/* ---- The curve ------------------------------------------------------------------- */

enum { N = 43, N_TAU = 6 };

typedef struct {
  size_t n;
  double time[N];
  double censor[N];
  double pi[N * N_TAU];
  double quantiles[N * N_TAU];
} table;

/* Times, horizons and quantiles are small integers, so that they often coincide. */
static table random_table(size_t n, check_random *random) {
  table t = {.n = n};
  for (size_t i = 0; i < n; i++) {
    t.censor[i] = floor(10.0 * check_uniform(random));
    t.censor[i] = t.censor[i] == 9.0 ? INFINITY : t.censor[i];
    t.time[i] = fmin(t.censor[i], 1.0 + floor(8.0 * check_uniform(random)));
  }
  for (size_t i = 0; i < n * N_TAU; i++) {
    t.pi[i] = 0.01 + 0.99 * check_uniform(random);
    t.quantiles[i] = 1.0 + floor(9.0 * check_uniform(random));
    t.quantiles[i] = t.quantiles[i] == 9.0 ? INFINITY : t.quantiles[i];
  }
  return t;
}

static double naive_curve(const table *t, int by_tau, size_t k) {
  double sum = 0.0;
  for (size_t i = 0; i < t->n; i++) {
    const double q = t->quantiles[t->n * k + i];
    if (t->time[i] < q && q <= t->censor[i]) {
      sum += 1.0 / t->pi[by_tau ? t->n * k + i : i];
    }
  }
  return sum / (double)t->n;
}

static tt_status curve(const table *t, int by_tau, double *out, const tt_poll *poll,
                       tt_error *error) {
  size_t bytes = 0;
  check_that(tt_curve_scratch(t->n, &bytes) == TT_OK, "the scratch has a size");
  void *scratch = new_garbage(bytes);
  const tt_status got =
      tt_miscoverage_curve(t->n, t->time, t->censor, t->pi, by_tau, N_TAU, t->quantiles,
                           scratch, out, poll, error);
  free(scratch);
  return got;
}

static void test_scratch(void) {
  size_t bytes = 0;
  check_that(tt_curve_scratch(SIZE_MAX / 8, &bytes) == TT_EOVERFLOW,
             "more prompts than fit the memory");
}

static void test_curve(void) {
  check_random random = {1};
  int right[2] = {1, 1};
  for (size_t n = 1; n <= N; n++) {
    const table t = random_table(n, &random);
    for (int by_tau = 0; by_tau < 2; by_tau++) {
      double out[N_TAU];
      tt_error error = untouched;
      int ok = curve(&t, by_tau, out, NULL, &error) == TT_OK && is_untouched(error);
      for (size_t k = 0; k < N_TAU; k++) {
        const double want = naive_curve(&t, by_tau, k);
        ok = ok && fabs(out[k] - want) <= 1e-14 * want;
      }
      right[by_tau] = right[by_tau] && ok;
    }
  }
  check_that(right[0], "the curve of 1 to 43 prompts");
  check_that(right[1], "with weights for each tau");
}

/* Five prompts, weight 2: missed; not yet unsafe; unsafe at the quantile; not audited;
 * the quantile beyond the horizon. */
static void test_curve_by_hand(void) {
  const double time[] = {2.0, 5.0, 3.0, 0.0, 1.0}, censor[] = {9.0, 5.0, 9.0, 0.0, 2.0};
  const double pi[] = {0.5, 0.5, 0.5, 0.5, 0.5}, q[] = {3.0, 3.0, 3.0, 3.0, 3.0};
  double out = NAN, scratch[256];
  check_that(tt_miscoverage_curve(5, time, censor, pi, 0, 1, q, scratch, &out, NULL,
                                  NULL) == TT_OK &&
                 out == 0.4,
             "one of five is missed, by hand");
  check_that(tt_miscoverage_curve(5, time, censor, pi, 0, 0, q, scratch, NULL, NULL,
                                  NULL) == TT_OK,
             "no levels");
}

static void curve_refuses(size_t n, size_t index, size_t offset, double value,
                          const char *what, int by_tau, const char *sentence) {
  check_random random = {2};
  table t = random_table(N, &random);
  t.n = n;
  double *const place = offset == 0   ? t.time
                        : offset == 1 ? t.censor
                        : offset == 2 ? t.pi
                                      : t.quantiles;
  place[index] = value;
  double out[N_TAU];
  tt_error error = untouched;
  const tt_status got = curve(&t, by_tau, out, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, index, n == 0 ? NAN : value, sentence);
  check_that(curve(&t, by_tau, out, NULL, NULL) == TT_EINVAL, "... told or not");
}

static void test_curve_contract(void) {
  curve_refuses(0, 0, 0, 0.0, "time", 0, "no prompts");
  curve_refuses(N, 7, 0, INFINITY, "time", 0, "a time beyond its horizon");
  curve_refuses(N, 7, 0, -1.0, "time", 0, "a negative time");
  curve_refuses(N, 42, 0, NAN, "time", 0, "a time that is NaN");
  curve_refuses(N, 8, 1, NAN, "horizon", 0, "a horizon that is NaN");
  curve_refuses(N, 8, 1, -2.0, "horizon", 0, "a negative horizon");
  curve_refuses(N, 9, 2, 0.0, "inclusion", 0, "a probability of 0");
  curve_refuses(N, 9, 2, NAN, "inclusion", 0, "one that is NaN");
  curve_refuses(N, 3 * N + 9, 2, 1.5, "inclusion", 1, "one above 1, at the fourth tau");
  curve_refuses(N, 2 * N + 5, 3, 0.5, "quantiles", 0, "a quantile below 1");
  curve_refuses(N, N + 3, 3, NAN, "quantiles", 0, "one that is NaN");
  curve_refuses(N, 4 * N + 42, 3, -INFINITY, "quantiles", 1, "one in the last row");
  check_random random = {3};
  const table t = random_table(N, &random);
  double out[N_TAU];
  poll_counter counter = {0, 4};
  const tt_poll poll = {count_poll, &counter};
  check_that(curve(&t, 0, out, &poll, NULL) == TT_EINTERRUPT && counter.calls == 4,
             "it stops when the poll says so");
}

/* ---- The tau on a grid ----------------------------------------------------------- */

static const double tau[] = {0.1, 0.2, 0.3, 0.4};

static void selects(const double *miscoverage, double alpha, size_t want,
                    const char *sentence) {
  size_t selected = 99;
  tt_error error = untouched;
  const tt_status got = tt_select_tau(4, tau, miscoverage, alpha, &selected, &error);
  check_that(got == TT_OK && selected == want && is_untouched(error), sentence);
}

static void test_select_tau(void) {
  const double rising[] = {0.0, 0.05, 0.1, 0.3}, wavy[] = {0.01, 0.2, 0.02, 0.01};
  selects(rising, 0.06, 2, "taus below alpha");
  selects(rising, 0.05, 1, "alpha itself is too much");
  selects(rising, nextafter(0.05, 1.0), 2, "anything above it is not");
  selects(rising, 0.5, 4, "all taus");
  selects(rising, 1e-300, 1, "no miscoverage at all");
  selects(wavy, 0.1, 1, "taus after the first failure do not count");
  selects(wavy, 0.005, 0, "none");
  size_t selected = 99;
  check_that(tt_select_tau(0, NULL, NULL, 0.1, &selected, NULL) == TT_OK && selected == 0,
             "no taus, none selected");
}

static void tau_refuses(size_t place, double at, double miscoverage, double alpha,
                        const char *what, size_t index, double value,
                        const char *sentence) {
  double taus[4], rates[] = {0.0, 0.9, 0.1, 0.3};
  memcpy(taus, tau, sizeof(taus));
  taus[place] = at;
  rates[place] = miscoverage;
  size_t selected;
  tt_error error = untouched;
  const tt_status got = tt_select_tau(4, taus, rates, alpha, &selected, &error);
  check_refused(got, TT_EINVAL, error, what, index, value, sentence);
  check_that(tt_select_tau(4, taus, rates, alpha, &selected, NULL) == TT_EINVAL,
             "... told or not");
}

static void test_select_tau_refusals(void) {
  tau_refuses(0, 0.1, 0.0, 0.0, "alpha", 0, 0.0, "alpha 0");
  tau_refuses(0, 0.1, 0.0, 1.0, "alpha", 0, 1.0, "alpha 1");
  tau_refuses(0, 0.1, 0.0, NAN, "alpha", 0, NAN, "alpha NaN");
  tau_refuses(2, 0.2, 0.0, 0.1, "tau", 2, 0.2, "a tau twice");
  tau_refuses(3, 0.25, 0.0, 0.1, "tau", 3, 0.25, "taus out of order");
  tau_refuses(0, -0.1, 0.0, 0.1, "tau", 0, -0.1, "a negative tau");
  tau_refuses(3, 1.1, 0.0, 0.1, "tau", 3, 1.1, "a tau above 1");
  tau_refuses(1, NAN, 0.0, 0.1, "tau", 1, NAN, "a tau that is NaN");
  tau_refuses(3, 0.4, NAN, 0.1, "miscoverage", 3, NAN, "a rate that is NaN");
  tau_refuses(0, 0.1, -0.1, 0.1, "miscoverage", 0, -0.1, "a negative rate");
}

int main(void) {
  test_scratch();
  test_curve();
  test_curve_by_hand();
  test_curve_contract();
  test_select_tau();
  test_select_tau_refusals();
  return check_report();
}
