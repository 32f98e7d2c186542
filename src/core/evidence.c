#include "evidence.h"

#include "arena.h"
#include "counts.h"
#include "miscoverage-replicated.h"
#include "miscoverage.h"
#include "numeric.h"

#include <math.h>
#include <string.h>

/* Losses that reach the bases but for rounding count as reaching them. */
#define REACHED (1.0 - 1e-12)

/* Taus are told apart down to this; a tau below SMALLEST is as good as none. */
#define RESOLUTION 0x1p-50
#define SMALLEST 1e-15

/* What does not depend on tau, and what is known of the losses between the
 * taus that are still in question: most of them soon do not change any more, as the
 * quantiles are whole numbers, and are then not computed again. */
typedef struct {
  const tt_terms *losses;
  const tt_rule *rule;
  double bases;   /* their sum */
  double squares; /* and that of their squares */
  double *growth; /* n + 1: log wealth after this many units, had none lost */
  double *least;  /* m: each loss at the lower end, or below it */
  double *most;   /* m: and at the upper end */
  double *now;    /* m: at the tau looked at, where a rule looked */
} evidence;

static double base_of(const tt_terms *losses, size_t j) {
  return losses->base[(size_t)losses->place[j] - 1];
}

static double loss_at(const tt_terms *losses, size_t j, double tau) {
  if (losses->jump != NULL) {
    return losses->jump[j] < tau ? losses->weight[j] : 0.0;
  }
  double q = fmin(tt_law_quantile(&losses->law, j, tau), losses->cap);
  return losses->weight[j] * tt_replicated_loss1(losses->unsafe[j], losses->draws[j], q);
}

static double loss_between(const evidence *e, size_t j, double tau) {
  if (e->least[j] < e->most[j]) {
    e->now[j] = loss_at(e->losses, j, tau);
  }
  return e->now[j];
}

/* What is lost at the place of *j, by all of its rows; *j is then the first row of the
 * next place. */
static double loss_of_place(const evidence *e, size_t *j, double tau) {
  const tt_terms *losses = e->losses;
  const double place = losses->place[*j];
  double loss = 0.0;
  for (; *j < losses->m && losses->place[*j] == place; (*j)++) {
    loss += loss_between(e, *j, tau);
  }
  return loss;
}

static int mean_holds(const evidence *e, double tau) {
  tt_sum sum = {0.0, 0.0};
  tt_sum squares = {e->squares, 0.0};
  for (size_t j = 0; j < e->losses->m;) {
    double base = base_of(e->losses, j);
    double loss = loss_of_place(e, &j, tau);
    tt_sum_add(&sum, loss);
    tt_sum_add(&squares, loss * (loss - 2.0 * base));
  }
  double margin = 0.0;
  if (e->rule->kind == TT_RULE_NORMAL) {
    margin =
        e->rule->z * sqrt(fmax(tt_sum_value(&squares), 0.0) + e->rule->variance_floor);
  }
  return tt_sum_value(&sum) + margin < e->bases * REACHED;
}

/* Between two losses the wealth never falls, so its running maximum is looked up just
 * before each loss, and after the last unit. */
static int wealth_holds(const evidence *e, double tau) {
  const tt_rule *rule = e->rule;
  double lost = 0.0;
  for (size_t j = 0; j < e->losses->m;) {
    size_t before = (size_t)e->losses->place[j] - 1;
    double loss = loss_of_place(e, &j, tau);
    if (loss > 0.0) {
      if (e->growth[before] + lost >= rule->log_threshold) {
        return 1;
      }
      lost += log1p(rule->bet * (e->losses->base[before] - loss)) -
              (e->growth[before + 1] - e->growth[before]);
    }
  }
  return e->growth[e->losses->n] + lost >= rule->log_threshold_last;
}

/* Afterwards `tau` is the lower end where the rule holds, else the upper one. A rule
 * that fails has looked at all losses. */
static int rule_holds(evidence *e, double tau) {
  size_t size = e->losses->m * sizeof(double);
  if (size > 0) {
    memcpy(e->now, e->least, size);
  }
  int holds = e->rule->kind == TT_RULE_WEALTH ? wealth_holds(e, tau) : mean_holds(e, tau);
  double *end = holds ? e->least : e->most;
  if (size > 0) {
    memcpy(end, e->now, size);
  }
  return holds;
}

static void lay_out(tt_arena *a, size_t n, size_t m, evidence *e) {
  e->growth = tt_arena_doubles(a, n + 1, 1);
  e->least = tt_arena_doubles(a, m, 1);
  e->most = tt_arena_doubles(a, m, 1);
  e->now = tt_arena_doubles(a, m, 1);
}

tt_status tt_certify_scratch(size_t n, size_t m, size_t *bytes) {
  tt_arena a = tt_arena_measure();
  evidence e;
  if (n > SIZE_MAX / 2) {
    return TT_EOVERFLOW;
  }
  lay_out(&a, n, m, &e);
  *bytes = a.used;
  return tt_arena_failed(&a) ? TT_EOVERFLOW : TT_OK;
}

static tt_status gather(const tt_terms *losses, const tt_rule *rule, evidence *e,
                        tt_error *error) {
  double *growth = e->growth;
  tt_sum bases = {0.0, 0.0};
  tt_sum squares = {0.0, 0.0};
  tt_sum wealth = {0.0, 0.0};
  growth[0] = 0.0;
  for (size_t i = 0; i < losses->n; i++) {
    double base = losses->base[i];
    if (!(base >= 0.0 && base < INFINITY)) {
      return tt_fail(error, TT_EINVAL, "base", i, base);
    }
    tt_sum_add(&bases, base);
    tt_sum_add(&squares, base * base);
    if (base > 0.0 && rule->kind == TT_RULE_WEALTH) {
      tt_sum_add(&wealth, log1p(rule->bet * base));
    }
    growth[i + 1] = tt_sum_value(&wealth);
  }
  e->bases = tt_sum_value(&bases);
  e->squares = tt_sum_value(&squares);
  for (size_t j = 0; j < losses->m; j++) {
    e->least[j] = 0.0;
    e->most[j] = INFINITY;
  }
  return TT_OK;
}

static tt_status check_rule(const tt_rule *rule, tt_error *error) {
  switch (rule->kind) {
  case TT_RULE_MARGINAL:
    return TT_OK;
  case TT_RULE_NORMAL:
    if (!isfinite(rule->z)) {
      return tt_fail(error, TT_EINVAL, "z", 0, rule->z);
    }
    return rule->variance_floor >= 0.0
               ? TT_OK
               : tt_fail(error, TT_EINVAL, "variance_floor", 0, rule->variance_floor);
  case TT_RULE_WEALTH:
    if (!(rule->bet >= 0.0 && rule->bet < INFINITY)) {
      return tt_fail(error, TT_EINVAL, "bet", 0, rule->bet);
    }
    if (isnan(rule->log_threshold)) {
      return tt_fail(error, TT_EINVAL, "log_threshold", 0, rule->log_threshold);
    }
    return isnan(rule->log_threshold_last)
               ? tt_fail(error, TT_EINVAL, "log_threshold_last", 0,
                         rule->log_threshold_last)
               : TT_OK;
  }
  return tt_fail(error, TT_EINVAL, "kind", 0, (double)rule->kind);
}

/* Places index the bases, so they are checked before a base is looked up. */
static tt_status check_places(const tt_terms *losses, tt_error *error) {
  double before = 1.0;
  for (size_t j = 0; j < losses->m; j++) {
    double place = losses->place[j];
    if (!(place >= before && place <= (double)losses->n && floor(place) == place)) {
      return tt_fail(error, TT_EINVAL, "order", j, place);
    }
    before = place;
  }
  return TT_OK;
}

static tt_status check_weights(const tt_terms *losses, const tt_rule *rule,
                               tt_error *error) {
  double most = 0.0; /* that this row and those before it can lose at their place */
  for (size_t j = 0; j < losses->m; j++) {
    double weight = losses->weight[j];
    int same = j > 0 && losses->place[j] == losses->place[j - 1];
    most = same ? most + weight : weight;
    int broke = rule->kind == TT_RULE_WEALTH &&
                !(1.0 + rule->bet * (base_of(losses, j) - most) > 0.0);
    if (!(weight > 0.0) || broke) {
      return tt_fail(error, TT_EINVAL, "inclusion", j, weight);
    }
  }
  return TT_OK;
}

static tt_status check_jumps(const tt_terms *losses, tt_error *error) {
  for (size_t j = 0; j < losses->m; j++) {
    if (!(losses->jump[j] >= 0.0)) {
      return tt_fail(error, TT_EINVAL, "jump", j, losses->jump[j]);
    }
  }
  return TT_OK;
}

static tt_status check_replicated(const tt_terms *losses, tt_error *error) {
  if (!(losses->cap >= 1.0)) {
    return tt_fail(error, TT_EINVAL, "cap", 0, losses->cap);
  }
  tt_status status = tt_check_law(&losses->law, losses->m, error);
  return status == TT_OK
             ? tt_check_counts(losses->m, losses->unsafe, losses->draws, error)
             : status;
}

static tt_status check_losses(const tt_terms *losses, const tt_rule *rule,
                              tt_error *error) {
  tt_status status = check_places(losses, error);
  if (status == TT_OK) {
    status = check_weights(losses, rule, error);
  }
  if (status == TT_OK) {
    status = losses->jump != NULL ? check_jumps(losses, error)
                                  : check_replicated(losses, error);
  }
  return status;
}

/* The rule holds at `low` and fails at `high`; returns a tau as low, closer to the
 * one in between at which it turns. */
static tt_status bisect(evidence *e, double high, double *low, const tt_poll *poll) {
  while (high - *low > RESOLUTION * high && high > SMALLEST) {
    if (tt_stop_requested(poll)) {
      return TT_EINTERRUPT;
    }
    double middle = *low + 0.5 * (high - *low);
    if (rule_holds(e, middle)) {
      *low = middle;
    } else {
      high = middle;
    }
  }
  return TT_OK;
}

tt_status tt_certify(const tt_terms *losses, const tt_rule *rule, double tau_max,
                     void *scratch, double *tau, int *at_tau_max, const tt_poll *poll,
                     tt_error *error) {
  if (!(tau_max >= 0.0 && tau_max <= 1.0)) {
    return tt_fail(error, TT_EINVAL, "tau_max", 0, tau_max);
  }
  evidence e = {.losses = losses, .rule = rule};
  size_t bytes = 0;
  tt_status status = check_rule(rule, error);
  if (status == TT_OK) {
    status = tt_certify_scratch(losses->n, losses->m, &bytes);
  }
  if (status == TT_OK) {
    tt_arena a = tt_arena_over(scratch, bytes);
    lay_out(&a, losses->n, losses->m, &e);
    status = gather(losses, rule, &e, error);
  }
  if (status == TT_OK) {
    status = check_losses(losses, rule, error);
  }
  if (status != TT_OK) {
    return status;
  }
  *at_tau_max = rule_holds(&e, tau_max);
  *tau = *at_tau_max ? tau_max : 0.0;
  if (*at_tau_max || !rule_holds(&e, 0.0)) {
    return TT_OK;
  }
  double low = 0.0;
  status = bisect(&e, tau_max, &low, poll);
  *tau = tt_below_jump(low);
  return status;
}
