#include "allocation.h"

#include "contract.h"

/* ---- A program, its solution, and the conditions of an optimum ------------------- */

enum { MOST = 1000 };

typedef struct {
  size_t n;
  double cost[MOST];
  double benefit[MOST];
  double lower[MOST];
  double upper[MOST];
  double total;
  double inclusion[MOST];
  double multiplier;
  tt_error error;
} program;

static tt_column rows(const double *values) {
  const tt_column column = {values, 1};
  return column;
}

static tt_status allocate(program *p, const tt_poll *poll) {
  tt_allocation_item *items = malloc((p->n + 1) * sizeof(tt_allocation_item));
  p->error = untouched;
  p->multiplier = NAN;
  const tt_status status =
      tt_allocate(p->n, p->cost, rows(p->benefit), rows(p->lower), rows(p->upper),
                  p->total, p->inclusion, &p->multiplier, items, poll, &p->error);
  free(items);
  return status;
}

static double spent(size_t n, const double *cost, const double *inclusion) {
  double sum = 0.0, lost = 0.0; /* compensated: the check is to 1e-14 */
  for (size_t i = 0; i < n; i++) {
    const double x = cost[i] * inclusion[i], t = sum + x;
    lost += fabs(sum) >= fabs(x) ? (sum - t) + x : (x - t) + sum;
    sum = t;
  }
  return sum + lost;
}

/* What prompt i should get for a multiplier. */
static double response(const program *p, size_t i, double mu) {
  if (p->cost[i] == 0.0) {
    return p->upper[i];
  }
  const double inclusion =
      p->benefit[i] == 0.0 ? 0.0 : mu * sqrt(p->benefit[i] / p->cost[i]);
  return fmin(fmax(inclusion, p->lower[i]), p->upper[i]);
}

/* The optimum by bisection on the logarithm of the multiplier, for total > least. */
static int agrees_with_bisection(const program *p) {
  double low = -200.0, high = 200.0, inclusion[MOST];
  for (int k = 0; k < 100; k++) {
    const double middle = (low + high) / 2.0;
    for (size_t i = 0; i < p->n; i++) {
      inclusion[i] = response(p, i, exp(middle));
    }
    if (spent(p->n, p->cost, inclusion) <= p->total) {
      low = middle;
    } else {
      high = middle;
    }
  }
  int right = 1;
  for (size_t i = 0; i < p->n; i++) {
    const double off = p->cost[i] * fabs(p->inclusion[i] - inclusion[i]);
    right = right && (p->inclusion[i] == inclusion[i] || off <= 1e-12 * p->total);
  }
  return right;
}

/* Feasible, stationary for the reported multiplier, and nothing left unspent that
 * could be spent: sufficient, as the program is convex. */
static int is_optimal(const program *p) {
  const double money = spent(p->n, p->cost, p->inclusion);
  int right = money <= p->total * (1.0 + 1e-14) && p->multiplier >= 0.0, full = 1;
  for (size_t i = 0; i < p->n; i++) {
    const double wanted =
        p->multiplier == INFINITY ? p->upper[i] : response(p, i, p->multiplier);
    right = right && p->inclusion[i] >= p->lower[i] && p->inclusion[i] <= p->upper[i] &&
            fabs(p->inclusion[i] - wanted) <= 1e-14 * wanted;
    full =
        full && (p->inclusion[i] >= p->upper[i] * (1.0 - 1e-14) || p->benefit[i] == 0.0);
  }
  return right && (full || money >= p->total * (1.0 - 1e-13));
}

/* ---- Random programs --------------------------------------------------------------- */

enum { ZERO_COST = 1, ZERO_BENEFIT = 2, FIXED = 4, UNBOUNDED = 8, TIES = 16, FREE = 32 };

static int one_in_three(check_random *random) {
  return check_uniform(random) < 1.0 / 3.0;
}

static program random_program(size_t n, int kind, check_random *random) {
  program p = {.n = n};
  for (size_t i = 0; i < n; i++) {
    p.cost[i] = exp(4.0 * check_normal(random));
    p.benefit[i] = exp(4.0 * check_normal(random));
    p.lower[i] = kind & FREE ? 0.0 : exp(3.0 * check_normal(random));
    p.upper[i] = p.lower[i] + exp(3.0 * check_normal(random));
    if (kind & TIES && i > 0) {
      p.cost[i] = p.cost[0];
      p.benefit[i] = p.benefit[0];
      p.lower[i] = p.lower[0];
      p.upper[i] = p.upper[0];
    }
    if (kind & FIXED && one_in_three(random)) {
      p.upper[i] = p.lower[i];
    }
    if (kind & UNBOUNDED && p.cost[i] * p.benefit[i] > 0.0 && one_in_three(random)) {
      p.upper[i] = INFINITY;
    }
    if (kind & (ZERO_COST | ZERO_BENEFIT) && p.upper[i] < INFINITY) {
      p.cost[i] *= !(kind & ZERO_COST && one_in_three(random));
      p.benefit[i] *= !(kind & ZERO_BENEFIT && one_in_three(random));
    }
  }
  return p;
}

static double most_spent(const program *p) {
  double capped[MOST];
  for (size_t i = 0; i < p->n; i++) {
    capped[i] = fmin(p->upper[i], p->lower[i] + 10.0);
  }
  return spent(p->n, p->cost, capped);
}

static int solves(program *p, double total) {
  p->total = total;
  const int right = allocate(p, NULL) == TT_OK && is_untouched(p->error) && is_optimal(p);
  if (!right) {
    printf("#   n %zu, total %a, multiplier %g\n", p->n, total, p->multiplier);
  }
  return right;
}

static void test_random_programs(size_t n, int repeats, const char *sentence) {
  check_random random = {n};
  int optimal = 1, bisected = 1, at_ends = 1;
  for (int kind = 0; kind < 64 * repeats; kind++) {
    program p = random_program(n, kind % 64, &random);
    const double least = spent(n, p.cost, p.lower), most = most_spent(&p);
    for (double share = 0.001; share < 1.5; share = 3.0 * share + 0.01) {
      optimal = optimal && solves(&p, least + share * (most - least));
      bisected = bisected &&
                 (most == least || p.multiplier == INFINITY || agrees_with_bisection(&p));
    }
    at_ends = at_ends && solves(&p, most) && solves(&p, least);
    for (size_t i = 0; i < n; i++) {
      const double off = p.cost[i] * (p.inclusion[i] - response(&p, i, 0.0));
      at_ends = at_ends && off <= 1e-13 * least;
    }
  }
  check_that(optimal, sentence);
  check_that(bisected, "... and what bisection finds");
  check_that(at_ends, "... also with no money to spare, and with all that can be spent");
}

/* ---- By hand ------------------------------------------------------------------------
 */

/* Costs 1 and 4, benefits 1: inclusion = (mu, mu / 2), which costs 3 mu. */
static program by_hand(double total) {
  program p = {.n = 2, .cost = {1.0, 4.0}, .benefit = {1.0, 1.0}, .upper = {9.0, 9.0}};
  p.total = total;
  return p;
}

static int same(double got, double want) {
  return got == want || fabs(got - want) <= 1e-15 * want;
}

static void has(program p, double first, double second, double mu, const char *sentence) {
  check_that(allocate(&p, NULL) == TT_OK && same(p.inclusion[0], first) &&
                 same(p.inclusion[1], second) && same(p.multiplier, mu),
             sentence);
}

static void test_by_hand(void) {
  program p = by_hand(1.5);
  has(p, 0.5, 0.25, 0.5, "two prompts between their bounds");
  p.upper[0] = 0.4;
  has(p, 0.4, 0.275, 0.55, "the first at its upper bound");
  p.upper[0] = 9.0;
  p.lower[1] = 0.3;
  has(p, 0.3, 0.3, 0.3, "the second at its lower bound");
  p.cost[0] = 0.0;
  has(p, 9.0, 0.375, 0.75, "what costs nothing is had in full");
  p = by_hand(1.5);
  p.benefit[1] = 0.0;
  p.lower[1] = 0.1;
  has(p, 1.1, 0.1, 1.1, "what is of no use only at the least");
  p.total = 15.0;
  check_that(allocate(&p, NULL) == TT_OK && p.inclusion[0] == 9.0 &&
                 p.inclusion[1] == 0.1,
             "even where there is money to spare, though not enough for all");
  p = by_hand(0.0);
  has(p, 0.0, 0.0, 0.0, "no money");
  p = by_hand(45.0);
  has(p, 9.0, 9.0, INFINITY, "just enough for everything");
  p.total = INFINITY;
  has(p, 9.0, 9.0, INFINITY, "unlimited money");
  p.upper[0] = p.upper[1] = INFINITY;
  has(p, INFINITY, INFINITY, INFINITY, "unlimited money and no upper bounds");
  p.total = 3e10;
  has(p, 1e10, 0.5e10, 1e10, "much money and no upper bounds");
  p.n = 0;
  check_that(allocate(&p, NULL) == TT_OK && p.multiplier == INFINITY, "no prompts");
}

static void test_shared_columns(void) {
  const double cost[] = {1.0, 4.0, 9.0}, one = 1.0, lower = 0.1, upper = 2.0;
  const tt_column b = {&one, 0}, lo = {&lower, 0}, up = {&upper, 0};
  double inclusion[3], given[3], mu = 0.0;
  tt_allocation_item items[3];
  check_that(
      tt_allocate(3, cost, b, lo, up, 3.0, inclusion, &mu, items, NULL, NULL) == TT_OK &&
          fabs(inclusion[0] - 0.5) < 1e-15 && fabs(inclusion[2] - 0.5 / 3.0) < 1e-15,
      "one value may stand for all rows");
  check_that(tt_allocate_given(3, cost, b, lo, up, mu, given, NULL, NULL) == TT_OK &&
                 memcmp(inclusion, given, sizeof(inclusion)) == 0,
             "a known multiplier gives the same");
  tt_allocate_given(3, cost, b, lo, up, 0.0, given, NULL, NULL);
  check_that(given[0] == 0.1 && given[2] == 0.1, "multiplier 0 gives the lower bounds");
  tt_allocate_given(3, cost, b, lo, up, INFINITY, given, NULL, NULL);
  check_that(given[0] == 2.0 && given[2] == 2.0, "an infinite one the upper bounds");
}

/* ---- Numbers at the ends of the range of doubles -------------------------------------
 */

/* Exponents of x87's or binary128's width carry any product of this program; where long
 * double is no wider than double, as valgrind has it, there is no oracle. Asked while
 * it runs: the compiler is not the one that will compute. */
static int has_oracle(void) {
  volatile long double small = 5e-324L;
  volatile long double smaller = small / 1e30L;
  return smaller > 0.0L;
}

/* As agrees_with_bisection(), in long double and over the whole range of multipliers. */
static int agrees_with_wide_bisection(const program *p) {
  long double low = -2400.0L, high = 2400.0L;
  double inclusion[MOST];
  for (int k = 0; k < 200; k++) {
    const long double middle = (low + high) / 2.0L;
    long double money = 0.0L;
    for (size_t i = 0; i < p->n; i++) {
      const long double root = sqrtl((long double)p->benefit[i] / p->cost[i]);
      long double wanted = exp2l(middle) * root;
      wanted = fminl(fmaxl(wanted, p->lower[i]), p->upper[i]);
      inclusion[i] = (double)wanted;
      money += p->cost[i] * wanted;
    }
    if (money <= p->total) {
      low = middle;
    } else {
      high = middle;
    }
  }
  int right = 1;
  for (size_t i = 0; i < p->n; i++) {
    /* Costs below 1e-308 have few digits, and money for them no more. */
    const double share = p->cost[i] * fabs(p->inclusion[i] - inclusion[i]);
    right = right && p->inclusion[i] >= p->lower[i] && p->inclusion[i] <= p->upper[i] &&
            (fabs(p->inclusion[i] - inclusion[i]) <= 1e-12 * inclusion[i] ||
             share <= 1e-12 * p->total + 5e-324);
  }
  return right;
}

static const double sizes[] = {5e-324, 1e-310, 1e-160, 1e-30, 1.0, 1e30, 1e160, 1.7e308};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static program extreme_pair(const size_t *at, double total) {
  program p = {.n = 2, .total = total};
  for (size_t i = 0; i < 2; i++) {
    p.cost[i] = sizes[at[i]];
    p.benefit[i] = sizes[at[2 + i]];
    p.upper[i] = 1.0;
  }
  return p;
}

/* Every pair of costs and benefits from `sizes`, at `share` of the money of use. */
static void test_every_size(double share, const char *sentence) {
  int right = 1, refused = 0, total = 0;
  for (size_t k = 0; k < SIZES * SIZES * SIZES * SIZES; k++) {
    const size_t at[4] = {k % SIZES, k / SIZES % SIZES, k / SIZES / SIZES % SIZES,
                          k / SIZES / SIZES / SIZES};
    program p = extreme_pair(at, 0.0);
    p.total = share * (0.5 * p.cost[0] + 0.5 * p.cost[1]) * 2.0;
    const tt_status status = allocate(&p, NULL);
    const int zero = p.inclusion[0] == 0.0 && p.inclusion[1] == 0.0;
    const int ok = status == TT_ENUMERIC ||
                   (status == TT_OK && (share == 0.0 ? zero && p.multiplier == 0.0
                                                     : agrees_with_wide_bisection(&p)));
    refused += status == TT_ENUMERIC;
    total++;
    if (!ok && right) {
      printf("#   cost %g %g benefit %g %g total %g: status %d inclusion %.17g %.17g\n",
             p.cost[0], p.cost[1], p.benefit[0], p.benefit[1], p.total, (int)status,
             p.inclusion[0], p.inclusion[1]);
    }
    right = right && ok;
  }
  check_that(right && refused <= (share == 0.0 ? 0 : total / 50), sentence);
}

static void test_ends_of_range(void) {
  test_every_size(0.0, "no budget, nothing spent, whatever the sizes");
  if (has_oracle()) {
    test_every_size(1e-9, "next to no budget");
    test_every_size(0.3, "some of it");
    test_every_size(0.999999, "nearly enough");
  }
  program p = {.n = 2, .cost = {5e-324, 1.0}, .benefit = {1.7e308, 1.0}};
  p.upper[0] = p.upper[1] = 1.0;
  check_that(allocate(&p, NULL) == TT_OK && p.inclusion[0] == 0.0 &&
                 p.inclusion[1] == 0.0,
             "a benefit per cost of 3e631, and no budget");
  p = (program){.n = 1, .cost = {1.7e308}, .benefit = {5e-324}, .upper = {1.0}};
  p.total = 0.85e308;
  check_that(allocate(&p, NULL) == TT_OK && fabs(p.inclusion[0] - 0.5) < 1e-14,
             "one of 3e-632, whose multiplier is not a double");
  check_that(p.multiplier > 1e308 && p.multiplier < INFINITY, "the nearest one is told");
  p = (program){.n = 3,
                .cost = {1e200, 1.0, 1.0},
                .benefit = {1e-300, 1.0, 0.0},
                .lower = {1e100, 0.0, 0.0},
                .upper = {1e101, 1.0, 1.0},
                .total = 5e300};
  check_that(allocate(&p, NULL) == TT_OK && fabs(p.inclusion[0] / 5e100 - 1.0) < 1e-14 &&
                 p.inclusion[1] == 1.0,
             "a lower bound that is left at a multiplier beyond 1e308");
  p.total = 2e301;
  check_that(allocate(&p, NULL) == TT_OK && p.inclusion[0] == 1e101 &&
                 p.inclusion[2] == 1.0,
             "money for everybody");
  p = (program){.n = 2, .cost = {1.7e308, 1.0}, .benefit = {5e-324, 0.0}};
  p.upper[0] = 0.25;
  p.upper[1] = 1e308;
  p.total = 0.6e308;
  check_that(allocate(&p, NULL) == TT_OK && p.inclusion[0] == 0.25 &&
                 p.inclusion[1] == 0.0,
             "money for everybody whom it serves");
}

static void test_given_at_ends(void) {
  const double cost[] = {5e-324, 1.7e308, 1.0}, benefit[] = {1.7e308, 5e-324, 1.0};
  const double zero = 0.0, one = 1.0;
  const tt_column lo = {&zero, 0}, up = {&one, 0};
  double inclusion[3];
  check_that(tt_allocate_given(3, cost, rows(benefit), lo, up, 0.0, inclusion, NULL,
                               NULL) == TT_OK &&
                 inclusion[0] == 0.0 && inclusion[1] == 0.0 && inclusion[2] == 0.0,
             "a multiplier of 0 gives nothing, whatever the sizes");
  const double mu = 1e-316;
  tt_allocate_given(3, cost, rows(benefit), lo, up, mu, inclusion, NULL, NULL);
  check_near(inclusion[0], mu * sqrt(1.7e308) / sqrt(5e-324), 1e-12,
             "a tiny multiplier of a huge root");
  tt_allocate_given(3, cost, rows(benefit), lo, up, 1e308, inclusion, NULL, NULL);
  check_near(inclusion[1], 1e308 / sqrt(1.7e308) * sqrt(5e-324), 1e-20,
             "a huge multiplier of a tiny root");
  check_that(inclusion[0] == 1.0 && inclusion[2] == 1.0,
             "the others are at their upper bound");
}

int main(void) {
  test_by_hand();
  test_shared_columns();
  test_random_programs(1, 20, "one prompt: the optimum");
  test_random_programs(2, 20, "two prompts: the optimum");
  test_random_programs(7, 10, "seven prompts: the optimum");
  test_random_programs(64, 2, "64 prompts: the optimum");
  test_random_programs(MOST, 1, "1,000 prompts: the optimum");
  test_ends_of_range();
  test_given_at_ends();
  return check_report();
}
