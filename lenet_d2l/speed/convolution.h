/* A convolution of LeNet, forward and backward, for many images at a time.

   The code reads as if for one image, but each number in it is a vector: the
   same number of LANES images, which the processor works on at once. In the
   memory of a group of LANES images the images are therefore the last axis.
   A convolution has C maps as its input and O as its output, of side S.

   Source: chapter "Where the time goes". fused.c and page.c include it. */

#if defined __AVX512F__
#define LANES 16
enum { WIDE = 2 }; /* 32 registers for sums */
#elif defined __wasm__
#define LANES 4
enum { WIDE = 1 };
#else
#define LANES 8
enum { WIDE = 1 }; /* 16 of them */
#endif

typedef float v __attribute__((vector_size(4 * LANES)));

/* Inlined where its sizes are constants, so that loops over a kernel or a
   row are unrolled and their sums stay in registers */
#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

enum {
    K = 5,                    /* Side of a kernel */
    SIDE = 28,                /* Of an image, and of the maps of C1 */
    C1 = 6, SIDE1 = SIDE,     /* First convolution: maps, and their side */
    C2 = 16, SIDE2 = 10,      /* Second convolution */
    FEATURES = C2 * SIDE2 / 2 * SIDE2 / 2
};

/* The sums of a convolution, a. M maps of T pixels in a row are computed at
   a time: so many sums stay in registers, and share what is read of input
   and weights. */
INLINE void convolve(int C, int O, int S, int M, int T,
                     const v x[C][S + K - 1][S + K - 1],
                     const float w[O][C][K][K], const float b[O],
                     v a[O][S][S])
{
    for (int h = 0; h < S; h++)
        for (int o = 0; o < O; o += M)
            for (int l = 0; l < S; l += T) {
                v sum[M][T];
                UNROLL for (int m = 0; m < M; m++)
                    UNROLL for (int t = 0; t < T; t++)
                        sum[m][t] = (v){} + b[o + m];
                for (int c = 0; c < C; c++)
                    UNROLL for (int i = 0; i < K; i++)
                        UNROLL for (int j = 0; j < K; j++)
                            UNROLL for (int t = 0; t < T; t++)
                                UNROLL for (int m = 0; m < M; m++)
                                    sum[m][t] += w[o + m][c][i][j]
                                                 * x[c][h + i][l + t + j];
                UNROLL for (int m = 0; m < M; m++)
                    UNROLL for (int t = 0; t < T; t++)
                        a[o + m][h][l + t] = sum[m][t];
            }
}

/* Adds to dw what rows r to r + R of M maps give to the gradient in their
   weights, g being the gradient in their sums. */
INLINE void to_weights(int C, int S, int M, int r, int R,
                       const v x[C][S + K - 1][S + K - 1],
                       const v g[M][S][S], v dw[M][C][K][K])
{
    for (int c = 0; c < C; c++)
        for (int i = 0; i < K; i++) {
            v sum[M][K];
            UNROLL for (int m = 0; m < M; m++)
                UNROLL for (int j = 0; j < K; j++)
                    sum[m][j] = dw[m][c][i][j];
            for (int h = r; h < r + R; h++)
                for (int l = 0; l < S; l++)
                    UNROLL for (int m = 0; m < M; m++)
                        UNROLL for (int j = 0; j < K; j++)
                            sum[m][j] += g[m][h][l] * x[c][h + i][l + j];
            UNROLL for (int m = 0; m < M; m++)
                UNROLL for (int j = 0; j < K; j++)
                    dw[m][c][i][j] = sum[m][j];
        }
}

/* From the gradient in the sums, g, to that in the input, dx */
INLINE void to_input(int C, int O, int S, const float w[O][C][K][K],
                     const v g[O][S][S], v dx[C][S + K - 1][S + K - 1])
{
    for (int c = 0; c < C; c++)
        for (int r = 0; r < S + K - 1; r++) {
            v sum[S + K - 1];
            UNROLL for (int t = 0; t < S + K - 1; t++)
                sum[t] = (v){};
            int first = r < K ? 0 : r - K + 1, last = r < S ? r : S - 1;
            for (int o = 0; o < O; o++)
                for (int h = first; h <= last; h++)
                    UNROLL for (int j = 0; j < K; j++)
                        UNROLL for (int l = 0; l < S; l++)
                            sum[l + j] += w[o][c][r - h][j] * g[o][h][l];
            UNROLL for (int t = 0; t < S + K - 1; t++)
                dx[c][r][t] = sum[t];
        }
}
