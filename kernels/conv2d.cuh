// Convolution and its two gradients as implicit GEMMs: operands are gathered from images and weights, and the im2col
// matrix is not stored. The transposed convolution is the gradient with respect to the input.
#pragma once
#include "matmul.cuh"

// Images [n, c, h, w], weight [o, c, kh, kw], output [n, o, oh, ow].
struct Convolution {
    unsigned n, c, h, w, o, kh, kw, sh, sw, ph, pw, oh, ow;
};

// A mixed-radix index of three digits, whose lower two digits have these radices: it advances (channel, kernel offset)
// and (image, pixel) without divisions.
struct Digits {
    unsigned high, middle, low;
};
struct Radices {
    unsigned middle, low;

    __device__ Digits of(unsigned k) const { return {k / low / middle, k / low % middle, k % low}; }
    __device__ Digits add(const Digits& x, const Digits& y) const {
        Digits sum{x.high + y.high, x.middle + y.middle, x.low + y.low};
        if (sum.low >= low) {
            sum.low -= low;
            sum.middle++;
        }
        if (sum.middle >= middle) {
            sum.middle -= middle;
            sum.high++;
        }
        return sum;
    }
};

// Common to the operands below, whose steps are such indices.
template <class T, bool ALONG>
struct Stepping {
    using Element = T;
    using Step = Digits;
    static constexpr bool ALONG_STEPS = ALONG;
    Radices radices;

    __device__ Step step(unsigned k) const { return radices.of(k); }
    __device__ Step add(const Step& x, const Step& y) const { return radices.add(x, y); }
};

// The position of a window in an image.
template <class T>
struct Window {
    const T* channel;
    int row, column;
    bool inside;
};

// The im2col operand: a line is an output pixel (image, row, column), a step a (channel, kernel offset).
template <class T>
struct Patches : Stepping<T, false> {
    using Line = Window<T>;
    const T* x;
    Convolution of;

    __device__ Patches(const T* x, const Convolution& of) : Stepping<T, false>{{of.kh, of.kw}}, x(x), of(of) {}

    __device__ Line line(unsigned pixel) const {
        const unsigned image = pixel / (of.oh * of.ow), row = pixel / of.ow % of.oh, column = pixel % of.ow;
        return {x + size_t(image) * of.c * of.h * of.w, int(row * of.sh) - int(of.ph),
                int(column * of.sw) - int(of.pw), image < of.n};
    }
    __device__ T at(const Line& line, const Digits& step) const {
        const unsigned row = line.row + int(step.middle), column = line.column + int(step.low);
        const bool inside = line.inside && step.high < of.c && row < of.h && column < of.w;
        return inside ? line.channel[(size_t(step.high) * of.h + row) * of.w + column] : narrow<T>(0.0f);
    }
    __device__ Run<T> run(const Line& line, const Digits& step, const Digits& one) const {
        return run_by_elements(*this, line, step, one);
    }
};

// The output: images [n, channels, pixels].
template <class T>
struct ImageOutput {
    static constexpr bool SUMS_ROWS = false;
    T* y;
    unsigned n, channels, pixels;
    Epilogue<T> epilogue;

    __device__ void store(unsigned channel, unsigned pixel, float sum) const {
        const unsigned image = pixel / pixels;
        if (channel >= channels || image >= n) return;
        y[(size_t(image) * channels + channel) * pixels + pixel % pixels] = narrow<T>(epilogue(sum, channel));
    }
};

template <class T, class Product>
__device__ void conv2d(T* y, const T* x, const T* weight, Epilogue<T> epilogue, const Convolution& of,
                       const Product& product) {
    const unsigned k = of.c * of.kh * of.kw;
    const ImageOutput<T> out{y, of.n, of.o, of.oh * of.ow, epilogue};
    product(Matrix<T, true>(weight, of.o, k), Patches<T>(x, of), out, 0, k);
}

// ---------------------------------------------------------------------------------------------------------
// The gradient with respect to the input. Image rows and columns are grouped into phases by their remainder modulo the
// stride. All pixels of a phase use the same kernel offsets, every stride-th, so no inserted zeros are multiplied.

// One axis of a phase: its pixels are `first_pixel + stride i`, its kernel offsets `first_offset + stride a`, and for
// pixel i offset a reads output `last + i - a`.
struct Phase {
    unsigned stride, first_pixel, pixels, first_offset, offsets;
    int last;

    __device__ Phase(unsigned phase, unsigned length, unsigned kernel, unsigned stride, unsigned padding)
        : stride(stride), first_pixel(phase),
          pixels(phase < length ? (length - phase + stride - 1) / stride : 0),
          first_offset((phase + padding) % stride),
          offsets(first_offset < kernel ? (kernel - first_offset + stride - 1) / stride : 0),
          last((phase + padding - first_offset) / stride) {}
};

// The radices of a step. They are at least one, so that a phase without kernel offsets does not divide by zero.
__device__ inline Radices radices_of(const Phase& rows, const Phase& columns) {
    return {rows.offsets ? rows.offsets : 1, columns.offsets ? columns.offsets : 1};
}

// The weight of a phase: a line is an input channel, a step an (output channel, kernel offset of the phase).
template <class T>
struct PhaseWeight : Stepping<T, true> {
    struct Line {
        const T* first;
        bool inside;
    };
    const T* weight;
    Convolution of;
    Phase rows, columns;

    __device__ PhaseWeight(const T* weight, const Convolution& of, const Phase& rows, const Phase& columns)
        : Stepping<T, true>{radices_of(rows, columns)}, weight(weight), of(of), rows(rows), columns(columns) {}

    __device__ Line line(unsigned c) const { return {weight + size_t(c) * of.kh * of.kw, c < of.c}; }
    __device__ T at(const Line& line, const Digits& step) const {
        if (!line.inside || step.high >= of.o) return narrow<T>(0.0f);
        const unsigned row = rows.first_offset + step.middle * rows.stride;
        const unsigned column = columns.first_offset + step.low * columns.stride;
        return line.first[size_t(step.high) * of.c * of.kh * of.kw + row * of.kw + column];
    }
    __device__ Run<T> run(const Line& line, const Digits& step, const Digits& one) const {
        return run_by_elements(*this, line, step, one);
    }
};

// The outputs that depend on each pixel of a phase, as an operand: a line is a pixel (image, row, column of the phase).
template <class T>
struct PhaseReads : Stepping<T, false> {
    using Line = Window<T>;
    const T* dy;
    Convolution of;
    Phase rows, columns;

    __device__ PhaseReads(const T* dy, const Convolution& of, const Phase& rows, const Phase& columns)
        : Stepping<T, false>{radices_of(rows, columns)}, dy(dy), of(of), rows(rows), columns(columns) {}

    __device__ Line line(unsigned pixel) const {
        const unsigned image = pixel / (rows.pixels * columns.pixels);
        return {dy + size_t(image) * of.o * of.oh * of.ow,
                rows.last + int(pixel / columns.pixels % rows.pixels),
                columns.last + int(pixel % columns.pixels), image < of.n};
    }
    __device__ T at(const Line& line, const Digits& step) const {
        const unsigned row = line.row - int(step.middle), column = line.column - int(step.low);
        const bool inside = line.inside && step.high < of.o && row < of.oh && column < of.ow;
        return inside ? line.channel[(size_t(step.high) * of.oh + row) * of.ow + column] : narrow<T>(0.0f);
    }
    __device__ Run<T> run(const Line& line, const Digits& step, const Digits& one) const {
        return run_by_elements(*this, line, step, one);
    }
};

// The result of a phase: every stride-th pixel of images [n, c, h, w].
template <class T>
struct PhaseOutput {
    static constexpr bool SUMS_ROWS = false;
    T* dx;
    Convolution of;
    Phase rows, columns;
    Epilogue<T> epilogue;

    __device__ void store(unsigned c, unsigned pixel, float sum) const {
        const unsigned image = pixel / (rows.pixels * columns.pixels);
        if (c >= of.c || image >= of.n) return;
        const unsigned row = rows.first_pixel + pixel / columns.pixels % rows.pixels * rows.stride;
        const unsigned column = columns.first_pixel + pixel % columns.pixels * columns.stride;
        dx[((size_t(image) * of.c + c) * of.h + row) * of.w + column] = narrow<T>(epilogue(sum, c));
    }
};

// blockIdx.z indexes the phases. A phase without pixels is skipped.
template <class T, class Product>
__device__ void conv2d_grad_input(T* dx, const T* dy, const T* weight, Epilogue<T> epilogue, const Convolution& of,
                                  const Product& product) {
    const Phase rows(blockIdx.z / of.sw, of.h, of.kh, of.sh, of.ph);
    const Phase columns(blockIdx.z % of.sw, of.w, of.kw, of.sw, of.pw);
    if (rows.pixels * columns.pixels == 0) return;
    product(PhaseWeight<T>(weight, of, rows, columns), PhaseReads<T>(dy, of, rows, columns),
            PhaseOutput<T>{dx, of, rows, columns, epilogue}, 0, of.o * rows.offsets * columns.offsets);
}

// ---------------------------------------------------------------------------------------------------------
// The gradient with respect to the weight: sums over all pixels of all images. Because there are few outputs, the sums
// are split into parts by blockIdx.z (split-k), which are then added in order.

// The output gradient as an operand: a line is an output channel, a step a pixel (image, row, column).
template <class T>
struct OutputPixels : Stepping<T, true> {
    struct Line {
        const T* first;
        bool inside;
    };
    const T* dy;
    Convolution of;

    __device__ OutputPixels(const T* dy, const Convolution& of)
        : Stepping<T, true>{{of.oh, of.ow}}, dy(dy), of(of) {}

    __device__ Line line(unsigned o) const { return {dy + size_t(o) * of.oh * of.ow, o < of.o}; }
    __device__ T at(const Line& line, const Digits& step) const {
        if (!line.inside || step.high >= of.n) return narrow<T>(0.0f);
        return line.first[(size_t(step.high) * of.o * of.oh + step.middle) * of.ow + step.low];
    }
    __device__ Run<T> run(const Line& line, const Digits& step, const Digits& one) const {
        return run_by_elements(*this, line, step, one);
    }
};

// The transposed im2col operand: a line is a (channel, kernel offset), a step an output pixel.
template <class T>
struct KernelReads : Stepping<T, true> {
    using Line = Window<T>;
    const T* x;
    Convolution of;

    __device__ KernelReads(const T* x, const Convolution& of)
        : Stepping<T, true>{{of.oh, of.ow}}, x(x), of(of) {}

    __device__ Line line(unsigned i) const {
        const unsigned c = i / (of.kh * of.kw);
        return {x + size_t(c) * of.h * of.w, int(i / of.kw % of.kh) - int(of.ph),
                int(i % of.kw) - int(of.pw), c < of.c};
    }
    __device__ T at(const Line& line, const Digits& step) const {
        const unsigned row = line.row + int(step.middle * of.sh), column = line.column + int(step.low * of.sw);
        const bool inside = line.inside && step.high < of.n && row < of.h && column < of.w;
        return inside ? line.channel[(size_t(step.high) * of.c * of.h + row) * of.w + column] : narrow<T>(0.0f);
    }
    __device__ Run<T> run(const Line& line, const Digits& step, const Digits& one) const {
        return run_by_elements(*this, line, step, one);
    }
};

template <class T, class Product>
__device__ void conv2d_grad_weight(float* parts, const T* x, const T* dy, const Convolution& of,
                                   unsigned pixels_of_part, const Product& product) {
    const unsigned columns = of.c * of.kh * of.kw, pixels = of.n * of.oh * of.ow;
    const unsigned begin = blockIdx.z * pixels_of_part;
    const unsigned end = begin + pixels_of_part < pixels ? begin + pixels_of_part : pixels;
    const MatrixOutput<float> out{parts + size_t(blockIdx.z) * of.o * columns, of.o, columns, {0, nullptr}};
    product(OutputPixels<T>(dy, of), KernelReads<T>(x, of), out, begin, end);
}
