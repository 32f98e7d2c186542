#include "features-text.h"

#include "contract.h"

#include <limits.h>
#include <stdint.h>

/* n-grams of one text, in memory of exactly the promised size. */
typedef struct {
  int *column;
  size_t count;
  tt_status status;
} grams;

static grams grams_of(const char *text, size_t length, size_t n_columns) {
  size_t limit = 0;
  grams g = {NULL, 0, tt_text_ngrams_limit(length, &limit)};
  if (g.status == TT_OK) {
    g.column = malloc(limit > 0 ? limit * sizeof(int) : 1);
    g.status = tt_text_ngrams(text, length, n_columns, g.column, &g.count, NULL, NULL);
  }
  return g;
}

static int ascending(const void *a, const void *b) {
  return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

/* Distinct columns; with INT_MAX of them as good as the number of distinct n-grams. */
static size_t distinct(const grams *g) {
  size_t count = 0;
  qsort(g->column, g->count, sizeof(int), ascending);
  for (size_t i = 0; i < g->count; i++) {
    count += i == 0 || g->column[i] != g->column[i - 1];
  }
  return count;
}

static void counts(const char *text, size_t total, size_t different,
                   const char *sentence) {
  grams g = grams_of(text, strlen(text), INT_MAX);
  const size_t got = distinct(&g);
  check_that(g.status == TT_OK && g.count == total && got == different, sentence);
  if (g.count != total || got != different) {
    printf("#   got %zu, %zu of them different\n", g.count, got);
  }
  free(g.column);
}

/* words + pairs + runs of 3 + runs of 4 characters */
static void test_counts(void) {
  counts("", 0, 0, "an empty text has none");
  counts(" ", 0, 0, "nor has a space");
  counts("a", 1, 1, "one letter: 1 word");
  counts("ab", 1, 1, "two letters: 1 word");
  counts("abc", 2, 2, "three letters: the word and the run are two things");
  counts("abcd", 1 + 2 + 1, 4, "four letters");
  counts("ab cd", 2 + 1 + 3 + 2, 8, "two words, a pair, runs across the space");
  counts("a a a", 3 + 2 + 3 + 2, 1 + 1 + 2 + 2, "repeats are repeated");
  counts("the cat sat", 3 + 2 + 9 + 8, 3 + 2 + 9 + 8, "three words");
  counts("aaaaaaa", 1 + 5 + 4, 3, "one letter over and over");
  counts(" a ", 1 + 1, 2, "spaces around a word are no words");
  counts("a  b", 2 + 2 + 1, 5, "two spaces hold no pair");
  counts("     ", 3 + 2, 2, "runs of spaces");
}

static void test_characters(void) {
  counts("\xc3\xa4\xc3\xb6", 1, 1, "two characters of two bytes: no run");
  counts("\xc3\xa4\xc3\xb6\xc3\xbc", 2, 2, "three such characters: one run");
  counts("\xe2\x82\xac\xf0\x9f\x98\x80z\xc3\xa9", 1 + 2 + 1, 4, "one to four bytes long");
  grams broken = grams_of("\x80\xbf\xff\xc3", 4, INT_MAX);
  check_that(broken.status == TT_OK && broken.count >= 1, "bytes that are no UTF-8");
  free(broken.column);
  grams nul = grams_of("a\0b", 3, INT_MAX);
  check_that(nul.count == 2, "a zero byte is a byte of the word");
  free(nul.column);
  grams none = grams_of(NULL, 0, 1);
  check_that(none.status == TT_OK && none.count == 0, "no text at all");
  free(none.column);
}

/* How many columns of the texts' n-grams are the same, as multisets. */
static size_t shared(const char *a, const char *b) {
  grams p = grams_of(a, strlen(a), INT_MAX), q = grams_of(b, strlen(b), INT_MAX);
  distinct(&p);
  distinct(&q);
  size_t common = 0;
  for (size_t i = 0, j = 0; i < p.count && j < q.count;) {
    const int left = p.column[i], right = q.column[j];
    common += left == right;
    i += left <= right;
    j += right <= left;
  }
  free(p.column);
  free(q.column);
  return common;
}

static void test_identity(void) {
  check_that(shared("the cat sat", "the cat sat") == 22, "a text shares all with itself");
  check_that(shared("ab cd", "cd ab") == 2, "the order of words matters to pairs");
  check_that(shared("xy one two", "one two zq") == 2 + 1 + 5 + 4,
             "words, a pair and the runs of both");
  check_that(shared("abc", "abcd") == 1, "a run of three in common");
  check_that(shared("abcd", "abce") == 1, "and not the run of four");
  check_that(shared("ab", "ba") == 0 && shared("abc", "acb") == 0, "letters in order");
  check_that(shared("word", "Word") == 1, "a capital is another letter");
}

/* 2,000 words into 4,096 columns: about 1,582 different ones for a random function. */
static void test_spread(void) {
  size_t used = 0;
  static unsigned char seen[4096];
  int inside = 1;
  for (unsigned i = 0; i < 2000; i++) {
    const char word[] = {(char)('0' + i % 45), (char)('0' + i / 45)};
    grams g = grams_of(word, 2, 4096);
    inside = inside && g.count == 1 && g.column[0] >= 0 && g.column[0] < 4096;
    if (inside) {
      used += !seen[g.column[0]];
      seen[g.column[0]] = 1;
    }
    free(g.column);
  }
  check_that(inside, "columns lie below their number");
  check_that(used > 1480 && used < 1690, "and words spread over them");
  grams one = grams_of("the cat sat", 11, 1);
  check_that(one.count == 22 && distinct(&one) == 1 && one.column[0] == 0,
             "one column takes all");
  free(one.column);
}

/* No text has more than the limit; grams_of() gives it no more memory than that. */
static void test_limit(void) {
  int within = 1;
  check_random random = {3};
  for (size_t length = 0; length < 300; length++) {
    char text[300];
    for (size_t i = 0; i < length; i++) {
      const char letters[] = "ab \xc3\xa4 ";
      text[i] = letters[(int)(check_uniform(&random) * 6.0)];
    }
    size_t limit = 0;
    grams g = grams_of(text, length, 77);
    within = within && tt_text_ngrams_limit(length, &limit) == TT_OK && g.count <= limit;
    free(g.column);
  }
  check_that(within, "random texts stay within the limit");
  size_t limit = 0;
  check_that(tt_text_ngrams_limit(SIZE_MAX / 2, &limit) == TT_EOVERFLOW,
             "a length whose limit does not fit");
}

static void test_refusals(void) {
  int column[8];
  size_t count = 0;
  tt_error error = untouched;
  tt_status got = tt_text_ngrams("ab", 2, 0, column, &count, NULL, &error);
  check_refused(got, TT_EINVAL, error, "n_columns", 0, 0.0, "no columns");
  error = untouched;
  const size_t many = (size_t)INT_MAX + 1;
  got = tt_text_ngrams("ab", 2, many, column, &count, NULL, &error);
  check_refused(got, TT_EINVAL, error, "n_columns", 0, (double)many, "too many columns");
  check_that(tt_text_ngrams("ab", 2, 0, column, &count, NULL, NULL) == TT_EINVAL,
             "told or not");
  error = untouched;
  check_that(tt_text_ngrams("ab", 2, INT_MAX, column, &count, NULL, &error) == TT_OK &&
                 is_untouched(error),
             "success leaves the error alone");
}

/* One word of a megabyte, and many: few bytes go without a question. */
static void test_polls(void) {
  const size_t length = 1u << 20;
  char *text = malloc(length);
  int *column = malloc(4 * length * sizeof(int));
  for (int words = 0; words < 2; words++) {
    for (size_t i = 0; i < length; i++) {
      text[i] = words && i % 2 == 1 ? ' ' : 'a';
    }
    poll_counter never = {0, 0}, third = {0, 3};
    const tt_poll asking = {count_poll, &never}, stopping = {count_poll, &third};
    size_t count = 0;
    tt_status got = tt_text_ngrams(text, length, 16, column, &count, &asking, NULL);
    check_that(got == TT_OK && never.calls >= (int)(length >> 16),
               "a long text is polled");
    got = tt_text_ngrams(text, length, 16, column, &count, &stopping, NULL);
    check_that(got == TT_EINTERRUPT && third.calls == 3, "and can be stopped");
  }
  free(text);
  free(column);
}

int main(void) {
  test_counts();
  test_characters();
  test_identity();
  test_spread();
  test_limit();
  test_refusals();
  test_polls();
  return check_report();
}
