/* Score tests for products of two features, all pairs at once: which interactions
 * would improve a fitted generalised linear model. */
#ifndef TT_HAZARD_INTERACTION_H
#define TT_HAZARD_INTERACTION_H

#include "status.h"

typedef struct {
  size_t n;             /* rows, >= 1 */
  size_t d;             /* columns of x */
  const double *x;      /* n x d, column-major, finite */
  const double *centre; /* d */
  const double *scale;  /* d; a column of scale 0 has no products */
  double clip;          /* standardised features are clipped at +-clip, > 0 */
  const double *score;  /* n: derivative of the log-likelihood by the linear predictor */
  const double *weight; /* n: its information, >= 0 */
} tt_interaction_model;

/* Bytes of scratch that tt_interaction_statistics needs, aligned as malloc aligns; it
 * need not be cleared. TT_EOVERFLOW when that does not fit. */
tt_status tt_interaction_scratch(size_t d, size_t *bytes);

/* statistic[j * d + i], i > j: the squared score of the product z_i z_j, centred, over
 * its information; under the fitted model about chi-squared with one degree of freedom,
 * or smaller, as what the model's other columns explain of the product is counted as
 * information. 0 where a product does not vary, and on and above the diagonal. */
tt_status tt_interaction_statistics(const tt_interaction_model *model, double *statistic,
                                    void *scratch, const tt_poll *poll);

#endif
