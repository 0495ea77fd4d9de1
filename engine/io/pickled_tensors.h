// The tensors that a pickle of torch.save describes: which storage each lies in, and how.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/pickle.h"

namespace dgsam {

/// A storage that the file holds, by PyTorch's key for it.
struct PickledStorage {
  std::string key;
  std::string type;   ///< PyTorch's: "torch.FloatStorage"
  std::string dtype;  ///< "F32", ...; "" for elements that are not read: complex, quantized, untyped, unknown
  std::uint64_t elements = 0;
  std::uint64_t element_bytes = 0;  ///< 0 for an unknown type

  std::uint64_t bytes() const { return elements * element_bytes; }
};

/// A tensor in a storage. Offset and strides count elements; [offset, offset + span) are inside the storage.
struct PickledTensor {
  std::string name;
  std::size_t storage = 0;  ///< index into StateDict::storages
  std::uint64_t offset = 0;
  std::uint64_t span = 0;  ///< 0 for a tensor without elements; fewer than elements() when it uses some more than once
  std::vector<std::int64_t> shape, strides;
  bool negated = false;  ///< its values are those of the storage times -1 (PyTorch's negative bit)

  std::uint64_t elements() const;
};

/// The functions and types whose calls mean something to read_state_dict(): what a Pickle keeps the arguments of.
std::span<const std::string_view> state_dict_globals();

/// Reads the storages and tensors of a pickle. Every Error begins with `file`. Both arguments must outlive it.
class PickledTensors {
 public:
  /// Reads every storage that the pickle refers to, of weights and of anything else. Throws Error when it refers to
  /// anything outside that is neither a storage nor a module.
  PickledTensors(const Pickle& pickle, const std::string& file);

  const std::vector<PickledStorage>& storages() const { return storages_; }
  /// True for a value that stands for a tensor, whether its values can be read or not.
  bool is_tensor(const Pickle::Value& value) const;
  /// A tensor; or nothing and the reason, for one whose values can't be read. Throws Error for one that is not what
  /// PyTorch writes: without storage or shape, or with strides that leave its storage.
  std::optional<PickledTensor> read(const Pickle::Value& value, const std::string& name, std::string& reason) const;

 private:
  using Value = Pickle::Value;
  /// Where a persistent id points: a storage, or a part of one (PyTorch before 0.4).
  struct View {
    std::size_t storage = 0;
    std::uint64_t offset = 0, elements = 0;
  };

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const;
  const Value& item(const Value& value, std::size_t index) const { return pickle_.at(value.items[index]); }
  std::uint64_t count_of(const Value& value, const std::string& what) const;
  std::vector<std::int64_t> extents_of(const Value& value, const std::string& what) const;
  void add_storage(Pickle::Id id);
  std::optional<PickledTensor> rebuild(std::string_view function, const Value& arguments, const std::string& name,
                                       std::string& reason) const;
  void set_place(PickledTensor& tensor, const View& view, std::uint64_t offset) const;
  std::string apply(const Value& metadata, PickledTensor& tensor) const;

  const Pickle& pickle_;
  const std::string& file_;
  std::vector<PickledStorage> storages_;
  std::map<std::string_view, std::size_t> storage_by_key_;
  std::map<Pickle::Id, View> views_;
};

}  // namespace dgsam
