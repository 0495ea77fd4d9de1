// Graph: the computation as a flat list of nodes, in the order in which they run. Symbolic: it holds no data.
//
// A value lives in one of five places. Only the arena is planned; the others are given to Program::run.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/flat_vector.h"
#include "engine/graph/op.h"

namespace dgsam {

enum class Space : std::uint8_t {
  arena,      ///< intermediate results
  parameter,  ///< a segment of θ
  gradient,   ///< a segment of dL/dθ, in the same layout
  statistic,  ///< a segment of the model's buffers: running means and variances
  input,      ///< images, labels, counters: bound by the caller
};

/// How a parameter starts. Uniform in [-scale, scale), normal with standard deviation `scale`, or constant `scale`.
struct Init {
  enum class Kind : std::uint8_t { constant, uniform, normal } kind = Kind::constant;
  double scale = 0;
};

struct ValueInfo {
  Type type;
  Space space = Space::arena;
  int slot = -1;      ///< segment of parameter, gradient or statistic; index of an input
  int producer = -1;  ///< index of the node that writes it, -1 for none
  std::string name;   ///< of parameters, statistics and inputs
};

struct Node {
  std::shared_ptr<const Op> op;
  std::vector<Value> in;  ///< Value{} for an absent optional operand
  std::vector<Value> out;
  std::string label;  ///< the layer it belongs to ("layer1.0.conv1"), for dumps and profiles
};

class Graph {
 public:
  /// `activation` is the element type of images and features; parameters have master_of(activation). `preferred` is the
  /// backend's image layout for it.
  Graph(DType activation, Layout preferred);

  DType activation() const { return activation_; }
  DType master() const { return master_of(activation_); }
  /// The layout of an image with this many channels.
  Layout image_layout(std::int64_t channels) const;

  // --- building ---------------------------------------------------------------------------------------------------
  Value input(const std::string& name, const Type& type);
  /// Convolution weights are K,R,S,C. The order of these calls is the order of θ.
  Value parameter(const std::string& name, const Shape& shape, Init init);
  /// A buffer that training may change but no gradient flows into: running statistics.
  Value statistic(const std::string& name, const Shape& shape, double initial);
  /// Appends a node and returns its outputs.
  std::vector<Value> append(std::shared_ptr<const Op> op, std::vector<Value> in);
  /// The same for an op with one output.
  Value append_one(std::shared_ptr<const Op> op, std::vector<Value> in);
  /// The label of the nodes appended from now on.
  void set_label(std::string label) { label_ = std::move(label); }
  const std::string& label() const { return label_; }

  /// Keeps the value readable after a run (Program::value). Losses and logits.
  void keep(Value value) { kept_.push_back(value); }
  /// Declares that `gradient` is dL/d`parameter`: it is written into the gradient vector instead of the arena.
  void bind_gradient(Value parameter, Value gradient);
  /// A value for a node that a rewrite makes, to be written there.
  Value add_intermediate(const Type& type) { return new_value({type, Space::arena, -1, -1, {}}, false); }
  /// Replaces the list, for rewrites (fuse.h): other nodes over the same values. Every used value must still have a
  /// producer.
  void replace_nodes(std::vector<Node> nodes);

  // --- reading ----------------------------------------------------------------------------------------------------
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<ValueInfo>& values() const { return values_; }
  const ValueInfo& info(Value value) const { return values_[static_cast<std::size_t>(value.id)]; }
  const Type& type(Value value) const { return info(value).type; }
  /// True when a parameter's gradient flows through the value.
  bool needs_gradient(Value value) const;
  const std::vector<Value>& inputs() const { return inputs_; }
  /// Throws Error when there is none of that name.
  Value input_named(std::string_view name) const;
  const std::vector<Value>& kept() const { return kept_; }
  const std::vector<Value>& parameters() const { return parameters_; }
  const std::vector<Init>& inits() const { return inits_; }
  const std::vector<double>& statistic_inits() const { return statistic_inits_; }
  /// Layout of θ (and of its gradient), and of the statistics.
  const std::shared_ptr<FlatLayout>& theta_layout() const { return theta_layout_; }
  const std::shared_ptr<FlatLayout>& statistic_layout() const { return statistic_layout_; }
  /// Types of a node's operands; absent ones are absent_type().
  std::vector<Type> types(const std::vector<Value>& values) const;

 private:
  Value new_value(ValueInfo info, bool needs_gradient);

  DType activation_;
  Layout preferred_;
  std::vector<Node> nodes_;
  std::vector<ValueInfo> values_;
  std::vector<bool> needs_gradient_;
  std::vector<Value> inputs_, parameters_, kept_;
  std::vector<Init> inits_;
  std::vector<double> statistic_inits_;
  std::shared_ptr<FlatLayout> theta_layout_ = std::make_shared<FlatLayout>();
  std::shared_ptr<FlatLayout> statistic_layout_ = std::make_shared<FlatLayout>();
  std::string label_;
};

}  // namespace dgsam
