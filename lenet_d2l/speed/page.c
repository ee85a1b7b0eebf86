/* The book's LeNet for a browser: draw the weights, train, test.

   It is compiled to WebAssembly, without a C library, and calls nothing
   outside. Random numbers are drawn as PyTorch draws them, one by one, so a
   seed gives the weights and the order of the images that it gives there.
   All memory is static: the page writes images and settings into it, calls
   functions, and reads results.

   Source: chapter "The net in your hands"; the net is that of chapter 3. */

#include <stdint.h>

#include "convolution.h"

enum { IMAGES = 70000, TRAIN = 60000, CLASSES = 10, C5 = 120, F6 = 84 };
enum { GROUPS = 4, CHUNK = GROUPS * LANES }; /* Images at a time */

/* Settings */

enum { SIGMOID, TANH, RELU };
enum { MEAN, MAX };
int activation = SIGMOID, pooling = MEAN;

/* Weights and biases, in the order of PyTorch's state_dict; and the gradient
   of the mean loss in them */

typedef struct {
    float w1[C1][1][K][K], b1[C1], w2[C2][C1][K][K], b2[C2];
    float w5[C5][FEATURES], b5[C5], w6[F6][C5], b6[F6];
    float w7[CLASSES][F6], b7[CLASSES];
} Net;

enum { WEIGHTS = sizeof(Net) / sizeof(float) };
Net net, gradient;

/* Data: training images, then from TRAIN on those of the test; in `order`,
   the images of an epoch */

uint8_t images[IMAGES][SIDE][SIDE], labels[IMAGES];
uint32_t order[IMAGES];

/* Functions of a C library that WebAssembly lacks */

void *memset(void *to, int byte, unsigned long n)
{
    return __builtin_memset(to, byte, n);
}

/* e to the power of x, with a relative error of 1e-7. The magic number
   rounds x / ln 2 to a whole number, which becomes the exponent. */
INLINE float exponential(float x)
{
    const float magic = 12582912; /* 3 * 2^22 */
    x = x < -87 ? -87 : x > 88 ? 88 : x; /* NaN stays NaN */
    union { float f; int32_t i; } n = { x * 1.44269504f + magic };
    float k = n.f - magic;
    float r = x - k * 0.693145752f - k * 1.42860677e-6f;
    float p = 1 + r * (1 + r * (0.5f + r * (0.166666667f + r * (0.0416666667f
              + r * (0.00833333333f + r * 0.00138888889f)))));
    union { int32_t i; float f; } power = { (n.i - 0x4b400000 + 127) << 23 };
    return p * power.f;
}

/* The natural logarithm of x >= 1, in double precision */
static double logarithm(double x)
{
    union { double d; int64_t i; } bits = { x };
    int64_t k = (bits.i - 0x3fe6a09e667f3bcd) >> 52; /* Mantissa of sqrt(.5) */
    bits.i -= k << 52;
    double s = (bits.d - 1) / (bits.d + 1), term = s, sum = 0;
    for (int n = 1; n < 25; n += 2, term *= s * s)
        sum += term / n;
    return k * 0.693147180559945309 + 2 * sum;
}

/* PyTorch's random numbers: the generator mt19937, with two users. The
   second, which shuffles, gets a seed from the first in each epoch. */

typedef struct { uint32_t state[624]; int next; } Generator;
static Generator common, shuffler;

static void start(Generator *g, uint32_t seed)
{
    g->state[0] = seed;
    for (uint32_t i = 1; i < 624; i++)
        g->state[i] = 1812433253 * (g->state[i - 1] ^ g->state[i - 1] >> 30)
                      + i;
    g->next = 624;
}

static uint32_t draw(Generator *g)
{
    if (g->next == 624) {
        for (int i = 0; i < 624; i++) {
            uint32_t y = (g->state[i] & 0x80000000)
                         | (g->state[(i + 1) % 624] & 0x7fffffff);
            g->state[i] = g->state[(i + 397) % 624] ^ y >> 1
                          ^ (y & 1 ? 0x9908b0df : 0);
        }
        g->next = 0;
    }
    uint32_t y = g->state[g->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680;
    y ^= y << 15 & 0xefc60000;
    return y ^ y >> 18;
}

/* torch.manual_seed */
void seed(uint32_t number)
{
    start(&common, number);
}

/* What each pass through a DataLoader begins with: a number of 64 bits, two
   draws, of which PyTorch seeds its generators with the low half */
uint32_t begin_pass(void)
{
    draw(&common);
    return draw(&common);
}

/* tensor.uniform_(-bound, bound) */
static void uniform(float *w, int n, double bound)
{
    float low = -bound, width = (float)bound - low;
    for (int i = 0; i < n; i++)
        /* In double, as PyTorch's rounds once */
        w[i] = (double)((draw(&common) & 0xffffff) * 0x1p-24f) * width + low;
}

/* A layer's first weights and biases as PyTorch draws them */
static void first(float *w, int outputs, int inputs)
{
    double bound = 1 / __builtin_sqrt(inputs);
    uniform(w, outputs * inputs, bound);
    uniform(w + outputs * inputs, outputs, bound); /* The biases */
}

/* Xavier's: in and out are the numbers that a weight's ends connect to */
static void xavier(float *w, int n, int in, int out)
{
    uniform(w, n, __builtin_sqrt(6.0 / (in + out)));
}

/* The weights of a new net; then, if asked for, Xavier's, beside which the
   biases stay */
void draw_weights(int by_xavier)
{
    first((float *)net.w1, C1, K * K);
    first((float *)net.w2, C2, C1 * K * K);
    first((float *)net.w5, C5, FEATURES);
    first((float *)net.w6, F6, C5);
    first((float *)net.w7, CLASSES, F6);
    if (by_xavier) {
        xavier((float *)net.w1, C1 * K * K, K * K, C1 * K * K);
        xavier((float *)net.w2, C2 * C1 * K * K, C1 * K * K, C2 * K * K);
        xavier((float *)net.w5, C5 * FEATURES, FEATURES, C5);
        xavier((float *)net.w6, F6 * C5, C5, F6);
        xavier((float *)net.w7, CLASSES * F6, F6, CLASSES);
    }
}

/* The order of n training images in the next epoch, as of a shuffling
   DataLoader: its own number, the seed of its sampler, and randperm */
void shuffle(uint32_t n)
{
    begin_pass();
    start(&shuffler, begin_pass());
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = 0; i + 1 < n; i++) {
        uint32_t j = i + draw(&shuffler) % (n - i), here = order[i];
        order[i] = order[j];
        order[j] = here;
    }
}

/* The convolutional half. What the way back needs of a group of images: */

typedef struct {
    v x[1][SIDE + K - 1][SIDE + K - 1]; /* Images, padded */
    v a1[C1][SIDE1][SIDE1];             /* Behind the activation */
    v p1[C1][SIDE1 / 2][SIDE1 / 2];     /* Pooled */
    v a2[C2][SIDE2][SIDE2];
    v p2[C2][SIDE2 / 2][SIDE2 / 2];
} Maps;

static Maps maps[GROUPS];
static struct { v w1[C1][1][K][K], b1[C1], w2[C2][C1][K][K], b2[C2]; } sums;

typedef int32_t bits __attribute__((vector_size(4 * LANES)));

INLINE v choose(bits where, v yes, v no)
{
    return (v)((where & (bits)yes) | (~where & (bits)no));
}

static void activate(float *x, int n)
{
    if (activation == RELU)
        for (int i = 0; i < n; i++)
            x[i] = x[i] < 0 ? 0 : x[i];
    else if (activation == TANH)
        for (int i = 0; i < n; i++)
            x[i] = 2 / (1 + exponential(-2 * x[i])) - 1;
    else
        for (int i = 0; i < n; i++)
            x[i] = 1 / (1 + exponential(-x[i]));
}

/* The slope of the activation where it has the value s */
INLINE v slope(v s)
{
    v one = (v){} + 1;
    return activation == SIGMOID ? s * (1 - s)
         : activation == TANH ? 1 - s * s
         : choose(s > 0, one, (v){});
}

INLINE void pool(int O, int S, const v a[O][S][S], v p[O][S / 2][S / 2])
{
    for (int o = 0; o < O; o++)
        for (int h = 0; h < S; h += 2)
            for (int l = 0; l < S; l += 2) {
                v up = a[o][h][l], right = a[o][h][l + 1];
                v down = a[o][h + 1][l], last = a[o][h + 1][l + 1];
                if (pooling == MAX) {
                    up = choose(up > right, up, right);
                    down = choose(down > last, down, last);
                    p[o][h / 2][l / 2] = choose(up > down, up, down);
                } else
                    p[o][h / 2][l / 2] = (up + right + down + last) / 4;
            }
}

/* From the gradient in the pooled numbers, dp, to that in the sums, g. The
   first of the greatest numbers takes it all, as in PyTorch. */
INLINE void unpool(int O, int S, const v a[O][S][S],
                   const v p[O][S / 2][S / 2], const v dp[O][S / 2][S / 2],
                   v g[O][S][S], v db[O])
{
    for (int o = 0; o < O; o++)
        for (int h = 0; h < S; h += 2)
            for (int l = 0; l < S; l += 2) {
                v most = p[o][h / 2][l / 2], d = dp[o][h / 2][l / 2];
                bits found = {};
                for (int k = 0; k < 4; k++) {
                    v s = a[o][h + k / 2][l + k % 2], mine = d / 4;
                    if (pooling == MAX) {
                        bits first = (s == most) & ~found;
                        mine = choose(first, d, (v){});
                        found |= first;
                    }
                    mine *= slope(s);
                    g[o][h + k / 2][l + k % 2] = mine;
                    db[o] += mine;
                }
            }
}

/* Features (CHUNK, 400) of the images that `which` names, `here` in number */
static void features(const uint32_t *which, int here,
                     float feature[CHUNK][FEATURES])
{
    for (int n = 0; n < here; n += LANES) {
        Maps *s = maps + n / LANES;
        memset(s->x, 0, sizeof s->x);
        for (int m = 0; m < LANES && n + m < here; m++)
            for (int h = 0; h < SIDE; h++)
                for (int l = 0; l < SIDE; l++)
                    s->x[0][h + K / 2][l + K / 2][m]
                        = images[which[n + m]][h][l] / 255.0f;
        convolve(1, C1, SIDE1, 3, 4, s->x, net.w1, net.b1, s->a1);
        activate((float *)s->a1, sizeof s->a1 / sizeof(float));
        pool(C1, SIDE1, s->a1, s->p1);
        convolve(C1, C2, SIDE2, 2, 5, s->p1, net.w2, net.b2, s->a2);
        activate((float *)s->a2, sizeof s->a2 / sizeof(float));
        pool(C2, SIDE2, s->a2, s->p2);
        for (int m = 0; m < LANES; m++)
            for (int k = 0; k < FEATURES; k++)
                feature[n + m][k] = ((v *)s->p2)[k][m];
    }
}

/* The way back, which adds to sums */
static void convolution_gradients(int here,
                                  const float feature[CHUNK][FEATURES])
{
    static v dp2[C2][SIDE2 / 2][SIDE2 / 2], g2[C2][SIDE2][SIDE2];
    static v dp1[C1][SIDE1 / 2][SIDE1 / 2], g1[C1][SIDE1][SIDE1];
    for (int n = 0; n < here; n += LANES) {
        const Maps *s = maps + n / LANES;
        for (int m = 0; m < LANES; m++)
            for (int k = 0; k < FEATURES; k++)
                ((v *)dp2)[k][m] = feature[n + m][k];
        unpool(C2, SIDE2, s->a2, s->p2, dp2, g2, sums.b2);
        for (int o = 0; o < C2; o += 2)
            to_weights(C1, SIDE2, 2, 0, SIDE2, s->p1, g2 + o, sums.w2 + o);
        to_input(C1, C2, SIDE2, net.w2, g2, dp1);
        unpool(C1, SIDE1, s->a1, s->p1, dp1, g1, sums.b1);
        for (int o = 0; o < C1; o += 2)
            for (int r = 0; r < SIDE1; r += 2)
                to_weights(1, SIDE1, 2, r, 2, s->x, g1 + o, sums.w1 + o);
    }
}

/* The three linear layers, for CHUNK images: products of matrices, whose
   rows are read as vectors of four numbers of one image */

static float x4[CHUNK][FEATURES], x5[CHUNK][C5], x6[CHUNK][F6];
float logits[CHUNK][CLASSES];

typedef float four __attribute__((vector_size(16), aligned(4)));

INLINE four *at(const float *x)
{
    return (four *)x;
}

/* y = x w' + b, for I inputs and O outputs; M images by P outputs at once */
INLINE void linear(int I, int O, int P, const float x[CHUNK][I],
                   const float w[O][I], const float b[O], float y[CHUNK][O])
{
    enum { M = 4 };
    for (int n = 0; n < CHUNK; n += M)
        for (int o = 0; o < O; o += P) {
            four sum[M][P];
            UNROLL for (int m = 0; m < M; m++)
                UNROLL for (int p = 0; p < P; p++)
                    sum[m][p] = (four){};
            for (int i = 0; i < I; i += 4)
                UNROLL for (int m = 0; m < M; m++)
                    UNROLL for (int p = 0; p < P; p++)
                        sum[m][p] += *at(&x[n + m][i]) * *at(&w[o + p][i]);
            UNROLL for (int m = 0; m < M; m++)
                UNROLL for (int p = 0; p < P; p++) {
                    four s = sum[m][p];
                    y[n + m][o + p] = b[o + p] + s[0] + s[1] + s[2] + s[3];
                }
        }
}

/* From dy, the gradient in y, to those in x, w and b, the last two added */
INLINE void linear_gradients(int I, int O, int P, int T,
                             const float x[CHUNK][I], const float w[O][I],
                             const float dy[CHUNK][O], float dx[CHUNK][I],
                             float dw[O][I], float db[O])
{
    for (int n = 0; n < CHUNK; n++)
        for (int o = 0; o < O; o++)
            db[o] += dy[n][o];
    for (int i = 0; i < I; i += 4 * T) {
        for (int o = 0; o < O; o += P) {
            four sum[P][T];
            UNROLL for (int p = 0; p < P; p++)
                UNROLL for (int t = 0; t < T; t++)
                    sum[p][t] = *at(&dw[o + p][i + 4 * t]);
            for (int n = 0; n < CHUNK; n++)
                UNROLL for (int p = 0; p < P; p++)
                    UNROLL for (int t = 0; t < T; t++)
                        sum[p][t] += dy[n][o + p] * *at(&x[n][i + 4 * t]);
            UNROLL for (int p = 0; p < P; p++)
                UNROLL for (int t = 0; t < T; t++)
                    *at(&dw[o + p][i + 4 * t]) = sum[p][t];
        }
        for (int n = 0; n < CHUNK; n += 2) {
            four sum[2][T];
            UNROLL for (int m = 0; m < 2; m++)
                UNROLL for (int t = 0; t < T; t++)
                    sum[m][t] = (four){};
            for (int o = 0; o < O; o++)
                UNROLL for (int m = 0; m < 2; m++)
                    UNROLL for (int t = 0; t < T; t++)
                        sum[m][t] += dy[n + m][o] * *at(&w[o][i + 4 * t]);
            UNROLL for (int m = 0; m < 2; m++)
                UNROLL for (int t = 0; t < T; t++)
                    *at(&dx[n + m][i + 4 * t]) = sum[m][t];
        }
    }
}

/* From the gradient behind an activation, dx, to that before it */
static void through_activation(const float *x, float *dx, int n)
{
    for (int i = 0; i < n; i++)
        dx[i] *= activation == SIGMOID ? x[i] * (1 - x[i])
               : activation == TANH ? 1 - x[i] * x[i] : x[i] > 0;
}

/* Logits of at most CHUNK images, which `which` names */
static void forward(const uint32_t *which, int here)
{
    features(which, here, x4);
    linear(FEATURES, C5, 2, x4, net.w5, net.b5, x5);
    activate((float *)x5, CHUNK * C5);
    linear(C5, F6, 2, x5, net.w6, net.b6, x6);
    activate((float *)x6, CHUNK * F6);
    linear(F6, CLASSES, 2, x6, net.w7, net.b7, logits);
}

/* The class that the net answers for image n of the chunk */
static int answer(int n)
{
    int best = 0;
    for (int k = 1; k < CLASSES; k++)
        if (logits[n][k] > logits[n][best])
            best = k;
    return best;
}

/* What a minibatch gives: the sum of its losses, and its right answers */

int right;

/* The way back from the logits; `size` is that of the minibatch. Returns the
   sum of the losses, cross entropies in nats. */
static double backward(const uint32_t *which, int here, int size)
{
    static float d4[CHUNK][FEATURES], d5[CHUNK][C5], d6[CHUNK][F6];
    static float d7[CHUNK][CLASSES];
    double loss = 0;
    memset(d7, 0, sizeof d7);
    for (int n = 0; n < here; n++) {
        float most = logits[n][answer(n)], sum = 0;
        int label = labels[which[n]];
        for (int k = 0; k < CLASSES; k++)
            sum += d7[n][k] = exponential(logits[n][k] - most);
        for (int k = 0; k < CLASSES; k++)
            d7[n][k] = (d7[n][k] / sum - (k == label)) / size;
        loss += logarithm(sum) + most - logits[n][label];
        right += answer(n) == label;
    }
    linear_gradients(F6, CLASSES, 2, 3, x6, net.w7, d7, d6, gradient.w7,
                     gradient.b7);
    through_activation((float *)x6, (float *)d6, CHUNK * F6);
    linear_gradients(C5, F6, 2, 5, x5, net.w6, d6, d5, gradient.w6,
                     gradient.b6);
    through_activation((float *)x5, (float *)d5, CHUNK * C5);
    linear_gradients(FEATURES, C5, 2, 5, x4, net.w5, d5, d4, gradient.w5,
                     gradient.b5);
    convolution_gradients(here, d4);
    return loss;
}

/* Computes the gradient of the mean loss of order[first], ... and so many
   images after it; returns the sum of their losses. `right` counts. */
double minibatch(int first, int size)
{
    double loss = 0;
    memset(&gradient, 0, sizeof gradient);
    memset(&sums, 0, sizeof sums);
    right = 0;
    for (int n = 0; n < size; n += CHUNK) {
        int here = size - n < CHUNK ? size - n : CHUNK;
        forward(order + first + n, here);
        loss += backward(order + first + n, here, size);
    }
    float *convolutional = (float *)&gradient;
    for (unsigned k = 0; k < sizeof sums / sizeof(v); k++)
        for (int m = 0; m < LANES; m++)
            convolutional[k] += ((v *)&sums)[k][m];
    return loss;
}

/* A step of SGD */
void step(float rate)
{
    float *w = (float *)&net, *g = (float *)&gradient;
    for (int k = 0; k < WEIGHTS; k++)
        w[k] -= rate * g[k];
}

/* The logits of CHUNK images, from image `first` on */
float *predict(int first)
{
    uint32_t which[CHUNK];
    for (int n = 0; n < CHUNK; n++)
        which[n] = first + n < IMAGES ? first + n : IMAGES - 1;
    forward(which, CHUNK);
    return (float *)logits;
}

/* How many of n images, from image `first` on, the net gets right */
int evaluate(int first, int n)
{
    int correct = 0;
    for (int done = 0; done < n; done += CHUNK) {
        predict(first + done);
        for (int m = 0; m < CHUNK && done + m < n; m++)
            correct += answer(m) == labels[first + done + m];
    }
    return correct;
}
