/* Sums of cross-products over many rows, a block of rows at a time: the inner
 * kernel of the hazard fit. Four by four tiles are kept in registers, in loops of
 * fixed width that compilers vectorise at -O2. */
#ifndef TT_GRAM_H
#define TT_GRAM_H

#include <stddef.h>

#define TT_GRAM_ROWS 64u /* rows of one block */
#define TT_GRAM_TILE 4u  /* columns of one tile */

/* Number of columns rounded up to whole tiles; 0 when it does not fit. */
size_t tt_gram_padded(size_t n_columns);

/* One block of rows: tile t holds its 64 rows of 4 columns contiguously.
 * Column j of the block goes to panel[(j / 4) * 256 + j % 4 + 4 * row]. */
static inline double *tt_gram_column(double *panel, size_t j) {
  return panel + (j / TT_GRAM_TILE) * TT_GRAM_ROWS * TT_GRAM_TILE + j % TT_GRAM_TILE;
}

/* gram += rows' columns, two panels of padded = tt_gram_padded(.) columns each (or
 * twice the same one); gram is a padded x padded matrix, column-major, of which the
 * tiles of the lower triangle are used. */
void tt_gram_add(size_t padded, const double *columns, const double *rows, double *gram);

#endif
