#include "features-text.h"

#include "numeric.h"

#include <limits.h>

#define SHORTEST_RUN 3u
#define LONGEST_RUN 4u
#define POLL_EVERY 65536u

/* FNV-1a, 32 bits. The seed keeps the kinds of n-grams apart. */
static uint32_t hash_bytes(uint32_t seed, const char *bytes, size_t length) {
  uint32_t h = UINT32_C(2166136261) ^ (seed * UINT32_C(2654435761));
  for (size_t i = 0; i < length; i++) {
    h = (h ^ (uint32_t)(unsigned char)bytes[i]) * UINT32_C(16777619);
  }
  return h ^ (h >> 15);
}

typedef struct {
  size_t n_columns;
  int *columns;
  size_t count;
  const tt_poll *poll;
  size_t until_poll;
} output;

/* Asked once a word or run of them, whose bytes are the work. */
static int stops(output *out, size_t work) {
  if (work < out->until_poll) {
    out->until_poll -= work;
    return 0;
  }
  out->until_poll = POLL_EVERY;
  return tt_stop_requested(out->poll);
}

static void emit(output *out, uint32_t kind, const char *bytes, size_t length) {
  out->columns[out->count++] = (int)(hash_bytes(kind, bytes, length) % out->n_columns);
}

static size_t word_end(const char *text, size_t length, size_t from) {
  while (from < length && text[from] != ' ') {
    from++;
  }
  return from;
}

static tt_status emit_words(output *out, const char *text, size_t length) {
  size_t start = 0;
  while (start < length) {
    size_t end = word_end(text, length, start);
    if (stops(out, end - start + 1)) {
      return TT_EINTERRUPT;
    }
    if (end > start) {
      emit(out, 1, text + start, end - start);
      size_t next_end = end < length ? word_end(text, length, end + 1) : end;
      if (next_end > end + 1) {
        emit(out, 2, text + start, next_end - start);
      }
    }
    start = end + 1;
  }
  return TT_OK;
}

/* Bytes 10xxxxxx continue a UTF-8 character. */
static size_t next_character(const char *text, size_t length, size_t from) {
  from++;
  while (from < length && ((unsigned char)text[from] & 0xC0u) == 0x80u) {
    from++;
  }
  return from;
}

static tt_status emit_runs(output *out, const char *text, size_t length) {
  for (size_t start = 0; start < length; start = next_character(text, length, start)) {
    size_t end = start;
    if (stops(out, LONGEST_RUN)) {
      return TT_EINTERRUPT;
    }
    for (unsigned n = 1; n <= LONGEST_RUN && end < length; n++) {
      end = next_character(text, length, end);
      if (n >= SHORTEST_RUN) {
        emit(out, n, text + start, end - start);
      }
    }
  }
  return TT_OK;
}

tt_status tt_text_ngrams_limit(size_t length, size_t *limit) {
  return tt_size_mul(length, 4, limit) ? TT_OK : TT_EOVERFLOW;
}

tt_status tt_text_ngrams(const char *text, size_t length, size_t n_columns, int *columns,
                         size_t *count, const tt_poll *poll, tt_error *error) {
  if (n_columns == 0 || n_columns > INT_MAX) {
    return tt_fail(error, TT_EINVAL, "n_columns", 0, (double)n_columns);
  }
  output out = {n_columns, columns, 0, poll, POLL_EVERY};
  tt_status status = emit_words(&out, text, length);
  if (status == TT_OK) {
    status = emit_runs(&out, text, length);
  }
  *count = out.count;
  return status;
}
