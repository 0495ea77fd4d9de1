// Program: a graph with its memory, ready to be replayed. Building it costs; running it allocates nothing.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/flat_vector.h"
#include "engine/graph/graph.h"
#include "engine/graph/plan.h"

namespace dgsam {

/// The memory for intermediate values. Programs that never run at the same time (training, evaluation) share one.
class Arena {
 public:
  explicit Arena(Backend& backend) : backend_(&backend) {}
  /// To be called before the first run of a program; grows on the next address().
  void reserve(std::size_t bytes);
  std::size_t bytes() const { return wanted_; }
  void* address();

 private:
  Backend* backend_;
  std::size_t wanted_ = 0;
  Buffer buffer_;
};

/// An input of a graph, by its name, and where it is in this run.
struct NamedInput {
  std::string_view name;
  ConstTensor tensor;  ///< of the input's type
};

/// What a run works on. Addresses may differ from run to run: SAM evaluates one program at θ and at θ̃.
struct Bindings {
  const FlatVector* theta = nullptr;
  FlatVector* gradient = nullptr;            ///< may be null for a program without gradients
  const FlatVector* statistics = nullptr;    ///< may be null for a model without
  FlatVector* running_statistics = nullptr;  ///< the same vector, for a program that updates it
  std::span<const NamedInput> inputs;        ///< all of graph.inputs(), in any order
};

/// Time, work and traffic of one node, summed over the profiled runs.
struct NodeProfile {
  double seconds = 0;
  double flops = 0;
  double bytes = 0;
  int runs = 0;
};

class Program {
 public:
  Program(Graph graph, Backend& backend, std::shared_ptr<Arena> arena, MemoryMode mode = MemoryMode::shared);

  /// Throws Error that names what is not bound, or bound to a tensor of another type.
  void run(const Bindings& bindings);
  /// On: a run waits after every node and adds its time to profile(), which is slower in total.
  void set_profiling(bool on) { profiling_ = on; }

  const Graph& graph() const { return graph_; }
  std::size_t arena_bytes() const { return plan_.bytes; }
  /// A kept value; its bytes are valid until the next run of any program that shares the arena.
  ConstTensor value(Value value) const;
  /// Floating-point operations of one run.
  double flops() const;
  const std::vector<NodeProfile>& profile() const { return profile_; }
  /// The list, one node a line: results, operation, operands, attributes, arena offset, and what dies there.
  std::string dump() const;

 private:
  struct InArena {  ///< an operand whose address is known once the arena has one
    std::size_t index, offset;
  };
  struct Bound {  ///< an operand outside the arena, whose address comes with each run
    std::size_t index;
    Space space;
    int slot;
  };
  /// Operands of all nodes, one after the other, and what their addresses come from.
  template <class View>
  struct Operands {
    std::vector<View> views;
    std::vector<std::size_t> begin;  ///< per node, its first one; one more at the end
    std::vector<InArena> in_arena;
    std::vector<Bound> bound;

    std::span<const View> of(std::size_t node) const {
      return std::span(views).subspan(begin[node], begin[node + 1] - begin[node]);
    }
  };

  template <class View>
  void add_operand(Operands<View>& operands, Value value);
  void bind(const Bindings& bindings);
  void profile_node(std::size_t node, double seconds);
  double node_flops(std::size_t node) const;
  double node_bytes(std::size_t node) const;

  Graph graph_;
  Backend* backend_;
  std::shared_ptr<Arena> arena_;
  Plan plan_;
  Operands<ConstTensor> in_;
  Operands<Tensor> out_;                      ///< those that are updated behind those that are made
  std::vector<int> side_joins_;               ///< of the graph (plan.h); empty where nothing runs on the side
  std::vector<bool> joins_side_before_;       ///< per node, whether it needs what runs on the side
  std::vector<const void*> input_addresses_;  ///< of the run, in the order of graph.inputs()
  void* arena_address_ = nullptr;
  std::vector<NodeProfile> profile_;
  bool profiling_ = false;
};

}  // namespace dgsam
