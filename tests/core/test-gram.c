#include "gram.h"

#include "contract.h"

static void test_padding(void) {
  check_that(tt_gram_padded(0) == 0 && tt_gram_padded(1) == 4 && tt_gram_padded(4) == 4 &&
                 tt_gram_padded(5) == 8 && tt_gram_padded(1023) == 1024,
             "columns come in whole tiles of four");
  check_that(tt_gram_padded(SIZE_MAX) == 0 && tt_gram_padded(SIZE_MAX - 2) == 0,
             "a number of columns that does not fit");
}

static void test_places(void) {
  double *panel = new_numbers(3 * 256);
  int right = 1;
  for (size_t j = 0; j < 12; j++) {
    right = right && tt_gram_column(panel, j) == panel + (j / 4) * 256 + j % 4;
  }
  check_that(right, "a column lies where the header says");
  free(panel);
}

/* Two blocks of random rows in d columns: every entry of the lower triangle is what it
 * was before plus the sum of products. Tiles above the diagonal are left alone. */
static int block_is_right(size_t d, size_t rows, check_random *random) {
  const size_t padded = tt_gram_padded(d);
  double *gram = new_numbers(padded * padded);
  double *want = new_numbers(padded * padded);
  for (size_t j = 0; j < padded; j++) {
    for (size_t i = 0; i < padded; i++) {
      want[j * padded + i] = i / 4 < j / 4 ? 0.1 : check_normal(random);
      gram[j * padded + i] = want[j * padded + i];
    }
  }
  double *panel = new_numbers(padded * TT_GRAM_ROWS);
  for (int block = 0; block < 2; block++) {
    for (size_t j = 0; j < d; j++) {
      for (size_t r = 0; r < rows; r++) {
        tt_gram_column(panel, j)[4 * r] = check_normal(random);
      }
    }
    tt_gram_add(padded, panel, panel, gram);
    for (size_t j = 0; j < d; j++) {
      for (size_t i = j / 4 * 4; i < d; i++) {
        for (size_t r = 0; r < rows; r++) {
          want[j * padded + i] +=
              panel[i / 4 * 256 + i % 4 + 4 * r] * panel[j / 4 * 256 + j % 4 + 4 * r];
        }
      }
    }
  }
  int right = 1;
  for (size_t i = 0; i < padded * padded; i++) {
    right = right && fabs(gram[i] - want[i]) <= 1e-12;
  }
  free(gram);
  free(want);
  free(panel);
  return right;
}

static void test_against_triple_loop(void) {
  check_random random = {1};
  int all = 1, short_blocks = 1;
  for (size_t d = 0; d <= 17; d++) {
    all = all && block_is_right(d, TT_GRAM_ROWS, &random);
    short_blocks =
        short_blocks && block_is_right(d, 1, &random) && block_is_right(d, 63, &random);
  }
  check_that(all, "cross-products of 0 to 17 columns");
  check_that(short_blocks, "blocks that are filled up with zeros");
  check_that(block_is_right(101, TT_GRAM_ROWS, &random), "cross-products of 101 columns");
}

static void test_by_hand(void) {
  double panel[256] = {0.0}, gram[16] = {0.0};
  tt_gram_column(panel, 0)[0] = 2.0;
  tt_gram_column(panel, 1)[0] = 3.0;
  tt_gram_column(panel, 1)[4 * 63] = 5.0;
  tt_gram_add(4, panel, panel, gram);
  check_that(gram[0] == 4.0 && gram[1] == 6.0 && gram[5] == 34.0 && gram[2] == 0.0 &&
                 gram[10] == 0.0,
             "two rows, first and last, by hand");
}

/* Two panels: column j of the product belongs to the first, row i to the second. */
static void test_two_panels(void) {
  check_random random = {2};
  double first[512], second[512], gram[64] = {0.0}, worst = 0.0;
  for (size_t k = 0; k < 512; k++) {
    first[k] = check_normal(&random);
    second[k] = check_normal(&random);
  }
  tt_gram_add(8, first, second, gram);
  for (size_t j = 0; j < 8; j++) {
    for (size_t i = j / 4 * 4; i < 8; i++) {
      double sum = 0.0;
      for (size_t r = 0; r < 64; r++) {
        sum += tt_gram_column(first, j)[4 * r] * tt_gram_column(second, i)[4 * r];
      }
      worst = fmax(worst, fabs(gram[j * 8 + i] - sum));
    }
  }
  check_near(worst, 0.0, 1e-12, "cross-products of two panels");
  check_that(gram[4 * 8] == 0.0 && gram[7 * 8 + 3] == 0.0,
             "tiles above the diagonal are left alone");
}

int main(void) {
  test_two_panels();
  test_padding();
  test_places();
  test_by_hand();
  test_against_triple_loop();
  return check_report();
}
