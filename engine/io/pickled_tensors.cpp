#include "engine/io/pickled_tensors.h"

#include <algorithm>
#include <array>

#include "engine/core/check.h"
#include "engine/io/byte_source.h"
#include "engine/io/tensor_file.h"

namespace dgsam {

namespace {

using Kind = Pickle::Kind;

constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor";  // before PyTorch 0.4
constexpr std::string_view kRebuildTensor2 = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildTensor3 = "torch._utils._rebuild_tensor_v3";  // of types without a storage type
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr std::string_view kRebuildParameterWithState = "torch._utils._rebuild_parameter_with_state";
constexpr std::string_view kParameter = "torch.nn.parameter.Parameter";  // before PyTorch 0.4
constexpr std::string_view kRebuildFromType = "torch._tensor._rebuild_from_type";
constexpr std::string_view kRebuildFromType2 = "torch._tensor._rebuild_from_type_v2";  // with Python attributes
constexpr std::string_view kSize = "torch.Size";

constexpr std::array<std::string_view, 10> kGlobals{
    "collections.OrderedDict",  kRebuildTensor, kRebuildTensor2,  kRebuildTensor3,   kRebuildParameter,
    kRebuildParameterWithState, kParameter,     kRebuildFromType, kRebuildFromType2, kSize};

/// Types whose tensors are what their storage holds.
constexpr std::array<std::string_view, 3> kPlainTypes{"torch.Tensor", kParameter, "torch.nn.parameter.Buffer"};

/// What is a tensor, too, but not one whose values can be read.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kUnreadable{
    {{"torch._utils._rebuild_sparse_tensor", "a sparse tensor"},
     {"torch._utils._rebuild_sparse_csr_tensor", "a sparse tensor"},
     {"torch._utils._rebuild_nested_tensor", "a nested tensor"},
     {"torch._utils._rebuild_qtensor", "a quantized tensor"},
     {"torch._utils._rebuild_meta_tensor_no_storage", "a meta tensor, which has no values"},
     {"torch._utils._rebuild_wrapper_subclass", "a tensor of a subclass without a storage"},
     {"torch._utils._rebuild_device_tensor_from_numpy", "a tensor of another library"},
     {"torch._utils._rebuild_device_tensor_from_cpu_tensor", "a tensor of another library"}}};

/// Why, or "" for anything else.
std::string_view unreadable_tensor(std::string_view function) {
  const auto found =
      std::find_if(kUnreadable.begin(), kUnreadable.end(), [&](const auto& kind) { return kind.first == function; });
  return found == kUnreadable.end() ? std::string_view{} : found->second;
}

struct StorageType {
  std::string_view global, dtype;  ///< safetensors' name, or "" when its elements are not read
  std::uint64_t bytes;             ///< of an element
};
constexpr std::array<StorageType, 19> kStorageTypes{{{"torch.DoubleStorage", "F64", 8},
                                                     {"torch.FloatStorage", "F32", 4},
                                                     {"torch.HalfStorage", "F16", 2},
                                                     {"torch.BFloat16Storage", "BF16", 2},
                                                     {"torch.LongStorage", "I64", 8},
                                                     {"torch.IntStorage", "I32", 4},
                                                     {"torch.ShortStorage", "I16", 2},
                                                     {"torch.CharStorage", "I8", 1},
                                                     {"torch.ByteStorage", "U8", 1},
                                                     {"torch.BoolStorage", "BOOL", 1},
                                                     {"torch.ComplexDoubleStorage", "", 16},
                                                     {"torch.ComplexFloatStorage", "", 8},
                                                     {"torch.QInt32Storage", "", 4},
                                                     {"torch.QInt8Storage", "", 1},
                                                     {"torch.QUInt8Storage", "", 1},
                                                     {"torch.QUInt4x2Storage", "", 1},
                                                     {"torch.QUInt2x4Storage", "", 1},
                                                     {"torch.storage.UntypedStorage", "", 1},
                                                     {"torch.storage._UntypedStorage", "", 1}}};

constexpr int kMaxWrappers = 4;  ///< around one tensor
constexpr std::size_t kMaxName = 512;
constexpr std::size_t kMaxDimensions = 8;

bool is_wrapper(std::string_view function) {
  return function == kRebuildParameter || function == kRebuildParameterWithState || function == kParameter;
}

bool is_from_type(std::string_view function) { return function == kRebuildFromType || function == kRebuildFromType2; }

PickledStorage storage_of(std::string_view key, std::string_view type, std::uint64_t elements) {
  PickledStorage storage{std::string(key), std::string(type), "", elements, 0};
  const auto found = std::find_if(kStorageTypes.begin(), kStorageTypes.end(),
                                  [&](const StorageType& known) { return known.global == type; });
  if (found != kStorageTypes.end()) {
    storage.dtype = found->dtype;
    storage.element_bytes = found->bytes;
  }
  return storage;
}

std::string what_of(const std::string& name) { return "tensor " + printable(name) + ": "; }

}  // namespace

PickledTensors::PickledTensors(const Pickle& pickle, const std::string& file) : pickle_(pickle), file_(file) {
  for (std::size_t id = 0; id < pickle_.values().size(); ++id) {
    if (pickle_.values()[id].kind == Kind::persistent) add_storage(static_cast<Pickle::Id>(id));
  }
}

template <class... Parts>
void PickledTensors::refuse(const Parts&... parts) const {
  fail(file_, ": ", parts..., kSaveWeightsAlone);
}

std::uint64_t PickledTensors::count_of(const Value& value, const std::string& what) const {
  if (value.kind != Kind::integer || value.integer < 0) refuse(what, " is not a number that is zero or more");
  return static_cast<std::uint64_t>(value.integer);
}

std::vector<std::int64_t> PickledTensors::extents_of(const Value& value, const std::string& what) const {
  const Value& extents = value.kind == Kind::call && item(value, 0).text == kSize && item(value, 1).items.size() == 1
                             ? item(item(value, 1), 0)
                             : value;
  if ((extents.kind != Kind::tuple && extents.kind != Kind::list) || extents.items.size() > kMaxDimensions) {
    refuse(what, " is not a list of at most ", kMaxDimensions, " numbers");
  }
  std::vector<std::int64_t> numbers;
  for (std::size_t axis = 0; axis < extents.items.size(); ++axis) {
    numbers.push_back(static_cast<std::int64_t>(count_of(item(extents, axis), what)));
  }
  return numbers;
}

/// ("storage", torch.FloatStorage, key, device, elements), before 1.6 with a sixth: None or (key, offset, elements).
void PickledTensors::add_storage(Pickle::Id id) {
  const Value& tuple = item(pickle_.at(id), 0);
  // Before 1.6 also ("module", class, file, source), beside a module.
  if (tuple.kind == Kind::tuple && !tuple.items.empty() && item(tuple, 0).text == "module") return;
  if (tuple.kind != Kind::tuple || tuple.items.size() < 5 || item(tuple, 0).text != "storage" ||
      item(tuple, 2).kind != Kind::text) {
    refuse("it refers to something outside that is no storage");
  }
  const std::string_view type = item(tuple, 1).text, key = item(tuple, 2).text;
  if (item(tuple, 1).kind != Kind::object) refuse("a storage without a type");
  if (key.size() > kMaxName) refuse("a storage whose key has ", key.size(), " characters");
  const std::uint64_t elements = count_of(item(tuple, 4), "the size of a storage");
  const auto [found, added] = storage_by_key_.emplace(key, storages_.size());
  if (added) storages_.push_back(storage_of(key, type, elements));
  const PickledStorage& storage = storages_[found->second];
  if (storage.type != type || storage.elements != elements) {
    refuse("storage ", printable(key), " has two types or sizes");
  }
  View view{found->second, 0, elements};
  if (tuple.items.size() > 5 && item(tuple, 5).kind != Kind::none) {
    const Value& part = item(tuple, 5);
    if (part.kind != Kind::tuple || part.items.size() != 3) refuse("a part of a storage that is not three values");
    view.offset = count_of(item(part, 1), "the offset in a storage");
    view.elements = count_of(item(part, 2), "the size of a part of a storage");
    if (view.offset > elements || view.elements > elements - view.offset) refuse("a part is not inside its storage");
  }
  views_[id] = view;
}

bool PickledTensors::is_tensor(const Value& value) const {
  if (value.kind == Kind::object) return !unreadable_tensor(value.text).empty();
  if (value.kind != Kind::call) return false;
  const std::string_view function = item(value, 0).text;
  return function == kRebuildTensor || function == kRebuildTensor2 || function == kRebuildTensor3 ||
         is_wrapper(function) || is_from_type(function);
}

/// Goes through what wraps the tensor.
std::optional<PickledTensor> PickledTensors::read(const Value& value, const std::string& name,
                                                  std::string& reason) const {
  const Value* outer = &value;
  for (int depth = 0; depth <= kMaxWrappers; ++depth) {
    std::string_view function = outer->text;
    const Value* arguments = nullptr;
    if (outer->kind == Kind::call) {
      function = item(*outer, 0).text;
      arguments = &item(*outer, 1);
    }
    if (is_from_type(function)) {  // (function, type, its arguments, attributes)
      if (arguments->items.size() < 3 || item(*arguments, 2).kind != Kind::tuple) {
        refuse(what_of(name), "it has no storage");
      }
      const std::string_view type = item(*arguments, 1).text;
      if (std::find(kPlainTypes.begin(), kPlainTypes.end(), type) == kPlainTypes.end()) {
        reason = type;
        return std::nullopt;
      }
      function = item(*arguments, 0).text;
      arguments = &item(*arguments, 2);
    }
    if (const std::string_view why = unreadable_tensor(function); !why.empty()) {
      reason = why;
      return std::nullopt;
    }
    if (!is_wrapper(function)) return rebuild(function, *arguments, name, reason);
    // (tensor, requires_grad, ...)
    if (arguments->items.empty() || !is_tensor(item(*arguments, 0))) {
      refuse(what_of(name), "a parameter without a tensor");
    }
    outer = &item(*arguments, 0);
  }
  refuse(what_of(name), "more than ", kMaxWrappers, " parameters in each other");
}

/// (storage, offset, shape, strides, requires_grad, hooks, metadata), of _rebuild_tensor_v3 with a type at the end.
std::optional<PickledTensor> PickledTensors::rebuild(std::string_view function, const Value& arguments,
                                                     const std::string& name, std::string& reason) const {
  const std::string what = what_of(name);
  if (function == kRebuildTensor3) {
    reason = arguments.items.size() > 6 ? item(arguments, 6).text : "of an unknown type";
    return std::nullopt;
  }
  const bool known = function == kRebuildTensor || function == kRebuildTensor2;
  const auto view = known && arguments.items.size() >= 4 ? views_.find(arguments.items[0]) : views_.end();
  if (view == views_.end()) refuse(what, "it has no storage");
  const PickledStorage& storage = storages_[view->second.storage];
  PickledTensor tensor;
  tensor.name = name;
  tensor.storage = view->second.storage;
  if (storage.dtype.empty()) {
    reason = storage.type;
    return std::nullopt;
  }
  if (arguments.items.size() > 6) reason = apply(item(arguments, 6), tensor);
  if (!reason.empty()) return std::nullopt;
  tensor.shape = extents_of(item(arguments, 2), what + "its shape");
  tensor.strides = extents_of(item(arguments, 3), what + "its strides");
  set_place(tensor, view->second, count_of(item(arguments, 1), what + "its offset"));
  return tensor;
}

/// {"neg": True}: its values are to be negated. Returns why it can't be read, or "".
std::string PickledTensors::apply(const Value& metadata, PickledTensor& tensor) const {
  if (metadata.kind == Kind::none) return "";
  if (metadata.kind != Kind::dictionary) return "with metadata that are no dictionary";
  for (std::size_t i = 0; i + 1 < metadata.items.size(); i += 2) {
    const std::string_view key = item(metadata, i).text;
    if (key == "neg") {
      tensor.negated = item(metadata, i + 1).integer != 0;
    } else if (key != "conj") {  // of a real number it is the number itself
      return "with the metadata " + printable(key);
    }
  }
  return tensor.negated && storages_[tensor.storage].dtype == "BOOL" ? "negated truth values" : "";
}

/// Finds which elements of the storage it is made of, and that all of them are there.
void PickledTensors::set_place(PickledTensor& tensor, const View& view, std::uint64_t offset) const {
  const std::string what = what_of(tensor.name);
  if (tensor.shape.size() != tensor.strides.size()) refuse(what, "it has more dimensions than strides");
  std::uint64_t elements = 1, last = 0;
  bool fits = true;
  for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    const auto extent = static_cast<std::uint64_t>(tensor.shape[axis]);
    std::uint64_t reach = 0;
    fits = fits && !__builtin_mul_overflow(elements, extent, &elements) &&
           !__builtin_mul_overflow(extent == 0 ? 0 : extent - 1, static_cast<std::uint64_t>(tensor.strides[axis]),
                                   &reach) &&
           !__builtin_add_overflow(last, reach, &last);
  }
  if (fits && elements == 0) return;  // whatever its offset
  fits = fits && last < UINT64_MAX && offset <= view.elements && last + 1 <= view.elements - offset;
  if (!fits) refuse(what, shape_text(tensor.shape), " is not inside its storage of ", view.elements, " elements");
  tensor.span = last + 1;
  tensor.offset = view.offset + offset;
}

std::uint64_t PickledTensor::elements() const {
  std::uint64_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::uint64_t>(extent);
  return count;
}

std::span<const std::string_view> state_dict_globals() { return kGlobals; }

}  // namespace dgsam
