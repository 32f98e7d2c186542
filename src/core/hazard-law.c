#include "hazard-law.h"

const char *const tt_law_names[] = {
    [TT_LAW_GEOMETRIC] = "geometric", [TT_LAW_BETA_GEOMETRIC] = "beta-geometric", NULL};

static const char *const geometric_columns[] = {"prob", NULL};
static const char *const beta_geometric_columns[] = {"prob", "precision", NULL};
static const char *const no_columns[] = {NULL};

const char *const *tt_law_columns(tt_law_kind kind) {
  switch (kind) {
  case TT_LAW_GEOMETRIC:
    return geometric_columns;
  case TT_LAW_BETA_GEOMETRIC:
    return beta_geometric_columns;
  }
  return no_columns;
}

tt_status tt_check_law(const tt_law *law, size_t n, tt_error *error) {
  switch (law->kind) {
  case TT_LAW_GEOMETRIC:
    return tt_check_unit(n, law->columns[0], geometric_columns[0], error);
  case TT_LAW_BETA_GEOMETRIC:
    return tt_check_beta_law(n, law->columns[0], (tt_column){law->columns[1], 1}, error);
  }
  return tt_fail(error, TT_EINVAL, "law", 0, (double)law->kind);
}
