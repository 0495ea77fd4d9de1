// Frozen batch norm folded into its convolution against the layer that it stands for, in double.
#include <doctest/doctest.h>

#include "tests/graph/graph_support.h"

using namespace dgsam;
using namespace dgsam::testing;

namespace {

using Vector = std::vector<double>;
constexpr double kEps = 1e-5;
constexpr std::int64_t kBatch = 2, kHeight = 6, kWidth = 5, kIn = 3, kOut = 4, kKernel = 3, kStride = 2, kPadding = 1;
constexpr std::int64_t kRows = (kHeight + 2 * kPadding - kKernel) / kStride + 1;
constexpr std::int64_t kColumns = (kWidth + 2 * kPadding - kKernel) / kStride + 1;

std::size_t at(std::int64_t a, std::int64_t b, std::int64_t bs, std::int64_t c, std::int64_t cs, std::int64_t d,
               std::int64_t ds) {
  return static_cast<std::size_t>(((a * bs + b) * cs + c) * ds + d);
}

/// body(output index, input index, weight index) for every product of the convolution.
template <class Body>
void each_product(const Body& body) {
  for (std::int64_t n = 0; n < kBatch; ++n)
    for (std::int64_t p = 0; p < kRows; ++p)
      for (std::int64_t q = 0; q < kColumns; ++q)
        for (std::int64_t k = 0; k < kOut; ++k)
          for (std::int64_t r = 0; r < kKernel; ++r)
            for (std::int64_t s = 0; s < kKernel; ++s)
              for (std::int64_t c = 0; c < kIn; ++c) {
                const std::int64_t h = p * kStride + r - kPadding, w = q * kStride + s - kPadding;
                if (h < 0 || h >= kHeight || w < 0 || w >= kWidth) continue;
                body(at(n, p, kRows, q, kColumns, k, kOut), at(n, h, kHeight, w, kWidth, c, kIn),
                     at(k, r, kKernel, s, kKernel, c, kIn));
              }
}

/// y = gamma (conv(x, w) - mean)/sqrt(var + eps) + beta in two separate steps, and its gradients from dy.
struct UnfoldedLayer {
  Vector x, w, gamma, beta, mean, var;
  Vector z = Vector(static_cast<std::size_t>(kBatch * kRows * kColumns * kOut));
  Vector dw = Vector(static_cast<std::size_t>(kOut * kKernel * kKernel * kIn));
  Vector dgamma = Vector(kOut), dbeta = Vector(kOut);

  double inverse_deviation(std::size_t k) const { return 1 / std::sqrt(var[k] + kEps); }

  Vector forward() {
    each_product([&](std::size_t y, std::size_t i, std::size_t j) { z[y] += x[i] * w[j]; });
    Vector result(z.size());
    for (std::size_t y = 0; y < z.size(); ++y) {
      const std::size_t k = y % kOut;
      result[y] = gamma[k] * (z[y] - mean[k]) * inverse_deviation(k) + beta[k];
    }
    return result;
  }
  void backward(const Vector& dy) {
    Vector dz(dy.size());
    for (std::size_t y = 0; y < dy.size(); ++y) {
      const std::size_t k = y % kOut;
      dgamma[k] += dy[y] * (z[y] - mean[k]) * inverse_deviation(k);
      dbeta[k] += dy[y];
      dz[y] = dy[y] * gamma[k] * inverse_deviation(k);
    }
    each_product([&](std::size_t y, std::size_t i, std::size_t j) { dw[j] += dz[y] * x[i]; });
  }
};

/// d loss / dy of loss = mean over n of cross-entropy of the logits <readout[m], y[n]>.
Vector loss_gradient(const Vector& y, const Vector& readout, const std::vector<std::size_t>& labels) {
  const std::size_t size = y.size() / kBatch;
  Vector dy(y.size());
  for (std::size_t n = 0; n < kBatch; ++n) {
    Vector p(kClasses);
    double total = 0;
    for (std::size_t m = 0; m < kClasses; ++m) {
      for (std::size_t i = 0; i < size; ++i) p[m] += readout[m * size + i] * y[n * size + i];
      total += p[m] = std::exp(p[m]);
    }
    for (std::size_t m = 0; m < kClasses; ++m) {
      const double dlogit = (p[m] / total - (m == labels[n] ? 1 : 0)) / kBatch;
      for (std::size_t i = 0; i < size; ++i) dy[n * size + i] += dlogit * readout[m * size + i];
    }
  }
  return dy;
}

}  // namespace

TEST_CASE("folded batch norm: values and all three gradients equal the unfolded layer's to 1e-12") {
  const auto backend = plain_backend();
  Graph graph(DType::f64, Layout::dense);
  const Value x = graph.input("x", {DType::f64, {kBatch, kHeight, kWidth, kIn}, Layout::dense});
  const Value labels = graph.input("labels", {DType::i32, {kBatch}, Layout::dense});
  const Value readout = graph.input("readout", {DType::f64, {kClasses, kRows, kColumns, kOut}, Layout::dense});
  const Value w = graph.parameter("w", {kOut, kKernel, kKernel, kIn}, {});
  const Value gamma = graph.parameter("gamma", {kOut}, {}), beta = graph.parameter("beta", {kOut}, {});
  const Value mean = graph.statistic("mean", {kOut}, 0), var = graph.statistic("var", {kOut}, 1);
  const FoldedWeights folded = fold_batch_norm(graph, w, gamma, beta, mean, var, kEps);
  const Value y = conv2d(graph, x, folded.w, folded.b, {}, {.stride = kStride, .padding = kPadding});
  const Value logits = global_avg_pool(graph, conv2d(graph, y, readout, {}, {}, {}));
  const Value loss = softmax_cross_entropy(graph, logits, labels);
  graph.keep(y);
  append_gradients(graph, loss);
  Session session(*backend, graph);
  session.run();

  const auto input = [&](Value value, std::size_t slot) {
    REQUIRE(session.inputs[slot].name == graph.info(value).name);
    return session.get(session.inputs[slot].tensor);
  };
  UnfoldedLayer layer{.x = input(x, 0),
                      .w = session.get(session.theta.segment(0)),
                      .gamma = session.get(session.theta.segment(1)),
                      .beta = session.get(session.theta.segment(2)),
                      .mean = session.get(session.statistics.segment(0)),
                      .var = session.get(session.statistics.segment(1))};
  const Vector expected = layer.forward();
  layer.backward(loss_gradient(expected, input(readout, 2), {1, 0}));  // the labels of Session: 1, 3 mod 3

  CHECK(difference(session.get(y), expected) < 1e-12);
  CHECK(difference(session.gradient_of("w"), layer.dw) < 1e-12);
  CHECK(difference(session.gradient_of("gamma"), layer.dgamma) < 1e-12);
  CHECK(difference(session.gradient_of("beta"), layer.dbeta) < 1e-12);
}

TEST_CASE("folded batch norm: no operation of a step passes over an activation on its behalf") {
  const auto count = count_ops(trained_net(DType::f32, Norm::folded).graph);
  CHECK(count.at("fold_batch_norm") == 6);
  CHECK(count.at("fold_batch_norm_grad") == 6);
  CHECK(count.count("batch_norm") == 0);
  CHECK(count.count("relu") == 0);
  CHECK(count.count("add") == 1);  // of two gradients, at the max pool's result
}
