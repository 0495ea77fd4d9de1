// Descriptors: which attributes they have, what of them must fit together, and what engines and heuristics answer.
#include "tests/cuda/emulated_cudnn.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace emulated {
namespace {

struct Rule {
  cudnnBackendDescriptorType_t descriptor;
  cudnnBackendAttributeName_t name;
  cudnnBackendAttributeType_t type;
  std::int64_t least = 1, most = 1;  ///< elements
  bool required = true;
};
constexpr std::int64_t kMany = 1 << 20;

template <class... Names>
void add_operation(std::vector<Rule>& rules, cudnnBackendDescriptorType_t operation, Names... parts) {
  (rules.push_back({operation, parts, CUDNN_TYPE_BACKEND_DESCRIPTOR}), ...);
}

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = [] {
    const auto tensor = CUDNN_BACKEND_TENSOR_DESCRIPTOR;
    const auto conv = CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR;
    const auto forward = CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR;
    const auto data = CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR;
    const auto filter = CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
    const auto how = CUDNN_BACKEND_POINTWISE_DESCRIPTOR, pointwise = CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR;
    const auto graph = CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, heuristic = CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR;
    const auto engine = CUDNN_BACKEND_ENGINE_DESCRIPTOR, config = CUDNN_BACKEND_ENGINECFG_DESCRIPTOR;
    const auto knob = CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, pack = CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR;
    const auto part = CUDNN_TYPE_BACKEND_DESCRIPTOR;
    std::vector<Rule> list{
        {tensor, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64},
        {tensor, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE},
        {tensor, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, 4},
        {tensor, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, 4},
        {tensor, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64},
        {tensor, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, 1, false},
        {conv, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64},
        {conv, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE},
        {conv, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE},
        {conv, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, 2},
        {conv, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, 2},
        {conv, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, 2},
        {conv, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, 2},
        {forward, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT},
        {forward, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT},
        {data, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_TYPE_FLOAT},
        {data, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, CUDNN_TYPE_FLOAT},
        {filter, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, CUDNN_TYPE_FLOAT},
        {filter, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, CUDNN_TYPE_FLOAT},
        {how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE},
        {how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE},
        {how, CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, 1, 1, false},
        {pointwise, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, part, 1, 1, false},
        {graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, part, 1, kMany},
        {graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE},
        {heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, part},
        {heuristic, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE},
        {engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, part},
        {engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64},
        {knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE},
        {knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64},
        {config, CUDNN_ATTR_ENGINECFG_ENGINE, part},
        {config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, part, 1, kMany, false},
        {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, part},
        {pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 1, kMany},
        {pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 1, kMany},
        {pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR},
    };
    add_operation(list, forward, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
    add_operation(list, data, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC);
    add_operation(list, filter, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                  CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC);
    add_operation(list, pointwise, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_ATTR_OPERATION_POINTWISE_XDESC,
                  CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
    return list;
  }();
  return all;
}

std::size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
      return 8;
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
      return 1;
    default:
      return 4;
  }
}

// --- what must fit together ------------------------------------------------------------------------------------------

void check_tensor(const CudnnNode& node) {
  const CudnnTensor tensor(node);
  const std::int64_t size = static_cast<std::int64_t>(tensor.element_bytes());
  expect(tensor.alignment >= size && (tensor.alignment & (tensor.alignment - 1)) == 0, "alignment of a tensor");
  for (const auto& extents : {tensor.dims, tensor.strides}) {
    expect(std::ranges::all_of(extents, [](std::int64_t extent) { return extent > 0; }), "extents of a tensor");
  }
}

void check_convolution(const CudnnNode& node) {
  const auto values = [&](cudnnBackendAttributeName_t name) { return node.values<std::int64_t>(name); };
  expect(node.value<std::int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS) == 2, "two spatial dimensions");
  expect(node.value<cudnnDataType_t>(CUDNN_ATTR_CONVOLUTION_COMP_TYPE) == CUDNN_DATA_FLOAT, "sums in f32");
  expect(values(CUDNN_ATTR_CONVOLUTION_DILATIONS) == std::vector<std::int64_t>{1, 1}, "a dilation",
         CUDNN_STATUS_NOT_SUPPORTED);
  expect(node.value<cudnnConvolutionMode_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) == CUDNN_CROSS_CORRELATION, "flipped",
         CUDNN_STATUS_NOT_SUPPORTED);
  for (const std::int64_t stride : values(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES)) expect(stride > 0, "stride");
  for (const std::int64_t padding : values(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS)) expect(padding >= 0, "padding");
  for (const std::int64_t padding : values(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS)) expect(padding >= 0, "padding");
}

void check_convolution_operation(const CudnnNode& node) {
  const CudnnConvolution of(node);
  expect(of.x.dims[0] == of.y.dims[0], "images of x and y");
  expect(of.x.dims[1] == of.w.dims[1], "channels of x and w");
  expect(of.y.dims[1] == of.w.dims[0], "channels of y, filters of w");
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t room = of.x.dims[2 + i] + of.before[i] + of.after[i] - of.w.dims[2 + i];
    expect(room >= 0 && of.y.dims[2 + i] == room / of.strides[i] + 1, "rows and columns of y");
  }
}

void check_pointwise(const CudnnNode& node) {
  const CudnnPointwise of(node);
  const bool relu = of.mode == CUDNN_POINTWISE_RELU_FWD;
  expect(of.b.size() == (of.mode == CUDNN_POINTWISE_ADD ? 1 : 0), "operands of a pointwise operation");
  expect(of.x.dims == of.y.dims, "a pointwise operation's result is shaped like its first operand");
  const CudnnNode& how = *node.part(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
  expect(how.value<cudnnDataType_t>(CUDNN_ATTR_POINTWISE_MATH_PREC) == CUDNN_DATA_FLOAT, "pointwise in f32");
  expect(!relu || !how.has(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION) ||
             how.value<cudnnNanPropagation_t>(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION) == CUDNN_PROPAGATE_NAN,
         "a ReLU that hides NaN", CUDNN_STATUS_NOT_SUPPORTED);
  for (const CudnnTensor& b : of.b) {
    for (std::size_t i = 0; i < 4; ++i) expect(b.dims[i] == 1 || b.dims[i] == of.x.dims[i], "broadcast");
  }
}

/// A convolution and a chain of pointwise operations: each takes what the one before it left, in a virtual tensor.
void check_graph(const CudnnNode& node) {
  expect(node.value<cudnnHandle_t>(CUDNN_ATTR_OPERATIONGRAPH_HANDLE) != nullptr, "a handle");
  const std::vector<CudnnPart>& operations = node.parts(CUDNN_ATTR_OPERATIONGRAPH_OPS);
  expect(is_convolution(operations.front()->type), "graphs without a convolution", CUDNN_STATUS_NOT_SUPPORTED);
  const CudnnConvolution convolution(*operations.front());
  std::vector<std::int64_t> uids;
  const auto edge = [&](const CudnnTensor& tensor) {
    expect(!tensor.is_virtual, "a virtual tensor at the edge");
    expect(std::ranges::find(uids, tensor.uid) == uids.end(), "one number for two tensors");
    uids.push_back(tensor.uid);
  };
  for (const CudnnTensor* tensor : {&convolution.x, &convolution.w, &convolution.y}) {
    if (tensor != &convolution.result()) edge(*tensor);
  }
  CudnnTensor last = convolution.result();
  for (std::size_t i = 1; i < operations.size(); ++i) {
    expect(operations[i]->type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "two convolutions",
           CUDNN_STATUS_NOT_SUPPORTED);
    const CudnnPointwise pointwise(*operations[i]);
    expect(last.is_virtual, "a tensor between operations that is not virtual", CUDNN_STATUS_NOT_SUPPORTED);
    expect(pointwise.x.uid == last.uid && pointwise.x.dims == last.dims, "an operation that does not follow");
    expect(std::ranges::find(uids, last.uid) == uids.end(), "one number for two tensors");
    uids.push_back(last.uid);
    for (const CudnnTensor& b : pointwise.b) edge(b);
    last = pointwise.y;
  }
  edge(last);
}

// --- engines ---------------------------------------------------------------------------------------------------------

/// Types of the tensors at the edge of a graph.
std::vector<cudnnDataType_t> edge_types(const CudnnNode& graph) {
  std::vector<cudnnDataType_t> types;
  for (const CudnnTensor& tensor : edge_of(graph.parts(CUDNN_ATTR_OPERATIONGRAPH_OPS))) types.push_back(tensor.type);
  return types;
}

bool takes(std::int64_t engine, const CudnnNode& graph) {
  const std::vector<cudnnDataType_t> types = edge_types(graph);
  return engine == 3 || (engine >= 0 && engine < 3 && std::ranges::count(types, types.front()) == std::ssize(types));
}

void finish_engine(CudnnNode& node) {
  const auto engine = node.value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  const CudnnNode& graph = *node.part(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
  expect(takes(engine, graph), "no such engine for this graph", CUDNN_STATUS_NOT_SUPPORTED);
  std::vector<cudnnBackendNumericalNote_t> notes;
  if (engine == 2) notes.push_back(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
  if (engine == 0) notes.push_back(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  if (engine == 0 && edge_types(graph).front() == CUDNN_DATA_FLOAT) {
    notes.push_back(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
  }
  std::vector<cudnnBackendBehaviorNote_t> behaviour;
  if (engine == 3) behaviour.push_back(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION);
  node.set(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, notes);
  node.set(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE, behaviour);
}

void check_config(const CudnnNode& node) {
  const auto engine = node.part(CUDNN_ATTR_ENGINECFG_ENGINE)->value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  if (!node.has(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)) return;
  for (const CudnnPart& knob : node.parts(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)) {
    const auto type = knob->value<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE);
    const auto value = knob->value<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE);
    expect(engine == 1 && type == CUDNN_KNOB_TYPE_SPLIT_K, "an engine without this knob");
    expect(value == 1 || value == 2, "a knob's value", CUDNN_STATUS_NOT_SUPPORTED);
  }
}

CudnnPart make(CudnnNode node) {
  node.finalized = true;
  return std::make_shared<const CudnnNode>(std::move(node));
}

CudnnPart configuration(const CudnnPart& graph, std::int64_t index, std::int64_t parts) {
  CudnnNode engine{CUDNN_BACKEND_ENGINE_DESCRIPTOR};
  engine.attributes[CUDNN_ATTR_ENGINE_OPERATION_GRAPH] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {graph}};
  engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, std::vector{index});
  finish_engine(engine);
  CudnnNode config{CUDNN_BACKEND_ENGINECFG_DESCRIPTOR};
  config.attributes[CUDNN_ATTR_ENGINECFG_ENGINE] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {make(engine)}};
  std::vector<CudnnPart> knobs;
  if (index == 1) {
    CudnnNode knob{CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR};
    knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, std::vector{CUDNN_KNOB_TYPE_SPLIT_K});
    knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, std::vector{parts});
    knobs.push_back(make(knob));
  }
  config.attributes[CUDNN_ATTR_ENGINECFG_KNOB_CHOICES] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, std::ssize(knobs), {}, knobs};
  return make(config);
}

void finish_heuristic(CudnnNode& node) {
  const CudnnPart& graph = node.part(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
  std::vector<CudnnPart> results;
  for (const auto& [engine, parts] : {std::pair{2, 1}, {0, 1}, {1, 2}, {1, 1}, {3, 1}}) {
    if (takes(engine, *graph)) results.push_back(configuration(graph, engine, parts));
  }
  node.attributes[CUDNN_ATTR_ENGINEHEUR_RESULTS] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, std::ssize(results), {}, results};
}

void finish_plan(CudnnNode& node) {
  const CudnnNode& config = *node.part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  node.set(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, std::vector{cudnn_workspace(config)});
}

void check_variant_pack(const CudnnNode& node) {
  expect(node.attributes.at(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS).count ==
             node.attributes.at(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).count,
         "as many addresses as numbers");
}

}  // namespace

void finish(CudnnNode& node) {
  expect(!node.finalized, "a descriptor is finalised once");
  for (const Rule& rule : rules()) {
    if (rule.descriptor == node.type && rule.required) {
      expect(node.has(rule.name), "attribute " + std::to_string(rule.name) + " is missing");
    }
  }
  switch (node.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      check_tensor(node);
      break;
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
      check_convolution(node);
      break;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      check_convolution_operation(node);
      break;
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      check_pointwise(node);
      break;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      check_graph(node);
      break;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
      finish_engine(node);
      break;
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
      check_config(node);
      break;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      finish_heuristic(node);
      break;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      finish_plan(node);
      break;
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      check_variant_pack(node);
      break;
    case CUDNN_BACKEND_POINTWISE_DESCRIPTOR:
    case CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR:
      break;
    default:
      expect(false, "this descriptor is not emulated", CUDNN_STATUS_NOT_SUPPORTED);
  }
  node.finalized = true;
}

void set_attribute(CudnnNode& node, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                   std::int64_t count, const void* elements) {
  expect(!node.finalized, "an attribute after the end", CUDNN_STATUS_NOT_INITIALIZED);
  const auto rule = std::ranges::find_if(
      rules(), [&](const Rule& other) { return other.descriptor == node.type && other.name == name; });
  expect(rule != rules().end(), "no such attribute");
  expect(rule->type == type && count >= rule->least && count <= rule->most, "an attribute's type or number");
  expect(elements != nullptr, "no elements");
  CudnnNode::Attribute attribute{type, count, {}, {}};
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    for (std::int64_t i = 0; i < count; ++i) {
      const auto* const part = static_cast<CudnnNode* const*>(elements)[i];
      expect(part != nullptr && part->finalized, "a part that is not finalised");
      attribute.parts.push_back(std::make_shared<const CudnnNode>(*part));
    }
  } else {
    const auto* const bytes = static_cast<const std::byte*>(elements);
    attribute.bytes.assign(bytes, bytes + static_cast<std::size_t>(count) * size_of(type));
  }
  node.attributes[name] = std::move(attribute);
}

void get_attribute(const CudnnNode& node, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                   std::int64_t requested, std::int64_t* count, void* elements) {
  expect(node.finalized, "an attribute before the end");
  expect(node.has(name), "no such attribute");
  const CudnnNode::Attribute& attribute = node.attributes.at(name);
  expect(attribute.type == type, "an attribute's type");
  expect(requested == 0 || elements != nullptr, "nowhere to write to");
  if (count) *count = attribute.count;
  const std::int64_t given = std::min(requested, attribute.count);
  for (std::int64_t i = 0; i < given && type == CUDNN_TYPE_BACKEND_DESCRIPTOR; ++i) {
    auto* const part = static_cast<CudnnNode* const*>(elements)[i];
    expect(part != nullptr && part->type == attribute.parts[static_cast<std::size_t>(i)]->type, "a descriptor to fill");
    *part = *attribute.parts[static_cast<std::size_t>(i)];
  }
  if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR && given > 0) {
    std::memcpy(elements, attribute.bytes.data(), static_cast<std::size_t>(given) * size_of(type));
  }
}

}  // namespace emulated
