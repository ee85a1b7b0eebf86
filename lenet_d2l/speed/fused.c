/* The convolutional half of the post's LeNet, forward and backward.

   A group of LANES images is small enough for the processor's cache on its
   way from the pixels to the features, and again on its way back.

   Source: chapter "Where the time goes"; the net is that of chapter 3. */

#include <math.h>
#include <omp.h>
#include <string.h>

#include "convolution.h"

/* The vectors of glibc's libmvec have an exp of their own */
#if defined __x86_64__ && defined __GLIBC__
__attribute__((simd("notinbranch"))) float expf(float);
#endif

enum {
    WEIGHTS = C1 * K * K + C1 + C2 * C1 * K * K + C2, /* And biases */
    MOST = C1 * SIDE1 * SIDE1 /* Pixels in the largest maps */
};

/* What the way back needs of a group of images */
typedef struct {
    v x[1][SIDE + K - 1][SIDE + K - 1]; /* Images, padded */
    v a1[C1][SIDE1][SIDE1];             /* Outputs of the sigmoids */
    v p1[C1][SIDE1 / 2][SIDE1 / 2];     /* Pooled */
    v a2[C2][SIDE2][SIDE2];
} Saved;

/* Gradients of all weights and biases, summed over groups */
typedef struct {
    v w1[C1][1][K][K], b1[C1], w2[C2][C1][K][K], b2[C2];
} Gradients;

const long lanes = LANES;
const long saved_floats = sizeof(Saved) / sizeof(float);

/* Convolution, sigmoid and mean of 2x2 pixels */
INLINE void forward(int C, int O, int S, int M, int T,
                    const v x[C][S + K - 1][S + K - 1],
                    const float w[O][C][K][K], const float b[O],
                    v a[O][S][S], v p[O][S / 2][S / 2])
{
    convolve(C, O, S, M, T, x, w, b, a);
    float *flat = (float *)a; /* A loop for libmvec */
    for (int n = 0; n < O * S * S * LANES; n++)
        flat[n] = 1 / (1 + expf(-flat[n]));
    for (int o = 0; o < O; o++)
        for (int h = 0; h < S / 2; h++)
            for (int l = 0; l < S / 2; l++)
                p[o][h][l] = (a[o][2 * h][2 * l] + a[o][2 * h][2 * l + 1]
                              + a[o][2 * h + 1][2 * l]
                              + a[o][2 * h + 1][2 * l + 1]) / 4;
}

/* From the gradient in the means, dp, to that before the sigmoid, g, and to
   those in weights and biases, which are added to dw and db. M maps share
   what is read of the input; R rows of them stay in the processor's cache. */
INLINE void backward(int C, int O, int S, int M, int R,
                     const v x[C][S + K - 1][S + K - 1],
                     const v a[O][S][S], const v dp[O][S / 2][S / 2],
                     v g[O][S][S], v dw[O][C][K][K], v db[O])
{
    for (int o = 0; o < O; o += M)
        for (int r = 0; r < S; r += R) {
            for (int m = o; m < o + M; m++)
                for (int h = r; h < r + R; h++)
                    for (int l = 0; l < S; l++) {
                        v s = a[m][h][l];
                        g[m][h][l] = dp[m][h / 2][l / 2] / 4 * s * (1 - s);
                        db[m] += g[m][h][l];
                    }
            to_weights(C, S, M, r, R, x, g + o, dw + o);
        }
}

/* Features (n, 400) of images (n, 28, 28). For the way back, saved has an
   entry a group; otherwise (keep = 0) one a thread, which stays in its cache.
   The lanes of a last group that n does not fill are images of zeros. */
void features(long n, const float image[][SIDE][SIDE], const float *w1,
              const float *b1, const float *w2, const float *b2,
              Saved *saved, float feature[][FEATURES], int keep, int threads)
{
    #pragma omp parallel for num_threads(threads)
    for (long first = 0; first < n; first += LANES) {
        Saved *s = saved + (keep ? first / LANES : omp_get_thread_num());
        long here = n - first < LANES ? n - first : LANES;
        v p2[FEATURES];
        memset(s->x, 0, sizeof s->x);
        for (int h = 0; h < SIDE; h++)
            for (long m = 0; m < here; m++)
                for (int l = 0; l < SIDE; l++)
                    s->x[0][h + K / 2][l + K / 2][m]
                        = image[first + m][h][l];
        forward(1, C1, SIDE1, 3 * WIDE, 4, s->x, (void *)w1, b1, s->a1,
                s->p1);
        forward(C1, C2, SIDE2, 2 * WIDE, 5, s->p1, (void *)w2, b2, s->a2,
                (void *)p2);
        for (long m = 0; m < here; m++)
            for (int k = 0; k < FEATURES; k++)
                feature[first + m][k] = p2[k][m];
    }
}

/* Gradients, a sum for each thread, from that in the features (n, 400) */
void gradients(long n, const float gradient[][FEATURES], const float *w2,
               const Saved *saved, float sums[][WEIGHTS], int threads)
{
    #pragma omp parallel num_threads(threads)
    {
        Gradients sum;
        memset(&sum, 0, sizeof sum);
        #pragma omp for schedule(static)
        for (long first = 0; first < n; first += LANES) {
            const Saved *s = saved + first / LANES;
            long here = n - first < LANES ? n - first : LANES;
            v dp2[FEATURES], dp1[C1][SIDE1 / 2][SIDE1 / 2], g[MOST];
            memset(dp2, 0, sizeof dp2);
            for (long m = 0; m < here; m++)
                for (int k = 0; k < FEATURES; k++)
                    dp2[k][m] = gradient[first + m][k];
            backward(C1, C2, SIDE2, 2 * WIDE, SIDE2, s->p1, s->a2,
                     (void *)dp2, (void *)g, sum.w2, sum.b2);
            to_input(C1, C2, SIDE2, (void *)w2, (void *)g, dp1);
            backward(1, C1, SIDE1, WIDE + 1, 2, s->x, s->a1, dp1, (void *)g,
                     sum.w1, sum.b1);
        }
        float *mine = sums[omp_get_thread_num()];
        for (int k = 0; k < WEIGHTS; k++)
            for (int m = 0; m < LANES; m++)
                mine[k] += ((v *)&sum)[k][m];
    }
}
