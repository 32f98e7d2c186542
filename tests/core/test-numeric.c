#include "numeric.h"

#include "check.h"

/* ---- Sums ------------------------------------------------------------------ */

static double sum_of(size_t n, const double *x) {
  tt_sum sum = {0.0, 0.0};
  for (size_t i = 0; i < n; i++) {
    tt_sum_add(&sum, x[i]);
  }
  return tt_sum_value(&sum);
}

static void test_sum_by_hand(void) {
  check_that(sum_of(0, NULL) == 0.0, "nothing adds up to 0");
  const double swallowed[] = {1.0, 1e100, 1.0, -1e100};
  check_that(sum_of(4, swallowed) == 2.0, "a large term that goes away leaves the small");
  const double large_first[] = {1e100, 1.0, -1e100};
  check_that(sum_of(3, large_first) == 1.0, "also when it comes first");
  const double halves[] = {1.0, 0x1p-53, 0x1p-53};
  check_that(sum_of(3, halves) == 1.0 + 0x1p-52, "halves of the last place add up");
}

/* The product is the sum rounded once; adding in doubles misses it by 1e-6. */
static void test_many_terms(void) {
  tt_sum sum = {0.0, 0.0};
  for (int i = 0; i < 1000000; i++) {
    tt_sum_add(&sum, 0.1);
  }
  check_near(tt_sum_value(&sum), 0.1 * 1e6, 0x1p-36, "a million terms, right to 2 ulp");
}

/* Terms over 24 orders of magnitude and their negatives in another order. */
static void test_any_order(void) {
  enum { N = 2000 };
  double x[2 * N];
  check_random random = {1};
  double size = 0.0;
  for (size_t i = 0; i < N; i++) {
    x[i] = check_normal(&random) * pow(10.0, 24.0 * check_uniform(&random) - 12.0);
    x[N + (i * 7) % N] = -x[i];
    size += 2.0 * fabs(x[i]);
  }
  check_near(sum_of(2 * N, x), 0.0, 4.0 * N * N * 0x1p-106 * size,
             "what cancels, cancels whatever the order");
}

/* ---- Sizes ------------------------------------------------------------------ */

static int product_is(size_t a, size_t b, size_t want) {
  size_t out = 99;
  return tt_size_mul(a, b, &out) && out == want;
}

static void test_sizes(void) {
  size_t out = 0;
  check_that(product_is(0, SIZE_MAX, 0) && product_is(SIZE_MAX, 0, 0) &&
                 product_is(0, 0, 0),
             "nothing times anything is nothing");
  check_that(product_is(6, 7, 42) && product_is(1, SIZE_MAX, SIZE_MAX) &&
                 product_is(SIZE_MAX / 3, 3, SIZE_MAX / 3 * 3),
             "products that fit");
  check_that(!tt_size_mul(SIZE_MAX / 3 + 1, 3, &out) && !tt_size_mul(SIZE_MAX, 2, &out) &&
                 !tt_size_mul(2, SIZE_MAX, &out) &&
                 !tt_size_mul(SIZE_MAX, SIZE_MAX, &out),
             "products that do not");
  check_that(tt_size_add(40, 2, &out) && out == 42, "a sum that fits");
  check_that(tt_size_add(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX, "one that just fits");
  check_that(!tt_size_add(SIZE_MAX, 1, &out) && !tt_size_add(1, SIZE_MAX, &out),
             "sums that do not");
}

/* ---- Pivots and columns ------------------------------------------------------ */

static void test_pivots(void) {
  uint64_t counter = 0;
  int inside = 1, count[10] = {0};
  for (int i = 0; i < 10000; i++) {
    inside = inside && tt_pivot_index(&counter, 1) == 0;
    const size_t index = tt_pivot_index(&counter, 10);
    inside = inside && index < 10;
    count[index < 10 ? index : 0]++;
  }
  check_that(inside, "a pivot is an index");
  double chi_square = 0.0;
  for (int i = 0; i < 10; i++) {
    chi_square += (count[i] - 1000.0) * (count[i] - 1000.0) / 1000.0;
  }
  check_that(chi_square < 21.7, "all indices come equally often (9 df, 1%)");
  uint64_t one = 5, same = 5;
  check_that(tt_pivot_index(&one, 1000003) == tt_pivot_index(&same, 1000003) &&
                 one == same && one != 5,
             "the counter alone decides, and moves on");
}

static void test_columns(void) {
  const double values[] = {3.0, 5.0, 7.0};
  const tt_column rows = {values, 1}, constant = {values + 1, 0};
  check_that(tt_at(rows, 0) == 3.0 && tt_at(rows, 2) == 7.0, "a column has rows");
  check_that(tt_at(constant, 0) == 5.0 && tt_at(constant, 1000000) == 5.0,
             "or one value for all of them");
}

int main(void) {
  test_sum_by_hand();
  test_many_terms();
  test_any_order();
  test_sizes();
  test_pivots();
  test_columns();
  return check_report();
}
