/* Ridge penalties of a generalised linear model, chosen so that the marginal
 * likelihood is stationary in them (derivation: methods vignette, "The generalised
 * linear model").
 *
 * Columns belong to groups. In a group of infinite shape all columns share one
 * penalty. In a group of finite shape a the penalty of each column is its own, drawn
 * from a gamma distribution of shape a whose mean the group shares: effects then have
 * Student's distribution with 2a degrees of freedom, which shrinks the many small
 * ones and lets the few large ones be. */
#ifndef TT_PENALTY_H
#define TT_PENALTY_H

#include "status.h"

#define TT_UNPENALISED (-1)

typedef struct {
  size_t d; /* columns, the intercept not counted */
  size_t n_groups;
  const int *group;     /* d: index of the group, or TT_UNPENALISED */
  const double *weight; /* d: relative size of the penalty, > 0 */
  const double *shape;  /* n_groups: > 0, may be INFINITY */
  double *lambda;       /* n_groups: the penalty, or the mean of a group's penalties */
  double *edf;          /* n_groups: effective degrees of freedom */
  double *column;       /* d: the penalty of each column, weight included */
  double *trail;        /* 2 d: logarithms of `column` one and two steps ago */
  int phase;            /* where in the cycle of three steps: 0, 1, 2 */
} tt_penalty;

/* Sets `column` from `lambda`; `least`, when positive, is the smallest lambda. */
void tt_penalty_start(tt_penalty *p, double least);

/* sum_j column_j beta_{j+1}^2; beta[0] is the intercept. */
double tt_penalty_value(const tt_penalty *p, const double *beta);

/* Fills edf from the diagonal of (information + penalty)^-1, (d + 1)^2 with the
 * intercept first. Returns the degrees of freedom altogether, intercept included. */
double tt_penalty_edf(tt_penalty *p, const double *inverse);

/* One step towards stationary penalties, every third one extrapolated. `inverse` as
 * above. Returns the largest change of any group's degrees of freedom to come,
 * relative to 1 + edf / 20: a group of many needs fewer digits. */
double tt_penalty_update(tt_penalty *p, const double *beta, const double *inverse,
                         double dispersion);

#endif
