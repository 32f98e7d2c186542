/* What counts of draws have to be: checked once, for every routine that takes them. */
#ifndef TT_COUNTS_H
#define TT_COUNTS_H

#include "status.h"

/* Counts that a hazard is fitted to: 0 < draws <= most, finite, and 0 <= unsafe <=
 * draws. Not always whole: a prior event is spread over all rows. TT_EINVAL names
 * "draws" or "unsafe", of the first row that is wrong. Both of length n. */
tt_status tt_check_trials(size_t n, const double *unsafe, const double *draws,
                          double most, tt_error *error);

/* Counts of an audit: whole and finite, 0 <= unsafe <= draws; 0 and 0 for a prompt that
 * was not audited. Errors as above. */
tt_status tt_check_counts(size_t n, const double *unsafe, const double *draws,
                          tt_error *error);

#endif
