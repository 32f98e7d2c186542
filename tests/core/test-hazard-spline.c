#include "hazard-spline.h"

#include "contract.h"

enum { KNOTS = 6, FUNCTIONS = 3 };

static const double knots[KNOTS] = {-2.0, -1.5, -0.25, 0.0, 1.0, 2.5};

/* Natural splines written as a + b x + sum_j c_j max(0, x - k_j)^3, which is a straight
 * line on the right exactly when sum c = 0 and sum c k = 0. */
typedef struct {
  double a;
  double b;
  double c[KNOTS];
} powers;

static powers random_powers(check_random *random) {
  powers f = {check_normal(random), check_normal(random), {0.0}};
  double sum = 0.0, moment = 0.0;
  for (size_t j = 0; j < KNOTS - 2; j++) {
    f.c[j] = check_normal(random);
    sum += f.c[j];
    moment += f.c[j] * knots[j];
  }
  const double first = knots[KNOTS - 2], last = knots[KNOTS - 1];
  f.c[KNOTS - 2] = (moment - sum * last) / (last - first);
  f.c[KNOTS - 1] = -sum - f.c[KNOTS - 2];
  return f;
}

static double at(const powers *f, double x) {
  double y = f->a + f->b * x;
  for (size_t j = 0; j < KNOTS; j++) {
    const double t = fmax(0.0, x - knots[j]);
    y += f->c[j] * t * t * t;
  }
  return y;
}

static double second_derivative(const powers *f, double x) {
  double y = 0.0;
  for (size_t j = 0; j < KNOTS; j++) {
    y += 6.0 * f->c[j] * fmax(0.0, x - knots[j]);
  }
  return y;
}

typedef struct {
  powers f[FUNCTIONS];
  double value[KNOTS * FUNCTIONS];
  double curvature[KNOTS * FUNCTIONS];
} basis;

static basis new_basis(void) {
  basis b;
  check_random random = {7};
  for (size_t k = 0; k < FUNCTIONS; k++) {
    b.f[k] = random_powers(&random);
    for (size_t j = 0; j < KNOTS; j++) {
      b.value[k * KNOTS + j] = at(&b.f[k], knots[j]);
      b.curvature[k * KNOTS + j] = second_derivative(&b.f[k], knots[j]);
    }
  }
  return b;
}

static double expand1(const basis *b, size_t k, double x) {
  double out = NAN;
  tt_spline_expand(1, &x, KNOTS, knots, 1, b->value + k * KNOTS, b->curvature + k * KNOTS,
                   &out, NULL, NULL);
  return out;
}

/* Largest difference from the same functions in powers over [from, to]. */
static double worst_error(const basis *b, double from, double to) {
  enum { N = 333 };
  double x[N], out[N * FUNCTIONS], worst = 0.0;
  for (size_t i = 0; i < N; i++) {
    x[N - 1 - i] = from + (to - from) * (double)i / (N - 1);
  }
  if (tt_spline_expand(N, x, KNOTS, knots, FUNCTIONS, b->value, b->curvature, out, NULL,
                       NULL) != TT_OK) {
    return INFINITY;
  }
  for (size_t k = 0; k < FUNCTIONS; k++) {
    for (size_t i = 0; i < N; i++) {
      worst = fmax(worst, fabs(out[i + N * k] - at(&b->f[k], x[i])));
    }
  }
  return worst;
}

static void test_against_powers(const basis *b) {
  check_near(worst_error(b, knots[0], knots[KNOTS - 1]), 0.0, 1e-12,
             "between the knots it is the natural spline");
  check_near(worst_error(b, -20.0, knots[0]), 0.0, 1e-11, "left of them a straight line");
  check_near(worst_error(b, knots[KNOTS - 1], 20.0), 0.0, 1e-10, "and right of them");
  int exact = 1;
  for (size_t j = 0; j < KNOTS; j++) {
    exact = exact && fabs(expand1(b, 0, knots[j]) - b->value[j]) <= 1e-13;
  }
  check_that(exact, "it goes through the values at the knots");
}

/* Differences from both sides of every knot. */
static void test_smoothness(const basis *b) {
  const double h = 1e-3;
  double jump = 0.0, slope_jump = 0.0, curvature_error = 0.0;
  for (size_t k = 0; k < FUNCTIONS; k++) {
    for (size_t j = 0; j < KNOTS; j++) {
      double y[7];
      for (int s = -3; s <= 3; s++) {
        y[s + 3] = expand1(b, k, knots[j] + h * s);
      }
      const double left = (1.5 * y[3] - 2.0 * y[2] + 0.5 * y[1]) / h;
      const double right = (-1.5 * y[3] + 2.0 * y[4] - 0.5 * y[5]) / h;
      const double bend_left = (2.0 * y[3] - 5.0 * y[2] + 4.0 * y[1] - y[0]) / (h * h);
      const double bend_right = (2.0 * y[3] - 5.0 * y[4] + 4.0 * y[5] - y[6]) / (h * h);
      const double wanted = b->curvature[k * KNOTS + j];
      jump = fmax(jump, fabs(expand1(b, k, nextafter(knots[j], -9.0)) - y[3]));
      slope_jump = fmax(slope_jump, fabs(left - right));
      curvature_error = fmax(curvature_error, fabs(bend_left - wanted));
      curvature_error = fmax(curvature_error, fabs(bend_right - wanted));
    }
  }
  check_near(jump, 0.0, 1e-13, "no jump at a knot");
  check_near(slope_jump, 0.0, 1e-4, "no kink");
  check_near(curvature_error, 0.0, 1e-5, "and the second derivative is the one given");
}

static void test_by_hand(void) {
  /* 3 x + 1 on two knots; then the hat of curvature 6 at 0 between -1 and 1, which is
   * |x|^3 - 3 x^2 + 2 turned round: f = -(1/2)|x|^3 + (3/2) x^2 - 1 has f'' = 3 - 3|x|.
   */
  const double two[] = {-1.0, 1.0}, line[] = {-2.0, 4.0}, flat[] = {0.0, 0.0};
  const double x[] = {-3.0, -1.0, 0.5, 1.0, 1e6};
  double out[5];
  check_that(tt_spline_expand(5, x, 2, two, 1, line, flat, out, NULL, NULL) == TT_OK &&
                 out[0] == -8.0 && out[1] == -2.0 && out[2] == 2.5 && out[3] == 4.0,
             "two knots make a straight line");
  check_near(out[4], 3e6 + 1.0, 1e-8, "however far out");
  const double three[] = {-1.0, 0.0, 1.0}, f[] = {0.0, -1.0, 0.0},
               bend[] = {0.0, 3.0, 0.0};
  const double y[] = {0.5, -0.5, 1.0, 3.0, -2.0};
  tt_spline_expand(5, y, 3, three, 1, f, bend, out, NULL, NULL);
  check_near(out[0], -0.0625 + 0.375 - 1.0, 1e-15, "a cubic piece by hand");
  check_near(out[1], out[0], 1e-15, "and its mirror image");
  check_near(out[3], 3.0, 1e-15, "slope 3/2 beyond the last knot");
  check_near(out[4], 1.5, 1e-15, "and -3/2 before the first");
}

static void refuses(size_t n_knots, size_t bad_knot, double knot, double x4,
                    const char *what, size_t index, double value, const char *sentence) {
  double k[KNOTS], x[5] = {0.0, 1.0, -1.0, 9.0, x4}, out[5];
  const double zero[KNOTS] = {0.0};
  memcpy(k, knots, sizeof(k));
  k[bad_knot] = knot;
  tt_error error = untouched;
  const tt_status got =
      tt_spline_expand(5, x, n_knots, k, 1, zero, zero, out, NULL, &error);
  check_refused(got, TT_EINVAL, error, what, index, value, sentence);
  check_that(tt_spline_expand(5, x, n_knots, k, 1, zero, zero, out, NULL, NULL) ==
                 TT_EINVAL,
             "... told or not");
}

static void test_contract(const basis *b) {
  refuses(1, 0, -2.0, 0.0, "knots", 0, 1.0, "one knot");
  refuses(0, 0, -2.0, 0.0, "knots", 0, 0.0, "no knots");
  refuses(KNOTS, 3, -0.25, 0.0, "knots", 3, -0.25, "two knots at one place");
  refuses(KNOTS, 2, -1.75, 0.0, "knots", 2, -1.75, "knots out of order");
  refuses(KNOTS, 4, NAN, 0.0, "knots", 4, NAN, "a knot that is NaN");
  refuses(KNOTS, 5, INFINITY, 0.0, "knots", 5, INFINITY, "an infinite knot");
  refuses(KNOTS, 0, -2.0, NAN, "x", 4, NAN, "a point that is NaN");
  refuses(KNOTS, 0, -2.0, -INFINITY, "x", 4, -INFINITY, "an infinite point");
  double x = 0.0, out = 4.0;
  tt_error error = untouched;
  check_that(tt_spline_expand(0, NULL, KNOTS, knots, 1, b->value, b->curvature, &out,
                              NULL, &error) == TT_OK &&
                 tt_spline_expand(1, &x, KNOTS, knots, 0, NULL, NULL, &out, NULL,
                                  &error) == TT_OK &&
                 out == 4.0 && is_untouched(error),
             "no points, or no functions, is no work");
  poll_counter counter = {0, 1};
  const tt_poll poll = {count_poll, &counter}, silent = {NULL, NULL};
  check_that(tt_spline_expand(1, &x, KNOTS, knots, 1, b->value, b->curvature, &out, &poll,
                              NULL) == TT_EINTERRUPT,
             "it stops when the poll says so");
  check_that(tt_spline_expand(1, &x, KNOTS, knots, 1, b->value, b->curvature, &out,
                              &silent, NULL) == TT_OK,
             "a poll may have no function");
}

int main(void) {
  const basis b = new_basis();
  test_against_powers(&b);
  test_smoothness(&b);
  test_by_hand();
  test_contract(&b);
  return check_report();
}
