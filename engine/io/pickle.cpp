#include "engine/io/pickle.h"

#include <algorithm>
#include <bit>
#include <cstdio>

#include "engine/core/check.h"
#include "engine/io/byte_source.h"

namespace dgsam {

namespace {

constexpr std::string_view kOrderedDict = "collections.OrderedDict";
constexpr std::size_t kMaxGlobalName = 256;

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
  const std::size_t end = bytes_.substr(0, position_ + kMaxGlobalName).find('\n', position_);
  if (end == std::string_view::npos) refuse("a name without end");
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

/// Big-endian, as the only number of the format.
double Pickle::take_real() {
  std::uint64_t bits = 0;
  for (const char byte : take(8)) bits = bits << 8 | static_cast<unsigned char>(byte);
  return std::bit_cast<double>(bits);
}

// --- the stack ---------------------------------------------------------------------------------------------------

Pickle::Value& Pickle::push(Kind kind) {
  stack_.push_back(static_cast<Id>(values_.size()));
  Value& value = values_.emplace_back();
  value.kind = kind;
  return value;
}

void Pickle::push_text(std::uint64_t bytes) {
  const std::string_view text = take(bytes);
  push(Kind::text).text = text;
}

Pickle::Id Pickle::pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) refuse("a value is missing");
  const Id id = stack_.back();
  stack_.pop_back();
  return id;
}

Pickle::Value& Pickle::top(Kind kind, const char* opcode) {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()) || values_[stack_.back()].kind != kind) {
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

void Pickle::extend(Kind kind, const std::vector<Id>& items, const char* opcode) {
  std::vector<Id>& all = top(kind, opcode).items;
  if (kind == Kind::dictionary && items.size() % 2 != 0) refuse("a key without a value");
  all.insert(all.end(), items.begin(), items.end());
}

// --- what only looks like code -----------------------------------------------------------------------------------

void Pickle::global() {
  const std::string_view module = take_line();
  const std::string name = std::string(module) + "." + std::string(take_line());
  const auto found = std::find(globals_.begin(), globals_.end(), name);
  if (found == globals_.end()) refuse("it asks for \"" + printable(name) + "\", which is not needed for weights");
  push(Kind::global).text = *found;
}

void Pickle::reduce() {
  const Id arguments = pop(), function = pop();
  const Value &given = values_[arguments], &called = values_[function];
  if (called.kind != Kind::global || given.kind != Kind::tuple) refuse("a call of something that is no function");
  if (called.text != kOrderedDict) {
    push(Kind::call).items = {function, arguments};
    return;
  }
  // Python 3 makes it empty and adds to it; Python 2 gives it a list of pairs.
  std::vector<Id> items;
  if (!given.items.empty()) {
    const Value& pairs = values_[given.items[0]];
    if (given.items.size() != 1 || pairs.kind != Kind::list) refuse("an OrderedDict of something that is no list");
    for (const Id id : pairs.items) {
      const Value& pair = values_[id];
      if ((pair.kind != Kind::list && pair.kind != Kind::tuple) || pair.items.size() != 2) {
        refuse("an OrderedDict of something else than pairs");
      }
      items.insert(items.end(), pair.items.begin(), pair.items.end());
    }
  }
  push(Kind::dictionary).items = std::move(items);
}

/// A state_dict has an attribute _metadata, which says nothing about values: it is read and forgotten.
void Pickle::build() {
  if (values_[pop()].kind != Kind::dictionary) refuse("BUILD with something that is no dictionary");
  top(Kind::dictionary, "BUILD");
}

// --- the machine -------------------------------------------------------------------------------------------------

void Pickle::parse() {
  if (take(1) != "\x80") refuse("it does not begin with its protocol");
  if (const std::uint64_t protocol = take_unsigned(1); protocol != 2) {
    refuse("protocol " + std::to_string(protocol) + ", where torch.save writes 2 unless told otherwise");
  }
  for (auto opcode = static_cast<unsigned char>(take(1)[0]); opcode != '.';
       opcode = static_cast<unsigned char>(take(1)[0])) {
    execute(opcode);
  }
  root_ = pop();
  if (!stack_.empty() || !marks_.empty()) refuse("values are left over");
}

void Pickle::execute(unsigned char opcode) {
  const auto memorise = [&](std::uint64_t key) {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) refuse("a value is missing");
    memo_[key] = stack_.back();
  };
  const auto recall = [&](std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) refuse("value " + std::to_string(key) + " is used before it is there");
    stack_.push_back(found->second);
  };
  const auto push_integer = [&](std::int64_t value) { push(Kind::integer).integer = value; };
  switch (opcode) {
    case '(':  // MARK
      marks_.push_back(stack_.size());
      return;
    case 'N':  // NONE
      push(Kind::none);
      return;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      push(Kind::boolean).integer = opcode == 0x88;
      return;
    case 'K':  // BININT1
      return push_integer(static_cast<std::int64_t>(take_unsigned(1)));
    case 'M':  // BININT2
      return push_integer(static_cast<std::int64_t>(take_unsigned(2)));
    case 'J':  // BININT
      return push_integer(static_cast<std::int32_t>(take_unsigned(4)));
    case 0x8a: {  // LONG1: two's complement of a given length
      const std::size_t bytes = take_unsigned(1);
      if (bytes > 8) {
        take(bytes);
        push(Kind::unused);
        return;
      }
      const unsigned shift = 64 - 8 * static_cast<unsigned>(bytes);
      const std::uint64_t value = take_unsigned(bytes);
      return push_integer(bytes == 0 ? 0 : static_cast<std::int64_t>(value << shift) >> shift);
    }
    case 'G':  // BINFLOAT
    {
      const double value = take_real();
      push(Kind::real).real = value;
      return;
    }
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING
      return push_text(take_unsigned(4));
    case 'U':  // SHORT_BINSTRING
      return push_text(take_unsigned(1));
    case ')':  // EMPTY_TUPLE
      return tuple(0);
    case 0x85:  // TUPLE1
    case 0x86:  // TUPLE2
    case 0x87:  // TUPLE3
      return tuple(opcode - 0x84u);
    case 't': {  // TUPLE
      std::vector<Id> items = pop_to_mark();
      push(Kind::tuple).items = std::move(items);
      return;
    }
    case ']':  // EMPTY_LIST
      push(Kind::list);
      return;
    case 'a': {  // APPEND
      const Id item = pop();
      return extend(Kind::list, {item}, "APPEND");
    }
    case 'e':  // APPENDS
      return extend(Kind::list, pop_to_mark(), "APPENDS");
    case '}':  // EMPTY_DICT
      push(Kind::dictionary);
      return;
    case 's': {  // SETITEM
      const Id value = pop(), key = pop();
      return extend(Kind::dictionary, {key, value}, "SETITEM");
    }
    case 'u':  // SETITEMS
      return extend(Kind::dictionary, pop_to_mark(), "SETITEMS");
    case 'q':  // BINPUT
      return memorise(take_unsigned(1));
    case 'r':  // LONG_BINPUT
      return memorise(take_unsigned(4));
    case 'h':  // BINGET
      return recall(take_unsigned(1));
    case 'j':  // LONG_BINGET
      return recall(take_unsigned(4));
    case 'c':  // GLOBAL
      return global();
    case 'R':  // REDUCE
      return reduce();
    case 'b':  // BUILD
      return build();
    case 'Q': {  // BINPERSID
      const Id id = pop();
      push(Kind::persistent).items = {id};
      return;
    }
    default: {
      char code[8];
      std::snprintf(code, sizeof code, "0x%02x", opcode);
      refuse(std::string("opcode ") + code + ", which is not needed for weights");
    }
  }
}

}  // namespace dgsam
