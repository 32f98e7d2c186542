/* The clock is the machine's: it cannot be in the core, which knows no system. */
#ifndef _WIN32
#define _POSIX_C_SOURCE 200809L
#endif

#include <time.h>

#ifdef _WIN32
#include <windows.h>
#endif

#include "ffi.h"

/* Seconds that only grow, whatever is done to the time of day. */
static double seconds(void) {
#ifdef _WIN32
  return (double)GetTickCount64() / 1e3;
#else
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
#endif
}

/* Short enough that Ctrl-C, and the windows of a desktop, are answered at once. */
static const double nap = 0.05;

static void sleep_for(double wait) {
#ifdef _WIN32
  Sleep((DWORD)(wait * 1e3 + 1));
#else
  struct timespec t = {0, (long)(wait * 1e9)};
  nanosleep(&t, NULL);
#endif
}

SEXP ffi_clock(void) {
  return Rf_ScalarReal(seconds());
}

SEXP ffi_pause(SEXP wait) {
  double until = seconds() + tt_scalar(wait, "wait");
  for (;;) {
    R_CheckUserInterrupt();
    double left = until - seconds();
    if (!(left > 0)) {
      return R_NilValue;
    }
    sleep_for(left < nap ? left : nap);
  }
}
