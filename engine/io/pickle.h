// Pickle: Python's serialisation, read as data. Nothing is ever imported, called or executed: a global is a name from a
// list, and a call is a node that holds the name and the arguments.
// Format: protocol 2, https://github.com/python/cpython/blob/main/Lib/pickletools.py. Only the opcodes that pickling
// dictionaries, lists, tuples, numbers, strings and tensors produces are known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dgsam {

/// One parsed pickle. Values refer to each other by number and may share and even contain each other, as Python's do:
/// who walks them must bound the walk. Memory is at most about 100 times the pickle's bytes.
class Pickle {
 public:
  using Id = std::uint32_t;
  enum class Kind : std::uint8_t {
    none,
    boolean,     ///< integer is 0 or 1
    integer,     ///< integer
    real,        ///< real
    text,        ///< text
    tuple,       ///< items
    list,        ///< items
    dictionary,  ///< items: key, value, key, value, ...; a collections.OrderedDict too
    global,      ///< text: a name from the list, "torch._utils._rebuild_tensor_v2"
    call,        ///< items: a global, its arguments (a tuple)
    persistent,  ///< items: the id that torch.save gave to a storage
    unused,      ///< an integer beyond 64 bits
  };
  struct Value {
    Kind kind = Kind::none;
    std::int64_t integer = 0;
    double real = 0;
    std::string_view text;  ///< in the pickle's bytes, or in the list of globals
    std::vector<Id> items;
  };
  static constexpr std::size_t kMaxBytes = std::size_t{4} << 20;

  /// Parses the pickle that `bytes` begins with. `bytes` and the texts of `globals` must outlive it. Throws Error that
  /// begins with `file` and names the opcode or the global that is not allowed, what is wrong, and the remedy.
  Pickle(std::span<const std::byte> bytes, const std::string& file, std::span<const std::string_view> globals);

  const Value& root() const { return at(root_); }
  const Value& at(Id id) const { return values_[id]; }
  /// In the order of the pickle.
  const std::vector<Value>& values() const { return values_; }
  /// Bytes of the pickle; what follows is not its business.
  std::size_t size() const { return position_; }

 private:
  void parse();
  void execute(unsigned char opcode);
  [[noreturn]] void refuse(const std::string& what) const;

  std::string_view take(std::size_t bytes);
  std::string_view take_line();
  std::uint64_t take_unsigned(std::size_t bytes);
  double take_real();

  Value& push(Kind kind);
  void push_text(std::uint64_t bytes);
  Id pop();
  /// The value on top of the stack, which must be of that kind.
  Value& top(Kind kind, const char* opcode);
  std::vector<Id> pop_to_mark();
  void tuple(std::size_t items);
  void extend(Kind kind, const std::vector<Id>& items, const char* opcode);
  void global();
  void reduce();
  void build();

  const std::string& file_;
  std::string_view bytes_;
  std::span<const std::string_view> globals_;
  std::size_t position_ = 0;
  std::vector<Value> values_;
  std::vector<Id> stack_;
  std::vector<std::size_t> marks_;  ///< sizes of the stack
  std::unordered_map<std::uint64_t, Id> memo_;
  Id root_ = 0;
};

/// Ends every Error about a file that is a pickle, but not of weights alone.
inline constexpr const char* kSaveWeightsAlone =
    "; in PyTorch, save the weights alone: torch.save(model.state_dict(), path)";

}  // namespace dgsam
