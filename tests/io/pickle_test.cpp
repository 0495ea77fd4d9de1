#include "engine/io/pickle.h"

#include <doctest/doctest.h>

#include "engine/core/rng.h"
#include "tests/io/pth_support.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

const std::string kZero("K\0", 2);

/// Why a file of torch.save around this object is refused; "" when it is read.
std::string refusal(const std::string& object,
                    const std::vector<std::pair<std::string, std::vector<float>>>& storages = {{"0", {1, 2, 3, 4}}}) {
  const std::string bytes = old_file(object, storages);
  const std::string error = error_of([&] { read_all(bytes); });
  CHECK_MESSAGE((error.empty() || error.starts_with("memory.pth: ")), error);
  return error;
}

void check(const std::string& object, const std::string& message) {
  const std::string error = refusal(object);
  CHECK_MESSAGE(error.find(message) != std::string::npos, "expected ", message, ", got ", error);
}

std::string weights(const std::string& tensor) { return "}" + text("w") + tensor + "s"; }

std::string good_tensor() { return tensor_pickle(storage("0", 4), kZero, "K\x02K\x02\x86", "K\x02K\x01\x86"); }

}  // namespace

TEST_CASE("a pickle is read as values") {
  const std::string bytes = "\x80\x02(" + text("ab") + "U\x01zNM\x02\x01J\xff\xff\xff\xff\x8a\x02\xfe\xff\x8a" +
                            std::string("\0\x88\x89", 3) + "G\x3f\xf8" + std::string(6, '\0') + "]q\x07K\x05" +
                            "ah\x07)t.rest";
  const Pickle pickle(as_span(bytes), "p", {});
  CHECK(pickle.size() == bytes.size() - 4);
  const Pickle::Value& root = pickle.root();
  REQUIRE(root.kind == Pickle::Kind::tuple);
  REQUIRE(root.items.size() == 13);
  const auto item = [&](std::size_t i) -> const Pickle::Value& { return pickle.at(root.items[i]); };
  CHECK(item(0).text == "ab");
  CHECK(item(1).text == "z");
  CHECK(item(2).kind == Pickle::Kind::none);
  CHECK(item(3).integer == 258);
  CHECK(item(4).integer == -1);
  CHECK(item(5).integer == -2);
  CHECK(item(6).integer == 0);
  CHECK(item(7).integer == 1);
  CHECK(item(8).kind == Pickle::Kind::boolean);
  CHECK(item(9).real == 1.5);
  CHECK(item(10).items.size() == 1);
  CHECK(root.items[10] == root.items[11]);
  CHECK(item(12).kind == Pickle::Kind::tuple);
}

TEST_CASE("Python 2's OrderedDict, made of a list of pairs, is a dictionary") {
  CHECK(refusal("ccollections\nOrderedDict\n](" + text("w") + good_tensor() +
                "\x86"
                "e\x85R")
            .empty());
  CHECK(refusal("ccollections\nOrderedDict\n](](" + text("w") + good_tensor() + "eee\x85R") != "");
  check("ccollections\nOrderedDict\nK\x01\x85R", "no list");
  check("ccollections\nOrderedDict\n]K\x01\x61\x85R", "else than pairs");
}

TEST_CASE("a pickle that would run code is refused by the name of what it asks for") {
  check("cos\nsystem\n" + text("touch pwned") + "\x85R", "\"os.system\"");
  check("cposix\nsystem\n" + text("id") + "\x85R", "\"posix.system\"");
  check("c__builtin__\neval\n" + text("1") + "\x85R", "\"__builtin__.eval\"");
  check("cbuiltins\ngetattr\n)R", "\"builtins.getattr\"");
  check("ctorch._utils\n_rebuild_tensor_v2.__globals__\n)R", "__globals__");
  check("ctorch\nload\n)R", "\"torch.load\"");
  check("cnumpy.core.multiarray\nscalar\n)R", "save the weights alone: torch.save(model.state_dict(), path)");
  check("(S'id'\nios\nsystem\n", "opcode 0x53");
  check("(" + text("id") + "ios\nsystem\n", "opcode 0x69");
  check("(cos\nsystem\no", "\"os.system\"");
  check("(}o", "opcode 0x6f");
  check("}}\x81", "opcode 0x81");
  check(text("os") + text("system") + "\x93", "opcode 0x93");
  check("\x82\x01", "opcode 0x82");
  check("\x95", "opcode 0x95");
  check("P1\n", "opcode 0x50");
  check("c\x1b[31m\n\xff\n)R", "\"?[31m.?\"");
  check("c" + std::string(1000, 'a') + "\nb\n", "a name without end");
}

TEST_CASE("calls, BUILD and additions are refused where they make no sense") {
  check("K\x01)R", "no function");
  check("ctorch\nFloatStorage\nK\x01R", "no function");
  check("ctorch\nFloatStorage\n}b", "BUILD of a value");
  check("}K\x01\x62", "BUILD with something");
  check(good_tensor() + "}b", "BUILD of a value");
  check(")K\x01\x61", "APPEND of a value");
  check("]K\x01K\x01s", "SETITEM of a value");
  check("}(K\x01u", "a key without a value");
  check("h\x05", "used before");
  check("q\x05", "a value is missing");
  check("(q\x05", "a value is missing");
  check("}t", "a mark is missing");
  check("\x85", "a value is missing");
  check("}}", "left over");
  check("}(", "a value is missing");
  check("X\xff\xff\xff\xff", "ends early");
  check("\x8a\xff", "ends early");
}

TEST_CASE("protocols other than 2 are refused by number") {
  for (const char protocol : {'\0', '\1', '\3', '\4', '\5'}) {
    const std::string bytes = std::string("\x80") + protocol + "}.";
    CHECK_THROWS_WITH_AS(Pickle(as_span(bytes), "p", {}), doctest::Contains("protocol"), Error);
  }
  const std::string none = "(dp0\n.";
  CHECK_THROWS_WITH_AS(Pickle(as_span(none), "p", {}), doctest::Contains("does not begin"), Error);
}

TEST_CASE("each part of a tensor is checked") {
  CHECK(refusal(weights(good_tensor())).empty());
  const auto tensor = [](const std::string& offset, const std::string& shape, const std::string& strides) {
    return weights(tensor_pickle(storage("0", 4), offset, shape, strides));
  };
  const std::string minus = "J\xff\xff\xff\xff", huge = "\x8a\x08" + number(INT64_MAX);
  check(tensor("K\x01", "K\x02K\x02\x86", "K\x02K\x01\x86"), "not inside its storage of 4");
  check(tensor(minus, "K\x02\x85", "K\x01\x85"), "its offset is not");
  check(tensor(kZero, minus + "\x85", "K\x01\x85"), "its shape is not");
  check(tensor(kZero, "K\x02\x85", minus + "\x85"), "its strides is not");
  check(tensor(kZero, "K\x02\x85", kZero + "\x85"), "more than once");
  check(tensor(kZero, huge + "\x85", kZero + "\x85"), "more than once");
  check(tensor(kZero, huge + huge + "\x86", "K\x01K\x01\x86"), "not inside");
  check(tensor(kZero, huge + "\x85", huge + "\x85"), "not inside");
  check(tensor(huge, "K\x02\x85", "K\x01\x85"), "not inside");
  check(tensor(kZero, "K\x02\x85", ")"), "more dimensions than strides");
  check(tensor(kZero, "K\x02", "K\x01\x85"), "not a list");
  check(tensor(kZero, "(" + std::string(9, 'N') + "t", ")"), "not a list");
  check(weights("ctorch._utils\n_rebuild_tensor_v2\n)R"), "no storage");
  check(weights("ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x01K\x01K\x01tR"), "no storage");
  check(weights("ctorch._utils\n_rebuild_parameter\n)R"), "without a tensor");
  check(weights("ctorch._utils\n_rebuild_parameter\nctorch._utils\n_rebuild_parameter\n)R\x85R"), "without a tensor");
  check(weights("ctorch.Size\n"), "a name");
  // An empty tensor may have any strides.
  CHECK(refusal(tensor("K\x04", kZero + "\x85", "K\x01\x85")).empty());
  CHECK(refusal(tensor(kZero, "ctorch\nSize\nK\x02\x85\x85R", "K\x01\x85")).empty());
}

TEST_CASE("persistent ids are storages of a known type, or refused") {
  const auto persistent = [](const std::string& id) { return weights(id + "Q"); };
  check(persistent("K\x01"), "no storage");
  check(persistent("N"), "no storage");
  check(persistent(text("storage")), "no storage");
  check(persistent("(" + text("module") + "NNNNt"), "no storage");
  check(persistent("(" + text("storage") + "N" + text("0") + text("cpu") + "K\x01t"), "without a known type");
  check(persistent("(" + text("storage") + "ctorch\nSize\n" + text("0") + text("cpu") + "K\x01t"), "known type");
  check(persistent("(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "Nt"), "size");
  check(weights(storage("0", 4)) + text("v") + tensor_pickle(storage("0", 2), kZero, ")", ")") + "s", "two types");
  const std::string view = "(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "K\x04";
  const auto part = [&](const std::string& id) {
    return weights(tensor_pickle(view + id + "tQ", kZero, "K\x02\x85", "K\x01\x85"));
  };
  CHECK(refusal(part("(" + text("v") + "K\x02K\x02t")).empty());
  check(part("(" + text("v") + "K\x03K\x02t"), "not inside its storage");
  check(part("(" + text("v") + "K\x02K\x01t"), "not inside its storage of 1");
  check(part("K\x01"), "not three values");
}

TEST_CASE("files without tensors, with names that are no text, or with too deep dictionaries are refused") {
  check("}", "no tensors");
  check("]", "no dictionary of tensors");
  check("K\x01", "no dictionary of tensors");
  check(good_tensor(), "no dictionary of tensors");
  check("}N" + good_tensor() + "s", "no text");
  check("}" + text(std::string(600, 'n')) + good_tensor() + "s", "longer than");
  check("}q\x01" + text("a") + good_tensor() + "s" + text("b") + "h\x01s", "nested more than");  // holds itself
}

TEST_CASE("pickles that blow up when they are walked are refused soon") {
  // 41^6 paths to one tensor: each dictionary holds the one below 41 times.
  std::string nested = "}" + text("w") + good_tensor() + "sq" + std::string(1, '\0');
  for (char level = 1; level <= 6; ++level) {
    nested = "}(" + text("x") + nested;
    for (int i = 0; i < 40; ++i) nested += text("n" + std::to_string(i)) + "h" + static_cast<char>(level - 1);
    nested += std::string("uq") + level;
  }
  check(nested, "more than 65536");
}

TEST_CASE("tensors that overlap until they are far more than their file are refused") {
  std::string many = "}(" + text("w") + tensor_pickle(storage("0", 200) + "q\x01", kZero, "K\xc8\x85", "K\x01\x85");
  for (int i = 0; i < 1000; ++i) {
    many += text(std::to_string(i)) + "ctorch._utils\n_rebuild_tensor_v2\nq\x02(h\x01K" + std::string(1, '\0') +
            "K\xc8\x85K\x01\x85tR";
  }
  const std::string error = refusal(many + "u", {{"0", std::vector<float>(200, 1)}});
  CHECK_MESSAGE(error.find("8 times the file") != std::string::npos, error);
}

TEST_CASE("deep nesting and long memos cost no stack and little memory") {
  const int depth = 500000;
  check(std::string(depth, '(') + std::string(depth, 't'), "no dictionary");
  check("N" + std::string(depth, '\x85'), "no dictionary");
  std::string memo = "}";
  for (std::uint32_t i = 0; i < 200000; ++i) memo += "r" + number(i * 21001u);
  check(memo, "no tensors");
}

TEST_CASE("random opcodes are read or refused") {
  const std::string opcodes = std::string("(NKMJGXTU)t]ae}suqrhjcRbQ.") + "\x80\x85\x86\x87\x88\x89\x8a";
  RandomStream random(3, "opcodes");
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string object;
    for (std::uint64_t n = 1 + random.below(30); n > 0; --n) {
      object += opcodes[random.below(opcodes.size())];
      if (random.below(3) == 0) object += static_cast<char>(random.below(4));
      if (random.below(8) == 0) object += good_tensor();
    }
    const std::string bytes = old_file(object, {{"0", {1, 2, 3, 4}}});
    refused += !error_of([&] { read_all(bytes); }).empty();
  }
  CHECK(refused > 10000);
}
