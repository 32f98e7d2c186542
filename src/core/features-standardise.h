/* Location and scale of the columns of a matrix. */
#ifndef TT_FEATURES_STANDARDISE_H
#define TT_FEATURES_STANDARDISE_H

#include "status.h"

/* For each of d columns of x (n x d, column-major, finite, n >= 1) the mean and the
 * inverse of the standard deviation (divisor n). A column that is constant, up to
 * 1e-12 of its mean, gets the scale 0. Deviations are divided by the largest before
 * they are squared, so columns may be of any size. */
void tt_standardise(size_t n, size_t d, const double *x, double *centre, double *scale);

#endif
