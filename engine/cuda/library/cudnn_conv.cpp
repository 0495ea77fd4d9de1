#include "engine/cuda/library/cudnn_conv.h"

#include <algorithm>
#include <cstdint>
#include <sstream>

#include "engine/cuda/cast.h"
#include "engine/cuda/library/cudnn_conv_graph.h"
#include "engine/cuda/vector.h"

namespace dgsam {
namespace {

struct Knob {
  std::int64_t type, value;
};

/// What a name says.
struct Choice {
  CudnnOperands operands = CudnnOperands::direct;
  std::int64_t engine = 0;
  std::vector<Knob> knobs;

  std::string name() const {
    std::ostringstream name;
    name << "cudnn:" << (operands == CudnnOperands::cast ? "cast" : "direct") << ':' << engine << ':';
    for (const Knob& knob : knobs) name << (&knob == knobs.data() ? "" : ",") << knob.type << '=' << knob.value;
    return name.str();
  }
};

std::optional<Choice> choice_of(const std::string& name) {
  Choice choice;
  std::istringstream in(name);
  std::string library, operands;
  std::getline(in, library, ':');
  std::getline(in, operands, ':');
  if (operands == "cast") choice.operands = CudnnOperands::cast;
  in >> choice.engine;
  char mark = 0;
  Knob knob{};
  in >> mark;
  while (in >> knob.type >> mark >> knob.value) {
    choice.knobs.push_back(knob);
    in >> mark;
  }
  if (choice.name() != name) return std::nullopt;
  return choice;
}

/// A heuristic's answer, in our words.
Choice choice_of(const CudnnDescriptor& config, CudnnOperands operands) {
  const auto engines = config.parts(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
  require(engines.size() == 1, "cuDNN: a configuration has ", engines.size(), " engines");
  Choice choice{operands, engines[0].value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX), {}};
  for (const auto& knob :
       config.parts(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS)) {
    choice.knobs.push_back({knob.value<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE),
                            knob.value<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE)});
  }
  return choice;
}

template <class Note>
bool has_note(const CudnnDescriptor& engine, cudnnBackendAttributeName_t attribute, Note note) {
  const std::vector<Note> notes = engine.values<Note>(attribute);
  return std::find(notes.begin(), notes.end(), note) != notes.end();
}

bool is_allowed(const CudnnDescriptor& engine, const ConvProblem& problem, CudnnKernels kernels) {
  if (kernels == CudnnKernels::compiled &&
      has_note(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION)) {
    return false;
  }
  const auto has = [&](cudnnBackendNumericalNote_t note) {
    return has_note(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, note);
  };
  if (has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) || has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return false;
  const bool exact_inputs = problem.x.dtype == DType::f32 && !problem.tf32;
  return !exact_inputs || (!has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && !has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS));
}

std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

class CudnnAlgorithm final : public ConvAlgorithm {
 public:
  CudnnAlgorithm(const CudnnContext& context, const ConvProblem& problem, const Choice& choice, CudnnDescriptor plan)
      : context_(context),
        problem_(problem),
        name_(choice.name()),
        plan_(std::move(plan)),
        plan_bytes_(static_cast<std::size_t>(plan_.value<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE))) {
    if (choice.operands == CudnnOperands::cast) cast_ = cast_type(problem);
  }

  std::string name() const override { return name_; }

  /// The plan's own part first, then the operand that is cast.
  std::size_t workspace_bytes() const override { return cast_ ? aligned(plan_bytes_) + cast_->bytes() : plan_bytes_; }

  void run(const Queue& queue, const ConvOperands& operands, void* workspace) override {
    check(operands);
    const ConvOp op = problem_.op;
    const bool weights = op == ConvOp::weight_grad;
    Tensor cast;  // the operand in the graph's type
    if (cast_) {
      cast = {static_cast<std::byte*>(workspace) + aligned(plan_bytes_), *cast_};
      if (!weights) cast_elements(queue, {operands.bias, {DType::f32, cast_->shape}}, cast);
    }
    const void* const result = cast_ && weights ? cast.data : operands.result;
    std::vector<std::int64_t> uids{kUidX, kUidW, kUidY};
    std::vector<const void*> addresses{op == ConvOp::data_grad ? result : operands.x, weights ? result : operands.w,
                                       op == ConvOp::forward ? result : operands.y};
    if (problem_.bias) {
      uids.push_back(kUidBias);
      addresses.push_back(cast_ ? cast.data : operands.bias);
    }
    if (problem_.residual) {
      uids.push_back(kUidResidual);
      addresses.push_back(operands.residual);
    }
    try {
      CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
      pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, uids);
      pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, addresses);
      pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace);
      pack.finalize();
      context_.execute(queue, plan_, pack);
    } catch (const Error& error) {
      fail(error.what(), ", ", name_, " for ", problem_.text());
    }
    if (cast_ && weights) cast_elements(queue, cast, {operands.result, {DType::f32, cast_->shape}});
  }

 private:
  void check(const ConvOperands& operands) const {
    const auto check_one = [&](const char* role, const void* address, bool wanted) {
      if (!wanted || (address != nullptr && words_at(address))) return;
      fail("cuDNN: ", problem_.text(), ": ", role, " is at ", address, ", no address that is a multiple of 16");
    };
    check_one("x", operands.x, problem_.op != ConvOp::data_grad);
    check_one("w", operands.w, problem_.op != ConvOp::weight_grad);
    check_one("y", operands.y, problem_.op != ConvOp::forward);
    check_one("the result", operands.result, true);
    check_one("the bias", operands.bias, problem_.bias);
    check_one("the residual", operands.residual, problem_.residual);
  }

  const CudnnContext& context_;
  ConvProblem problem_;
  std::string name_;
  CudnnDescriptor plan_;
  std::size_t plan_bytes_;
  std::optional<Type> cast_;
};

/// Null where the choice breaks a rule or cuDNN cannot build it.
std::unique_ptr<ConvAlgorithm> build(const CudnnContext& context, const ConvProblem& problem,
                                     const CudnnDescriptor& graph, const Choice& choice, CudnnKernels kernels) {
  const std::optional<CudnnDescriptor> engine = context.engine(graph, choice.engine);
  if (!engine || !is_allowed(*engine, problem, kernels)) return nullptr;
  std::vector<CudnnDescriptor> knobs;
  for (const Knob& knob : choice.knobs) {
    CudnnDescriptor& descriptor = knobs.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
    descriptor.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, static_cast<cudnnBackendKnobType_t>(knob.type));
    descriptor.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, knob.value);
    descriptor.finalize();
  }
  CudnnDescriptor config(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  config.set(CUDNN_ATTR_ENGINECFG_ENGINE, *engine);
  if (!knobs.empty()) config.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, knobs);
  if (!config.try_finalize()) return nullptr;
  CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
  if (!plan.try_finalize()) return nullptr;
  auto algorithm = std::make_unique<CudnnAlgorithm>(context, problem, choice, std::move(plan));
  if (algorithm->workspace_bytes() > kCudnnWorkspace) return nullptr;
  return algorithm;
}

void add_algorithms(const CudnnContext& context, const ConvProblem& problem, CudnnOperands operands,
                    CudnnKernels kernels, ConvAlgorithms& algorithms) {
  const std::optional<CudnnDescriptor> graph = cudnn_conv_graph(context, problem, operands);
  if (!graph) return;
  const std::size_t before = algorithms.size();
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const CudnnDescriptor& config : context.heuristic(*graph, mode)) {
      if (auto algorithm = build(context, problem, *graph, choice_of(config, operands), kernels)) {
        algorithms.push_back(std::move(algorithm));
      }
    }
    if (algorithms.size() > before) return;
  }
}

}  // namespace

ConvAlgorithms cudnn_algorithms(const CudnnContext& context, const ConvProblem& problem, CudnnKernels kernels) try {
  ConvAlgorithms algorithms;
  if (has_cast(problem)) add_algorithms(context, problem, CudnnOperands::cast, kernels, algorithms);
  // Where the two differ, no compiled kernel takes the f32 operand, and asking takes a tenth of a second.
  if (!has_cast(problem) || kernels == CudnnKernels::all) {
    add_algorithms(context, problem, CudnnOperands::direct, kernels, algorithms);
  }
  return algorithms;
} catch (const Error& error) {
  fail(error.what(), ", for ", problem.text());
}

std::unique_ptr<ConvAlgorithm> cudnn_algorithm(const CudnnContext& context, const ConvProblem& problem,
                                               const std::string& name) {
  const std::optional<Choice> choice = choice_of(name);
  if (!choice || (choice->operands == CudnnOperands::cast && !has_cast(problem))) return nullptr;
  try {
    const std::optional<CudnnDescriptor> graph = cudnn_conv_graph(context, problem, choice->operands);
    return graph ? build(context, problem, *graph, *choice, CudnnKernels::all) : nullptr;
  } catch (const Error&) {
    return nullptr;  // an engine or a knob that there is no longer
  }
}

}  // namespace dgsam
