/* Records in JSON text: where each ends, and what of its members is wanted. Only
 * strings and brackets are looked at; whether a record is valid, a parser finds. */
#ifndef TT_JSON_H
#define TT_JSON_H

#include "status.h"

/* Members of an object, by name. Where `only` is 0, all others are wanted. A name
 * with a `needle` is wanted only where a string in its value is equal to it. */
typedef struct {
  const char *const *names;
  const char *const *needles; /* elements may be null */
  size_t count;
  int only;
} tt_json_wanted;

/* The value that begins at the first byte, without the members that are not wanted
 * where it is an object.
 *
 *   text(length)  not white space at its beginning
 *   out           out: at least `length` bytes
 *   used          out: bytes of the value; 0 where it does not end in the text
 *   count         out: bytes that were written */
void tt_json_value(const char *text, size_t length, const tt_json_wanted *wanted,
                   char *out, size_t *used, size_t *count);

/* Looks for the array at a path of names, from the top down, in a document.
 *
 *   begin         out: one past its bracket; 0 where there is none
 *
 * Returns 0 where the text ends before that is known, 1 otherwise. */
int tt_json_find(const char *text, size_t length, const char *const *path, size_t depth,
                 size_t *begin);

/* Whether the text has NaN or Infinity, the escapes of zero or of surrogates, or bytes
 * outside of ASCII; also within strings, where the former are harmless. */
int tt_json_is_odd(const char *text, size_t length);

/* The first byte that is neither white space nor a comma, from `from` on; `length`
 * where there is none. */
size_t tt_json_next(const char *text, size_t length, size_t from);

#endif
