/* Text as words: case folded, everything but letters, marks and numbers a space.
 * The tables are the core's own, so that no locale decides what a letter is. */
#ifndef TT_UNICODE_H
#define TT_UNICODE_H

#include "status.h"

#include <stdint.h>

/* The character without its case, one for one (simple case folding). */
uint32_t tt_fold_case(uint32_t character);

/* Whether a character is part of a word. */
int tt_is_word(uint32_t character);

/* Most bytes that the words of a text of `length` bytes take: a character of two
 * bytes may have one of three without its case. */
tt_status tt_text_words_limit(size_t length, size_t *limit);

/* Words, separated by single spaces and with none around them.
 *
 *   text(length)  UTF-8; a byte that is none separates words
 *   words         out: at least tt_text_words_limit(length) bytes
 *   count         out: how many were written */
tt_status tt_text_words(const char *text, size_t length, char *words, size_t *count,
                        const tt_poll *poll);

#endif
