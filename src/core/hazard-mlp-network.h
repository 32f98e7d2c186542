/* The inside of the network of hazard-mlp.h, which its training shares: its memory, the
 * forward pass and the backward pass, a tile of rows at a time. Nothing here checks
 * what it is given but where it says so. */
#ifndef TT_HAZARD_MLP_NETWORK_H
#define TT_HAZARD_MLP_NETWORK_H

#include "arena.h"
#include "hazard-mlp.h"

#include <math.h>

/* Rows of activations are padded with zeros to whole blocks of TT_MLP_LANES floats: loops
 * of a constant length that is a multiple of the vector width are the ones that
 * compilers vectorise at -O2. Padding stays zero through every operation. */
#define TT_MLP_LANES 16u
#define TT_MLP_TILE 64u     /* rows that pass through the layers together: fits cache */
#define TT_MLP_LARGEST 1e30 /* far inside the range of a float */

/* One affine map and the activations that follow it. Matrices are row-major. */
typedef struct {
  size_t fan_in;
  size_t fan_out;
  size_t in_width; /* padded */
  size_t out_width;
  size_t offset;     /* of its block in the vector of weights */
  float *forward;    /* fan_in x out_width: the transposed weights */
  float *bias;       /* out_width */
  float *active;     /* TT_MLP_TILE x out_width: activations of a tile */
  float *backward;   /* fan_out x in_width: the weights; training alone, as are: */
  float *delta;      /* TT_MLP_TILE x out_width: derivatives by the sums before ReLU */
  float *slope;      /* fan_out x in_width: derivatives by the weights */
  float *slope_bias; /* out_width */
} tt_mlp_layer;

typedef struct {
  size_t n_layers; /* affine maps: one more than there are hidden layers */
  tt_mlp_layer *layers;
  size_t n_weights;
  const double *weights;
  float *input;  /* TT_MLP_TILE x in_width of the first layer */
  double *logit; /* TT_MLP_TILE */
} tt_mlp_network;

/* Asks `poll` each time that many rows are done. */
typedef struct {
  const tt_poll *poll;
  size_t rows;
  size_t every;
} tt_mlp_pacer;

static inline size_t tt_mlp_padded(size_t width) {
  return (width + TT_MLP_LANES - 1) / TT_MLP_LANES * TT_MLP_LANES;
}

static inline size_t tt_mlp_at_most(size_t size, size_t limit) {
  return size < limit ? size : limit;
}

/* 1 / (1 + exp(-z)) without overflow and without loss at either end. */
static inline double tt_mlp_sigmoid(double z) {
  const double e = exp(-fabs(z));
  return z < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
}

/* The arrays of a network, those of training if `training` is not 0; cleared by the
 * caller. net->layers is null, and not written to, while the arena measures. */
void tt_mlp_lay_out(tt_arena *a, const tt_mlp_params *params, size_t n_weights,
                    const double *weights, int training, tt_mlp_network *net);

/* Copies the weights to single precision, in the layouts that add_product reads. */
void tt_mlp_load_weights(tt_mlp_network *net);

/* Rows first..first+rows-1 of the column-major x to row-major single precision, `width`
 * floats apart. TT_EINVAL where x is not within +-TT_MLP_LARGEST. */
tt_status tt_mlp_load_rows(size_t n, const double *x, size_t n_features, size_t first,
                           size_t rows, size_t width, float *out, tt_error *error);

/* net->logit of a tile of rows, from `input`, rows of the first layer's in_width. */
void tt_mlp_forward(tt_mlp_network *net, size_t rows, const float *input);

/* Sets the derivatives by the weights to 0. */
void tt_mlp_clear_slopes(tt_mlp_network *net);

/* Adds a tile's part of the derivatives by the weights, from the last layer's `delta`.
 * The tile has just passed forward, from net->input. */
void tt_mlp_backward(tt_mlp_network *net, size_t rows);

/* The layers' slopes as one vector in the layout of the weights. */
void tt_mlp_collect_gradient(const tt_mlp_network *net, double *gradient);

/* TT_EINVAL as tt_mlp_weights(); `otherwise` where a weight is not within
 * +-TT_MLP_LARGEST. *count: how many there are. */
tt_status tt_mlp_check_weights(const tt_mlp_params *params, const double *weights,
                               tt_status otherwise, size_t *count, tt_error *error);

/* A pacer for a network with that number of weights. */
tt_mlp_pacer tt_mlp_new_pacer(const tt_poll *poll, size_t n_weights);

/* `rows` rows more: not 0 when the poll was asked and says stop. */
int tt_mlp_pace_stops(tt_mlp_pacer *pace, size_t rows);

#endif
