/* Cuts the scratch that a caller owns into the arrays that a routine needs. The same
 * lines of code first measure it, then use it, so that the size asked for and the
 * memory used cannot differ:
 *
 *   static void lay_out(tt_arena *a, size_t n, work *w) {
 *     w->order = tt_arena_take(a, n, 1, sizeof(size_t));
 *     w->table = tt_arena_take(a, n, 3, sizeof(double));
 *   }
 *
 *   tt_arena a = tt_arena_measure();      then  a.used  and  tt_arena_failed(&a)
 *   tt_arena a = tt_arena_over(memory, bytes);  then the arrays in `w`
 *
 * Arrays begin at multiples of TT_ARENA_ALIGN bytes from the start of the memory, which
 * comes from an allocator and is aligned as malloc aligns. They are not cleared. */
#ifndef TT_ARENA_H
#define TT_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define TT_ARENA_ALIGN 64u

typedef struct {
  unsigned char *base; /* null: only measures */
  size_t room;         /* bytes that may be used */
  size_t used;         /* bytes taken so far, gaps between arrays included */
  int failed;
} tt_arena;

static inline tt_arena tt_arena_over(void *memory, size_t bytes) {
  tt_arena a = {memory, bytes, 0, 0};
  return a;
}

/* Sizes beyond half of a size_t are overflows: no object is as large. */
static inline tt_arena tt_arena_measure(void) {
  return tt_arena_over(NULL, SIZE_MAX / 2);
}

/* Memory for rows x columns items of `item` bytes (> 0). Null when the arena measures,
 * and when there is not the room, which every later call and tt_arena_failed() will
 * remember. */
static inline void *tt_arena_take(tt_arena *a, size_t rows, size_t columns, size_t item) {
  const size_t gap = (TT_ARENA_ALIGN - a->used % TT_ARENA_ALIGN) % TT_ARENA_ALIGN;
  if (rows == 0 || columns == 0) {
    return a->failed || a->base == NULL ? NULL : a->base + a->used;
  }
  if (a->failed || gap > a->room - a->used ||
      rows > (a->room - a->used - gap) / item / columns) {
    a->failed = 1;
    return NULL;
  }
  void *start = a->base == NULL ? NULL : a->base + a->used + gap;
  a->used += gap + rows * columns * item;
  return start;
}

static inline double *tt_arena_doubles(tt_arena *a, size_t rows, size_t columns) {
  return tt_arena_take(a, rows, columns, sizeof(double));
}

static inline int tt_arena_failed(const tt_arena *a) {
  return a->failed;
}

#endif
