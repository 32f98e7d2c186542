#include "geometric-beta.h"

#include "double-double.h"
#include "geometric.h"

#include <float.h>
#include <math.h>

#define POLL_EVERY 4096u

/* Above this precision the law is geometric. */
#define PRECISION_MAX 1e280

/* Results above this are infinite. */
#define TIME_MAX 1e307

/* The first draws are gone through one by one, where b or the quantile may be less than
 * this; the rest of P(T > t), in which b is larger by as many, has Stirling's series. */
#define HEAD 32

/* Up to here the quantile is exact, which may take 100 bits. They are slow, so heavy
 * tails, which reach far, have a lower limit. */
static double exact_limit(double a) {
  return a < 0.5 ? 0x1p+40 : 0x1p+50;
}

/* Below this hazard log(1 + a / (b + j)) is a / (b + j): everything is linear in p, which
 * is scaled by a power of two so that it is not subnormal. */
#define TINY 0x1p-200

typedef struct {
  double p;       /* the hazard, scaled where it is tiny */
  double tau;     /* likewise */
  double m;       /* the precision */
  double a;       /* p m */
  double a_below; /* a in denominators: 0 where it is scaled */
  double b;       /* (1 - p) m */
  double rest;    /* 1 - p */
  double target;  /* -log(1 - tau), scaled */
  int scaled;
} law;

static law new_law(double p, double m, double tau) {
  law l = {p, tau, m, p * m, p * m, (1.0 - p) * m, 1.0 - p, -log1p(-tau), p < TINY};
  if (l.scaled) {
    int e;
    l.p = frexp(p, &e);
    l.tau = ldexp(tau, -e);
    l.target = ldexp(l.target, -e);
    l.a = l.p * m;
    l.a_below = 0.0;
  }
  return l;
}

static double log1p_of(const law *l, double x) {
  return l->scaled ? x : log1p(x);
}

/* ---- The first draws ----------------------------------------------------------- */

/* After t draws: safe = P(T > t), and hit, where P(T <= t) = p hit. Both are sums and
 * products of positive numbers, so nothing cancels. */
typedef struct {
  double safe;
  double hit;
} head;

typedef struct {
  tt_dd safe;
  tt_dd hit;
} dd_head;

static dd_head dd_head_at(const law *l, int t) {
  tt_dd rest = l->scaled ? tt_dd_from(1.0) : tt_dd_two_sum(1.0, -l->p);
  tt_dd b = tt_dd_multiply(rest, tt_dd_from(l->m));
  dd_head h = {rest, tt_dd_from(1.0)};
  for (int j = 1; j < t; j++) {
    tt_dd per = tt_dd_divide(tt_dd_from(1.0), tt_dd_two_sum(l->m, j));
    tt_dd each = tt_dd_multiply(h.safe, per);
    h.hit = tt_dd_add(h.hit, tt_dd_multiply(each, tt_dd_from(l->m)));
    h.safe = tt_dd_multiply(each, tt_dd_add(b, tt_dd_from(j)));
  }
  return h;
}

/* Draw j + 1 added to a head of j draws, j >= 1. */
static void add_draw(const law *l, double j, head *h) {
  const double per = 1.0 / (l->m + j);
  h->hit += h->safe * (l->m * per);
  h->safe *= (l->b + j) * per;
}

/* How far P(T <= t) is above tau, with its own sign, relative to the smaller of tau and
 * 1 - tau: 0 if the two agree to 2^-94. */
static double head_excess(const law *l, int t) {
  dd_head h = dd_head_at(l, t);
  tt_dd excess;
  double scale;
  if (l->scaled || l->tau <= 0.5) {
    tt_dd product = tt_dd_multiply(h.hit, tt_dd_from(l->p));
    excess = tt_dd_add(product, tt_dd_from(-l->tau));
    scale = l->tau;
  } else {
    tt_dd left = tt_dd_two_sum(1.0, -l->tau);
    excess = tt_dd_add(left, tt_dd_negate(h.safe));
    scale = left.hi;
  }
  return fabs(excess.hi) <= 0x1p-94 * scale ? 0.0 : excess.hi / scale;
}

/* The quantile if it is at most HEAD, else 0, with what is left after HEAD draws. */
static int search_head(const law *l, head *h) {
  const int low = l->scaled || l->tau <= 0.5;
  const double ratio = l->tau / l->p, left = 1.0 - l->tau;
  const double scale = low ? ratio : left;
  h->safe = l->rest;
  h->hit = 1.0;
  for (int t = 2; t <= HEAD; t++) {
    add_draw(l, t - 1.0, h);
    const double excess = low ? h->hit - ratio : left - h->safe;
    /* Of up to 5 roundings a draw. */
    if (excess > -5.0 * HEAD * DBL_EPSILON * scale) {
      if (excess > 5.0 * HEAD * DBL_EPSILON * scale || head_excess(l, t) >= 0.0) {
        return t;
      }
    }
  }
  return 0;
}

/* ---- The rest: -log P(T > t), by Stirling's series ------------------------------- */

/* With L = log gamma, -log P(T > t) = L(b + a + t) - L(b + a) - L(b + t) + L(b): the
 * second difference of L at b with steps a and t. Each part of Stirling's series is
 * differenced by hand, which keeps relative accuracy for any a, b >= HEAD and t.
 *
 * The series in 1 / x of L(x) - ((x - 1/2) log x - x) is x^-1 Q(x^-2): a polynomial,
 * evaluated by Horner's rule on functions of which value and differences are known. */
typedef struct {
  double at;   /* f(b) */
  double by_a; /* f(b + a) - f(b) */
  double by_t; /* f(b + t) - f(b) */
  double both; /* f(b + a + t) - f(b + a) - f(b + t) + f(b) */
} difference;

static difference times(difference f, difference g) {
  difference r;
  r.at = f.at * g.at;
  r.by_a = f.by_a * g.at + (f.at + f.by_a) * g.by_a;
  r.by_t = f.by_t * g.at + (f.at + f.by_t) * g.by_t;
  r.both = f.both * g.at + (f.by_a + f.both) * g.by_t + (f.by_t + f.both) * g.by_a +
           (f.at + f.by_a + f.by_t + f.both) * g.both;
  return r;
}

/* The difference of the series: four terms leave out less than 1e-15 of the whole. */
static double stirling(const law *l, double b, double t) {
  const double ba = b + l->a_below, bt = b + t, c = ba + t;
  difference u;
  u.at = 1.0 / b;
  u.by_a = -l->a / ba * u.at;
  u.by_t = -t / bt * u.at;
  u.both = l->a / ba * (t / bt) * ((b + c) / c) * u.at;
  if (b > 5000.0) {
    return u.both / 12.0;
  }
  const difference w = times(u, u);
  difference q = w;
  const double terms[] = {1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0};
  q.at *= -1.0 / 1680.0;
  q.by_a *= -1.0 / 1680.0;
  q.by_t *= -1.0 / 1680.0;
  q.both *= -1.0 / 1680.0;
  for (int k = 0; k < 3; k++) {
    q.at += terms[k];
    q = times(q, k < 2 ? w : u);
  }
  return q.both;
}

/* -log of the share that is safe for t more draws, and its derivative. */
static double log_safe(const law *l, double b, double t, double *slope) {
  const double ba = b + l->a_below, bt = b + t, c = ba + t;
  const double last = log1p_of(l, l->a / bt);
  const double z = l->a / ba * (t / bt);
  const double first = !l->scaled && z > 0.5 ? log(b / ba * (c / bt)) : log1p_of(l, -z);
  *slope = last + l->a / c / bt * (0.5 + (bt + c) / c / bt / 12.0);
  return (b - 0.5) * first + l->a * log1p(t / ba) + t * last + stirling(l, b, t);
}

/* ---- The same with 100 bits ------------------------------------------------------ */

typedef struct {
  tt_dd at;
  tt_dd by_a;
  tt_dd by_t;
  tt_dd both;
} dd_difference;

static dd_difference dd_times(dd_difference f, dd_difference g) {
  dd_difference r;
  tt_dd f_a = tt_dd_add(f.at, f.by_a), f_t = tt_dd_add(f.at, f.by_t);
  tt_dd a_t = tt_dd_add(f.by_a, f.both), t_a = tt_dd_add(f.by_t, f.both);
  r.at = tt_dd_multiply(f.at, g.at);
  r.by_a = tt_dd_add(tt_dd_multiply(f.by_a, g.at), tt_dd_multiply(f_a, g.by_a));
  r.by_t = tt_dd_add(tt_dd_multiply(f.by_t, g.at), tt_dd_multiply(f_t, g.by_t));
  r.both = tt_dd_add(tt_dd_add(tt_dd_multiply(f.both, g.at), tt_dd_multiply(a_t, g.by_t)),
                     tt_dd_add(tt_dd_multiply(t_a, g.by_a),
                               tt_dd_multiply(tt_dd_add(f_a, t_a), g.both)));
  return r;
}

/* B(2 k) / (2 k (2 k - 1)), k = 1 ... 12. */
static const double stirling_terms[][2] = {
    {1, 12},         {-1, 360},         {1, 1260},     {-1, 1680},
    {1, 1188},       {-691, 360360},    {1, 156},      {-3617, 122400},
    {43867, 244188}, {-174611, 125400}, {77683, 5796}, {-236364091, 1506960}};

/* a, b, t and what they add up to; a in denominators as above. */
typedef struct {
  tt_dd a, b, t, ba, bt, c;
  int scaled;
} dd_place;

static dd_place new_place(const law *l, int skipped, double t) {
  dd_place s;
  tt_dd rest = l->scaled ? tt_dd_from(1.0) : tt_dd_two_sum(1.0, -l->p);
  s.a = tt_dd_two_product(l->p, l->m);
  s.b = tt_dd_add(tt_dd_multiply(rest, tt_dd_from(l->m)), tt_dd_from(skipped));
  s.t = tt_dd_from(t);
  s.ba = l->scaled ? s.b : tt_dd_add(s.b, s.a);
  s.bt = tt_dd_add(s.b, s.t);
  s.c = tt_dd_add(s.ba, s.t);
  s.scaled = l->scaled;
  return s;
}

static tt_dd dd_log1p_of(const dd_place *s, tt_dd x) {
  return s->scaled ? x : tt_dd_log1p(x);
}

static tt_dd dd_stirling(const dd_place *s) {
  dd_difference u;
  tt_dd by_a = tt_dd_divide(s->a, s->ba), by_t = tt_dd_divide(s->t, s->bt);
  u.at = tt_dd_divide(tt_dd_from(1.0), s->b);
  u.by_a = tt_dd_negate(tt_dd_multiply(by_a, u.at));
  u.by_t = tt_dd_negate(tt_dd_multiply(by_t, u.at));
  u.both = tt_dd_multiply(tt_dd_multiply(by_a, by_t),
                          tt_dd_divide(tt_dd_add(s->b, s->c), s->c));
  u.both = tt_dd_multiply(u.both, u.at);
  const dd_difference w = dd_times(u, u);
  dd_difference q = {{0.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}};
  /* From 1,000 on the later terms are below 2^-100 of the whole. */
  for (int k = s->b.hi > 1000.0 ? 5 : 11; k >= 0; k--) {
    q.at = tt_dd_add(q.at, tt_dd_divide(tt_dd_from(stirling_terms[k][0]),
                                        tt_dd_from(stirling_terms[k][1])));
    q = dd_times(q, k > 0 ? w : u);
  }
  return q.both;
}

static tt_dd dd_log_safe(const dd_place *s) {
  tt_dd by_a = tt_dd_divide(s->a, s->ba), by_t = tt_dd_divide(s->t, s->bt);
  tt_dd first = dd_log1p_of(s, tt_dd_negate(tt_dd_multiply(by_a, by_t)));
  tt_dd second = tt_dd_log1p(tt_dd_divide(s->t, s->ba));
  tt_dd third = dd_log1p_of(s, tt_dd_divide(s->a, s->bt));
  tt_dd sum = tt_dd_multiply(tt_dd_add(s->b, tt_dd_from(-0.5)), first);
  sum = tt_dd_add(sum, tt_dd_multiply(s->a, second));
  sum = tt_dd_add(sum, tt_dd_multiply(s->t, third));
  return tt_dd_add(sum, dd_stirling(s));
}

/* log of P(T > skipped) over 1 - tau. Scaled hazards meet tiny taus only. */
static tt_dd dd_target(const law *l, int skipped) {
  if (skipped == 0) {
    return l->scaled ? tt_dd_from(l->tau) : tt_dd_negate(tt_dd_log1m(l->tau));
  }
  dd_head h = dd_head_at(l, skipped);
  tt_dd short_of = tt_dd_add(tt_dd_from(l->tau),
                             tt_dd_negate(tt_dd_multiply(h.hit, tt_dd_from(l->p))));
  if (l->scaled) {
    return short_of;
  }
  tt_dd left = tt_dd_two_sum(1.0, -l->tau);
  if (l->tau > 0.5) {
    short_of = tt_dd_add(h.safe, tt_dd_negate(left));
  }
  return tt_dd_log1p(tt_dd_divide(short_of, left));
}

/* The smallest integer of at least the root, given a t near it. */
static double root_extended(const law *l, int skipped, double t, double slope) {
  const tt_dd target = dd_target(l, skipped);
  const double equal = 0x1p-90 * l->target / slope;
  t = nearbyint(t);
  double further = 0.0;
  for (int step = 0; step < 20; step++) {
    const dd_place place = new_place(l, skipped, t);
    const tt_dd short_of = tt_dd_add(target, tt_dd_negate(dd_log_safe(&place)));
    further = short_of.hi / slope;
    if (fabs(further) < 0.75) {
      break;
    }
    t = fmax(0.0, t + nearbyint(further));
  }
  return further > equal ? t + 1.0 : t;
}

/* ---- The quantile ---------------------------------------------------------------- */

/* Rounding in Newton's search, as a bound of the error of -log P(T > t) relative to
 * -log(1 - tau): 4 roundings for each draw of the head, and a few more. */
#define SEARCH_ERROR (160.0 * DBL_EPSILON)

/* The t beyond the skipped draws at which -log of the safe share is y; Inf where it is
 * above `most`. Newton's steps are taken on log(scale + t), in which it is nearly a
 * straight line. */
static double search_root(const law *l, int skipped, double y, double most) {
  const double b = l->b + skipped, ba = b + l->a_below;
  const double scale = fmax(b + 0.5 * (l->a_below - 1.0), 1.0);
  const double growth = expm1(y / l->a), error = SEARCH_ERROR * l->target;
  const double limit = exact_limit(l->scaled ? 0.0 : l->a);
  double low = 0.0, high = fmin(ba * growth, most), slope;
  double t = fmin(scale * growth, high);
  if (t >= most && log_safe(l, b, most, &slope) < y - error) {
    return INFINITY;
  }
  for (int step = 0; step < 200; step++) {
    const double short_of = y - log_safe(l, b, t, &slope);
    if (short_of > 0.0) {
      low = t;
    } else {
      high = t;
    }
    const double by = short_of / slope / (scale + t);
    double next = t + (scale + t) * (fabs(by) < 1e-9 ? by : expm1(by));
    if (!(next >= low && next <= high)) {
      next = low + 0.5 * (high - low);
    }
    const double gap = fabs(next - nearbyint(next));
    /* What a further step would change, and what rounding may have. */
    const double open = by * by * (scale + t), rounded = error / slope;
    if (open < 0.1 && open + rounded < gap) {
      return ceil(next);
    }
    if (open <= fmax(rounded, 4.0 * DBL_EPSILON * next)) {
      return next < limit ? root_extended(l, skipped, next, slope) : ceil(next);
    }
    t = next;
  }
  return ceil(t);
}

/* For p and tau inside (0, 1), p < tau; Inf, or any time above `most`, where the
 * quantile is. */
static double quantile_inside(double p, double m, double tau, double most) {
  const law l = new_law(p, m, tau);
  if (l.b >= HEAD && l.tau / l.p > HEAD) {
    return search_root(&l, 0, l.target, most);
  }
  head h;
  const int t = search_head(&l, &h);
  if (t > 0 || most <= HEAD) {
    return t > 0 ? (double)t : (double)INFINITY;
  }
  double y;
  if (l.scaled) {
    y = l.target - l.p * h.hit;
  } else if (tau <= 0.5) {
    y = log1p((tau - p * h.hit) / (1.0 - tau));
  } else {
    y = log(h.safe / (1.0 - tau));
  }
  return HEAD + search_root(&l, HEAD, fmax(y, DBL_MIN), most - HEAD);
}

static double quantile_any(double p, double m, double tau, double cap) {
  if (m > PRECISION_MAX) {
    return tt_geometric_quantile1(p, tau);
  }
  /* P(T <= 1) = p. */
  if (tau <= p || tau == 0.0) {
    return 1.0;
  }
  if (p == 0.0 || tau == 1.0) {
    return INFINITY;
  }
  return quantile_inside(p, m, tau, fmin(cap, TIME_MAX));
}

double tt_beta_geometric_quantile1(double p, double m, double tau) {
  return quantile_any(p, m, tau, INFINITY);
}

tt_status tt_check_beta_law(size_t n, const double *prob, tt_column precision,
                            tt_error *error) {
  tt_status status = tt_check_unit(n, prob, "prob", error);
  for (size_t i = 0; status == TT_OK && i < n; i++) {
    if (!(tt_at(precision, i) > 0.0)) {
      status = tt_fail(error, TT_EINVAL, "precision", i, tt_at(precision, i));
    }
  }
  return status;
}

tt_status tt_beta_geometric_quantile(size_t n, const double *prob, tt_column precision,
                                     size_t n_tau, const double *tau, double cap,
                                     double *out, const tt_poll *poll, tt_error *error) {
  tt_status status = tt_check_quantiles(n, prob, n_tau, tau, cap, error);
  if (status == TT_OK) {
    status = tt_check_beta_law(n, prob, precision, error);
  }
  if (status != TT_OK) {
    return status;
  }
  for (size_t k = 0; k < n_tau; k++) {
    double *column = out + n * k;
    for (size_t i = 0; i < n; i++) {
      if (i % POLL_EVERY == 0 && tt_stop_requested(poll)) {
        return TT_EINTERRUPT;
      }
      double q = quantile_any(prob[i], tt_at(precision, i), tau[k], cap);
      column[i] = q < cap ? q : cap;
    }
  }
  return TT_OK;
}

/* ---- P(T <= t), and the mean of what is drawn -------------------------------------- */

/* The head of up to HEAD draws, with the sum of P(T > j) over j < t. */
static head head_at(const law *l, int t, double *sum) {
  if (t == 0) {
    *sum = 0.0;
    return (head){1.0, 0.0};
  }
  head h = {l->rest, 1.0};
  *sum = 1.0;
  for (int j = 1; j < t; j++) {
    *sum += h.safe;
    add_draw(l, j, &h);
  }
  return h;
}

static double distribution(double p, double m, double t) {
  if (t < 1.0 || p == 0.0) {
    return 0.0;
  }
  if (p == 1.0 || isinf(t)) {
    return 1.0;
  }
  /* A scaled law has p and P(T <= t) in the same unit. */
  const law l = new_law(p, m, 0.5);
  const double unit = l.scaled ? p / l.p : 1.0;
  double sum, slope;
  const double first = fmin(t, HEAD);
  const head h = head_at(&l, (int)first, &sum);
  double below = l.p * h.hit;
  if (t > first) {
    const double further = log_safe(&l, l.b + HEAD, t - HEAD, &slope);
    below += h.safe * (l.scaled ? further : -expm1(-further));
  }
  return fmin(1.0, below * unit);
}

tt_status tt_beta_geometric_distribution(size_t n, const double *time, const double *prob,
                                         const double *precision, double *out,
                                         tt_error *error) {
  const tt_column column = {precision, 1};
  tt_status status = tt_check_beta_law(n, prob, column, error);
  for (size_t i = 0; status == TT_OK && i < n; i++) {
    const double t = floor(time[i]);
    if (!(t >= 0.0)) {
      return tt_fail(error, TT_EINVAL, "time", i, time[i]);
    }
    if (precision[i] > PRECISION_MAX) {
      status = tt_geometric_distribution(1, &t, prob + i, out + i, error);
    } else {
      out[i] = distribution(prob[i], precision[i], t);
    }
  }
  return status;
}

/* With e = a - 1 the draws after the head are, on average, (b + e) / e (1 - G), where G
 * is the product of (b + j) / (b + e + j): what log_safe() has with e for a. At e = 0 it
 * is a difference of digamma functions, which is the limit. */
static double cost(double p, double m, double limit) {
  if (p == 0.0) {
    return limit;
  }
  law l = new_law(p, m, 0.5);
  double sum, slope;
  const double first = fmin(limit, HEAD);
  const head h = head_at(&l, (int)first, &sum);
  if (limit <= first) {
    return sum;
  }
  const double b = l.b + HEAD, near = 1e-9;
  double e = (l.scaled ? 0.0 : l.a) - 1.0;
  e = fabs(e) < near ? near : e;
  l.a = e;
  l.a_below = e;
  l.scaled = 0;
  if (isinf(limit)) {
    return e > 0.0 ? sum + h.safe * (b + e) / e : (double)INFINITY;
  }
  const double further = log_safe(&l, b, limit - HEAD, &slope);
  return sum + h.safe * (b + e) / e * -expm1(-further);
}

tt_status tt_beta_geometric_cost(size_t n, const double *limit, const double *prob,
                                 const double *precision, double *out, tt_error *error) {
  const tt_column column = {precision, 1};
  tt_status status = tt_check_beta_law(n, prob, column, error);
  for (size_t i = 0; status == TT_OK && i < n; i++) {
    if (!(limit[i] >= 0.0)) {
      return tt_fail(error, TT_EINVAL, "limit", i, limit[i]);
    }
    if (precision[i] > PRECISION_MAX) {
      double below;
      status = tt_geometric_distribution(1, limit + i, prob + i, &below, error);
      out[i] = prob[i] > 0.0 ? below / prob[i] : limit[i];
    } else {
      out[i] = cost(prob[i], precision[i], limit[i]);
    }
  }
  return status;
}
