#include "unicode.h"

#include "contract.h"

#include <stdint.h>

/* The words of a text, in memory of exactly the promised size. */
static void words(const char *text, const char *want, const char *sentence) {
  size_t limit = 0, count = 0;
  const size_t length = strlen(text);
  tt_status status = tt_text_words_limit(length, &limit);
  char *out = malloc(limit);
  if (status == TT_OK) {
    status = tt_text_words(text, length, out, &count, NULL);
  }
  const int same =
      status == TT_OK && count == strlen(want) && memcmp(out, want, count) == 0;
  check_that(same, sentence);
  if (!same) {
    printf("#   got %zu bytes: %.*s\n", count, (int)count, out);
  }
  free(out);
}

static void test_words(void) {
  words("", "", "an empty text has none");
  words(" ?! ", "", "nor have signs");
  words("Hello, WORLD!!", "hello world", "small letters, one space");
  words("  x--y\t\n9 ", "x y 9", "none around them");
  words("TITLE \xc4\xb0i", "title \xc4\xb0i", "an i is an i, whatever the Turks say");
}

static void test_scripts(void) {
  words("\xd0\x9f\xd0\xa0\xd0\x98\xd0\x92\xd0\x95\xd0\xa2",
        "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", "Cyrillic letters");
  words("\xc3\x9c"
        "BER stra\xc3\x9f"
        "e",
        "\xc3\xbc"
        "ber stra\xc3\x9f"
        "e",
        "umlauts");
  words("\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83", "both small sigmas are one");
  words("\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82", "\xe4\xbd\xa0\xe5\xa5\xbd",
        "Chinese, without its full stop");
  words("\xe0\xa4\xa8\xe0\xa4\xbf", "\xe0\xa4\xa8\xe0\xa4\xbf",
        "marks belong to their letters");
  words("a\xf0\x9f\x98\x80"
        "b",
        "a b", "a face is no letter");
  words("\xf0\x90\x90\x80", "\xf0\x90\x90\xa8", "letters of four bytes");
  words("\xc8\xba\xc8\xba\xc8\xba", "\xe2\xb1\xa5\xe2\xb1\xa5\xe2\xb1\xa5",
        "those that grow have room");
}

static void test_broken(void) {
  words("a\xff"
        "b",
        "a b", "a byte that is no UTF-8 separates");
  words("a\xc3", "a", "so does half a letter");
  words("\xe4\xbd"
        "x",
        "x", "and one that another interrupts");
}

static void test_tables(void) {
  int stable = 1;
  size_t letters = 0, folded = 0;
  for (uint32_t c = 0; c < 0x110000u; c++) {
    const uint32_t small = tt_fold_case(c);
    stable = stable && tt_fold_case(small) == small && tt_is_word(small) == tt_is_word(c);
    letters += tt_is_word(c) != 0;
    folded += small != c;
  }
  check_that(stable, "folding once is enough, and keeps a letter a letter");
  check_that(letters > 130000 && letters < 150000, "as many letters as Unicode has");
  check_that(folded == 1428 + 26, "as many capitals");
}

static void test_polls(void) {
  const size_t length = 1u << 20;
  char *text = calloc(length, 1), *out = malloc(2 * length);
  poll_counter never = {0, 0}, third = {0, 3};
  const tt_poll asking = {count_poll, &never}, stopping = {count_poll, &third};
  size_t count = 0;
  check_that(tt_text_words(text, length, out, &count, &asking) == TT_OK &&
                 never.calls >= (int)(length >> 16),
             "a long text is polled");
  check_that(tt_text_words(text, length, out, &count, &stopping) == TT_EINTERRUPT,
             "and can be stopped");
  size_t limit = 0;
  check_that(tt_text_words_limit(SIZE_MAX - 9, &limit) == TT_EOVERFLOW,
             "a length whose limit does not fit");
  free(text);
  free(out);
}

int main(void) {
  test_words();
  test_scripts();
  test_broken();
  test_tables();
  test_polls();
  return check_report();
}
