/* The hazard of a draw by a ridge regression on many columns, whose one penalty is
 * the one that predicts best out of fold. With p_i = 1 - exp(-exp(eta_i)) and
 * eta = offset + constant + Z beta it maximises
 *
 *   sum_i unsafe_i log p_i + (draws_i - unsafe_i) log(1 - p_i) - penalty |beta|^2 / 2
 *
 * for each fold without its rows, where the penalty is smaller by the same share. All
 * fits, one a lane, share each pass over Z. At fixed working weights one run of
 * conjugate gradients solves for a whole row of penalties (derivation: methods vignette,
 * "Wide blocks"). */
#ifndef TT_HAZARD_RIDGE_H
#define TT_HAZARD_RIDGE_H

#include "hazard-ridge-matrix.h"
#include "status.h"

#define TT_RIDGE_FOLDS TT_LANES

typedef struct {
  tt_wide_matrix z;
  const double *unsafe; /* n, 0 <= unsafe <= draws; at least one unsafe and one safe */
  const double *draws;  /* n, > 0, finite */
  const double *offset; /* n, finite */
  const int *fold;      /* n: 0, ..., TT_RIDGE_FOLDS - 1; each has rows */
  const double *sign; /* n x TT_LANES, each 1 or -1: probes for the degrees of freedom */
  double penalty;     /* > 0: given; 0: chosen */
} tt_ridge_model;

typedef struct {
  double *beta;     /* d x TT_LANES: of columns of Z, fitted without a fold */
  double *score;    /* n: constant + Z beta of the fit without the row's fold */
  double *constant; /* TT_LANES */
  double penalty;   /* for all rows */
  double edf;       /* effective degrees of freedom, intercept included: estimated mean */
} tt_ridge_result;

/* Bytes of scratch that tt_ridge_fit needs, aligned as malloc aligns; it need not be
 * cleared. TT_EOVERFLOW when that does not fit. */
tt_status tt_ridge_scratch(size_t n, size_t d, size_t *bytes);

tt_status tt_ridge_fit(const tt_ridge_model *model, tt_ridge_result *fit, void *scratch,
                       const tt_poll *poll);

#endif
