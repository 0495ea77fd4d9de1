#include "engine/io/pth.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/io/pth_support.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

/// The rule of tests/golden/pth/make_golden.py.
std::vector<double> expected(const std::string& name, std::size_t count, double scale = 0.25) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(name.size() + i) * scale;
  return values;
}

void check_small_model(const TensorFile& file, const std::string& dtype = "F32") {
  const auto check = [&](const std::string& name, const std::vector<std::int64_t>& shape, std::size_t count) {
    const TensorFile::Entry* entry = file.find(name);
    REQUIRE_MESSAGE(entry != nullptr, name);
    CHECK(entry->dtype == dtype);
    CHECK(entry->shape == shape);
    CHECK(file.read_as<double>(name) == expected(name, count));
  };
  check("conv1.weight", {2, 3, 2, 2}, 24);
  check("bn1.running_var", {2}, 2);
  check("fc.weight", {3, 2}, 6);
}

/// Runs a check on both serialisations of a golden file.
template <class Check>
void on_both(const std::string& name, const Check& check) {
  for (const std::string suffix : {"", "_old"}) {
    CAPTURE(name + suffix);
    const auto file = open_tensor_file(golden_pth(name + suffix));
    CHECK(file->format() == (suffix.empty() ? "PyTorch (zip)" : "PyTorch (before 1.6)"));
    check(*file);
  }
}

bool has_note(const TensorFile& file, const std::string& part) {
  for (const std::string& note : file.notes()) {
    if (note.starts_with(file.path()) && note.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a state_dict of torch.save has its names, types, shapes and values, in both serialisations") {
  on_both("plain", [](const TensorFile& file) {
    CHECK(file.entries().size() == 4);
    CHECK(file.notes().empty());
    check_small_model(file);
    CHECK(file.read_as<std::int64_t>("bn1.num_batches_tracked") == std::vector<std::int64_t>{7});
    CHECK(file.find("bn1.num_batches_tracked")->shape.empty());
    CHECK_THROWS_WITH_AS(file.read_as<std::int64_t>("fc.weight"), doctest::Contains("fc.weight is F32"), Error);
    CHECK_THROWS_AS(file.read_as<float>("none"), Error);
  });
}

TEST_CASE("DataParallel's prefix is left out, and a note says so") {
  on_both("parallel", [](const TensorFile& file) {
    check_small_model(file);
    CHECK(has_note(file, "\"module.\""));
  });
}

TEST_CASE(
    "a training script's checkpoint: the tensors under state_dict are taken, not the optimizer's, and halves convert") {
  on_both("nested", [](const TensorFile& file) {
    CHECK(file.entries().size() == 4);
    check_small_model(file, "F16");
    CHECK(has_note(file, "under \"state_dict\""));
  });
}

TEST_CASE("DomainBed's checkpoints have torchvision's names, and each tensor once") {
  on_both("domainbed", [](const TensorFile& file) {
    CHECK(file.entries().size() == 3);
    check_small_model(file);
    CHECK(has_note(file, "under \"model_dict\""));
    CHECK(has_note(file, "DomainBed's names"));
  });
}

TEST_CASE("tensors that are transposed, sliced, channels last or parts of one storage are read row-major") {
  on_both("strided", [](const TensorFile& file) {
    using Values = std::vector<double>;
    CHECK(file.find("transposed")->shape == std::vector<std::int64_t>{6, 4});
    const Values transposed = file.read_as<double>("transposed");
    for (std::size_t i = 0; i < 24; ++i) CHECK(transposed[i] == static_cast<double>(i % 4 * 6 + i / 4));
    CHECK(file.read_as<double>("sliced") == Values{7, 9, 11, 13, 15, 17});
    CHECK(file.read_as<double>("channels_last") == expected("channels_last", 24));
    CHECK(file.read_as<double>("tail") == Values{20, 21, 22, 23});
    CHECK(file.read_as<double>("scalar") == Values{5});
    CHECK(file.read_as<double>("empty").empty());
    CHECK(file.read_as<double>("parameter") == Values{1.5, -2});
  });
}

TEST_CASE("every element type of PyTorch's storages is read") {
  on_both("types", [](const TensorFile& file) {
    for (const auto& [name, dtype] : std::vector<std::pair<std::string, std::string>>{
             {"float64", "F64"}, {"float32", "F32"}, {"float16", "F16"}, {"bfloat16", "BF16"}}) {
      CHECK(file.find(name)->dtype == dtype);
      CHECK(file.read_as<double>(name) == expected(name, 3));
    }
    for (const auto& [name, dtype] : std::vector<std::pair<std::string, std::string>>{
             {"int64", "I64"}, {"int32", "I32"}, {"int16", "I16"}, {"int8", "I8"}, {"uint8", "U8"}}) {
      CHECK(file.find(name)->dtype == dtype);
      CHECK(file.read_as<double>(name) == expected(name, 3, 1));
      CHECK(file.read_as<std::int64_t>(name)[2] == static_cast<std::int64_t>(name.size()) + 2);
    }
    CHECK(file.read_as<std::int64_t>("bool") == std::vector<std::int64_t>{1, 0, 1});
  });
}

TEST_CASE("a file in memory reads as the same file on disk") {
  for (const std::string name : {"strided", "strided_old"}) {
    const std::string bytes = read_bytes(golden_pth(name));
    const PthFile memory(ByteSource(as_span(bytes), "memory")), disk(ByteSource(golden_pth(name)));
    REQUIRE(memory.entries().size() == disk.entries().size());
    for (const auto& entry : disk.entries()) {
      CHECK(memory.read_as<double>(entry.name) == disk.read_as<double>(entry.name));
    }
  }
}

TEST_CASE("every prefix of a file is an Error that names it") {
  for (const std::string name : {"plain", "plain_old", "domainbed", "strided_old"}) {
    const std::string whole = read_bytes(golden_pth(name));
    CHECK(read_all(whole) > 0);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      CAPTURE(name);
      CAPTURE(length);
      const std::string error = error_of([&] { read_all(whole.substr(0, length)); });
      CHECK_MESSAGE(error.starts_with("memory.pth: "), error);
    }
  }
}

TEST_CASE("a file with any byte changed is read or refused, never a crash, and a changed value in a zip is refused") {
  for (const std::string name : {"plain", "plain_old", "domainbed", "domainbed_old", "strided"}) {
    const std::string whole = read_bytes(golden_pth(name));
    int refused = 0;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const int change : {0x01, 0x04, 0x80, 0xff}) {
        std::string mutant = whole;
        mutant[at] = static_cast<char>(mutant[at] ^ change);
        refused += !error_of([&] { read_all(mutant); }).empty();
      }
    }
    CHECK(refused > static_cast<int>(whole.size()));
  }
  std::string damaged = read_bytes(golden_pth("plain"));
  const std::size_t value = damaged.find(number(15.0f / 4) + number(16.0f / 4));  // of bn1.running_var
  REQUIRE(value != std::string::npos);
  damaged[value] ^= 1;
  CHECK(error_of([&] { read_all(damaged); }).find("is damaged") != std::string::npos);
}

// --- containers --------------------------------------------------------------------------------------------------

namespace {

const std::string kOneTensor =
    "\x80\x02}" + text("w") + tensor_pickle(storage("0", 2), std::string("K\0", 2), "K\x02\x85", "K\x01\x85") + "s.";

std::string error_of_zip(const std::vector<std::pair<std::string, std::string>>& records,
                         int compression = ZIP_CM_STORE) {
  const TemporaryFolder folder;
  write_zip(folder.file("a.pth"), records, compression);
  return error_of([&] {
    const auto file = open_tensor_file(folder.file("a.pth"));
    for (const auto& entry : file->entries()) file->read_as<float>(entry.name);
  });
}

}  // namespace

TEST_CASE("a zip file must hold data.pkl, its storages whole and uncompressed, and little-endian numbers") {
  const std::string data = number(1.0f) + number(2.0f);
  CHECK(error_of_zip({{"a/data.pkl", kOneTensor}, {"a/data/0", data}}).empty());
  CHECK(error_of_zip({{"a/data.pkl", kOneTensor}, {"a/byteorder", "little"}, {"a/data/0", data}}).empty());
  const auto check = [](const std::string& error, const char* message) {
    CHECK_MESSAGE(error.find(message) != std::string::npos, error);
  };
  check(error_of_zip({{"a/data.pkl", kOneTensor}, {"a/byteorder", "big"}, {"a/data/0", data}}), "big-endian");
  check(error_of_zip({{"a/data.pkl", kOneTensor}}), "storage 0 is missing");
  check(error_of_zip({{"a/data.pkl", kOneTensor}, {"a/data/0", data.substr(1)}}),
        "storage 0 has 7 bytes, not 2 elements");
  check(error_of_zip({{"a/data.pkl", kOneTensor}, {"a/data/0", data}}, ZIP_CM_BZIP2), "compressed in a way");
  CHECK(error_of_zip({{"data.pkl", kOneTensor}, {"data/0", data}}).empty());  // packed again without its folder
  check(error_of_zip({{"weights.npy", data}, {"b", ""}}), "a zip file with weights.npy, b, not one that torch.save");
  check(error_of_zip({{"a/data.pkl", kOneTensor}, {"a/constants.pkl", ""}, {"a/data/0", data}}), "TorchScript");
  check(error_of_zip({{"a/data.pkl", std::string(Pickle::kMaxBytes + 1, 'N')}}), "more than the limit");
}

TEST_CASE("an old file must have the known version, little-endian numbers and each storage once, whole") {
  const std::string object =
      "}" + text("w") + tensor_pickle(storage("7", 2), std::string("K\0", 2), "K\x02\x85", "K\x01\x85") + "s";
  CHECK(read_all(old_file(object, {{"7", {1, 2}}})) == 2);
  CHECK(read_all(old_file(object, {{"7", {1, 2}}}, "}" + text("little_endian") + "\x88s")) == 2);
  const auto check = [](const std::string& bytes, const char* message) {
    const std::string error = error_of([&] { read_all(bytes); });
    CHECK_MESSAGE(error.find(message) != std::string::npos, error);
  };
  check(old_file(object, {{"7", {1, 2}}}, "}" + text("little_endian") + "\x89s"), "big-endian");
  check(old_file(object), "storage 7 is missing");
  check(old_file(object, {{"7", {1}}}), "has 1 elements, not 2");
  check(old_file(object, {{"7", {1, 2}}, {"7", {1, 2}}}), "there twice");
  check(old_file(object, {{"8", {1, 2}}}), "nothing uses it");
  std::string other = old_file(object, {{"7", {1, 2}}});
  other[other.find("M\xe9")] = 'K';
  check(other, "pickle");
}

// --- what newer versions, other programs and training scripts write ---------------------------------------------

TEST_CASE("objects beside the tensors are left out with a note, in every pickle protocol and both serialisations") {
  for (const std::string name :
       {"objects1", "objects2", "objects3", "objects4", "objects5", "objects1_old", "objects2_old", "objects4_old"}) {
    CAPTURE(name);
    const auto file = open_tensor_file(golden_pth(name));
    CHECK(file->format() == (name.ends_with("_old") ? "PyTorch (before 1.6)" : "PyTorch (zip)"));
    REQUIRE(file->entries().size() == 2);
    CHECK(file->read_as<double>("weight") == expected("weight", 6));
    CHECK(file->read_as<double>("attributed") == expected("attributed", 2));
    CHECK(has_note(*file, "under \"model\""));
    CHECK(has_note(*file, "left out, as it is no tensor: np_float (numpy._core.multiarray.scalar) and 45 more"));
  }
}

TEST_CASE(
    "negated, conjugated, expanded, overlapping, shared and empty tensors have the values that PyTorch gives them") {
  on_both("views", [](const TensorFile& file) {
    using Values = std::vector<double>;
    CHECK(file.entries().size() == 15);
    const Values negated = file.read_as<double>("negated");
    REQUIRE(negated.size() == 24);
    for (std::size_t i = 0; i < 24; ++i) CHECK(negated[i] == -static_cast<double>(i));
    CHECK(std::signbit(negated[0]));
    CHECK(file.read_as<double>("negated_strided") == Values{-1, -4, -7, -10});
    CHECK(file.read_as<double>("negated_half") == Values{0, -1, -2, -3, -4});
    CHECK(file.read_as<std::int64_t>("negated_int") == std::vector<std::int64_t>{2, 1, 0, -1, -2});
    CHECK(file.read_as<double>("negated_byte") == Values{0, 255, 254, 253});
    CHECK(file.read_as<double>("imag_of_conj") == Values{-6, -7, -8, -9, -10, -11});
    CHECK(file.read_as<double>("real_of_conj") == Values{0, 1, 2, 3, 4, 5});
    CHECK(file.read_as<double>("expanded") == Values{1.5, 1.5, 1.5, -2, -2, -2});
    CHECK(file.read_as<double>("one") == Values{2.5, 2.5, 2.5, 2.5});
    CHECK(file.read_as<double>("windows") == Values{0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5});
    CHECK(file.read_as<double>("diagonal") == Values{0, 5, 10, 15});
    CHECK(file.read_as<double>("shared") == Values{3, 4, 5, 6, 7, 8});
    CHECK(file.find("empty")->shape == std::vector<std::int64_t>{0, 5});
    for (const char* name : {"empty", "empty_part", "empty_far"}) CHECK(file.read_as<double>(name).empty());
  });
}

TEST_CASE("tensors whose values can't be read are left out by name, never read as something else") {
  const auto file = open_tensor_file(golden_pth("unreadable"));
  REQUIRE(file->entries().size() == 1);
  CHECK(file->read_as<double>("weight") == expected("weight", 6));
  CHECK(has_note(*file, "left out, as its values can't be read: conj (torch.ComplexFloatStorage) and 3 more"));
}

TEST_CASE("an archive without checksums is read, and one that was packed again and compressed") {
  for (const std::string name : {"no_crc", "deflated"}) {
    CAPTURE(name);
    const std::string whole = read_bytes(golden_pth(name));
    const PthFile file(ByteSource(as_span(whole), "memory.pth"));
    CHECK(file.entries().size() == 4);
    check_small_model(file);
    CHECK(file.notes().empty());
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const std::string cut = whole.substr(0, length);
      CHECK(error_of([&] { read_all(cut); }).starts_with("memory.pth: "));
    }
  }
}

TEST_CASE("a part of a compressed record is read from where it begins, and a false size is refused") {
  const TemporaryFolder folder;
  const std::string object = std::string("\x80\x02}") + "(" + text("a") +
                             tensor_pickle(storage("0", 4) + "q\x01", "K\x01", "K\x02\x85", "K\x01\x85") + text("b") +
                             "ctorch._utils\n_rebuild_tensor_v2\n(h\x01K" + std::string(1, '\0') +
                             "K\x04\x85K\x01\x85tRu.";
  write_zip(folder.file("a"),
            {{"a/data.pkl", object}, {"a/data/0", number(1.0f) + number(2.0f) + number(3.0f) + number(4.0f)}},
            ZIP_CM_DEFLATE);
  const auto file = open_tensor_file(folder.file("a"));
  CHECK(file->read_as<float>("a") == std::vector<float>{2, 3});
  CHECK(file->read_as<float>("b") == std::vector<float>{1, 2, 3, 4});
  write_zip(folder.file("bomb"), {{"a/data.pkl", object}, {"a/data/0", std::string(1u << 20, '\0')}}, ZIP_CM_DEFLATE);
  const auto bomb = open_tensor_file(folder.file("bomb"));
  CHECK(error_of([&] { bomb->read_as<float>("b"); }).find("too few or more than the file") != std::string::npos);
}
