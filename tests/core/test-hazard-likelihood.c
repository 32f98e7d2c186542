#include "hazard-likelihood.h"

#include "contract.h"

enum { MOST = 300 };

typedef struct {
  double likelihood;
  double saturated;
} pair;

static pair of(size_t n, const double *unsafe, const double *draws, const double *prob) {
  pair p = {NAN, NAN};
  tt_error error = untouched;
  if (tt_binomial_likelihood(n, unsafe, draws, prob, &p.likelihood, &p.saturated,
                             &error) != TT_OK ||
      !is_untouched(error)) {
    p.likelihood = p.saturated = NAN;
  }
  return p;
}

static pair of_one(double unsafe, double draws, double prob) {
  return of(1, &unsafe, &draws, &prob);
}

static void test_by_hand(void) {
  pair p = of_one(1.0, 2.0, 0.25);
  check_near(p.likelihood, log(0.25) + log(0.75), 1e-15, "one of two at a quarter");
  check_near(p.saturated, 2.0 * log(0.5), 1e-15, "saturated: at a half");
  p = of_one(3.0, 4.0, 0.75);
  check_that(p.likelihood == p.saturated, "a probability that is the share");
  const double y[] = {0.0, 2.0, 1.5}, m[] = {3.0, 2.0, 2.0}, prob[] = {0.5, 0.5, 0.5};
  p = of(3, y, m, prob);
  check_near(p.likelihood, 7.0 * log(0.5), 1e-14, "a half, whatever the counts");
  check_near(p.saturated, 1.5 * log(0.75) + 0.5 * log(0.25), 1e-15,
             "rows of one kind add nothing to the saturated one");
  p = of(0, NULL, NULL, NULL);
  check_that(p.likelihood == 0.0 && p.saturated == 0.0, "no rows");
}

/* 0 log 0 is 0, and what cannot be has no likelihood. */
static void test_zero_and_one(void) {
  check_that(of_one(0.0, 5.0, 0.0).likelihood == 0.0, "no unsafe draw at hazard 0");
  check_that(of_one(5.0, 5.0, 1.0).likelihood == 0.0, "no safe draw at hazard 1");
  check_that(of_one(0.0, 5.0, 0.0).saturated == 0.0 &&
                 of_one(5.0, 5.0, 1.0).saturated == 0.0,
             "nor anything in the saturated model");
  check_that(of_one(1.0, 5.0, 0.0).likelihood == -INFINITY, "an unsafe draw at hazard 0");
  check_that(of_one(4.0, 5.0, 1.0).likelihood == -INFINITY, "a safe one at hazard 1");
  check_that(of_one(0.0, 5.0, 1.0).likelihood == -INFINITY &&
                 of_one(5.0, 5.0, 0.0).likelihood == -INFINITY,
             "or all of them");
  const double y[] = {1.0, 1.0, 1.0}, m[] = {2.0, 2.0, 2.0}, prob[] = {0.5, 0.0, 0.5};
  check_that(of(3, y, m, prob).likelihood == -INFINITY, "one such row among others");
}

static void test_small_hazards(void) {
  const double draws = 1e9;
  check_near(of_one(0.0, draws, 1e-18).likelihood / -1e-9, 1.0, 1e-15,
             "a hazard that 1 - prob would lose");
  check_near(of_one(1.0, draws, 5e-324).likelihood, log(5e-324), 1e-12,
             "the smallest hazard");
  check_near(of_one(1.0, 1e300, 1e-300).likelihood, log(1e-300) - 1.0, 1e-12,
             "and very many draws");
  check_near(of_one(1.0, 1e300, 0.5).saturated, log(1e-300) - 1.0, 1e-12,
             "the saturated model of these");
  const double nearly = 1.0 - 0x1p-53;
  check_near(of_one(1.0, 2.0, nearly).likelihood, -53.0 * log(2.0), 1e-13,
             "a hazard of nearly 1");
}

static void test_against_long_double(void) {
  check_random random = {9};
  double y[MOST], m[MOST], prob[MOST];
  int right = 1, best = 1;
  for (int k = 0; k < 300; k++) {
    const size_t n = 1 + (size_t)(check_uniform(&random) * (MOST - 1));
    long double given = 0.0L, saturated = 0.0L;
    for (size_t i = 0; i < n; i++) {
      m[i] = 1.0 + floor(exp(8.0 * check_uniform(&random)));
      y[i] = floor(check_uniform(&random) * (m[i] + 1.0));
      prob[i] = exp(-12.0 * check_uniform(&random));
      const long double safe = (long double)m[i] - y[i];
      given += y[i] * logl(prob[i]) + safe * log1pl(-(long double)prob[i]);
      saturated += y[i] > 0.0 ? y[i] * logl(y[i] / (long double)m[i]) : 0.0L;
      saturated += safe > 0.0L ? safe * logl(safe / m[i]) : 0.0L;
    }
    const pair p = of(n, y, m, prob);
    right =
        right && fabs(p.likelihood - (double)given) <= 1e-14 * fabs((double)given) &&
        fabs(p.saturated - (double)saturated) <= 1e-13 * fabs((double)saturated) + 1e-300;
    best = best && p.saturated >= p.likelihood;
  }
  check_that(right, "random counts, as in long double");
  check_that(best, "nothing beats the saturated model");
}

static void refuses(double unsafe, double draws, double prob, const char *what,
                    double value, const char *sentence) {
  const double y[] = {0.0, 1.0, unsafe}, m[] = {1.0, 1.0, draws}, p[] = {0.0, 1.0, prob};
  double likelihood = -7.0, saturated = -7.0;
  tt_error error = untouched;
  check_refused(tt_binomial_likelihood(3, y, m, p, &likelihood, &saturated, &error),
                TT_EINVAL, error, what, 2, value, sentence);
  check_that(tt_binomial_likelihood(3, y, m, p, &likelihood, &saturated, NULL) ==
                     TT_EINVAL &&
                 likelihood == -7.0 && saturated == -7.0,
             "... told or not, and nothing is given out");
}

static void test_refusals(void) {
  refuses(0.0, 0.0, 0.5, "draws", 0.0, "no draws");
  refuses(0.0, NAN, 0.5, "draws", NAN, "draws that are NaN");
  refuses(0.0, INFINITY, 0.5, "draws", INFINITY, "infinite draws");
  refuses(-1.0, 2.0, 0.5, "unsafe", -1.0, "unsafe draws below 0");
  refuses(2.5, 2.0, 0.5, "unsafe", 2.5, "more unsafe draws than draws");
  refuses(NAN, 2.0, 0.5, "unsafe", NAN, "unsafe draws that are NaN");
  refuses(1.0, 2.0, -0.1, "prob", -0.1, "a hazard below 0");
  refuses(1.0, 2.0, 1.1, "prob", 1.1, "a hazard above 1");
  refuses(1.0, 2.0, NAN, "prob", NAN, "a hazard that is NaN");
}

int main(void) {
  test_by_hand();
  test_zero_and_one();
  test_small_hazards();
  test_against_long_double();
  test_refusals();
  return check_report();
}
