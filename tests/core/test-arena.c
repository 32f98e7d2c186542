#include "arena.h"

#include "contract.h"

static size_t offset(const void *memory, const void *array) {
  return (size_t)((const unsigned char *)array - (const unsigned char *)memory);
}

/* Three arrays, one of them empty. */
typedef struct {
  char *letters;
  double *none;
  double *table;
} arrays;

static arrays lay_out(tt_arena *a, size_t n) {
  arrays t;
  t.letters = tt_arena_take(a, n, 1, 1);
  t.none = tt_arena_doubles(a, 0, n);
  t.table = tt_arena_doubles(a, n, 3);
  return t;
}

static void test_measured_is_used(void) {
  const size_t sizes[] = {0, 1, 2, 63, 64, 65, 100, 1000};
  int same = 1, aligned = 1, apart = 1, enough = 1;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    const size_t n = sizes[i];
    tt_arena measure = tt_arena_measure();
    const arrays nothing = lay_out(&measure, n);
    same = same && nothing.letters == NULL && nothing.table == NULL &&
           !tt_arena_failed(&measure);
    unsigned char *memory = malloc(measure.used > 0 ? measure.used : 1);
    tt_arena arena = tt_arena_over(memory, measure.used);
    const arrays t = lay_out(&arena, n);
    same = same && arena.used == measure.used && !tt_arena_failed(&arena);
    aligned = aligned && offset(memory, t.letters) % TT_ARENA_ALIGN == 0 &&
              (n == 0 || offset(memory, t.table) % TT_ARENA_ALIGN == 0);
    for (size_t j = 0; j < n; j++) { /* a step too far is for the sanitizers to see */
      t.letters[j] = 'x';
      t.table[3 * j] = t.table[3 * j + 1] = t.table[3 * j + 2] = 1.5;
    }
    for (size_t j = 0; j < n; j++) {
      apart = apart && t.letters[j] == 'x' && t.table[3 * j + 2] == 1.5;
    }
    if (measure.used > 0) {
      tt_arena small = tt_arena_over(memory, measure.used - 1);
      const arrays some = lay_out(&small, n);
      enough = enough && tt_arena_failed(&small) && some.letters != NULL &&
               some.table == NULL && small.used < measure.used;
    }
    free(memory);
  }
  check_that(same, "what is measured is what is used");
  check_that(aligned, "arrays begin at multiples of the alignment");
  check_that(apart, "and do not overlap");
  check_that(enough, "one byte less is not enough, and nothing is taken");
}

static void test_by_hand(void) {
  tt_arena a = tt_arena_measure();
  check_that(a.used == 0 && !tt_arena_failed(&a), "nothing taken, nothing used");
  tt_arena_take(&a, 3, 1, 1);
  check_that(a.used == 3, "no padding behind the last array");
  tt_arena_doubles(&a, 2, 5);
  check_that(a.used == 64 + 80, "but a gap before the next");
  tt_arena_take(&a, 0, 7, 8);
  tt_arena_take(&a, 7, 0, 8);
  check_that(a.used == 64 + 80, "empty arrays take nothing");
  tt_arena_take(&a, 1, 1, 1);
  check_that(a.used == 192 + 1, "a multiple of the alignment, not of the item");
}

static void test_overflow(void) {
  const size_t huge[][3] = {{SIZE_MAX, 1, 1},
                            {SIZE_MAX / 2 + 1, 1, 1},
                            {SIZE_MAX / 16 + 1, 1, 8},
                            {SIZE_MAX / 4, 4, 1},
                            {(size_t)1 << 33, (size_t)1 << 33, 1},
                            {(size_t)1 << 32, (size_t)1 << 32, 8},
                            {1, SIZE_MAX, SIZE_MAX},
                            {SIZE_MAX, SIZE_MAX, SIZE_MAX}};
  int refused = 1, remembered = 1;
  for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
    tt_arena a = tt_arena_measure();
    tt_arena_take(&a, 10, 1, 8);
    refused = refused && tt_arena_take(&a, huge[i][0], huge[i][1], huge[i][2]) == NULL &&
              tt_arena_failed(&a) && a.used == 80;
    tt_arena_take(&a, 1, 1, 1);
    remembered = remembered && tt_arena_failed(&a) && a.used == 80;
  }
  check_that(refused, "a size that overflows is refused");
  check_that(remembered, "and nothing taken after it makes that good");
  tt_arena a = tt_arena_measure();
  tt_arena_take(&a, SIZE_MAX / 2, 1, 1);
  check_that(!tt_arena_failed(&a) && a.used == SIZE_MAX / 2, "the most there can be");
  tt_arena_take(&a, 0, 1, 1);
  check_that(!tt_arena_failed(&a), "has room for an empty array");
  tt_arena_take(&a, 1, 1, 1);
  check_that(tt_arena_failed(&a), "but not for the gap before another");
  double memory[4];
  a = tt_arena_over(memory, sizeof memory);
  check_that(tt_arena_doubles(&a, 2, 2) == memory, "memory that is just enough");
  check_that(tt_arena_doubles(&a, 1, 1) == NULL && tt_arena_failed(&a) &&
                 tt_arena_take(&a, 0, 1, 1) == NULL,
             "is used up");
  a = tt_arena_over(NULL, 0);
  check_that(tt_arena_take(&a, 1, 1, 1) == NULL && tt_arena_failed(&a),
             "there is nothing in no memory");
}

int main(void) {
  test_measured_is_used();
  test_by_hand();
  test_overflow();
  return check_report();
}
