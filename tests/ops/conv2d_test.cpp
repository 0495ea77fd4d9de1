#include "tests/ops/ops.h"

namespace dgsam::test {
namespace {

struct Case {
  std::int64_t n, h, w, c, k, r, s;
  int stride, padding;

  Conv2dSpec spec(bool relu = false) const { return {stride, padding, relu}; }
  Shape x() const { return {n, h, w, c}; }
  Shape weights() const { return {k, r, s, c}; }
  Shape y() const { return {n, (h + 2 * padding - r) / stride + 1, (w + 2 * padding - s) / stride + 1, k}; }
};

// Odd sizes, every filter of a ResNet, strides that leave a remainder, filters smaller than the stride, the 100 and
// more rows and columns that need several tiles, and channel counts with and without blocks.
constexpr Case kCases[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 0},    {1, 7, 7, 3, 5, 3, 3, 1, 1},    {2, 5, 9, 4, 7, 3, 3, 2, 1},
    {1, 13, 11, 3, 16, 7, 7, 2, 3}, {2, 8, 8, 5, 3, 1, 1, 2, 0},    {1, 9, 7, 2, 3, 2, 2, 2, 0},
    {2, 7, 10, 3, 4, 5, 3, 3, 2},   {1, 6, 6, 2, 2, 1, 1, 3, 0},    {2, 6, 5, 16, 16, 3, 3, 1, 1},
    {2, 7, 7, 32, 16, 1, 1, 1, 0},  {1, 9, 9, 16, 48, 3, 3, 2, 1},  {3, 8, 8, 32, 64, 1, 1, 2, 0},
    {1, 4, 5, 16, 3, 5, 5, 1, 2},   {1, 15, 15, 3, 32, 7, 7, 2, 3}, {1, 3, 3, 160, 144, 3, 3, 1, 1},
    {1, 5, 4, 2, 3, 2, 3, 1, 3},
};

/// Calls visit(x offset, w offset, y offset) for every product of the convolution.
template <class Visit>
void for_each_product(const Case& shape, const Visit& visit) {
  const Array x(shape.x()), w(shape.weights()), y(shape.y());
  for (std::int64_t n = 0; n < shape.n; ++n)
    for (std::int64_t p = 0; p < y.shape[1]; ++p)
      for (std::int64_t q = 0; q < y.shape[2]; ++q)
        for (std::int64_t r = 0; r < shape.r; ++r)
          for (std::int64_t s = 0; s < shape.s; ++s) {
            const std::int64_t h = p * shape.stride + r - shape.padding, v = q * shape.stride + s - shape.padding;
            if (h < 0 || h >= shape.h || v < 0 || v >= shape.w) continue;
            for (std::int64_t k = 0; k < shape.k; ++k)
              for (std::int64_t c = 0; c < shape.c; ++c)
                visit(x.index(n, h, v, c), w.index(k, r, s, c), y.index(n, p, q, k));
          }
}

/// body(backend, dtype, case, layout of x, layout of y) for all of them.
template <class Body>
void on_every_case(const Body& body) {
  on_every_backend([&](Backend& backend, DType dtype) {
    for (const Case& shape : kCases) {
      for (const Layout in : layouts(shape.c)) {
        for (const Layout out : layouts(shape.k)) {
          const std::string text = Type{dtype, shape.x(), in}.text() + " * " + shape.weights().text() + " -> " +
                                   Type{dtype, shape.y(), out}.text();
          INFO(text, ", stride ", shape.stride, ", padding ", shape.padding);
          body(backend, dtype, shape, in, out);
        }
      }
    }
  });
}

}  // namespace

TEST_CASE("conv2d is the cross-correlation of its definition, with bias, residual and ReLU each on and off") {
  on_every_case([](Backend& backend, DType dtype, const Case& shape, Layout in, Layout out) {
    const Array x = random_array(shape.x(), dtype, 1), w = random_array(shape.weights(), dtype, 2);
    // A bias that bf16 holds: some libraries round it to the type of x.
    const Array b = random_array({shape.k}, dtype, 3), z = random_array(shape.y(), dtype, 4);
    Array sums(shape.y());
    for_each_product(shape, [&](auto i, auto j, auto o) { sums[o] += x[i] * w[j]; });
    Tensors tensors(backend);
    const Tensor xt = tensors.make(x, dtype, in), wt = tensors.make(w, dtype);
    const Tensor bt = tensors.make(b, master_of(dtype)), zt = tensors.make(z, dtype, out);
    for (int options = 0; options < 8; ++options) {
      const bool bias = options & 1, residual = options & 2, relu = options & 4;
      Array expected = sums;
      for (std::int64_t i = 0; i < expected.shape.elements(); ++i) {
        expected[i] += (bias ? b[i % shape.k] : 0) + (residual ? z[i] : 0);
        if (relu) expected[i] = std::max(expected[i], 0.0);
      }
      const Tensor y = tensors.make({dtype, shape.y(), out});
      backend.conv2d(xt, wt, bias ? bt : Tensor{}, residual ? zt : Tensor{}, y, shape.spec(relu));
      CAPTURE(options);
      CHECK(difference(tensors.read(y), expected) <= tolerance(dtype, shape.r * shape.s * shape.c));
    }
  });
}

TEST_CASE("conv2d_data_grad is the adjoint of conv2d in x") {
  on_every_case([](Backend& backend, DType dtype, const Case& shape, Layout in, Layout out) {
    const Array dy = random_array(shape.y(), dtype, 5), w = random_array(shape.weights(), dtype, 6);
    Array expected(shape.x());
    for_each_product(shape, [&](auto i, auto j, auto o) { expected[i] += dy[o] * w[j]; });
    Tensors tensors(backend);
    const Tensor dx = tensors.make({dtype, shape.x(), in});
    backend.conv2d_data_grad(tensors.make(dy, dtype, out), tensors.make(w, dtype), dx, shape.spec());
    CHECK(difference(tensors.read(dx), expected) <= tolerance(dtype, shape.r * shape.s * shape.k));
  });
}

TEST_CASE("conv2d_weight_grad is the adjoint of conv2d in w, in the master type") {
  on_every_case([](Backend& backend, DType dtype, const Case& shape, Layout in, Layout out) {
    const Array x = random_array(shape.x(), dtype, 7), dy = random_array(shape.y(), dtype, 8);
    Array expected(shape.weights());
    for_each_product(shape, [&](auto i, auto j, auto o) { expected[j] += x[i] * dy[o]; });
    Tensors tensors(backend);
    const Tensor dw = tensors.make({master_of(dtype), shape.weights()});
    backend.conv2d_weight_grad(tensors.make(x, dtype, in), tensors.make(dy, dtype, out), dw, shape.spec());
    CHECK(difference(tensors.read(dw), expected) <=
          tolerance(weight_grad_rounding(backend, dtype), dy.shape.elements() / shape.k));
  });
}

TEST_CASE(
    "the data gradient through a ReLU masks, adds and sums, by the mask of the convolution before or without one") {
  struct Sizes {
    std::int64_t n, h, w, before, channels, after;
  };
  // Rows of one word of bits, of less, of more, and of a remainder in bits, bytes and words.
  constexpr Sizes kSizes[] = {{1, 1, 1, 1, 1, 1},    {1, 7, 7, 3, 5, 3},   {2, 5, 3, 16, 136, 24},
                              {1, 3, 5, 8, 128, 64}, {3, 4, 4, 24, 40, 8}, {1, 7, 7, 8, 300, 16}};
  on_every_backend([&](Backend& backend, DType dtype) {
    for (const Sizes& s : kSizes) {
      const Shape image{s.n, s.h, s.w, s.channels};
      const std::int64_t pixels = s.n * s.h * s.w;
      const Array u = random_array({s.n, s.h, s.w, s.before}, dtype, 1), z = random_array(image, dtype, 2);
      const Array v = random_array({s.channels, 1, 1, s.before}, dtype, 3), dx2 = random_array(image, dtype, 4);
      const Array w = random_array({s.after, 1, 1, s.channels}, dtype, 5);
      const Array dy = random_array({s.n, s.h, s.w, s.after}, dtype, 6), b = random_array({s.channels}, dtype, 7);
      Tensors tensors(backend);
      const Tensor x_t = tensors.make({dtype, image}), plain = tensors.make(x_t.type), dz_t = tensors.make(x_t.type);
      const Tensor u_t = tensors.make(u, dtype), v_t = tensors.make(v, dtype), z_t = tensors.make(z, dtype);
      const Tensor w_t = tensors.make(w, dtype), dy_t = tensors.make(dy, dtype), dx2_t = tensors.make(dx2, dtype);
      const Tensor b_t = tensors.make(b, master_of(dtype)), db_t = tensors.make({master_of(dtype), {s.channels}});
      Tensor mask;
      if (const std::int64_t bits = backend.relu_mask_bits(dtype); bits > 0) {
        mask = tensors.make({DType::u8, {pixels, (s.channels + bits - 1) / bits * bits / 8}});
      }
      Array dx(image);
      for (std::int64_t i = 0; i < image.elements(); ++i) {
        for (std::int64_t k = 0; k < s.after; ++k) {
          dx[i] += dy[i / s.channels * s.after + k] * w[k * s.channels + i % s.channels];
        }
      }
      for (int options = 0; options < 16; ++options) {
        const bool masked = options & 1, second = options & 2, sum = options & 4, bias = options & 8;
        CAPTURE(x_t.type.text());
        CAPTURE(options);
        backend.conv2d(u_t, v_t, bias ? b_t : Tensor{}, z_t, plain, {1, 0, true});
        backend.conv2d_relu_mask(u_t, v_t, bias ? b_t : Tensor{}, z_t, x_t, masked ? mask : Tensor{}, {1, 0, true});
        const Array x = tensors.read(x_t);
        CHECK(difference(x, tensors.read(plain)) <= 2 * tolerance(dtype, s.before));
        Array dz(image), db({s.channels});
        for (std::int64_t i = 0; i < image.elements(); ++i) {
          if (x[i] > 0) dz[i] = dx[i] + (second ? dx2[i] : 0);
          db[i % s.channels] += dz[i];
        }
        backend.conv2d_data_grad_relu(dy_t, w_t, second ? dx2_t : Tensor{}, x_t, masked ? mask : Tensor{}, dz_t,
                                      sum ? db_t : Tensor{}, {1, 0, false});
        // The sum of the two gradients, and the bias gradient, may be rounded to dtype on the way.
        CHECK(difference(tensors.read(dz_t), dz) <= 2 * tolerance(dtype, s.after));
        if (sum) CHECK(difference(tensors.read(db_t), db) <= 2 * tolerance(dtype, pixels * s.after));
      }
    }
  });
}

TEST_CASE("a weight gradient over more pixels than are packed at once adds up its pieces") {
  const Case large{4, 112, 112, 3, 2048, 1, 1, 8, 0};
  on_every_backend([&](Backend& backend, DType dtype) {  // all ones: the sums are exact
    Tensors tensors(backend);
    const Tensor dw = tensors.make({master_of(dtype), large.weights()});
    backend.conv2d_weight_grad(tensors.make(Array(large.x(), 1), dtype), tensors.make(Array(large.y(), 1), dtype), dw,
                               large.spec());
    CHECK(difference(tensors.read(dw), Array(large.weights(), 4 * 14 * 14)) == 0);
  });
}

TEST_CASE("a convolution whose shapes disagree is refused by name") {
  Backend& backend = *backends().front().backend;
  Tensors tensors(backend);
  const Tensor x = tensors.make({DType::f32, {1, 5, 5, 3}}), w = tensors.make({DType::f32, {4, 3, 3, 2}});
  const Tensor y = tensors.make({DType::f32, {1, 5, 5, 4}});
  CHECK_THROWS_WITH_AS(backend.conv2d(x, w, {}, {}, y, {1, 1, false}),
                       "conv2d: weights f32[4, 3, 3, 2] do not fit f32[1, 5, 5, 3] with stride 1 and padding 1", Error);
}

}  // namespace dgsam::test
