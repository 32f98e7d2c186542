#include "miscoverage-replicated.h"

#include "contract.h"
#include "miscoverage-curve.h"

/* ---- The estimate itself ----------------------------------------------------------- */

/* The share of all orders of `draws` draws, `unsafe` of them unsafe, in which one is
 * among the first `first`. */
static double by_enumeration(unsigned unsafe, unsigned draws, unsigned first) {
  unsigned orders = 0, hit = 0;
  const unsigned head = (1u << first) - 1u;
  for (unsigned set = 0; set < 1u << draws; set++) {
    unsigned size = 0;
    for (unsigned rest = set; rest > 0; rest &= rest - 1u) {
      size++;
    }
    orders += size == unsafe;
    hit += size == unsafe && (set & head) != 0;
  }
  return (double)hit / (double)orders;
}

static void test_enumeration(void) {
  int right = 1;
  for (unsigned draws = 0; draws <= 9; draws++) {
    for (unsigned unsafe = 0; unsafe <= draws; unsafe++) {
      for (unsigned first = 0; first <= draws; first++) {
        const double want = by_enumeration(unsafe, draws, first);
        const double got = tt_replicated_loss1(unsafe, draws, first + 1.0);
        right = right && fabs(got - want) <= 4e-16 * want;
      }
    }
  }
  check_that(right, "the share of orders, for up to 9 draws");
}

static double log_choose(double n, double k) {
  return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

static void test_formula(void) {
  check_random random = {1};
  int right = 1;
  for (int i = 0; i < 2000; i++) {
    const double draws = floor(exp(13.0 * check_uniform(&random)));
    const double unsafe = floor((draws + 1.0) * pow(check_uniform(&random), 3.0));
    const double first = floor((draws + 1.0) * pow(check_uniform(&random), 3.0));
    const double safe = draws - unsafe;
    const double want =
        first > safe ? 1.0 : -expm1(log_choose(safe, first) - log_choose(draws, first));
    const double got = tt_replicated_loss1(unsafe, draws, first + 1.0);
    /* The logarithms lose digits, and more the larger they are. */
    right = right && fabs(got - want) <= 1e-14 * (1.0 + draws * log1p(draws));
  }
  check_that(right, "1 - choose(m - S, q - 1) / choose(m, q - 1)");
}

/* The mean over the binomial number of unsafe draws. */
static double expected_loss(double p, int draws, double quantile) {
  double sum = 0.0;
  for (int s = 0; s <= draws; s++) {
    const double chance =
        exp(log_choose(draws, s) + s * log(p) + (draws - s) * log1p(-p));
    sum += chance * tt_replicated_loss1(s, draws, quantile);
  }
  return sum;
}

static void test_unbiased(void) {
  const double p[] = {0.001, 0.07, 0.4, 0.97};
  int right = 1;
  for (size_t i = 0; i < 4; i++) {
    for (int draws = 1; draws <= 40; draws += 3) {
      for (double q = 1.0; q <= draws + 1.0; q += 1.0) {
        const double want = -expm1((q - 1.0) * log1p(-p[i]));
        right = right && fabs(expected_loss(p[i], draws, q) - want) <= 1e-12 * want;
      }
    }
  }
  check_that(right, "unbiased for P(T < q), by enumeration");
}

static void test_increasing(void) {
  int right = 1;
  for (double draws = 1.0; draws <= 60.0; draws += 1.0) {
    for (double unsafe = 0.0; unsafe < draws; unsafe += 1.0) {
      for (double q = 1.0; q <= draws; q += 1.0) {
        const double here = tt_replicated_loss1(unsafe, draws, q);
        right = right && here <= tt_replicated_loss1(unsafe + 1.0, draws, q) &&
                here <= tt_replicated_loss1(unsafe, draws, q + 1.0) && here >= 0.0 &&
                here <= 1.0;
      }
    }
  }
  check_that(right, "it increases with the unsafe draws and with the quantile");
}

static void test_ends(void) {
  check_that(tt_replicated_loss1(0.0, 1e15, 1e15) == 0.0, "no unsafe draw, no loss");
  check_that(tt_replicated_loss1(0.0, 0.0, INFINITY) == 0.0, "nor without any draws");
  check_that(tt_replicated_loss1(7.0, 7.0, 1.0) == 0.0, "nor for a bound of 1");
  check_that(tt_replicated_loss1(0.0, 7.0, 8.0) == 0.0, "nor at the last draw");
  check_that(tt_replicated_loss1(0.0, 7.0, 9.0) == 1.0, "beyond it nothing is known");
  check_that(tt_replicated_loss1(0.0, 7.0, INFINITY) == 1.0, "however far beyond");
  check_that(tt_replicated_loss1(7.0, 7.0, 2.0) == 1.0, "all draws unsafe");
  check_that(tt_replicated_loss1(1.0, 7.0, 8.0) == 1.0, "all draws looked at");
  check_that(tt_replicated_loss1(4.0, 7.0, 5.0) == 1.0, "too many to be missed");
  check_near(tt_replicated_loss1(1.0, 1e15, 2.0), 1e-15, 1e-30, "one in 1e15");
  check_near(tt_replicated_loss1(3.0, 1e15, 2.0), 3e-15, 1e-30, "three in 1e15");
  check_near(tt_replicated_loss1(1.0, 1e15, 1001.0), 1e-12, 1e-27, "in a thousand tries");
  check_near(tt_replicated_loss1(1e6, 1e12, 1e6 + 1.0), -expm1(-1.0), 1e-6,
             "a million in a million millions");
  check_that(tt_replicated_loss1(0x1p40, 0x1p50, 0x1p45) == 1.0,
             "what cannot be missed is not counted to its end");
}

/* ---- Many prompts, and the curve --------------------------------------------------- */

enum { N = 37, N_TAU = 5 };

typedef struct {
  size_t n;
  double unsafe[N];
  double draws[N];
  double pi[N * N_TAU];
  double quantiles[N * N_TAU];
} table;

/* Every fourth prompt was not audited; its quantile may be anything. */
static table random_table(size_t n) {
  check_random random = {n};
  table t = {.n = n};
  for (size_t i = 0; i < n; i++) {
    t.draws[i] = i % 4 == 3 ? 0.0 : 1.0 + floor(30.0 * check_uniform(&random));
    t.unsafe[i] = floor((t.draws[i] + 1.0) * pow(check_uniform(&random), 2.0));
  }
  for (size_t j = 0; j < n * N_TAU; j++) {
    const double most = t.draws[j % n] > 0.0 ? t.draws[j % n] + 1.0 : 1e9;
    t.quantiles[j] = 1.0 + floor(most * check_uniform(&random));
    t.pi[j] = 0.01 + 0.99 * check_uniform(&random);
  }
  return t;
}

static tt_status curve(const table *t, int by_tau, double *out, const tt_poll *poll,
                       tt_error *error) {
  size_t bytes = 0;
  check_that(tt_curve_scratch(t->n, &bytes) == TT_OK, "the scratch has a size");
  void *scratch = new_garbage(bytes);
  const tt_status got =
      tt_replicated_miscoverage(t->n, t->unsafe, t->draws, t->pi, by_tau, N_TAU,
                                t->quantiles, scratch, out, poll, error);
  free(scratch);
  return got;
}

static double naive_curve(const table *t, int by_tau, size_t k) {
  double sum = 0.0;
  for (size_t i = 0; i < t->n; i++) {
    const double q = t->quantiles[t->n * k + i];
    sum += tt_replicated_loss1(t->unsafe[i], t->draws[i], q) /
           t->pi[by_tau ? t->n * k + i : i];
  }
  return sum / (double)t->n;
}

static void test_curve(void) {
  int right[2] = {1, 1};
  for (size_t n = 1; n <= N; n++) {
    const table t = random_table(n);
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
  check_that(right[0], "the curve of 1 to 37 prompts");
  check_that(right[1], "with weights for each tau");
  const table t = random_table(N);
  double scratch[1024];
  check_that(tt_replicated_miscoverage(N, t.unsafe, t.draws, t.pi, 0, 0, NULL, scratch,
                                       NULL, NULL, NULL) == TT_OK,
             "no levels");
}

/* A probability whose inverse is not finite: no loss is still none. */
static void test_infinite_weight(void) {
  const double unsafe[] = {2.0, 2.0}, draws[] = {4.0, 4.0}, pi[] = {1e-310, 0.5};
  const double first[] = {1.0, 2.0}, second[] = {2.0, 2.0};
  double out = NAN, scratch[256];
  tt_replicated_miscoverage(2, unsafe, draws, pi, 0, 1, first, scratch, &out, NULL, NULL);
  check_that(out == 0.5, "an infinite weight of a prompt that loses nothing");
  tt_replicated_miscoverage(2, unsafe, draws, pi, 0, 1, second, scratch, &out, NULL,
                            NULL);
  check_that(out == INFINITY, "... and of one that does");
}

static tt_status losses(const table *t, double *out, tt_error *error) {
  return tt_replicated_loss(t->n, t->unsafe, t->draws, t->quantiles, out, NULL, error);
}

static void test_losses(void) {
  const table t = random_table(N);
  double out[N];
  tt_error error = untouched;
  int right = losses(&t, out, &error) == TT_OK && is_untouched(error);
  for (size_t i = 0; i < N; i++) {
    right =
        right && out[i] == tt_replicated_loss1(t.unsafe[i], t.draws[i], t.quantiles[i]);
  }
  check_that(right, "the loss of each prompt");
  check_that(tt_replicated_loss(0, NULL, NULL, NULL, NULL, NULL, NULL) == TT_OK,
             "of none");
}

/* ---- Refusals -----------------------------------------------------------------------
 */

/* Prompt 5 has 10 draws, 3 of them unsafe, and a quantile of 4 at every tau. */
static table plain_table(void) {
  table t = random_table(N);
  t.draws[5] = 10.0;
  t.unsafe[5] = 3.0;
  for (size_t k = 0; k < N_TAU; k++) {
    t.quantiles[N * k + 5] = 4.0;
  }
  return t;
}

static void curve_refuses(const table *t, int by_tau, const char *what, size_t index,
                          double value, const char *sentence) {
  double out[N_TAU];
  tt_error error = untouched;
  const tt_status got = curve(t, by_tau, out, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, index, value, sentence);
  check_that(curve(t, by_tau, out, NULL, NULL) == TT_EINVAL, "... told or not");
}

static void both_refuse(const table *t, const char *what, size_t index, double value,
                        const char *sentence) {
  curve_refuses(t, 0, what, index, value, sentence);
  double out[N];
  tt_error error = untouched;
  const tt_status got = losses(t, out, &error);
  check_refused(got, TT_EINVAL, error, what, index, value, "... for a single tau");
}

static void test_refused_counts(void) {
  const double bad[] = {-1.0, NAN, INFINITY};
  const char *sentences[] = {"a negative count", "a count that is NaN",
                             "an infinite count"};
  for (size_t i = 0; i < 3; i++) {
    table t = plain_table();
    t.draws[5] = bad[i];
    both_refuse(&t, "draws", 5, bad[i], sentences[i]);
    t = plain_table();
    t.unsafe[5] = bad[i];
    both_refuse(&t, "unsafe", 5, bad[i], "the same of unsafe draws");
  }
  table t = plain_table();
  t.unsafe[5] = 11.0;
  both_refuse(&t, "unsafe", 5, 11.0, "more unsafe draws than draws");
  t = plain_table();
  t.n = 0;
  curve_refuses(&t, 0, "unsafe", 0, NAN, "no prompts");
}

static void test_refused_quantiles(void) {
  const double bad[] = {0.5, NAN, 12.0, INFINITY};
  const char *sentences[] = {"a quantile below 1", "one that is NaN",
                             "one that the draws cannot tell", "an infinite one"};
  for (size_t i = 0; i < 4; i++) {
    table t = plain_table();
    t.quantiles[5] = bad[i];
    both_refuse(&t, "quantiles", 5, bad[i], sentences[i]);
    t = plain_table();
    t.quantiles[3 * N + 5] = bad[i];
    curve_refuses(&t, 1, "quantiles", 3 * N + 5, bad[i], "... at the fourth tau");
  }
  table t = plain_table();
  t.quantiles[3] = 0.5;
  both_refuse(&t, "quantiles", 3, 0.5, "one below 1 where there are no draws");
  t = plain_table();
  t.quantiles[5] = 11.0;
  double out[N_TAU];
  check_that(curve(&t, 0, out, NULL, NULL) == TT_OK, "all the draws may be looked at");
}

static void test_refused_weights(void) {
  const double bad[] = {0.0, -0.1, 1.5, NAN};
  for (size_t i = 0; i < 4; i++) {
    table t = plain_table();
    t.pi[36] = bad[i];
    curve_refuses(&t, 0, "inclusion", 36, bad[i], "a weight that is none");
    t = plain_table();
    t.pi[2 * N + 9] = bad[i];
    curve_refuses(&t, 1, "inclusion", 2 * N + 9, bad[i], "... at the third tau");
  }
}

static void test_interrupt(void) {
  const table t = plain_table();
  double out[N_TAU];
  tt_error error = untouched;
  poll_counter counter = {0, 4};
  const tt_poll poll = {count_poll, &counter}, silent = {NULL, NULL};
  check_that(curve(&t, 0, out, &poll, &error) == TT_EINTERRUPT && counter.calls == 4 &&
                 is_untouched(error),
             "it stops when the poll says so");
  check_that(curve(&t, 0, out, &silent, NULL) == TT_OK, "a poll may have no function");
}

/* A question at least every 2,000,000 factors, also within one tau. */
static void test_polls(void) {
  enum { PROMPTS = 40 };
  const double each = 5e5;
  double unsafe[PROMPTS], draws[PROMPTS], pi[PROMPTS], quantiles[PROMPTS], out[PROMPTS];
  double scratch[8 * PROMPTS];
  for (size_t i = 0; i < PROMPTS; i++) {
    unsafe[i] = each;
    draws[i] = 1e13;
    pi[i] = 1.0;
    quantiles[i] = each + 1.0;
  }
  const int least = (int)(PROMPTS * each / 2e6);
  poll_counter never = {0, 0}, third = {0, 3};
  const tt_poll asking = {count_poll, &never}, stopping = {count_poll, &third};
  check_that(tt_replicated_miscoverage(PROMPTS, unsafe, draws, pi, 0, 1, quantiles,
                                       scratch, out, &asking, NULL) == TT_OK &&
                 never.calls >= least,
             "one tau is polled within");
  never.calls = 0;
  check_that(tt_replicated_loss(PROMPTS, unsafe, draws, quantiles, out, &asking, NULL) ==
                     TT_OK &&
                 never.calls >= least,
             "and so are the losses");
  check_that(tt_replicated_loss(PROMPTS, unsafe, draws, quantiles, out, &stopping,
                                NULL) == TT_EINTERRUPT &&
                 third.calls == 3,
             "which can be stopped");
}

int main(void) {
  test_enumeration();
  test_formula();
  test_unbiased();
  test_increasing();
  test_ends();
  test_curve();
  test_infinite_weight();
  test_losses();
  test_refused_counts();
  test_refused_quantiles();
  test_refused_weights();
  test_interrupt();
  test_polls();
  return check_report();
}
