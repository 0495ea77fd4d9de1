#include "engine/io/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "engine/core/check.h"
#include "engine/io/byte_source.h"

namespace dgsam {

namespace {

constexpr std::string_view kOrderedDict = "collections.OrderedDict";
/// Called with a dictionary, and with the function that makes missing values.
constexpr std::string_view kCounter = "collections.Counter", kDefaultDict = "collections.defaultdict";
/// Functions that make an object of the class that is their first argument.
constexpr std::array<std::string_view, 4> kConstructors{"copyreg._reconstructor", "copy_reg._reconstructor",
                                                        "copyreg.__newobj__", "copy_reg.__newobj__"};
constexpr std::size_t kMaxGlobalName = 256;
constexpr std::size_t kMaxNames = 4096;

}  // namespace

Pickle::Pickle(std::span<const std::byte> bytes, const std::string& file, std::span<const std::string_view> globals)
    : file_(file),
      bytes_(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kMaxBytes)),
      globals_(globals) {
  parse();
  stack_ = {};
  marks_ = {};
  memo_ = {};
}

void Pickle::refuse(const std::string& what) const {
  fail(file_, ": byte ", position_, " of its pickle: ", what, kSaveWeightsAlone);
}

void Pickle::spend(std::size_t work) {
  work_ += work;
  if (work_ > kMaxWork) refuse("it holds more than " + std::to_string(kMaxWork) + " values");
}

// --- bytes -------------------------------------------------------------------------------------------------------

std::string_view Pickle::take(std::size_t bytes) {
  if (bytes > bytes_.size() - position_) {
    refuse(bytes_.size() == kMaxBytes ? "it is longer than the limit of " + std::to_string(kMaxBytes) + " bytes"
                                      : "it ends early (truncated?)");
  }
  const std::string_view taken = bytes_.substr(position_, bytes);
  position_ += bytes;
  return taken;
}

std::string_view Pickle::take_line() {
  const std::size_t end = bytes_.find('\n', position_);
  if (end == std::string_view::npos) refuse("a line without end");
  const std::string_view line = take(end - position_);
  ++position_;
  return line;
}

/// Little-endian.
std::uint64_t Pickle::take_unsigned(std::size_t bytes) {
  std::uint64_t value = 0;
  const std::string_view taken = take(bytes);
  for (std::size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<unsigned char>(taken[i]);
  return value;
}

/// A line of digits: a number of the memo.
std::int64_t Pickle::take_decimal() {
  const std::string_view line = take_line();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || end != line.data() + line.size() || value < 0) refuse("a number that is none");
  return value;
}

/// Big-endian, as the only number of the format.
double Pickle::take_real() {
  std::uint64_t bits = 0;
  for (const char byte : take(8)) bits = bits << 8 | static_cast<unsigned char>(byte);
  return std::bit_cast<double>(bits);
}

// --- the stack ---------------------------------------------------------------------------------------------------

Pickle::Value& Pickle::push(Kind kind) {
  spend(1);
  stack_.push_back(static_cast<Id>(values_.size()));
  Value& value = values_.emplace_back();
  value.kind = kind;
  return value;
}

void Pickle::push_text(std::uint64_t bytes) {
  const std::string_view text = take(bytes);
  push(Kind::text).text = text;
}

void Pickle::push_bytes(std::uint64_t bytes) {
  take(bytes);
  push_object("bytes");
}

/// INT and LONG of protocol 0: "7", "01" (true), "7L".
void Pickle::push_decimal(bool is_long) {
  std::string_view line = take_line();
  if (!is_long && (line == "00" || line == "01")) {
    push(Kind::boolean).integer = line == "01";
    return;
  }
  if (is_long && line.ends_with('L')) line.remove_suffix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error == std::errc::result_out_of_range) return push_object("int");
  if (error != std::errc() || end != line.data() + line.size()) refuse("a number that is none");
  push_integer(value);
}

/// Two's complement of a given length. Beyond 64 bits it is an object.
void Pickle::push_long(std::uint64_t bytes) {
  if (bytes > 8) {
    take(bytes);
    return push_object("int");
  }
  const unsigned shift = 64 - 8 * static_cast<unsigned>(bytes);
  const std::uint64_t value = take_unsigned(bytes);
  push_integer(bytes == 0 ? 0 : static_cast<std::int64_t>(value << shift) >> shift);
}

Pickle::Id Pickle::pop() {
  if (!has_top()) refuse("a value is missing");
  const Id id = stack_.back();
  stack_.pop_back();
  return id;
}

Pickle::Value& Pickle::top(std::initializer_list<Kind> kinds, const char* opcode) {
  if (!has_top() || std::find(kinds.begin(), kinds.end(), values_[stack_.back()].kind) == kinds.end()) {
    refuse(std::string(opcode) + " of a value that does not take it");
  }
  return values_[stack_.back()];
}

std::vector<Pickle::Id> Pickle::pop_to_mark() {
  if (marks_.empty()) refuse("a mark is missing");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Id> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

void Pickle::tuple(std::size_t items) {
  std::vector<Id> popped(items);
  for (std::size_t i = items; i-- > 0;) popped[i] = pop();
  push(Kind::tuple).items = std::move(popped);
}

/// What is added to a set, a deque or any other object is not kept.
void Pickle::append(const std::vector<Id>& items, const char* opcode) {
  Value& target = top({Kind::list, Kind::object}, opcode);
  if (target.kind == Kind::list) target.items.insert(target.items.end(), items.begin(), items.end());
}

void Pickle::set_items(const std::vector<Id>& items, const char* opcode) {
  std::vector<Id>& all = top({Kind::dictionary, Kind::object}, opcode).items;
  if (items.size() % 2 != 0) refuse("a key without a value");
  all.insert(all.end(), items.begin(), items.end());
}

void Pickle::memorise(std::uint64_t key) {
  if (!has_top()) refuse("a value is missing");
  spend(1);
  memo_[key] = stack_.back();
}

void Pickle::recall(std::uint64_t key) {
  const auto found = memo_.find(key);
  if (found == memo_.end()) refuse("value " + std::to_string(key) + " is used before it is there");
  spend(1);
  stack_.push_back(found->second);
}

// --- what only looks like code -----------------------------------------------------------------------------------

void Pickle::push_global(std::string_view module, std::string_view name) {
  if (module.size() > kMaxGlobalName || name.size() > kMaxGlobalName) refuse("a name without end");
  std::string full(module);
  full.append(".").append(name);
  if (const auto found = std::find(globals_.begin(), globals_.end(), full); found != globals_.end()) {
    push(Kind::global).text = *found;
    return;
  }
  if (names_.size() == kMaxNames) refuse("it asks for more than " + std::to_string(kMaxNames) + " types and functions");
  push_object(*names_.insert(std::move(full)).first);
}

/// GLOBAL and INST: two lines.
void Pickle::push_named_global() {
  const std::string_view module = take_line();
  push_global(module, take_line());
}

void Pickle::call(Id function, Id arguments) {
  const Value &given = values_[arguments], &called = values_[function];
  const bool callable = called.kind == Kind::global || called.kind == Kind::object;
  if (!callable || given.kind != Kind::tuple) refuse("a call of something that is no function");
  if (make_dictionary(called.text, given)) return;
  if (called.kind == Kind::global) {
    push(Kind::call).items = {function, arguments};
    return;
  }
  std::string_view type = called.text;
  if (std::find(kConstructors.begin(), kConstructors.end(), type) != kConstructors.end() && !given.items.empty() &&
      values_[given.items[0]].kind == Kind::object) {
    type = values_[given.items[0]].text;
  }
  push_object(type);
}

/// The standard library's dictionaries. Their contents follow as items, but for a Counter's and Python 2's OrderedDict.
bool Pickle::make_dictionary(std::string_view type, const Value& arguments) {
  if (type != kOrderedDict && type != kCounter && type != kDefaultDict) return false;
  std::vector<Id> items;
  const Value* given = arguments.items.empty() ? nullptr : &values_[arguments.items[0]];
  if (type == kCounter && given != nullptr && given->kind == Kind::dictionary) {
    items = given->items;
  } else if (type == kOrderedDict && given != nullptr) {
    if (arguments.items.size() != 1 || given->kind != Kind::list) refuse("an OrderedDict of something that is no list");
    for (const Id id : given->items) {
      const Value& pair = values_[id];
      if ((pair.kind != Kind::list && pair.kind != Kind::tuple) || pair.items.size() != 2) {
        refuse("an OrderedDict of something else than pairs");
      }
      spend(2);  // before they are copied: a list can be used again and again
      items.insert(items.end(), pair.items.begin(), pair.items.end());
    }
  }
  if (type == kCounter) spend(items.size());
  push(Kind::dictionary).items = std::move(items);
  return true;
}

}  // namespace dgsam
