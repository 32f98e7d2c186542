/* For tests of what the core promises every caller: a poll that stops at a given call,
 * the check that a refusal names its reason, and memory of an exact size, so that a
 * step beyond it is seen. */
#ifndef TT_CONTRACT_H
#define TT_CONTRACT_H

#include "check.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

static inline double *new_numbers(size_t count) {
  double *memory = calloc(count > 0 ? count : 1, sizeof(double));
  if (memory == NULL) {
    abort();
  }
  return memory;
}

/* Scratch, in which every double is NaN. */
static inline void *new_garbage(size_t bytes) {
  void *memory = malloc(bytes > 0 ? bytes : 1);
  if (memory == NULL) {
    abort();
  }
  return memset(memory, 0xff, bytes);
}

/* Counts calls and asks to stop at call number `stop` (0: never). */
typedef struct {
  int calls;
  int stop;
} poll_counter;

static inline int count_poll(void *ctx) {
  poll_counter *counter = ctx;
  return ++counter->calls == counter->stop;
}

/* What an error holds before the call: a refusal must overwrite all of it. */
static const tt_error untouched = {"nothing", 12345, -12345.0};

/* The call returned `got` and filled `error`: it had to refuse element `index` of
 * `what`, where it found `value` (NaN: whatever was there). */
static inline void check_refused(tt_status got, tt_status want, tt_error error,
                                 const char *what, size_t index, double value,
                                 const char *sentence) {
  const int ok = got == want && strcmp(error.what, what) == 0 && error.index == index &&
                 error.value != untouched.value && (isnan(value) || error.value == value);
  check_that(ok, sentence);
  if (!ok) {
    printf("#   status %d, %s[%zu] = %g\n", (int)got, error.what, error.index,
           error.value);
  }
}

static inline int is_untouched(tt_error error) {
  return strcmp(error.what, untouched.what) == 0 && error.index == untouched.index &&
         error.value == untouched.value;
}

#endif
