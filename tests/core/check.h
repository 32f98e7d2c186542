/* What every test program of the core shares: one line per test on standard
 * output, a count of failures, and test data from a small generator. Include it in
 * the one file that holds main(). */
#ifndef TT_CHECK_H
#define TT_CHECK_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>

static int check_count = 0;
static int check_failures = 0;

/* A test: the sentence says what holds. */
static inline void check_that(int ok, const char *sentence) {
  check_count++;
  check_failures += !ok;
  printf("%s - %s\n", ok ? "ok" : "not ok", sentence);
}

/* |got - want| <= tolerance. NaN is near nothing; an infinity is near itself. */
static inline void check_near(double got, double want, double tolerance,
                              const char *sentence) {
  const int ok = got == want || fabs(got - want) <= tolerance;
  check_that(ok, sentence);
  if (!ok) {
    printf("#   got %.17g, want %.17g within %.3g\n", got, want, tolerance);
  }
}

/* The exit code of the program: 0 when tests were run and none failed. */
static inline int check_report(void) {
  printf("# %d tests, %d failed\n", check_count, check_failures);
  return check_count == 0 || check_failures > 0;
}

/* A linear congruential generator (modulus 2^64). */
typedef struct {
  uint64_t state;
} check_random;

/* A number in (0, 1). */
static inline double check_uniform(check_random *random) {
  random->state =
      random->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return ((double)(random->state >> 11) + 0.5) / 9007199254740992.0;
}

/* The same, in the form of a callback; ctx is the check_random. */
static inline double check_uniform_callback(void *ctx) {
  return check_uniform(ctx);
}

/* Roughly standard normal: the sum of twelve uniform numbers, centred. */
static inline double check_normal(check_random *random) {
  double sum = -6.0;
  for (int i = 0; i < 12; i++) {
    sum += check_uniform(random);
  }
  return sum;
}

#endif
