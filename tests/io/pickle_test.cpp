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

TEST_CASE("a pickle that would run code is refused by the name of what it asks for, and nothing is run") {
  check("cos\nsystem\n" + text("touch pwned") + "\x85R", "a use of \"os.system\", which was not run");
  check("cposix\nsystem\n" + text("id") + "\x85R", "\"posix.system\"");
  check("c__builtin__\neval\n" + text("1") + "\x85R", "\"__builtin__.eval\"");
  check("cbuiltins\ngetattr\n)R", "\"builtins.getattr\"");
  check("ctorch._utils\n_rebuild_tensor_v2.__globals__\n)R", "__globals__");
  check("ctorch\nload\n)R", "\"torch.load\"");
  check("cnumpy.core.multiarray\nscalar\n)R", "save the weights alone: torch.save(model.state_dict(), path)");
  check("(S'id'\nios\nsystem\n", "\"os.system\"");
  check("(" + text("id") + "ios\nsystem\n", "\"os.system\"");
  check("(cos\nsystem\no", "\"os.system\"");
  check("cos\nsystem\n)\x81", "\"os.system\"");
  check("cos\nsystem\n)}\x92", "\"os.system\"");
  check(text("os") + text("system") + "\x93" + text("id") + "\x85R", "\"os.system\"");
  check("cos\nsystem\n}b", "\"os.system\"");
  check("cbuiltins\ngetattr\ncos\nsystem\n" + text("x") + "\x86R" + text("id") + "\x85R", "\"builtins.getattr\"");
  check("\x82\x01", "\"a registered type\"");
  check("ccopyreg\n_reconstructor\ncbad\nThing\ncbuiltins\nobject\nN\x87R", "\"bad.Thing\"");
  check("c\x1b[31m\n\xff\n)R", "\"?[31m.?\"");
  check("c" + std::string(1000, 'a') + "\nb\n", "a name without end");
  check("ca\nb", "a line without end");
  check("(}o", "a call of something that is no function");
  check("}}\x81", "a call of something that is no function");
  check("P1\n", "pickle protocol 0");
  check("\x97", "opcode 0x97");  // a buffer outside the file
  check("\xff", "opcode 0xff");
}

TEST_CASE("a pickle that would run code beside its tensors yields the tensors, and the note names what was left out") {
  const std::string object = "}(" + text("w") + good_tensor() + text("x") + "cos\nsystem\n" + text("id") + "\x85Ru";
  const std::string bytes = old_file(object, {{"0", {1, 2, 3, 4}}});
  const PthFile file(ByteSource(as_span(bytes), "memory.pth"));
  REQUIRE(file.entries().size() == 1);
  CHECK(file.read_as<float>("w") == std::vector<float>{1, 2, 3, 4});
  CHECK(file.notes() == std::vector<std::string>{"memory.pth: left out, as it is no tensor: x (os.system)"});
  // What is set on, or added to, a tensor or a dictionary of tensors changes nothing.
  CHECK(refusal(weights(good_tensor() + "cos\nsystem\n)Rb")).empty());
  CHECK(refusal(weights(good_tensor()) + "cos\nsystem\n)Rb").empty());
}

TEST_CASE("calls, BUILD and additions are refused where they make no sense") {
  check("K\x01)R", "no function");
  check(good_tensor() + ")R", "no function");
  check("ctorch\nFloatStorage\nK\x01R", "no function");
  check("K\x01}b", "BUILD of a value");
  check("]}b", "BUILD of a value");
  check("b", "a value is missing");
  check(")K\x01\x61", "APPEND of a value");
  check("]K\x01K\x01s", "SETITEM of a value");
  check("](K\x01\x90", "ADDITEMS of a value");
  check("K\x01N\x93", "a name that is no text");
  check("}(K\x01u", "a key without a value");
  check("(K\x01\x64", "a key without a value");
  check("h\x05", "used before");
  check("g5\n", "used before");
  check("g-1\n", "a number that is none");
  check("I1x\n", "a number that is none");
  check("q\x05", "a value is missing");
  check("(q\x05", "a value is missing");
  check("\x94", "a value is missing");
  check("0", "a value is missing");
  check("2", "a value is missing");
  check("1", "a mark is missing");
  check("(o", "a value is missing");
  check("}t", "a mark is missing");
  check("\x85", "a value is missing");
  check("}}", "left over");
  check("}(", "a value is missing");
  check("X\xff\xff\xff\xff", "ends early");
  check("\x8d" + std::string(8, '\xff'), "ends early");
  check("\x8e" + std::string(8, '\xff'), "ends early");
  check("\x95" + std::string(8, '\xff'), "ends early");
  check("\x8a\xff", "ends early");
  check("\x8b\xff\xff\xff\xff", "ends early");
}

TEST_CASE("pickles of every protocol are read, of a later one refused by number") {
  for (const char protocol : {'\0', '\1', '\2', '\3', '\4', '\5'}) {
    const std::string bytes = std::string("\x80") + protocol + "}.";
    CHECK(Pickle(as_span(bytes), "p", {}).root().kind == Pickle::Kind::dictionary);
  }
  const std::string later = "\x80\x06}.", none = "(dp0\n.";
  CHECK_THROWS_WITH_AS(Pickle(as_span(later), "p", {}), doctest::Contains("protocol 6"), Error);
  CHECK(Pickle(as_span(none), "p", {}).root().kind == Pickle::Kind::dictionary);
}

TEST_CASE("the opcodes of protocols 0, 1 and 3 to 5 make the same values as those of 2") {
  const auto root_of = [](const std::string& bytes) { return Pickle(as_span(bytes), "p", {}); };
  const std::string old =
      "(lp0\nI7\naI01\naL-5L\naF1.5\naS'a'\naVb\naI99999999999999999999\na(I1\nI2\nta(I1\nI2\nlag0\na.";
  const Pickle list = root_of(old);
  REQUIRE(list.root().items.size() == 10);
  const auto item = [&](std::size_t i) -> const Pickle::Value& { return list.at(list.root().items[i]); };
  CHECK(item(0).integer == 7);
  CHECK(item(1).kind == Pickle::Kind::boolean);
  CHECK(item(2).integer == -5);
  CHECK(item(3).real == 1.5);
  CHECK(item(4).text == "a");
  CHECK(item(5).text == "b");
  CHECK(item(6).kind == Pickle::Kind::object);
  CHECK(item(7).items.size() == 2);
  CHECK(item(8).kind == Pickle::Kind::list);
  CHECK(&item(9) == &list.root());

  std::string recent = "\x80\x05\x95" + number(std::uint64_t{20}) + "(\x8c\x01\x61\x94\x8d" + number(std::uint64_t{1}) +
                       "b\x43\x01x\x42\x01" + std::string(3, '\0') + "y\x8e" + number(std::uint64_t{1}) + "z\x96" +
                       number(std::uint64_t{1}) + "w\x8f(K\x01\x90(K\x01\x91\x8b\x01" + std::string(3, '\0') + "\x07h" +
                       std::string(1, '\0') + "N2" + "N0(NN1t.";
  const Pickle tuple = root_of(recent);
  std::string kinds;
  for (const Pickle::Id id : tuple.root().items) {
    const Pickle::Value& value = tuple.at(id);
    kinds += value.kind == Pickle::Kind::text     ? std::string(value.text)
             : value.kind == Pickle::Kind::object ? "<" + std::string(value.text) + ">"
             : value.kind == Pickle::Kind::none   ? "N"
                                                  : std::to_string(value.integer);
  }
  CHECK(kinds == "ab<bytes><bytes><bytes><bytes><set><frozenset>7aNN");
}

TEST_CASE("dictionaries of the standard library, and objects that are filled like one, can hold the tensors") {
  const std::string fill = "(" + text("w") + good_tensor() + "u";
  CHECK(refusal("ccollections\ndefaultdict\ncbuiltins\nlist\n\x85R" + fill).empty());
  CHECK(refusal("ccollections\nCounter\n" + weights(good_tensor()) + "\x85R").empty());
  CHECK(refusal("cmodels\nStateDict\n)R" + fill).empty());
  CHECK(refusal("cmodels\nStateDict\n)\x81" + fill).empty());
  // A tuple or a list of the weights and what else was at hand.
  CHECK(refusal("(" + weights(good_tensor()) + "K\x01t").empty());
  check("(" + weights(good_tensor()) + weights(good_tensor()) + "l", "no dictionary of tensors");
  // The attributes of an object are not its items.
  check("cmodels\nNet\n)\x81}" + fill + "b", "a use of \"models.Net\"");
  check("cmodels\nNet\n" + weights(good_tensor()) + "\x85R", "a use of \"models.Net\"");
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
  check(tensor(kZero, huge + "\x85", kZero + "\x85"), "tensor w [9223372036854775807] repeats 1 elements");
  check(tensor(kZero, "J" + number(1 << 25) + "K\x01\x86", kZero + "K\x01\x86"), "overlap so much");
  CHECK(refusal(tensor(kZero, "J" + number(1 << 20) + "K\x01\x86", kZero + "K\x01\x86")).empty());
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
  check(weights("ctorch.Size\n"), "a line without end");
  const std::string id = storage("0", 4), plain = "K\x02\x85K\x01\x85";
  const auto metadata = [&](const std::string& more) {
    return weights("ctorch._utils\n_rebuild_tensor_v2\n(" + id + kZero + plain + "\x89}" + more + "tR");
  };
  CHECK(refusal(metadata("N")).empty());
  CHECK(refusal(metadata("}" + text("conj") + "\x88s")).empty());
  check(metadata("}" + text("scale") + "\x88s"), "no tensors that can be read: w (with the metadata scale)");
  check(metadata("K\x01"), "w (with metadata that are no dictionary)");
  const std::string parameter = "ctorch._utils\n_rebuild_parameter\n";
  CHECK(refusal(weights(parameter + good_tensor() + "\x88}\x87R")).empty());
  CHECK(refusal(weights("ctorch._utils\n_rebuild_parameter_with_state\n(" + good_tensor() + "\x88}}tR")).empty());
  check(
      weights(parameter + parameter + parameter + parameter + parameter + good_tensor() + "\x85R\x85R\x85R\x85R\x85R"),
      "more than 4 parameters in each other");
  const auto typed = [&](const std::string& function, const std::string& type, const std::string& arguments) {
    return weights("ctorch._tensor\n_rebuild_from_type_v2\n(c" + function + "\nc" + type + "\n" + arguments + "}tR");
  };
  const std::string v2 = "torch._utils\n_rebuild_tensor_v2", place = "(" + id + kZero + plain + "t";
  CHECK(refusal(typed(v2, "torch\nTensor", place)).empty());
  CHECK(refusal(typed(v2, "torch.nn.parameter\nParameter", place)).empty());
  check(typed(v2, "quant\nInt4Tensor", place), "no tensors that can be read: w (quant.Int4Tensor)");
  check(typed("torch._utils\n_rebuild_wrapper_subclass", "torch\nTensor", place), "a subclass without a storage");
  check(typed("os\nsystem", "torch\nTensor", place), "tensor w: it has no storage");
  check(typed("torch\nSize", "torch\nTensor", place), "tensor w: it has no storage");
  check(typed(v2, "torch\nTensor", "N"), "tensor w: it has no storage");
  // An empty tensor may have any strides, and begin anywhere.
  CHECK(refusal(tensor("K\x04", kZero + "\x85", "K\x01\x85")).empty());
  CHECK(refusal(tensor(kZero, "ctorch\nSize\nK\x02\x85\x85R", "K\x01\x85")).empty());
}

TEST_CASE("persistent ids are storages of a known type, or refused") {
  const auto persistent = [](const std::string& id) { return weights(id + "Q"); };
  check(persistent("K\x01"), "no storage");
  check(persistent("N"), "no storage");
  check(persistent(text("storage")), "no storage");
  check(persistent("(" + text("module") + "NNNNt"), "its values are w");  // beside a module, before 1.6
  check(weights(tensor_pickle("(" + text("module") + "NNNNtQ", kZero, ")", ")")), "it has no storage");
  check(persistent("(" + text("storage") + "N" + text("0") + text("cpu") + "K\x01t"), "without a type");
  check(persistent("(" + text("storage") + "ctorch\nSize\n" + text("0") + text("cpu") + "K\x01t"), "without a type");
  const auto of_type = [&](const std::string& type) {
    return weights(tensor_pickle(storage("0", 4, type), kZero, "K\x02\x85", "K\x01\x85"));
  };
  check(of_type("MagicStorage"), "no tensors that can be read: w (torch.MagicStorage)");
  check("}(" + text("w") + tensor_pickle(storage("0", 4, "MagicStorage"), kZero, ")", ")") + text("v") +
            tensor_pickle(storage("1", 4), kZero, ")", ")") + "u",
        "storage 0 is of the unknown type torch.MagicStorage");
  check(of_type("QInt32Storage"), "no tensors that can be read: w (torch.QInt32Storage)");
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
  check(good_tensor(), "one tensor without a name");
  check("}N" + good_tensor() + "s", "it holds no tensors: its values are ? (its key is no text)");
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

TEST_CASE("a list that is copied again and again is refused before it fills the memory") {
  std::string object = "](";
  for (int i = 0; i < 1000; ++i) object += "NN\x86";
  object +=
      "eq\x01"
      "ccollections\nOrderedDict\nq\x02";
  for (int i = 0; i < 100000; ++i) object += "h\x02h\x01\x85R0";
  check(object + "}", "more than 4194304 values");
  std::string types;
  for (int i = 0; i < 5000; ++i) types += "ca\nb" + std::to_string(i) + "\n0";
  check(types + "}", "more than 4096 types");
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
  const std::string opcodes =
      std::string("(NKMJGXTU)t]ae}suqrhjcRbQ.012ILFSVBCPdgilop") +
      "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98";
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
