/* What every routine of the core shares: its status codes, the place where it
 * says what went wrong, and the callback through which it asks whether to stop.
 *
 * The core is plain C11. It never allocates, prints, exits, keeps state or
 * knows R; whoever calls it owns all memory. */
#ifndef TT_STATUS_H
#define TT_STATUS_H

#include <stddef.h>

typedef enum {
  TT_OK = 0,
  TT_EINVAL = 1,      /* an argument lies outside its domain */
  TT_EINFEASIBLE = 2, /* the constraints cannot all be met */
  TT_EINTERRUPT = 3,  /* the poll callback asked to stop */
  TT_ENUMERIC = 4,    /* a computation broke down (not positive definite, ...) */
  TT_EOVERFLOW = 5    /* a size does not fit */
} tt_status;

/* Filled on failure, untouched on success. `what` points to a static string:
 * the name of the argument at fault. `index` is its zero-based element, and
 * `value` what was found there. Every routine accepts a null tt_error. */
typedef struct {
  const char *what;
  size_t index;
  double value;
} tt_error;

/* Called now and then from long loops; non-zero means stop. fn may be null. */
typedef struct {
  int (*fn)(void *ctx);
  void *ctx;
} tt_poll;

static inline tt_status tt_fail(tt_error *error, tt_status status, const char *what,
                                size_t index, double value) {
  if (error != NULL) {
    error->what = what;
    error->index = index;
    error->value = value;
  }
  return status;
}

static inline int tt_stop_requested(const tt_poll *poll) {
  return poll != NULL && poll->fn != NULL && poll->fn(poll->ctx) != 0;
}

#endif
