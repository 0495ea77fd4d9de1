#include "engine/io/state_dict.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "engine/core/check.h"
#include "engine/io/byte_source.h"
#include "engine/io/tensor_file.h"

namespace dgsam {

namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor";  // before PyTorch 0.4
constexpr std::string_view kRebuildTensor2 = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr std::string_view kSize = "torch.Size";

constexpr std::array<std::string_view, 16> kGlobals{
    "collections.OrderedDict", kRebuildTensor,       kRebuildTensor2,     kRebuildParameter,       kSize,
    "torch.DoubleStorage",     "torch.FloatStorage", "torch.HalfStorage", "torch.BFloat16Storage", "torch.LongStorage",
    "torch.IntStorage",        "torch.ShortStorage", "torch.CharStorage", "torch.ByteStorage",     "torch.BoolStorage",
    "pathlib.PosixPath"};

/// By safetensors' name; "" for a global that is no type of storage.
std::string_view dtype_of_storage(std::string_view global) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kTypes{{{"torch.DoubleStorage", "F64"},
                                                                                  {"torch.FloatStorage", "F32"},
                                                                                  {"torch.HalfStorage", "F16"},
                                                                                  {"torch.BFloat16Storage", "BF16"},
                                                                                  {"torch.LongStorage", "I64"},
                                                                                  {"torch.IntStorage", "I32"},
                                                                                  {"torch.ShortStorage", "I16"},
                                                                                  {"torch.CharStorage", "I8"},
                                                                                  {"torch.ByteStorage", "U8"},
                                                                                  {"torch.BoolStorage", "BOOL"}}};
  const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& type) { return type.first == global; });
  return found == kTypes.end() ? std::string_view{} : found->second;
}

/// The keys under which training scripts save a model's state_dict. The first that is there wins.
constexpr std::array<std::string_view, 8> kUsualKeys{"state_dict", "model_state_dict", "model_dict", "model",
                                                     "net",        "network",          "algorithm",  "weights"};
constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxTensors = 1 << 16;
constexpr std::size_t kMaxName = 512;
constexpr std::size_t kMaxDimensions = 8;

class Reader {
 public:
  Reader(const Pickle& pickle, const std::string& file) : pickle_(pickle), file_(file) {}

  StateDict read() {
    for (std::size_t id = 0; id < pickle_.values().size(); ++id) {
      if (pickle_.values()[id].kind == Kind::persistent) add_storage(static_cast<Pickle::Id>(id));
    }
    const Value* weights = find_weights();
    add_dictionary(*weights, "", 0);
    if (result_.tensors.empty()) refuse("it holds no tensors");
    if (!skipped_.empty()) {
      result_.notes.push_back(file_ + ": left out, as it is no tensor: " + skipped_ +
                              (skipped_count_ > 1 ? " and " + std::to_string(skipped_count_ - 1) + " more" : ""));
    }
    return std::move(result_);
  }

 private:
  /// Where a persistent id points: a storage, or a part of one (PyTorch before 0.4).
  struct View {
    std::size_t storage = 0;
    std::uint64_t offset = 0, elements = 0;
  };

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(file_, ": ", parts..., kSaveWeightsAlone);
  }

  // --- parts of a tensor ---

  const Value& item(const Value& value, std::size_t index) const { return pickle_.at(value.items[index]); }

  std::uint64_t count_of(const Value& value, const std::string& what) const {
    if (value.kind != Kind::integer || value.integer < 0) refuse(what, " is not a number that is zero or more");
    return static_cast<std::uint64_t>(value.integer);
  }

  std::vector<std::int64_t> extents_of(const Value& value, const std::string& what) const {
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
  void add_storage(Pickle::Id id) {
    const Value& tuple = item(pickle_.at(id), 0);
    if (tuple.kind != Kind::tuple || tuple.items.size() < 5 || item(tuple, 0).text != "storage" ||
        item(tuple, 2).kind != Kind::text) {
      refuse("it refers to something outside that is no storage");
    }
    const std::string_view dtype = dtype_of_storage(item(tuple, 1).text);
    if (item(tuple, 1).kind != Kind::global || dtype.empty()) refuse("a storage without a known type");
    const std::string_view key = item(tuple, 2).text;
    if (key.size() > kMaxName) refuse("a storage whose key has ", key.size(), " characters");
    const std::uint64_t elements = count_of(item(tuple, 4), "the size of a storage");
    const auto [found, added] = storage_by_key_.emplace(key, result_.storages.size());
    if (added) result_.storages.push_back({std::string(key), std::string(dtype), elements});
    const PickledStorage& storage = result_.storages[found->second];
    if (storage.dtype != dtype || storage.elements != elements) {
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

  bool is_tensor(const Value& value) const {
    if (value.kind != Kind::call) return false;
    const std::string_view function = item(value, 0).text;
    return function == kRebuildTensor || function == kRebuildTensor2 || function == kRebuildParameter;
  }

  void add_tensor(const Value& value, const std::string& name) {
    if (result_.tensors.size() == kMaxTensors) refuse("it holds more than ", kMaxTensors, " tensors");
    const Value& arguments = item(value, 1);
    const std::string what = "tensor " + printable(name) + ": ";
    if (item(value, 0).text == kRebuildParameter) {  // (tensor, requires_grad, hooks)
      const bool wrapped = !arguments.items.empty() && is_tensor(item(arguments, 0)) &&
                           item(item(arguments, 0), 0).text != kRebuildParameter;
      if (!wrapped) refuse(what, "a parameter without a tensor");
      return add_tensor(item(arguments, 0), name);
    }
    // (storage, offset, shape, strides, ...)
    if (arguments.items.size() < 4 || item(arguments, 0).kind != Kind::persistent) refuse(what, "it has no storage");
    const View& view = views_.at(arguments.items[0]);
    PickledTensor tensor;
    tensor.name = name;
    tensor.storage = view.storage;
    tensor.shape = extents_of(item(arguments, 2), what + "its shape");
    tensor.strides = extents_of(item(arguments, 3), what + "its strides");
    const std::uint64_t offset = count_of(item(arguments, 1), what + "its offset");
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
    tensor.span = elements == 0 ? 0 : last + 1;
    fits = fits && last < UINT64_MAX && offset <= view.elements && tensor.span <= view.elements - offset;
    if (!fits) refuse(what, shape_text(tensor.shape), " is not inside its storage of ", view.elements, " elements");
    if (elements > tensor.span) {
      refuse(what, "its strides use elements more than once (an expanded tensor): call .contiguous() on it");
    }
    tensor.offset = view.offset + offset;
    result_.tensors.push_back(std::move(tensor));
  }

  // --- dictionaries ---

  bool holds_tensors(const Value& dictionary) const {
    if (dictionary.kind != Kind::dictionary) return false;
    for (std::size_t i = 1; i < dictionary.items.size(); i += 2) {
      if (is_tensor(item(dictionary, i))) return true;
    }
    return false;
  }

  /// The dictionary under a usual key, or under the only key that has one with tensors; nullptr when there is none.
  const Value* find_inside(const Value& dictionary, std::string_view* taken) const {
    const Value* only = nullptr;
    int count = 0;
    for (std::size_t i = 0; i + 1 < dictionary.items.size(); i += 2) {
      if (!holds_tensors(item(dictionary, i + 1))) continue;
      ++count;
      only = &item(dictionary, i + 1);
      *taken = item(dictionary, i).text;
    }
    for (const bool direct : {true, false}) {
      for (const std::string_view usual : kUsualKeys) {
        for (std::size_t i = 0; i + 1 < dictionary.items.size(); i += 2) {
          const Value& inside = item(dictionary, i + 1);
          if (item(dictionary, i).text != usual || inside.kind != Kind::dictionary) continue;
          if (direct && !holds_tensors(inside)) continue;
          *taken = usual;
          return &inside;
        }
      }
    }
    return count == 1 && !holds_tensors(dictionary) ? only : nullptr;
  }

  const Value* find_weights() {
    const Value* weights = &pickle_.root();
    if (weights->kind != Kind::dictionary) refuse("it holds no dictionary of tensors");
    std::string taken;
    for (int depth = 0; depth < kMaxDepth; ++depth) {
      std::string_view key;
      const Value* inside = find_inside(*weights, &key);
      if (inside == nullptr) break;
      taken += (taken.empty() ? "" : ".") + printable(key);
      weights = inside;
    }
    if (!taken.empty()) result_.notes.push_back(file_ + ": the tensors under \"" + taken + "\" were taken");
    return weights;
  }

  void add_dictionary(const Value& dictionary, const std::string& prefix, int depth) {
    if (depth > kMaxDepth) refuse("dictionaries are nested more than ", kMaxDepth, " deep");
    for (std::size_t i = 0; i + 1 < dictionary.items.size(); i += 2) {
      const Value &key = item(dictionary, i), &value = item(dictionary, i + 1);
      if (++visited_ > kMaxTensors) refuse("it holds more than ", kMaxTensors, " values");
      if (key.kind != Kind::text && key.kind != Kind::integer) refuse("the key of a value is no text");
      const std::string name =
          prefix + (key.kind == Kind::text ? std::string(key.text.substr(0, kMaxName)) : std::to_string(key.integer));
      if (name.size() >= kMaxName) refuse("the name ", printable(name), " is longer than ", kMaxName, " characters");
      if (is_tensor(value)) {
        add_tensor(value, name);
      } else if (value.kind == Kind::dictionary) {
        add_dictionary(value, name + ".", depth + 1);
      } else {
        if (skipped_count_++ == 0) skipped_ = printable(name);
      }
    }
  }

  const Pickle& pickle_;
  const std::string& file_;
  StateDict result_;
  std::map<std::string_view, std::size_t> storage_by_key_;
  std::map<Pickle::Id, View> views_;
  std::size_t visited_ = 0;
  std::string skipped_;  ///< the first name
  std::size_t skipped_count_ = 0;
};

}  // namespace

std::uint64_t PickledStorage::bytes() const { return elements * element_size_of(dtype); }

std::uint64_t PickledTensor::elements() const {
  std::uint64_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::uint64_t>(extent);
  return count;
}

std::span<const std::string_view> state_dict_globals() { return kGlobals; }

StateDict read_state_dict(const Pickle& pickle, const std::string& file) { return Reader(pickle, file).read(); }

}  // namespace dgsam
