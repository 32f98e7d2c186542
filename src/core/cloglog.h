/* The complementary log-log link, p = 1 - exp(-exp(eta)), and what a row of counts
 * contributes to scores and information, accurate for hazards of any size and fast
 * for small ones. */
#ifndef TT_CLOGLOG_H
#define TT_CLOGLOG_H

#include "gram.h"

#include <math.h>

/* exp(eta) is the hazard on the log-survival scale; outside this range 1 - p is 0,
 * or p is 0, to within rounding. */
#define TT_ETA_MIN (-700.0)
#define TT_ETA_MAX 3.6

/* Below this, series are as exact as exp() and log(), and faster. */
#define TT_SMALL_HAZARD 0.05

/* 1 - exp(-h) for small h; the first term left out is below 1e-18 of the sum. */
static inline double tt_small_one_minus_exp(double h) {
  double s = 1.0 / 40320.0 - h * (1.0 / 362880.0);
  s = 1.0 / 5040.0 - h * s;
  s = 1.0 / 720.0 - h * s;
  s = 1.0 / 120.0 - h * s;
  s = 1.0 / 24.0 - h * s;
  s = 1.0 / 6.0 - h * s;
  s = 0.5 - h * s;
  return h * (1.0 - h * s);
}

/* log(1 - exp(-h)) for small h = exp(eta):
 * log((1 - exp(-h)) / h) = -h / 2 + h^2 / 24 - h^4 / 2880 + h^6 / 181440 + O(h^8). */
static inline double tt_small_log_one_minus_exp(double eta, double h) {
  double square = h * h;
  double s = 1.0 / 2880.0 - square * (1.0 / 181440.0);
  return eta - h * (0.5 - h * (1.0 / 24.0 - square * s));
}

/* The same for any h, to full relative accuracy, without the cost of expm1(). */
static inline double tt_one_minus_exp(double h) {
  return h > TT_SMALL_HAZARD ? 1.0 - exp(-h) : tt_small_one_minus_exp(h);
}

static inline double tt_log_one_minus_exp(double eta, double h, double p) {
  return h > TT_SMALL_HAZARD ? log(p) : tt_small_log_one_minus_exp(eta, h);
}

static inline double tt_clip_eta(double eta) {
  if (eta < TT_ETA_MIN) {
    return TT_ETA_MIN;
  }
  return eta > TT_ETA_MAX ? TT_ETA_MAX : eta;
}

typedef struct {
  double score;  /* d log-likelihood / d eta = h (y / p - m), h = exp(eta) */
  double weight; /* Fisher information of eta = m h^2 (1 - p) / p */
  double log_likelihood;
} tt_row_terms;

static inline tt_row_terms tt_evaluate_row(double eta, double y, double m) {
  double clipped = tt_clip_eta(eta);
  double h = exp(clipped);
  double p = tt_one_minus_exp(h);
  double safe = p < 1.0 ? 1.0 - p : 1e-16;
  double per_p = 1.0 / p;
  tt_row_terms t;
  t.score = h * (y * per_p - m);
  t.weight = m * h * h * safe * per_p;
  t.log_likelihood =
      (y > 0.0 ? y * tt_log_one_minus_exp(clipped, h, p) : 0.0) - (m - y) * h;
  return t;
}

/* What one block of rows contributes: the panel's factor, the working response times
 * it, and the log-likelihood. */
typedef struct {
  double root[TT_GRAM_ROWS];
  double response[TT_GRAM_ROWS];
  double log_likelihood[TT_GRAM_ROWS];
} tt_block_terms;

static inline void tt_evaluate_rows(size_t rows, const double *eta, const double *unsafe,
                                    const double *draws, tt_block_terms *b) {
  for (size_t r = 0; r < rows; r++) {
    tt_row_terms t = tt_evaluate_row(eta[r], unsafe[r], draws[r]);
    b->root[r] = sqrt(t.weight > 1e-300 ? t.weight : 1e-300);
    b->response[r] = b->root[r] * tt_clip_eta(eta[r]) + t.score / b->root[r];
    b->log_likelihood[r] = t.log_likelihood;
  }
}

/* The same for a whole block of small hazards, without a branch, so that it runs in
 * vectors. Returns 0, having done nothing of use, where a hazard is not small. */
static inline int tt_evaluate_small_block(const double *eta, const double *unsafe,
                                          const double *draws, tt_block_terms *b) {
  double h[TT_GRAM_ROWS];
  double largest = 0.0;
  double lowest = 0.0;
  for (size_t r = 0; r < TT_GRAM_ROWS; r++) {
    h[r] = exp(eta[r]);
    largest = h[r] > largest ? h[r] : largest;
    lowest = eta[r] < lowest ? eta[r] : lowest;
  }
  if (!(largest <= TT_SMALL_HAZARD) || !(lowest > -300.0)) {
    return 0;
  }
  for (size_t r = 0; r < TT_GRAM_ROWS; r++) {
    double p = tt_small_one_minus_exp(h[r]);
    double per_p = 1.0 / p;
    double weight = draws[r] * h[r] * h[r] * (1.0 - p) * per_p;
    double root = sqrt(weight);
    double score = h[r] * (unsafe[r] * per_p - draws[r]);
    b->root[r] = root;
    b->response[r] = root * eta[r] + score / root;
    b->log_likelihood[r] = unsafe[r] * tt_small_log_one_minus_exp(eta[r], h[r]) -
                           (draws[r] - unsafe[r]) * h[r];
  }
  return 1;
}

#endif
