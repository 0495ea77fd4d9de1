// Pickle: Python's serialisation, read as data. Nothing is ever imported, called or executed: a global is a name, and a
// call is a node that holds the name and the arguments. What is made by anything but the few names that weights need is
// an object of which nothing but the name is kept.
// Format: protocols 0 to 5, https://github.com/python/cpython/blob/main/Lib/pickletools.py, without out-of-band
// buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dgsam {

/// One parsed pickle. Values refer to each other by number and may share and even contain each other, as Python's do:
/// who walks them must bound the walk. Memory is at most about 100 times the pickle's bytes, and at most about 500 MB.
class Pickle {
 public:
  using Id = std::uint32_t;
  enum class Kind : std::uint8_t {
    none,
    boolean,     ///< integer is 0 or 1
    integer,     ///< integer
    real,        ///< real
    text,        ///< text; of protocol 0 with its escapes
    tuple,       ///< items
    list,        ///< items
    dictionary,  ///< items: key, value, key, value, ...; OrderedDict, defaultdict and Counter too
    global,      ///< text: a name from the list, "torch._utils._rebuild_tensor_v2"
    call,        ///< items: a global, its arguments (a tuple)
    persistent,  ///< items: the id that torch.save gave to a storage
    object,      ///< anything else. text: its type, or the function that returns it, "numpy.dtype"; items: key, value,
                 ///< ... if it is a kind of dictionary
  };
  struct Value {
    Kind kind = Kind::none;
    std::int64_t integer = 0;
    double real = 0;
    std::string_view text;
    std::vector<Id> items;
  };
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
  /// Values, marks, memo entries and copies of items, all together.
  static constexpr std::size_t kMaxWork = std::size_t{1} << 22;

  /// Parses the pickle that `bytes` begins with. `bytes` and the texts of `globals` must outlive it. Throws Error that
  /// begins with `file` and names the opcode, what is wrong, and the remedy.
  Pickle(std::span<const std::byte> bytes, const std::string& file, std::span<const std::string_view> globals);
  Pickle(Pickle&&) = default;

  const Value& root() const { return at(root_); }
  const Value& at(Id id) const { return values_[id]; }
  /// In the order of the pickle.
  const std::vector<Value>& values() const { return values_; }
  /// Bytes of the pickle; what follows is not its business.
  std::size_t size() const { return position_; }

 private:
  void parse();
  void execute(unsigned char opcode);
  bool push_scalar(unsigned char opcode);
  bool push_container(unsigned char opcode);
  bool extend_container(unsigned char opcode);
  bool use_memo(unsigned char opcode);
  bool make_object(unsigned char opcode);
  [[noreturn]] void refuse(const std::string& what) const;
  void spend(std::size_t work);

  std::string_view take(std::size_t bytes);
  std::string_view take_line();
  std::uint64_t take_unsigned(std::size_t bytes);
  std::int64_t take_decimal();
  double take_real();

  bool has_top() const { return stack_.size() > (marks_.empty() ? 0 : marks_.back()); }
  Value& push(Kind kind);
  void push_integer(std::int64_t value) { push(Kind::integer).integer = value; }
  void push_text(std::uint64_t bytes);
  void push_object(std::string_view type) { push(Kind::object).text = type; }
  void push_bytes(std::uint64_t bytes);
  void push_decimal(bool is_long);
  void push_long(std::uint64_t bytes);
  void push_global(std::string_view module, std::string_view name);
  void push_named_global();
  Id pop();
  /// The value on top of the stack, which must be of one of these kinds.
  Value& top(std::initializer_list<Kind> kinds, const char* opcode);
  std::vector<Id> pop_to_mark();
  void tuple(std::size_t items);
  void append(const std::vector<Id>& items, const char* opcode);
  void set_items(const std::vector<Id>& items, const char* opcode);
  void call(Id function, Id arguments);
  bool make_dictionary(std::string_view type, const Value& arguments);
  void memorise(std::uint64_t key);
  void recall(std::uint64_t key);

  const std::string& file_;
  std::string_view bytes_;
  std::span<const std::string_view> globals_;
  std::size_t position_ = 0;
  std::size_t work_ = 0;
  std::vector<Value> values_;
  std::vector<Id> stack_;
  std::vector<std::size_t> marks_;  ///< sizes of the stack
  std::unordered_map<std::uint64_t, Id> memo_;
  std::set<std::string, std::less<>> names_;  ///< of objects
  Id root_ = 0;
};

/// Ends every Error about a file that is a pickle, but not of weights alone.
inline constexpr const char* kSaveWeightsAlone =
    "; in PyTorch, save the weights alone: torch.save(model.state_dict(), path)";

}  // namespace dgsam
