#include <sstream>

#include "engine/graph/ops.h"

namespace dgsam {

namespace {

/// in: x, counters; out: y. Linear in x with a mask that depends on the counters alone: its gradient is itself.
class Dropout final : public Op {
 public:
  explicit Dropout(const DropoutSpec& spec) : spec_(spec) {}
  enum { kX, kCounters };
  std::string name() const override { return "dropout"; }
  std::string attributes() const override {
    std::ostringstream out;
    out << "p " << spec_.p << ", layer " << spec_.layer;
    return out.str();
  }
  std::vector<Type> infer(std::span<const Type> in) const override {
    require(in[kX].layout == Layout::dense, "dropout: needs a dense tensor, not ", in[kX].text());
    return {in[kX]};
  }
  void run(Backend& backend, std::span<const ConstTensor> in, std::span<const Tensor> out) const override {
    backend.dropout(in[kX], in[kCounters], out[0], spec_);
  }
  std::vector<Value> gradient(Graph& graph, const Node& node, std::span<const Value> dout) const override {
    return {graph.append_one(node.op, {dout[0], node.in[kCounters]}), Value{}};
  }
  bool in_place(int in, int) const override { return in == kX; }

 private:
  DropoutSpec spec_;
};

}  // namespace

Value dropout(Graph& graph, Value x, Value counters, const DropoutSpec& spec) {
  require(spec.p >= 0 && spec.p < 1, "the dropout probability must lie in [0, 1), not ", spec.p);
  if (spec.p == 0) return x;
  return graph.append_one(std::make_shared<Dropout>(spec), {x, counters});
}

}  // namespace dgsam
