#include "hazard-interaction.h"

#include "arena.h"
#include "gram.h"
#include "numeric.h"

#include <math.h>
#include <string.h>

#define ROWS TT_GRAM_ROWS

/* A product whose information is this small a part of its sum of squares is constant. */
#define VARIES 1e-8

/* Three sums over the rows for each pair of columns, and the panels they are made of. */
typedef struct {
  size_t padded;
  double *plain;       /* panel of z */
  double *square;      /* panel of z^2 */
  double *weighted;    /* panel of score z, then weight z, then weight z^2 */
  double *score;       /* sum of score z_i z_j */
  double *mean;        /* sum of weight z_i z_j */
  double *information; /* sum of weight (z_i z_j)^2 */
} work;

static inline double standardised(double x, double centre, double scale, double clip) {
  double z = (x - centre) * scale;
  return fmin(fmax(z, -clip), clip);
}

static void fill_panels(const tt_interaction_model *model, work *w, size_t first,
                        size_t rows) {
  for (size_t j = 0; j < model->d; j++) {
    const double *x = model->x + model->n * j + first;
    double *plain = tt_gram_column(w->plain, j);
    double *square = tt_gram_column(w->square, j);
    for (size_t r = 0; r < rows; r++) {
      double z = standardised(x[r], model->centre[j], model->scale[j], model->clip);
      plain[4 * r] = z;
      square[4 * r] = z * z;
    }
  }
}

/* gram += sum over the block's rows of by[row] panel_i panel_j. */
static void add_weighted(work *w, size_t rows, const double *by, double *panel,
                         double *gram) {
  const size_t tile = TT_GRAM_TILE;
  for (size_t t = 0; t < w->padded / tile; t++) {
    for (size_t r = 0; r < rows; r++) {
      size_t at = (t * ROWS + r) * tile;
      for (size_t j = 0; j < tile; j++) {
        w->weighted[at + j] = by[r] * panel[at + j];
      }
    }
  }
  tt_gram_add(w->padded, panel, w->weighted, gram);
}

static double total(size_t n, const double *x) {
  tt_sum sum = {0.0, 0.0};
  for (size_t i = 0; i < n; i++) {
    tt_sum_add(&sum, x[i]);
  }
  return tt_sum_value(&sum);
}

static void test_products(const tt_interaction_model *model, const work *w,
                          double *statistic) {
  double scores = total(model->n, model->score);
  double weights = fmax(total(model->n, model->weight), 1e-300);
  memset(statistic, 0, model->d * model->d * sizeof(double));
  for (size_t j = 0; j < model->d; j++) {
    for (size_t i = j + 1; i < model->d; i++) {
      size_t at = j * w->padded + i;
      double mean = w->mean[at] / weights;
      double score = w->score[at] - mean * scores;
      double information = w->information[at] - mean * w->mean[at];
      if (information > VARIES * w->information[at]) {
        statistic[j * model->d + i] = score * score / information;
      }
    }
  }
}

static void lay_out(tt_arena *a, size_t d, work *w) {
  w->padded = tt_gram_padded(d);
  w->plain = tt_arena_doubles(a, w->padded, ROWS);
  w->square = tt_arena_doubles(a, w->padded, ROWS);
  w->weighted = tt_arena_doubles(a, w->padded, ROWS);
  w->score = tt_arena_doubles(a, w->padded, w->padded);
  w->mean = tt_arena_doubles(a, w->padded, w->padded);
  w->information = tt_arena_doubles(a, w->padded, w->padded);
}

tt_status tt_interaction_scratch(size_t d, size_t *bytes) {
  tt_arena a = tt_arena_measure();
  work w;
  lay_out(&a, d, &w);
  *bytes = a.used;
  return tt_arena_failed(&a) || d > w.padded ? TT_EOVERFLOW : TT_OK;
}

static void clear(size_t count, double *const *arrays, size_t size) {
  for (size_t k = 0; k < count && size > 0; k++) {
    memset(arrays[k], 0, size * sizeof(double));
  }
}

tt_status tt_interaction_statistics(const tt_interaction_model *model, double *statistic,
                                    void *scratch, const tt_poll *poll) {
  size_t bytes = 0;
  tt_status status = tt_interaction_scratch(model->d, &bytes);
  if (status != TT_OK) {
    return status;
  }
  tt_arena a = tt_arena_over(scratch, bytes);
  work w;
  lay_out(&a, model->d, &w);
  double *const panels[] = {w.plain, w.square, w.weighted};
  double *const sums[] = {w.score, w.mean, w.information};
  clear(3, panels, w.padded * ROWS);
  clear(3, sums, w.padded * w.padded);
  for (size_t first = 0; first < model->n; first += ROWS) {
    size_t rows = model->n - first < ROWS ? model->n - first : ROWS;
    if (tt_stop_requested(first / ROWS % 64 == 0 ? poll : NULL)) {
      return TT_EINTERRUPT;
    }
    if (rows < ROWS) {
      clear(3, panels, w.padded * ROWS);
    }
    fill_panels(model, &w, first, rows);
    add_weighted(&w, rows, model->score + first, w.plain, w.score);
    add_weighted(&w, rows, model->weight + first, w.plain, w.mean);
    add_weighted(&w, rows, model->weight + first, w.square, w.information);
  }
  test_products(model, &w, statistic);
  return TT_OK;
}
