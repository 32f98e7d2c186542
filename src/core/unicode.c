#include "unicode.h"

#include "numeric.h"
#include "unicode-tables.h"

#define POLL_EVERY 65536u

uint32_t tt_fold_case(uint32_t character) {
  if (character < 0x80u) {
    return character >= 'A' && character <= 'Z' ? character + 32u : character;
  }
  size_t low = 0;
  size_t high = sizeof fold_runs / sizeof fold_runs[0];
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const fold_run *run = &fold_runs[middle];
    if (character > run->last) {
      low = middle + 1;
    } else if (character < run->first) {
      high = middle;
    } else {
      int moves = (character - run->first) % run->step == 0;
      return moves ? (uint32_t)((int32_t)character + run->shift) : character;
    }
  }
  return character;
}

int tt_is_word(uint32_t character) {
  if (character < 0x80u) {
    return (character >= '0' && character <= '9') ||
           (character >= 'A' && character <= 'Z') ||
           (character >= 'a' && character <= 'z');
  }
  size_t low = 0;
  size_t high = sizeof word_runs / sizeof word_runs[0];
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (character > word_runs[middle][1]) {
      low = middle + 1;
    } else if (character < word_runs[middle][0]) {
      high = middle;
    } else {
      return 1;
    }
  }
  return 0;
}

/* The character at the start of `text` and its length; a byte that begins none is one
 * that no word contains. */
static uint32_t decode(const unsigned char *text, size_t length, size_t *size) {
  unsigned char lead = text[0];
  *size = 1;
  if (lead < 0x80u) {
    return lead;
  }
  size_t more = lead >= 0xF0u ? 3 : lead >= 0xE0u ? 2 : 1;
  if (lead < 0xC2u || lead > 0xF4u || more >= length) {
    return 0;
  }
  uint32_t character = lead & (0x3Fu >> more);
  for (size_t i = 1; i <= more; i++) {
    if ((text[i] & 0xC0u) != 0x80u) {
      return 0;
    }
    character = (character << 6) | (text[i] & 0x3Fu);
  }
  *size = more + 1;
  return character;
}

static size_t encode(uint32_t character, char *out) {
  if (character < 0x80u) {
    out[0] = (char)character;
    return 1;
  }
  size_t more = character < 0x800u ? 1 : character < 0x10000u ? 2 : 3;
  static const unsigned char leads[] = {0, 0xC0u, 0xE0u, 0xF0u};
  for (size_t i = more; i > 0; i--) {
    out[i] = (char)(0x80u | (character & 0x3Fu));
    character >>= 6;
  }
  out[0] = (char)(leads[more] | character);
  return more + 1;
}

tt_status tt_text_words_limit(size_t length, size_t *limit) {
  return tt_size_add(length, length / 2 + 1, limit) ? TT_OK : TT_EOVERFLOW;
}

tt_status tt_text_words(const char *text, size_t length, char *words, size_t *count,
                        const tt_poll *poll) {
  size_t written = 0;
  size_t until_poll = POLL_EVERY;
  int between = 0;
  for (size_t at = 0, size = 0; at < length; at += size) {
    if (--until_poll == 0) {
      until_poll = POLL_EVERY;
      if (tt_stop_requested(poll)) {
        return TT_EINTERRUPT;
      }
    }
    uint32_t character = decode((const unsigned char *)text + at, length - at, &size);
    if (!tt_is_word(character)) {
      between = written > 0;
      continue;
    }
    if (between) {
      words[written++] = ' ';
      between = 0;
    }
    written += encode(tt_fold_case(character), words + written);
  }
  *count = written;
  return TT_OK;
}
