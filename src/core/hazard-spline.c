#include "hazard-spline.h"

#include <math.h>

#define POLL_EVERY 16384u

/* f(x) = a[0] f(k_j) + a[1] f(k_{j+1}) + a[2] f''(k_j) + a[3] f''(k_{j+1}). */
typedef struct {
  size_t j;
  double a[4];
} stencil;

static size_t find_interval(const double *knots, size_t n_knots, double x) {
  size_t low = 0;
  size_t high = n_knots - 1;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (x < knots[middle]) {
      high = middle;
    } else {
      low = middle;
    }
  }
  return low;
}

/* Inside, the cubic piece between two knots. Outside, the tangent at the outer knot,
 * whose second derivative is zero: f(k) + (x - k) f'(k). */
static stencil locate(const double *knots, size_t n_knots, double x) {
  size_t j = find_interval(knots, n_knots, x);
  double width = knots[j + 1] - knots[j];
  double t = (x - knots[j]) / width;
  stencil s = {j, {1.0 - t, t, 0.0, 0.0}};
  if (t < 0.0) {
    s.a[2] = -t * width * width / 3.0;
    s.a[3] = -t * width * width / 6.0;
  } else if (t > 1.0) {
    s.a[2] = (t - 1.0) * width * width / 6.0;
    s.a[3] = (t - 1.0) * width * width / 3.0;
  } else {
    double u = 1.0 - t;
    s.a[2] = (u * u * u - u) * width * width / 6.0;
    s.a[3] = (t * t * t - t) * width * width / 6.0;
  }
  return s;
}

tt_status tt_spline_expand(size_t n, const double *x, size_t n_knots, const double *knots,
                           size_t r, const double *value, const double *curvature,
                           double *out, const tt_poll *poll, tt_error *error) {
  if (n_knots < 2) {
    return tt_fail(error, TT_EINVAL, "knots", 0, (double)n_knots);
  }
  for (size_t k = 0; k < n_knots; k++) {
    if (!isfinite(knots[k]) || (k > 0 && !(knots[k] > knots[k - 1]))) {
      return tt_fail(error, TT_EINVAL, "knots", k, knots[k]);
    }
  }
  for (size_t i = 0; i < n; i++) {
    if (i % POLL_EVERY == 0 && tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    if (!isfinite(x[i])) {
      return tt_fail(error, TT_EINVAL, "x", i, x[i]);
    }
    stencil s = locate(knots, n_knots, x[i]);
    for (size_t b = 0; b < r; b++) {
      const double *f = value + b * n_knots + s.j;
      const double *c = curvature + b * n_knots + s.j;
      out[i + n * b] = s.a[0] * f[0] + s.a[1] * f[1] + s.a[2] * c[0] + s.a[3] * c[1];
    }
  }
  return TT_OK;
}
