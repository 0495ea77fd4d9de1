// The opcodes of pickle.h, and what each does to the stack.
#include <cstdio>
#include <cstdlib>

#include "engine/io/pickle.h"

namespace dgsam {

namespace {

constexpr std::uint64_t kLastProtocol = 5;

}  // namespace

void Pickle::parse() {
  if (bytes_.empty()) refuse("it ends early (truncated?)");
  for (auto opcode = static_cast<unsigned char>(take(1)[0]); opcode != '.';
       opcode = static_cast<unsigned char>(take(1)[0])) {
    execute(opcode);
  }
  root_ = pop();
  if (!stack_.empty() || !marks_.empty()) refuse("values are left over");
}

void Pickle::execute(unsigned char opcode) {
  if (push_scalar(opcode) || push_container(opcode) || extend_container(opcode) || use_memo(opcode) ||
      make_object(opcode)) {
    return;
  }
  switch (opcode) {
    case 0x80: {  // PROTO
      const std::uint64_t protocol = take_unsigned(1);
      if (protocol > kLastProtocol) refuse("protocol " + std::to_string(protocol) + ", where Python has 0 to 5");
      return;
    }
    case 0x95:  // FRAME: what the next bytes are, which changes nothing
      if (const std::uint64_t bytes = take_unsigned(8); bytes > bytes_.size() - position_) take(bytes);
      return;
    case '(':  // MARK
      spend(1);
      return marks_.push_back(stack_.size());
    case '0':  // POP, of a mark when nothing is above it
      if (!has_top() && !marks_.empty()) return marks_.pop_back();
      pop();
      return;
    case '1':  // POP_MARK
      pop_to_mark();
      return;
    case '2': {  // DUP
      const Id id = pop();
      spend(1);
      stack_.insert(stack_.end(), 2, id);
      return;
    }
    default: {
      char code[8];
      std::snprintf(code, sizeof code, "0x%02x", opcode);
      refuse(std::string("opcode ") + code + ", which is none, or has no place in a file");
    }
  }
}

bool Pickle::push_scalar(unsigned char opcode) {
  switch (opcode) {
    case 'N':  // NONE
      return push(Kind::none), true;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      push(Kind::boolean).integer = opcode == 0x88;
      return true;
    case 'K':  // BININT1
      return push_integer(static_cast<std::int64_t>(take_unsigned(1))), true;
    case 'M':  // BININT2
      return push_integer(static_cast<std::int64_t>(take_unsigned(2))), true;
    case 'J':  // BININT
      return push_integer(static_cast<std::int32_t>(take_unsigned(4))), true;
    case 'I':  // INT
    case 'L':  // LONG
      return push_decimal(opcode == 'L'), true;
    case 0x8a:  // LONG1
    case 0x8b:  // LONG4
      return push_long(take_unsigned(opcode == 0x8a ? 1 : 4)), true;
    case 'F':  // FLOAT
    {
      const std::string line(take_line());
      push(Kind::real).real = std::strtod(line.c_str(), nullptr);
      return true;
    }
    case 'G':  // BINFLOAT
    {
      const double value = take_real();
      push(Kind::real).real = value;
      return true;
    }
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING
      return push_text(take_unsigned(4)), true;
    case 'U':   // SHORT_BINSTRING
    case 0x8c:  // SHORT_BINUNICODE
      return push_text(take_unsigned(1)), true;
    case 0x8d:  // BINUNICODE8
      return push_text(take_unsigned(8)), true;
    case 'S':  // STRING
    case 'V':  // UNICODE
    {
      std::string_view line = take_line();
      if (opcode == 'S' && line.size() >= 2) line = line.substr(1, line.size() - 2);  // without quotes
      push(Kind::text).text = line;
      return true;
    }
    case 'C':  // SHORT_BINBYTES
      return push_bytes(take_unsigned(1)), true;
    case 'B':  // BINBYTES
      return push_bytes(take_unsigned(4)), true;
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      return push_bytes(take_unsigned(8)), true;
    default:
      return false;
  }
}

bool Pickle::push_container(unsigned char opcode) {
  const auto push_marked = [&](Kind kind) {
    std::vector<Id> items = pop_to_mark();
    if (kind == Kind::dictionary && items.size() % 2 != 0) refuse("a key without a value");
    push(kind).items = std::move(items);
    return true;
  };
  switch (opcode) {
    case ')':  // EMPTY_TUPLE
      return tuple(0), true;
    case 0x85:  // TUPLE1
    case 0x86:  // TUPLE2
    case 0x87:  // TUPLE3
      return tuple(opcode - 0x84u), true;
    case 't':  // TUPLE
      return push_marked(Kind::tuple);
    case ']':  // EMPTY_LIST
      return push(Kind::list), true;
    case 'l':  // LIST
      return push_marked(Kind::list);
    case '}':  // EMPTY_DICT
      return push(Kind::dictionary), true;
    case 'd':  // DICT
      return push_marked(Kind::dictionary);
    case 0x8f:  // EMPTY_SET
      return push_object("set"), true;
    case 0x91:  // FROZENSET
      return pop_to_mark(), push_object("frozenset"), true;
    default:
      return false;
  }
}

bool Pickle::extend_container(unsigned char opcode) {
  switch (opcode) {
    case 'a': {  // APPEND
      const Id item = pop();
      return append({item}, "APPEND"), true;
    }
    case 'e':  // APPENDS
      return append(pop_to_mark(), "APPENDS"), true;
    case 's': {  // SETITEM
      const Id value = pop(), key = pop();
      return set_items({key, value}, "SETITEM"), true;
    }
    case 'u':  // SETITEMS
      return set_items(pop_to_mark(), "SETITEMS"), true;
    case 0x90:  // ADDITEMS
      pop_to_mark();
      return top({Kind::object}, "ADDITEMS"), true;
    default:
      return false;
  }
}

bool Pickle::use_memo(unsigned char opcode) {
  switch (opcode) {
    case 'q':  // BINPUT
      return memorise(take_unsigned(1)), true;
    case 'r':  // LONG_BINPUT
      return memorise(take_unsigned(4)), true;
    case 'p':  // PUT
      return memorise(static_cast<std::uint64_t>(take_decimal())), true;
    case 0x94:  // MEMOIZE
      return memorise(memo_.size()), true;
    case 'h':  // BINGET
      return recall(take_unsigned(1)), true;
    case 'j':  // LONG_BINGET
      return recall(take_unsigned(4)), true;
    case 'g':  // GET
      return recall(static_cast<std::uint64_t>(take_decimal())), true;
    default:
      return false;
  }
}

bool Pickle::make_object(unsigned char opcode) {
  switch (opcode) {
    case 'c':  // GLOBAL
      return push_named_global(), true;
    case 0x93: {  // STACK_GLOBAL
      const Id name = pop(), module = pop();
      if (values_[name].kind != Kind::text || values_[module].kind != Kind::text) refuse("a name that is no text");
      return push_global(values_[module].text, values_[name].text), true;
    }
    case 0x82:  // EXT1
    case 0x83:  // EXT2
    case 0x84:  // EXT4: a global by its number in a registry of the program that wrote the file
      take(std::size_t{1} << (opcode - 0x82u));
      return push_object("a registered type"), true;
    case 'R':     // REDUCE
    case 0x81: {  // NEWOBJ
      const Id arguments = pop(), function = pop();
      return call(function, arguments), true;
    }
    case 0x92: {  // NEWOBJ_EX: with arguments by name
      pop();
      const Id arguments = pop(), function = pop();
      return call(function, arguments), true;
    }
    case 'i':    // INST
    case 'o': {  // OBJ
      std::vector<Id> arguments = pop_to_mark();
      if (opcode == 'i') {
        push_named_global();
      } else {
        if (arguments.empty()) refuse("a value is missing");
        stack_.push_back(arguments.front());
        arguments.erase(arguments.begin());
      }
      push(Kind::tuple).items = std::move(arguments);
      const Id given = pop(), type = pop();
      return call(type, given), true;
    }
    case 'b':  // BUILD: attributes, which say nothing about values
      pop();
      return top({Kind::dictionary, Kind::object, Kind::call}, "BUILD"), true;
    case 'P':  // PERSID: the text of an id, from which PyTorch can't read a storage either
      refuse("its storages are those of pickle protocol 0, which PyTorch can't read");
    case 'Q': {  // BINPERSID
      const Id id = pop();
      push(Kind::persistent).items = {id};
      return true;
    }
    default:
      return false;
  }
}

}  // namespace dgsam
