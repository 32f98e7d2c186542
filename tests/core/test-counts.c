#include "counts.h"

#include "contract.h"

#include <float.h>

static void trials_refuse(double unsafe, double draws, double most, const char *what,
                          double value, const char *sentence) {
  const double y[] = {0.0, 0.5, unsafe}, m[] = {1.0, 0.5, draws};
  tt_error error = untouched;
  check_refused(tt_check_trials(3, y, m, most, &error), TT_EINVAL, error, what, 2, value,
                sentence);
  check_that(tt_check_trials(3, y, m, most, NULL) == TT_EINVAL, "... told or not");
}

static void counts_refuse(double unsafe, double draws, const char *what, double value,
                          const char *sentence) {
  const double y[] = {0.0, 1.0, unsafe}, m[] = {0.0, 1.0, draws};
  tt_error error = untouched;
  check_refused(tt_check_counts(3, y, m, &error), TT_EINVAL, error, what, 2, value,
                sentence);
  check_that(tt_check_counts(3, y, m, NULL) == TT_EINVAL, "... told or not");
}

static void test_trials(void) {
  const double y[] = {0.0, 1.5, 3.0, 0.0}, m[] = {1e-300, 2.25, 3.0, 1e30};
  tt_error error = untouched;
  check_that(tt_check_trials(4, y, m, 1e30, &error) == TT_OK && is_untouched(error),
             "parts of draws, and as many as the limit");
  check_that(tt_check_trials(0, NULL, NULL, 1.0, NULL) == TT_OK, "no rows");
  trials_refuse(0.0, 0.0, DBL_MAX, "draws", 0.0, "no draws");
  trials_refuse(0.0, -1.0, DBL_MAX, "draws", -1.0, "fewer than none");
  trials_refuse(0.0, NAN, DBL_MAX, "draws", NAN, "draws that are NaN");
  trials_refuse(0.0, INFINITY, INFINITY, "draws", INFINITY, "infinite draws");
  trials_refuse(0.0, 11.0, 10.0, "draws", 11.0, "more draws than the limit");
  trials_refuse(-1e-300, 1.0, DBL_MAX, "unsafe", -1e-300, "unsafe draws below 0");
  trials_refuse(2.0, 1.0, DBL_MAX, "unsafe", 2.0, "more unsafe draws than draws");
  trials_refuse(NAN, 1.0, DBL_MAX, "unsafe", NAN, "unsafe draws that are NaN");
}

static void test_counts(void) {
  const double y[] = {0.0, 0.0, 3.0, 0x1p60}, m[] = {0.0, 2.0, 3.0, 0x1p60};
  tt_error error = untouched;
  check_that(tt_check_counts(4, y, m, &error) == TT_OK && is_untouched(error),
             "whole counts, none included");
  check_that(tt_check_counts(0, NULL, NULL, NULL) == TT_OK, "no prompts");
  counts_refuse(0.0, -1.0, "draws", -1.0, "fewer draws than none");
  counts_refuse(0.0, NAN, "draws", NAN, "draws that are NaN");
  counts_refuse(0.0, INFINITY, "draws", INFINITY, "infinite draws");
  counts_refuse(0.0, 2.5, "draws", 2.5, "half a draw");
  counts_refuse(-1.0, 2.0, "unsafe", -1.0, "unsafe draws below 0");
  counts_refuse(3.0, 2.0, "unsafe", 3.0, "more unsafe draws than draws");
  counts_refuse(0.5, 2.0, "unsafe", 0.5, "half an unsafe draw");
  counts_refuse(NAN, 2.0, "unsafe", NAN, "unsafe draws that are NaN");
  counts_refuse(-INFINITY, 2.0, "unsafe", -INFINITY, "or infinitely few");
}

int main(void) {
  test_trials();
  test_counts();
  return check_report();
}
