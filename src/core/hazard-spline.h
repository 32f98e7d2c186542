/* Natural cubic splines: the non-linear part of an additive predictor. */
#ifndef TT_HAZARD_SPLINE_H
#define TT_HAZARD_SPLINE_H

#include "status.h"

/* Evaluates r basis functions at n points. Each function is the natural cubic
 * spline through given values at the knots, a straight line beyond the outer ones.
 *
 *   x(n)              finite
 *   knots(n_knots)    strictly increasing, n_knots >= 2
 *   value(n_knots x r), curvature(n_knots x r)   the functions and their second
 *                     derivatives at the knots, column-major
 *   out(n x r)        column-major */
tt_status tt_spline_expand(size_t n, const double *x, size_t n_knots, const double *knots,
                           size_t r, const double *value, const double *curvature,
                           double *out, const tt_poll *poll, tt_error *error);

#endif
