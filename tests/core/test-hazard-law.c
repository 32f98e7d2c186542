#include "hazard-law.h"

#include "contract.h"

enum { N = 4 };

static tt_law geometric_law(const double *prob) {
  const tt_law law = {TT_LAW_GEOMETRIC, {prob}};
  return law;
}

static void test_names(void) {
  size_t laws = 0;
  int right = 1;
  for (; tt_law_names[laws] != NULL; laws++) {
    const char *const *columns = tt_law_columns((tt_law_kind)laws);
    size_t count = 0;
    while (columns[count] != NULL) {
      count++;
    }
    right = right && count >= 1 && count <= TT_LAW_MOST_COLUMNS;
    for (size_t other = 0; other < laws; other++) {
      right = right && strcmp(tt_law_names[laws], tt_law_names[other]) != 0;
    }
  }
  check_that(right && laws == 2, "every law has a name of its own, and columns");
  check_that(strcmp(tt_law_names[TT_LAW_GEOMETRIC], "geometric") == 0 &&
                 strcmp(tt_law_columns(TT_LAW_GEOMETRIC)[0], "prob") == 0,
             "the geometric law is made of prob");
}

static void test_quantiles(void) {
  const double prob[N] = {0.0, 0.25, 1e-9, 1.0};
  const tt_law law = geometric_law(prob);
  const double taus[] = {0.0, 1e-12, 0.25, 0.7, 1.0};
  int same = 1;
  for (size_t k = 0; k < 5; k++) {
    for (size_t j = 0; j < N; j++) {
      same = same && tt_law_quantile(&law, j, taus[k]) ==
                         tt_geometric_quantile1(prob[j], taus[k]);
    }
  }
  check_that(same, "the geometric law has the geometric quantiles");
  check_that(tt_law_quantile(&law, 1, 0.25) == 1.0, "of its own row");
}

static void test_beta_law(void) {
  const double prob[N] = {0.0, 0.25, 1e-9, 1.0};
  double precision[N] = {2.0, 0.5, INFINITY, 1e-9};
  const tt_law law = {TT_LAW_BETA_GEOMETRIC, {prob, precision}};
  int same = 1;
  for (size_t j = 0; j < N; j++) {
    for (double tau = 0.0; tau <= 1.0; tau += 0.125) {
      same = same && tt_law_quantile(&law, j, tau) ==
                         tt_beta_geometric_quantile1(prob[j], precision[j], tau);
    }
  }
  tt_error error = untouched;
  check_that(same, "the beta-geometric law has its quantiles");
  check_that(tt_check_law(&law, N, &error) == TT_OK && is_untouched(error),
             "precisions above 0");
  const double bad[] = {0.0, -1.0, NAN};
  for (size_t k = 0; k < 3; k++) {
    precision[3] = bad[k];
    error = untouched;
    check_refused(tt_check_law(&law, N, &error), TT_EINVAL, error, "precision", 3, bad[k],
                  "what is no precision");
  }
}

static void test_refusals(void) {
  const double bad[] = {-1e-300, 1.0 + 1e-15, NAN, INFINITY};
  double prob[N] = {0.0, 0.5, 1.0, 0.25};
  const tt_law law = geometric_law(prob);
  tt_error error = untouched;
  check_that(tt_check_law(&law, N, &error) == TT_OK && is_untouched(error),
             "probabilities from 0 to 1");
  check_that(tt_check_law(&law, 0, NULL) == TT_OK, "no rows");
  for (size_t k = 0; k < 4; k++) {
    prob[2] = bad[k];
    error = untouched;
    check_refused(tt_check_law(&law, N, &error), TT_EINVAL, error, "prob", 2, bad[k],
                  "what is no probability");
    check_that(tt_check_law(&law, N, NULL) == TT_EINVAL, "... told or not");
    check_that(tt_check_law(&law, 2, NULL) == TT_OK, "later rows are not looked at");
  }
}

int main(void) {
  test_names();
  test_quantiles();
  test_beta_law();
  test_refusals();
  return check_report();
}
