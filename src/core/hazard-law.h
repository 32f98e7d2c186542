/* The law of the time T = 1, 2, ... of the first unsafe draw, as R/hazard-law.R has it:
 * a kind, and for each row the columns that the law is made of.
 *
 * A further law takes: a kind, a name and its columns in hazard-law.c, a case in
 * tt_check_law() and in tt_law_quantile(), and the list of that name in R. The glue
 * reads names and columns from here and stays as it is. */
#ifndef TT_HAZARD_LAW_H
#define TT_HAZARD_LAW_H

#include "geometric-beta.h"
#include "geometric.h"
#include "status.h"

#include <math.h>

typedef enum {
  TT_LAW_GEOMETRIC = 0,     /* columns: prob, in [0, 1]; see geometric.h */
  TT_LAW_BETA_GEOMETRIC = 1 /* prob, and precision, above 0; see geometric-beta.h */
} tt_law_kind;

#define TT_LAW_MOST_COLUMNS 4

typedef struct {
  tt_law_kind kind;
  const double *columns[TT_LAW_MOST_COLUMNS]; /* a value for each row */
} tt_law;

/* Names by kind, closed by a null pointer. */
extern const char *const tt_law_names[];

/* The names of a law's columns in their order, closed by a null pointer. */
const char *const *tt_law_columns(tt_law_kind kind);

/* TT_EINVAL, naming the column, unless all values of n rows lie in their domains. */
tt_status tt_check_law(const tt_law *law, size_t n, tt_error *error);

/* The tau quantile of a row, tau in [0, 1]: the smallest t >= 1 with P(T <= t) >= tau;
 * may be Inf. Inline: a bisection over tau asks it of every row. */
static inline double tt_law_quantile(const tt_law *law, size_t row, double tau) {
  switch (law->kind) {
  case TT_LAW_GEOMETRIC:
    return tt_geometric_quantile1(law->columns[0][row], tau);
  case TT_LAW_BETA_GEOMETRIC:
    return tt_beta_geometric_quantile1(law->columns[0][row], law->columns[1][row], tau);
  }
  return INFINITY;
}

#endif
