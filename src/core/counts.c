#include "counts.h"

#include <math.h>

static tt_status check_unsafe(size_t i, double unsafe, double draws, tt_error *error) {
  if (!(unsafe >= 0.0 && unsafe <= draws)) {
    return tt_fail(error, TT_EINVAL, "unsafe", i, unsafe);
  }
  return TT_OK;
}

tt_status tt_check_trials(size_t n, const double *unsafe, const double *draws,
                          double most, tt_error *error) {
  tt_status status = TT_OK;
  for (size_t i = 0; i < n && status == TT_OK; i++) {
    if (!(draws[i] > 0.0 && draws[i] <= most && draws[i] < INFINITY)) {
      return tt_fail(error, TT_EINVAL, "draws", i, draws[i]);
    }
    status = check_unsafe(i, unsafe[i], draws[i], error);
  }
  return status;
}

static int is_whole(double x) {
  return floor(x) == x;
}

tt_status tt_check_counts(size_t n, const double *unsafe, const double *draws,
                          tt_error *error) {
  tt_status status = TT_OK;
  for (size_t i = 0; i < n && status == TT_OK; i++) {
    if (!(draws[i] >= 0.0 && draws[i] < INFINITY && is_whole(draws[i]))) {
      return tt_fail(error, TT_EINVAL, "draws", i, draws[i]);
    }
    status = is_whole(unsafe[i]) ? check_unsafe(i, unsafe[i], draws[i], error)
                                 : tt_fail(error, TT_EINVAL, "unsafe", i, unsafe[i]);
  }
  return status;
}
