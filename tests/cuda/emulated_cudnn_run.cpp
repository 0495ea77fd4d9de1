// Plans at work, and the interface.
#include <algorithm>
#include <cmath>
#include <random>

#include "engine/core/bfloat16.h"
#include "tests/cuda/emulated_cudnn.h"

namespace emulated {

using dgsam::bfloat16;

void finish(CudnnNode& node);
void set_attribute(CudnnNode& node, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                   std::int64_t count, const void* elements);
void get_attribute(const CudnnNode& node, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                   std::int64_t requested, std::int64_t* count, void* elements);

namespace {

constexpr std::int64_t kWorkspaceAlignment = 16;

std::string last_error;

/// Numbers of a tensor, dense in the order of its dimensions.
struct Values {
  explicit Values(const std::vector<std::int64_t>& extents)
      : dims(extents), values(static_cast<std::size_t>(dims[0] * dims[1] * dims[2] * dims[3])) {}
  float& at(std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
    return values[static_cast<std::size_t>(((a * dims[1] + b) * dims[2] + c) * dims[3] + d)];
  }
  std::vector<std::int64_t> dims;
  std::vector<float> values;
};

/// visit(offset in memory in elements, a, b, c, d) for every element.
template <class Visit>
void for_each(const CudnnTensor& tensor, const Visit& visit) {
  const auto &dims = tensor.dims, &strides = tensor.strides;
  for (std::int64_t a = 0; a < dims[0]; ++a)
    for (std::int64_t b = 0; b < dims[1]; ++b)
      for (std::int64_t c = 0; c < dims[2]; ++c)
        for (std::int64_t d = 0; d < dims[3]; ++d)
          visit(a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3], a, b, c, d);
}

/// A plan's operands: every tensor at the edge, by its number.
class Operands {
 public:
  explicit Operands(const CudnnNode& pack)
      : uids_(pack.values<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS)),
        addresses_(pack.values<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)) {}

  std::byte* of(const CudnnTensor& tensor) const {
    const auto found = std::ranges::find(uids_, tensor.uid);
    expect(found != uids_.end(), "tensor " + std::to_string(tensor.uid) + " is not bound");
    auto* const address = static_cast<std::byte*>(addresses_[static_cast<std::size_t>(found - uids_.begin())]);
    expect(on_device(address, tensor.bytes()), "tensor " + std::to_string(tensor.uid) + " is not device memory");
    expect(reinterpret_cast<std::uintptr_t>(address) % static_cast<std::uintptr_t>(tensor.alignment) == 0, "alignment");
    return address;
  }
  Values read(const CudnnTensor& tensor) const {
    Values values(tensor.dims);
    const std::byte* const from = of(tensor);
    for_each(tensor, [&](std::int64_t offset, auto a, auto b, auto c, auto d) {
      values.at(a, b, c, d) = tensor.type == CUDNN_DATA_BFLOAT16
                                  ? static_cast<float>(reinterpret_cast<const bfloat16*>(from)[offset])
                                  : reinterpret_cast<const float*>(from)[offset];
    });
    return values;
  }
  void write(const CudnnTensor& tensor, Values& values) const {
    std::byte* const to = of(tensor);
    for_each(tensor, [&](std::int64_t offset, auto a, auto b, auto c, auto d) {
      const float value = values.at(a, b, c, d);
      if (tensor.type == CUDNN_DATA_BFLOAT16) {
        reinterpret_cast<bfloat16*>(to)[offset] = bfloat16(value);
      } else {
        reinterpret_cast<float*>(to)[offset] = value;
      }
    });
  }

 private:
  std::vector<std::int64_t> uids_;
  std::vector<void*> addresses_;
};

/// How an engine adds up.
struct Arithmetic {
  bool tf32 = false;
  bool swapped = false;  ///< the second half of the images or channels first
  std::int64_t parts = 1;
};

/// alpha * convolution, added up in `parts` parts of the outermost loop, which are put together in order.
Values convolve(const CudnnConvolution& of, const Operands& operands, const Arithmetic& how) {
  const bool forward = of.kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR;
  const bool data = of.kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR;
  const auto input = [&](const CudnnTensor& tensor) {
    if (&tensor == &of.result()) return Values(tensor.dims);
    Values values = operands.read(tensor);
    if (how.tf32) std::ranges::transform(values.values, values.values.begin(), tf32);
    return values;
  };
  Values x = input(of.x), w = input(of.w), y = input(of.y);
  Values& result = forward ? y : data ? x : w;
  std::vector<float> total(result.values.size());
  // What is added up, from outside: channels of x, channels of y, or images.
  const std::int64_t terms = forward ? x.dims[1] : data ? y.dims[1] : x.dims[0];
  for (std::int64_t part = 0; part < how.parts; ++part) {
    const std::int64_t piece = (terms + how.parts - 1) / how.parts, turn = how.swapped ? how.parts - 1 - part : part;
    const std::int64_t begin = turn * piece, end = std::min(terms, begin + piece);
    std::ranges::fill(result.values, 0.0f);
    const auto range = [&](bool summed, std::int64_t extent) {
      return summed ? std::pair(begin, std::max(begin, end)) : std::pair(std::int64_t{0}, extent);
    };
    const auto [first_n, last_n] = range(!forward && !data, x.dims[0]);
    const auto [first_c, last_c] = range(forward, x.dims[1]);
    const auto [first_k, last_k] = range(data, y.dims[1]);
    for (std::int64_t n = first_n; n < last_n; ++n)
      for (std::int64_t p = 0; p < y.dims[2]; ++p)
        for (std::int64_t q = 0; q < y.dims[3]; ++q)
          for (std::int64_t r = 0; r < w.dims[2]; ++r)
            for (std::int64_t s = 0; s < w.dims[3]; ++s) {
              const std::int64_t h = p * of.strides[0] + r - of.before[0], v = q * of.strides[1] + s - of.before[1];
              if (h < 0 || h >= x.dims[2] || v < 0 || v >= x.dims[3]) continue;
              for (std::int64_t k = first_k; k < last_k; ++k)
                for (std::int64_t c = first_c; c < last_c; ++c) {
                  float &xe = x.at(n, c, h, v), &we = w.at(k, c, r, s), &ye = y.at(n, k, p, q);
                  (forward ? ye : data ? xe : we) += forward ? xe * we : data ? ye * we : xe * ye;
                }
            }
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += result.values[i];
  }
  for (std::size_t i = 0; i < total.size(); ++i) result.values[i] = of.alpha * total[i];
  return result;
}

void apply(const CudnnPointwise& pointwise, const Operands& operands, Values& values) {
  if (pointwise.mode == CUDNN_POINTWISE_RELU_FWD) {
    for (float& value : values.values) value = value < 0 ? 0.0f : value;  // NaN stays
  }
  if (pointwise.mode != CUDNN_POINTWISE_ADD) return;
  const CudnnTensor& tensor = pointwise.b.front();
  Values b = operands.read(tensor);
  const auto& dims = values.dims;
  for (std::int64_t i = 0; i < std::ssize(values.values); ++i) {
    const auto index = [&](std::size_t axis, std::int64_t at) { return tensor.dims[axis] == 1 ? 0 : at; };
    values.values[static_cast<std::size_t>(i)] +=
        b.at(index(0, i / (dims[1] * dims[2] * dims[3])), index(1, i / (dims[2] * dims[3]) % dims[1]),
             index(2, i / dims[3] % dims[2]), index(3, i % dims[3]));
  }
}

std::int64_t parts_of(const CudnnNode& config) {
  if (!config.has(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)) return 1;
  const std::vector<CudnnPart>& knobs = config.parts(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES);
  return knobs.empty() ? 1 : knobs.front()->value<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE);
}

const std::vector<CudnnPart>& operations_of(const CudnnNode& config) {
  const CudnnNode& engine = *config.part(CUDNN_ATTR_ENGINECFG_ENGINE);
  return engine.part(CUDNN_ATTR_ENGINE_OPERATION_GRAPH)->parts(CUDNN_ATTR_OPERATIONGRAPH_OPS);
}

/// The work of an engine's configuration on operands that have been checked.
void compute(const CudnnNode& config, const Operands& operands) {
  const auto engine = config.part(CUDNN_ATTR_ENGINECFG_ENGINE)->value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  const std::vector<CudnnPart>& operations = operations_of(config);
  const CudnnConvolution convolution(*operations.front());
  static std::minstd_rand arrival;
  const Arithmetic how{engine == 0 && convolution.x.type == CUDNN_DATA_FLOAT, engine == 2 && arrival() % 2 == 0,
                       engine == 2 ? 3 : parts_of(config)};
  Values values = convolve(convolution, operands, how);
  CudnnTensor last = convolution.result();
  if (convolution.beta != 0) {
    const Values before = operands.read(last);
    for (std::size_t i = 0; i < values.values.size(); ++i) values.values[i] += convolution.beta * before.values[i];
  }
  for (std::size_t i = 1; i < operations.size(); ++i) {
    const CudnnPointwise pointwise(*operations[i]);
    if (last.type == CUDNN_DATA_BFLOAT16) {  // also what is between two operations has a type
      for (float& value : values.values) value = static_cast<float>(bfloat16(value));
    }
    apply(pointwise, operands, values);
    last = pointwise.y;
  }
  operands.write(last, values);
  device().nanoseconds += 2000 + 1000 * engine + static_cast<std::int64_t>(values.values.size());
}

/// The status of what `action` does; a refusal's text is kept for cudnnGetLastErrorString().
template <class Action>
cudnnStatus_t status_of(const char* call, const Action& action) {
  if (fails(call)) {
    last_error = "a failure on purpose";
    return static_cast<cudnnStatus_t>(failures().status);
  }
  try {
    action();
    return CUDNN_STATUS_SUCCESS;
  } catch (const CudnnFailure& failure) {
    last_error = failure.text;
    return failure.status;
  }
}

CudnnNode& node_of(cudnnBackendDescriptor_t descriptor) {
  expect(descriptor != nullptr, "no descriptor");
  return *static_cast<CudnnNode*>(descriptor);
}

}  // namespace

Cudnn& cudnn() {
  static Cudnn state;
  return state;
}

void expect(bool condition, const std::string& text, cudnnStatus_t status) {
  if (!condition) throw CudnnFailure{status, text};
}

std::int64_t cudnn_workspace(const CudnnNode& config) {
  const CudnnConvolution convolution(*operations_of(config).front());
  const std::int64_t parts = parts_of(config);
  return parts == 1 ? 0 : parts * static_cast<std::int64_t>(convolution.result().bytes());
}

void run_cudnn(const CudnnNode& plan, const CudnnNode& variant_pack, cudaStream_t stream) {
  expect(plan.finalized && plan.type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR && variant_pack.finalized &&
             variant_pack.type == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR,
         "a plan and a variant pack");
  const CudnnPart config = plan.part(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  const Operands operands(variant_pack);
  const auto bytes = plan.value<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  void* const workspace = variant_pack.value<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  expect(bytes == 0 || (on_device(workspace, static_cast<std::size_t>(bytes)) &&
                        reinterpret_cast<std::uintptr_t>(workspace) % kWorkspaceAlignment == 0),
         "too little workspace");
  for (const CudnnTensor& tensor : edge_of(operations_of(*config))) operands.of(tensor);
  ++cudnn().executions;
  if (goes_wrong()) return;
  const cudaError_t queued = submit(stream, [config, operands] {
    compute(*config, operands);
    return cudaSuccess;
  });
  expect(queued == cudaSuccess, "work that was queued before failed", CUDNN_STATUS_EXECUTION_FAILED);
}

}  // namespace emulated

using namespace emulated;

std::size_t cudnnGetVersion() { return 91900; }
const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    default:
      return "CUDNN_STATUS_BAD_PARAM";
  }
}
void cudnnGetLastErrorString(char* message, std::size_t size) {
  const std::size_t length = std::min(size - 1, last_error.size());
  std::memcpy(message, last_error.data(), length);
  message[length] = '\0';
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  return status_of("cudnnCreate", [&] { *handle = new cudnnContext; });
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  return status_of("cudnnSetStream", [&] {
    expect(handle != nullptr, "no handle");
    handle->stream = stream;
  });
}
cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t* descriptor) {
  return status_of("cudnnBackendCreateDescriptor", [&] {
    *descriptor = new CudnnNode{type};
    ++cudnn().descriptors;
  });
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  delete static_cast<CudnnNode*>(descriptor);
  --cudnn().descriptors;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  return status_of("cudnnBackendFinalize", [&] { finish(node_of(descriptor)); });
}
cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t count, const void* elements) {
  return status_of("cudnnBackendSetAttribute",
                   [&] { set_attribute(node_of(descriptor), name, type, count, elements); });
}
cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t requested, std::int64_t* count,
                                       void* elements) {
  return status_of("cudnnBackendGetAttribute",
                   [&] { get_attribute(node_of(descriptor), name, type, requested, count, elements); });
}
cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t variant_pack) {
  return status_of("cudnnBackendExecute", [&] {
    expect(handle != nullptr && handle->stream != nullptr, "a handle with a stream");
    run_cudnn(node_of(plan), node_of(variant_pack), handle->stream);
  });
}
