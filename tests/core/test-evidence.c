#include "evidence.h"

#include "contract.h"
#include "geometric.h"
#include "miscoverage-replicated.h"
#include "miscoverage.h"

/* ---- Problems, and what their rule says, computed plainly -------------------------- */

enum { N = 60, MOST_TAUS = 4000 };

typedef struct {
  size_t n;
  size_t m;
  int replicated;
  double base[N];
  double place[N];
  double weight[N];
  double jump[N];
  double prob[N];
  double unsafe[N];
  double draws[N];
  double cap;
  double limit;
  tt_rule rule;
} problem;

static tt_terms losses_of(const problem *p) {
  tt_terms losses = {.n = p->n,
                     .base = p->base,
                     .m = p->m,
                     .place = p->place,
                     .weight = p->weight,
                     .jump = p->replicated ? NULL : p->jump,
                     .law = {TT_LAW_GEOMETRIC, {p->replicated ? p->prob : NULL}},
                     .unsafe = p->replicated ? p->unsafe : NULL,
                     .draws = p->replicated ? p->draws : NULL,
                     .cap = p->cap};
  return losses;
}

static tt_status certify(const problem *p, double *tau, int *capped, const tt_poll *poll,
                         tt_error *error) {
  const tt_terms losses = losses_of(p);
  size_t bytes = 0;
  if (tt_certify_scratch(p->n, p->m, &bytes) != TT_OK) {
    abort();
  }
  void *scratch = new_garbage(bytes);
  const tt_status status =
      tt_certify(&losses, &p->rule, p->limit, scratch, tau, capped, poll, error);
  free(scratch);
  return status;
}

static double loss_of(const problem *p, size_t j, double tau) {
  if (!p->replicated) {
    return p->jump[j] < tau ? p->weight[j] : 0.0;
  }
  const double q = fmin(tt_geometric_quantile1(p->prob[j], tau), p->cap);
  return p->weight[j] * tt_replicated_loss1(p->unsafe[j], p->draws[j], q);
}

/* One prompt after the other, every one of them looked at. */
static int wealth_reaches(const tt_rule *rule, size_t n, const double *base,
                          const double *loss) {
  long double wealth = 0.0L;
  for (size_t i = 0; i < n; i++) {
    wealth += log1pl((long double)rule->bet * ((long double)base[i] - loss[i]));
    if (wealth >= rule->log_threshold) {
      return 1;
    }
  }
  return wealth >= rule->log_threshold_last;
}

static int mean_stays(const tt_rule *rule, size_t n, const double *base,
                      const double *loss) {
  long double sum = 0.0L, squares = rule->variance_floor;
  for (size_t i = 0; i < n; i++) {
    const long double left = (long double)base[i] - loss[i];
    sum += left;
    squares += left * left;
  }
  const long double margin = rule->kind == TT_RULE_NORMAL ? rule->z * sqrtl(squares) : 0;
  return sum > margin;
}

static int holds(const problem *p, double tau) {
  double loss[N] = {0.0};
  for (size_t j = 0; j < p->m; j++) {
    loss[(size_t)p->place[j] - 1] += loss_of(p, j, tau);
  }
  return p->rule.kind == TT_RULE_WEALTH ? wealth_reaches(&p->rule, p->n, p->base, loss)
                                        : mean_stays(&p->rule, p->n, p->base, loss);
}

static void add_tau(double *taus, size_t *count, double tau, double limit) {
  if (tau < limit && *count < MOST_TAUS) {
    taus[(*count)++] = tau;
  }
}

/* The taus above which something changes, in increasing order, and the limit. */
static size_t all_taus(const problem *p, double *taus) {
  size_t count = 0;
  for (size_t j = 0; j < p->m; j++) {
    if (!p->replicated) {
      add_tau(taus, &count, p->jump[j], p->limit);
    }
    for (double t = 1.0; p->replicated && t <= p->draws[j] + 1.0; t += 1.0) {
      add_tau(taus, &count, -expm1(t * log1p(-p->prob[j])), p->limit);
    }
  }
  taus[count++] = p->limit;
  for (size_t i = 1; i < count; i++) {
    const double tau = taus[i];
    size_t k = i;
    for (; k > 0 && taus[k - 1] > tau; k--) {
      taus[k] = taus[k - 1];
    }
    taus[k] = tau;
  }
  return count;
}

/* The last of them up to which the rule holds: looked up just below each, so that
 * rounding does not matter; 0 when the first fails. */
static double tau_by_scan(const problem *p) {
  double taus[MOST_TAUS + 1];
  const size_t count = all_taus(p, taus);
  double found = 0.0;
  for (size_t k = 0; k < count && holds(p, taus[k] * (1.0 - 1e-12)); k++) {
    found = taus[k];
  }
  return found;
}

static int agrees_with_scan(const problem *p) {
  double tau = NAN;
  int capped = -1;
  tt_error error = untouched;
  const int ok = certify(p, &tau, &capped, NULL, &error) == TT_OK && is_untouched(error);
  const double want = tau_by_scan(p);
  return ok && capped == (want >= p->limit) && tau <= want && tau >= want * (1.0 - 1e-11);
}

/* ---- Random problems ------------------------------------------------------------------
 */

static tt_rule random_rule(tt_rule_kind kind, const problem *p, check_random *random) {
  double most = 0.0, sum = 0.0;
  for (size_t j = 0; j < p->m; j++) {
    const int same = j > 0 && p->place[j] == p->place[j - 1];
    sum = same ? sum + p->weight[j] : p->weight[j];
    most = fmax(most, sum);
  }
  tt_rule rule = {.kind = kind};
  rule.z = 2.0 * check_uniform(random);
  rule.variance_floor = 3.0 * check_uniform(random);
  rule.bet = 0.95 * check_uniform(random) / fmax(most, 1.0);
  rule.log_threshold = 2.0 * check_uniform(random);
  rule.log_threshold_last = rule.log_threshold + log(check_uniform(random));
  return rule;
}

static void add_row(problem *p, size_t unit, check_random *random) {
  const size_t j = p->m++;
  p->place[j] = (double)(unit + 1);
  p->weight[j] = 0.5 + 3.0 * check_uniform(random);
  p->jump[j] = floor(16.0 * check_uniform(random)) / 16.0;
  p->prob[j] = 0.03 + 0.4 * check_uniform(random);
  const double q = fmin(tt_geometric_quantile1(p->prob[j], p->limit), p->cap);
  p->draws[j] = fmax(1.0, q + floor(8.0 * check_uniform(random)) - 3.0);
  p->unsafe[j] = floor(0.3 * p->draws[j] * check_uniform(random) + 0.7);
}

/* Levels are multiples of 1/16, so that they often coincide. In every other problem
 * units have several rows. */
static problem random_problem(int replicated, tt_rule_kind kind, check_random *random) {
  problem p = {.replicated = replicated, .cap = INFINITY};
  p.n = 1 + (size_t)(N * check_uniform(random));
  p.limit = 0.1 + 0.7 * check_uniform(random);
  if (check_uniform(random) < 0.3) {
    p.cap = 1.0 + floor(8.0 * check_uniform(random));
  }
  const double share = check_uniform(random);
  const int clustered = check_uniform(random) < 0.5;
  for (size_t i = 0; i < p.n; i++) {
    p.base[i] = check_uniform(random) < 0.3 ? 0.0 : 0.3 * check_uniform(random);
    if (check_uniform(random) > share) {
      continue;
    }
    const size_t most = clustered ? 1 + (size_t)(4.0 * check_uniform(random)) : 1;
    for (size_t k = 0; k < most && p.m < N; k++) {
      add_row(&p, i, random);
    }
  }
  p.rule = random_rule(kind, &p, random);
  return p;
}

static void test_scan(tt_rule_kind kind, int replicated, const char *sentence) {
  check_random random = {(uint64_t)(10 * (int)kind + replicated)};
  int right = 1, inside = 0;
  for (int i = 0; i < 1500; i++) {
    const problem p = random_problem(replicated, kind, &random);
    right = right && agrees_with_scan(&p);
    const double tau = tau_by_scan(&p);
    inside += tau > 0.0 && tau < p.limit;
  }
  check_that(right, sentence);
  check_that(inside >= 150, "... which often lies inside the range");
}

/* Where all bases are alpha, the marginal rule is that of tt_select_jump(). */
static void test_same_as_jumps(void) {
  check_random random = {7};
  const double alpha = 0.13;
  int right = 1;
  for (int i = 0; i < 500; i++) {
    problem p = random_problem(0, TT_RULE_MARGINAL, &random);
    tt_jump jumps[N];
    for (size_t j = 0; j < p.n; j++) {
      p.base[j] = alpha;
    }
    for (size_t j = 0; j < p.m; j++) {
      jumps[j] = (tt_jump){p.jump[j], p.weight[j]};
    }
    double want = NAN, tau = NAN;
    int cut = -1, capped = -1;
    tt_select_jump(p.n, p.m, jumps, alpha, p.limit, &want, &cut, NULL, NULL);
    certify(&p, &tau, &capped, NULL, NULL);
    right = right && capped == cut && fabs(tau - want) <= 1e-12 * want;
  }
  check_that(right, "without weights in the bases, the tau of tt_select_jump()");
}

/* ---- Small cases by hand ----------------------------------------------------------- */

/* Four prompts with bases of 0.1 and a bet that makes 1.1 of each; prompt `lost` loses
 * at taus above 0.25. The wealth must reach 1.2: two bases in a row. */
static problem small_problem(double lost) {
  problem p = {.n = 4, .m = 1, .cap = INFINITY, .limit = 0.5};
  for (size_t i = 0; i < 4; i++) {
    p.base[i] = 0.1;
  }
  p.place[0] = lost;
  p.weight[0] = 0.9;
  p.jump[0] = 0.25;
  p.rule = (tt_rule){.kind = TT_RULE_WEALTH,
                     .bet = 1.0,
                     .log_threshold = log(1.2),
                     .log_threshold_last = log(1.2)};
  return p;
}

static void gives(problem p, double want, int cut, const char *sentence) {
  double tau = NAN;
  int capped = -1;
  const tt_status status = certify(&p, &tau, &capped, NULL, NULL);
  check_that(status == TT_OK && capped == cut &&
                 fabs(tau - want) <= 1e-13 * fmax(want, 1e-3),
             sentence);
}

static void test_order(void) {
  gives(small_problem(4.0), 0.5, 1, "a loss after the wealth was reached does not count");
  gives(small_problem(3.0), 0.5, 1, "nor the next one");
  gives(small_problem(2.0), 0.25, 0, "one before does");
  gives(small_problem(1.0), 0.25, 0, "wherever");
  problem p = small_problem(1.0);
  p.weight[0] = 0.05;
  gives(p, 0.5, 1, "a loss smaller than its base");
  p = small_problem(4.0);
  p.rule.log_threshold = log(1.45);
  p.rule.log_threshold_last = log(0.2);
  gives(p, 0.5, 1, "at the last prompt less is enough");
  p.rule.log_threshold_last = log(0.3);
  gives(p, 0.25, 0, "... but not anything");
}

static void test_ties(void) {
  problem p = small_problem(1.0);
  p.m = 2;
  p.place[1] = 2.0;
  p.weight[1] = 0.9;
  p.jump[1] = 0.25;
  gives(p, 0.25, 0, "two losses at one tau");
  p.jump[1] = 0.0;
  p.rule.log_threshold = p.rule.log_threshold_last = log(1.05);
  gives(p, 0.25, 0, "one of them at every tau: the wealth is reached before");
  p.place[0] = 2.0;
  p.place[1] = 3.0;
  p.jump[0] = 0.0;
  p.rule.log_threshold = p.rule.log_threshold_last = log(1.3);
  gives(p, 0.0, 0, "never reached where one is lost at every tau");
  p.jump[0] = p.limit;
  p.jump[1] = p.limit;
  p.rule.log_threshold = p.rule.log_threshold_last = log(1.3);
  gives(p, 0.5, 1, "a jump at the limit lies above all taus");
}

/* Two rows of one unit: their losses add up before the bet is settled. */
static void test_clusters(void) {
  problem p = small_problem(1.0);
  p.m = 2;
  p.place[1] = 1.0;
  p.weight[0] = p.weight[1] = 0.05;
  p.jump[1] = 0.375;
  gives(p, 0.5, 1, "two losses that are together as large as their base");
  p.weight[0] = p.weight[1] = 0.1;
  p.rule.log_threshold = p.rule.log_threshold_last = log(1.3);
  gives(p, 0.375, 0, "one loss of the two still leaves enough, both do not");
  p.rule.log_threshold = p.rule.log_threshold_last = log(1.19);
  gives(p, 0.5, 1, "1.1^3 of 0.9 is 1.1979, not 0.99 more often");
  p.rule.log_threshold = p.rule.log_threshold_last = log(1.1979 + 1e-9);
  gives(p, 0.375, 0, "... and no more");
}

static void test_no_losses(void) {
  for (int kind = TT_RULE_MARGINAL; kind <= TT_RULE_WEALTH; kind++) {
    problem p = small_problem(1.0);
    p.m = 0;
    p.rule.kind = (tt_rule_kind)kind;
    p.rule.z = 1.0;
    gives(p, 0.5, 1, "no losses: the limit");
    for (size_t i = 0; i < 4; i++) {
      p.base[i] = 0.0;
    }
    gives(p, 0.0, 0, "no bases, no tau");
    p.n = 0;
    gives(p, 0.0, 0, "nor of no prompts");
  }
}

static void test_hopeless(void) {
  problem p = small_problem(4.0);
  p.m = 0;
  p.rule.log_threshold = p.rule.log_threshold_last = log(1.5);
  gives(p, 0.0, 0, "too few prompts to reach the wealth");
  p.rule.bet = 0.0;
  p.rule.log_threshold = p.rule.log_threshold_last = 1e-300;
  gives(p, 0.0, 0, "who bets nothing wins nothing");
  p = small_problem(1.0);
  p.m = 0;
  p.rule.kind = TT_RULE_NORMAL;
  p.rule.z = 1.0;
  p.rule.variance_floor = 0.2;
  gives(p, 0.0, 0, "no loss is not no doubt");
}

static void test_limits(void) {
  problem p = small_problem(1.0);
  p.limit = 0.0;
  gives(p, 0.0, 1, "a limit of 0");
  p = small_problem(1.0);
  p.limit = 1.0;
  p.jump[0] = 1.0;
  gives(p, 1.0, 1, "a limit of 1");
  p.jump[0] = 1e-200;
  gives(p, 0.0, 0, "a tau that is as good as none");
  p = small_problem(1.0);
  p.replicated = 1;
  p.prob[0] = 0.1;
  p.unsafe[0] = 1.0;
  p.draws[0] = 6.0;
  p.cap = 1.0;
  gives(p, 0.5, 1, "no draw is required for a bound of 1");
}

/* ---- Refusals ------------------------------------------------------------------------
 */

static void refuses(problem p, const char *what, size_t index, double value,
                    const char *sentence) {
  double tau = -7.0;
  int capped = -7;
  tt_error error = untouched;
  const tt_status got = certify(&p, &tau, &capped, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, index, value, sentence);
  check_that(tau == -7.0 && capped == -7 &&
                 certify(&p, &tau, &capped, NULL, NULL) == TT_EINVAL,
             "... told or not, and nothing is given out");
}

static void test_refused_gains_and_limit(void) {
  const double bad[] = {-0.1, NAN, INFINITY};
  for (size_t i = 0; i < 3; i++) {
    problem p = small_problem(2.0);
    p.base[3] = bad[i];
    refuses(p, "base", 3, bad[i], "a base that is negative, NaN or infinite");
  }
  const double outside[] = {-0.1, 1.1, NAN};
  for (size_t i = 0; i < 3; i++) {
    problem p = small_problem(2.0);
    p.limit = outside[i];
    refuses(p, "tau_max", 0, outside[i], "a limit that is no tau");
  }
}

static void test_refused_places(void) {
  const double bad[] = {0.0, 1.0, 5.0, NAN, INFINITY, 2.5, 4.5, -1.0};
  for (size_t i = 0; i < 8; i++) {
    problem p = small_problem(2.0);
    p.m = 2;
    p.weight[1] = 0.9;
    p.place[1] = bad[i];
    refuses(p, "order", 1, bad[i], "a place that is none, or out of order");
  }
  refuses(small_problem(0.0), "order", 0, 0.0, "... at the start");
  refuses(small_problem(0.5), "order", 0, 0.5, "half a place, before the first base");
  refuses(small_problem(1.5), "order", 0, 1.5, "one between two bases");
}

static void test_refused_weights(void) {
  const double bad[] = {0.0, -1.0, NAN, INFINITY, 1.1, 3.0};
  for (size_t i = 0; i < 6; i++) {
    problem p = small_problem(2.0);
    p.weight[0] = bad[i];
    refuses(p, "inclusion", 0, bad[i],
            "a weight that is none, or that a bet cannot survive");
  }
  problem p = small_problem(2.0);
  p.m = 2;
  p.place[1] = 2.0;
  p.weight[0] = p.weight[1] = 0.6;
  refuses(p, "inclusion", 1, 0.6, "weights that a bet cannot survive together");
  p.weight[1] = 0.4;
  double at = NAN;
  int cut = -1;
  check_that(certify(&p, &at, &cut, NULL, NULL) == TT_OK, "smaller ones of one unit");
  p.weight[0] = 3.0;
  p.rule.kind = TT_RULE_MARGINAL;
  double tau = NAN;
  int capped = -1;
  check_that(certify(&p, &tau, &capped, NULL, NULL) == TT_OK, "without one it may");
}

static void test_refused_outcomes(void) {
  problem p = small_problem(2.0);
  p.jump[0] = NAN;
  refuses(p, "jump", 0, NAN, "a jump that is NaN would never lose");
  p.jump[0] = -0.1;
  refuses(p, "jump", 0, -0.1, "one below 0");
  problem r = small_problem(2.0);
  r.replicated = 1;
  r.prob[0] = 0.1;
  r.unsafe[0] = 1.0;
  r.draws[0] = 6.0;
  r.cap = 7.0;
  double tau = NAN;
  int capped = -1;
  check_that(certify(&r, &tau, &capped, NULL, NULL) == TT_OK, "counts that are in order");
  const double no_cap[] = {0.5, NAN, -INFINITY};
  for (size_t i = 0; i < 3; i++) {
    p = r;
    p.cap = no_cap[i];
    refuses(p, "cap", 0, no_cap[i], "a cap that no quantile can keep to");
  }
  p = r;
  p.prob[0] = 1.5;
  refuses(p, "prob", 0, 1.5, "a hazard above 1");
  p = r;
  p.unsafe[0] = 0.5;
  refuses(p, "unsafe", 0, 0.5, "half an unsafe draw");
  p.unsafe[0] = 7.0;
  refuses(p, "unsafe", 0, 7.0, "more unsafe draws than draws");
  p = r;
  p.draws[0] = NAN;
  refuses(p, "draws", 0, NAN, "draws that are NaN");
}

static void test_refused_rules(void) {
  problem p = small_problem(2.0);
  p.rule = (tt_rule){.kind = TT_RULE_NORMAL, .z = INFINITY};
  refuses(p, "z", 0, INFINITY, "an infinite normal quantile");
  p.rule = (tt_rule){.kind = TT_RULE_NORMAL, .z = 1.0, .variance_floor = -1.0};
  refuses(p, "variance_floor", 0, -1.0, "a negative variance");
  p.rule = (tt_rule){.kind = TT_RULE_WEALTH, .bet = -1.0};
  refuses(p, "bet", 0, -1.0, "a negative bet");
  p.rule = (tt_rule){.kind = TT_RULE_WEALTH, .bet = 1.0, .log_threshold = NAN};
  refuses(p, "log_threshold", 0, NAN, "a wealth to reach that is NaN");
  p.rule = (tt_rule){.kind = TT_RULE_WEALTH, .bet = 1.0, .log_threshold_last = NAN};
  refuses(p, "log_threshold_last", 0, NAN, "the same of the last");
}

static void test_interrupt(void) {
  const problem p = small_problem(2.0);
  double tau = NAN;
  int capped = -1, stop = 0, status = TT_EINTERRUPT;
  tt_error error = untouched;
  for (; status == TT_EINTERRUPT && stop < 1000; stop++) {
    poll_counter counter = {0, stop + 1};
    const tt_poll poll = {count_poll, &counter};
    status = (int)certify(&p, &tau, &capped, &poll, &error);
  }
  check_that(status == TT_OK && stop > 20 && stop < 100 && is_untouched(error),
             "it stops at every step when the poll says so");
  const tt_poll silent = {NULL, NULL};
  check_that(certify(&p, &tau, &capped, &silent, NULL) == TT_OK,
             "a poll may have no function");
}

int main(void) {
  test_scan(TT_RULE_MARGINAL, 0, "marginal rule: the tau of a scan over all jumps");
  test_scan(TT_RULE_MARGINAL, 1, "marginal rule, replicated draws");
  test_scan(TT_RULE_NORMAL, 0, "normal rule: the tau of a scan");
  test_scan(TT_RULE_NORMAL, 1, "normal rule, replicated draws");
  test_scan(TT_RULE_WEALTH, 0, "wealth: the tau of a scan");
  test_scan(TT_RULE_WEALTH, 1, "wealth, replicated draws");
  test_same_as_jumps();
  test_order();
  test_ties();
  test_clusters();
  test_no_losses();
  test_hopeless();
  test_limits();
  test_refused_gains_and_limit();
  test_refused_places();
  test_refused_weights();
  test_refused_outcomes();
  test_refused_rules();
  test_interrupt();
  return check_report();
}
