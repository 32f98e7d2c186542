/* Hashed n-grams of a text: words, pairs of words, and runs of 3 and 4 characters.
 * Each is mapped to one of n_columns columns; collisions are accepted. */
#ifndef TT_FEATURES_TEXT_H
#define TT_FEATURES_TEXT_H

#include "status.h"

/* Most columns that a text of `length` bytes can produce. */
tt_status tt_text_ngrams_limit(size_t length, size_t *limit);

/* Writes the zero-based column of each n-gram, repeats included.
 *
 *   text(length)  the words of tt_text_words() (anything else is accepted, but
 *                 counts as part of a word)
 *   columns       out: at least tt_text_ngrams_limit(length) elements
 *   count         out: how many were written */
tt_status tt_text_ngrams(const char *text, size_t length, size_t n_columns, int *columns,
                         size_t *count, const tt_poll *poll, tt_error *error);

#endif
