#include "engine/io/safetensors.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <bit>
#include <cmath>
#include <limits>

#include "engine/core/check.h"
#include "engine/core/rng.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

template <class T>
NamedTensor tensor(const std::string& name, const std::string& dtype, std::vector<std::int64_t> shape,
                   const std::vector<T>& values) {
  return make_named_tensor<T>(name, dtype, std::move(shape), values);
}

std::vector<NamedTensor> small_set() {
  return {tensor<float>("conv.weight", "F32", {2, 1, 1, 2}, {1, -2, 0.5f, 4}),
          tensor<float>("conv.half", "F16", {3}, {1, -2, 65504}), tensor<double>("fc.bias", "F64", {1}, {0.1}),
          tensor<std::int64_t>("bn.num_batches_tracked", "I64", {}, {-7}),
          tensor<float>("conv.bf16", "BF16", {2}, {1, -3})};
}

/// The bytes of a file with this header (its length in front of it) and this many bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header + std::string(data_bytes, '\1');
}

/// The Error that opening such a file raises; empty when it opens.
std::string error_of(const std::string& bytes) {
  const TemporaryFolder folder;
  const std::string path = folder.file("weights.safetensors");
  write_bytes(path, bytes);
  try {
    const SafetensorsFile file(path);
    return {};
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK_MESSAGE(text.find(path) != std::string::npos, text);
    return text.substr(text.find(path) + path.size());
  }
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

}  // namespace

TEST_CASE("what is written is read back: names, types, shapes, values, metadata") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  write_safetensors(path, small_set(), {{"format", "pt"}, {"note", "a \"quoted\" line\n"}});
  const SafetensorsFile file(path);
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}, {"note", "a \"quoted\" line\n"}});
  CHECK(file.entries().size() == 5);
  REQUIRE(file.find("conv.weight") != nullptr);
  CHECK(file.find("conv.weight")->shape == std::vector<std::int64_t>{2, 1, 1, 2});
  CHECK(file.find("conv.weight")->dtype == "F32");
  CHECK(file.find("bn.num_batches_tracked")->shape.empty());
  CHECK(file.find("none") == nullptr);
  CHECK(file.read_as<float>("conv.weight") == std::vector<float>{1, -2, 0.5f, 4});
  CHECK(file.read_as<double>("conv.half") == std::vector<double>{1, -2, 65504});
  CHECK(file.read_as<double>("fc.bias") == std::vector<double>{0.1});
  CHECK(file.read_as<float>("fc.bias") == std::vector<float>{0.1f});
  CHECK(file.read_as<std::int64_t>("bn.num_batches_tracked") == std::vector<std::int64_t>{-7});
  CHECK(file.read_as<double>("bn.num_batches_tracked") == std::vector<double>{-7});
  CHECK(file.read_as<float>("conv.bf16") == std::vector<float>{1, -3});
  CHECK_THROWS_AS(file.read_as<float>("none"), Error);
  CHECK_THROWS_AS(file.read_as<std::int64_t>("fc.bias"), Error);
}

TEST_CASE("the same tensors give the same bytes, every tensor is aligned, and no temporary file stays behind") {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), small_set(), {{"k", "v"}});
  write_safetensors(folder.file("b"), small_set(), {{"k", "v"}});
  CHECK(read_bytes(folder.file("a")) == read_bytes(folder.file("b")));
  const SafetensorsFile file(folder.file("a"));
  for (const auto& at : file.entries()) CHECK(file.offset_of(at) % element_size_of(at.dtype) == 0);
  int files = 0;
  for ([[maybe_unused]] const auto& at : std::filesystem::directory_iterator(folder.path())) ++files;
  CHECK(files == 2);
}

TEST_CASE("the bytes are those of the format: length, JSON, little-endian data") {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), {tensor<float>("x", "F32", {2}, {1, -2})});
  const std::string header = R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const std::string data("\0\0\x80\x3f\0\0\0\xc0", 8);
  CHECK(read_bytes(folder.file("a")) == file_of(padded, 0) + data);
}

TEST_CASE("writing replaces a file only when it succeeds") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a");
  write_safetensors(path, small_set());
  const std::string before = read_bytes(path);
  CHECK_THROWS_AS(write_safetensors(path, {small_set()[0], small_set()[0]}), Error);
  CHECK(read_bytes(path) == before);
  CHECK_THROWS_WITH_AS(write_safetensors(folder.file("no/such/folder"), {}),
                       ("cannot write " + folder.file("no/such/folder") + ": No such file or directory").c_str(),
                       Error);
  std::filesystem::create_directory(folder.file("folder"));
  CHECK_THROWS_AS(write_safetensors(folder.file("folder"), {}), Error);
  write_safetensors(path, {});
  CHECK(SafetensorsFile(path).entries().empty());
}

TEST_CASE("tensors whose values do not fit their shape or type are refused") {
  CHECK_THROWS_AS(tensor<float>("x", "F32", {3}, {1, 2}), Error);
  CHECK_THROWS_AS(tensor<float>("x", "I64", {2}, {1, 2}), Error);
  CHECK_THROWS_AS(tensor<float>("x", "U8", {2}, {1, 2}), Error);
  CHECK_THROWS_AS(tensor<std::int64_t>("x", "F32", {2}, {1, 2}), Error);
}

TEST_CASE("F16 and BF16 keep infinities, NaN and subnormals, and F64 narrows to float by rounding") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const TemporaryFolder folder;
  const std::vector<float> values{inf, -inf, nan, 0x1p-24f, -0.0f, 3e38f, 0x1p-130f};
  write_safetensors(folder.file("a"), {tensor("half", "F16", {7}, values), tensor("bf16", "BF16", {7}, values),
                                       tensor<double>("double", "F64", {3}, {1e300, 1 + 0x1p-24, 0x1p-149}),
                                       tensor<double>("double_as_half", "F16", {1}, {1 + 0x1p-10})});
  const SafetensorsFile file(folder.file("a"));
  const std::vector<float> half = file.read_as<float>("half"), bf16 = file.read_as<float>("bf16");
  CHECK(half[0] == inf);
  CHECK(half[1] == -inf);
  CHECK(std::isnan(half[2]));
  CHECK(half[3] == 0x1p-24f);
  CHECK((half[4] == 0 && std::signbit(half[4])));
  CHECK(half[5] == inf);
  CHECK(half[6] == 0);
  CHECK(bf16[0] == inf);
  CHECK(bf16[1] == -inf);
  CHECK(std::isnan(bf16[2]));
  CHECK(bf16[3] == 0x1p-24f);
  CHECK((bf16[4] == 0 && std::signbit(bf16[4])));
  CHECK(bf16[5] == doctest::Approx(3e38).epsilon(0x1p-8));
  CHECK(bf16[6] == 0x1p-130f);
  CHECK(file.read_as<float>("double") == std::vector<float>{inf, 1.0f, 0x1p-149f});
  CHECK(file.read_as<float>("double_as_half") == std::vector<float>{1 + 0x1p-10f});
}

TEST_CASE("every prefix of a file is an Error, and so is a file with a byte too many") {
  const TemporaryFolder folder;
  const std::string path = folder.file("whole");
  write_safetensors(path, small_set(), {{"k", "v"}});
  const std::string whole = read_bytes(path);
  CHECK(error_of(whole).empty());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(error_of(whole.substr(0, length)).empty());
  }
  CHECK(error_of(whole + '\0').find("belong to none") != std::string::npos);
}

TEST_CASE("a file with changed bytes is read or refused, never a crash") {
  const TemporaryFolder folder;
  write_safetensors(folder.file("whole"), small_set(), {{"k", "v"}});
  const std::string whole = read_bytes(folder.file("whole"));
  const std::uint64_t header_end =
      8 + static_cast<unsigned char>(whole[0]) + 256 * static_cast<unsigned char>(whole[1]);
  RandomStream random(7, "mutants");
  int refused = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string mutant = whole;
    for (std::uint64_t changes = 1 + random.below(3); changes > 0; --changes) {
      mutant[random.below(header_end)] =
          static_cast<char>(random.below(4) ? 0x20 + random.below(0x60) : random.below(256));
    }
    const std::string path = folder.file(std::to_string(round));
    write_bytes(path, mutant);
    try {
      const SafetensorsFile file(path);
      for (const auto& at : file.entries()) CHECK(file.read_as<double>(at.name).size() == at.elements());
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 500);
}

TEST_CASE("an absurd header length is refused before anything is allocated") {
  for (const std::uint64_t length : {std::uint64_t{1} << 62, ~std::uint64_t{0}, std::uint64_t{93}}) {
    CHECK(error_of(std::string(reinterpret_cast<const char*>(&length), 8) + std::string(92, '{')).find("header of") !=
          std::string::npos);
  }
  const TemporaryFolder folder;  // a sparse file that is as large as it claims to be
  const std::uint64_t length = std::uint64_t{1} << 33;
  write_bytes(folder.file("a"), std::string(reinterpret_cast<const char*>(&length), 8));
  std::filesystem::resize_file(folder.file("a"), length + 8);
  CHECK_THROWS_WITH_AS(SafetensorsFile(folder.file("a")), doctest::Contains("more than the limit"), Error);
}

TEST_CASE("each inconsistency of a header has its own message") {
  const auto check = [](const std::string& header, std::size_t data, const char* message) {
    const std::string error = error_of(file_of(header, data));
    CAPTURE(header);
    CHECK_MESSAGE(error.find(message) != std::string::npos, error);
  };
  CHECK(error_of(file_of("{" + entry("a", "F32", "[2]", "[0,8]") + "}", 8)).empty());
  check("", 0, "no JSON object");
  check("[]", 0, "no JSON object");
  check(" {}", 0, "no JSON object");
  check("{\"a\":}", 0, "not valid JSON");
  check("{\"a\":\"\xff\"}", 0, "not valid JSON");
  check("{} x", 0, "not valid JSON");
  check("{\"a\":" + std::string(100000, '['), 0, "nested too deeply");
  check("{\"a\":{\"b\":{\"c\":{}}}}", 0, "nested too deeply");
  check("{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("a", "F32", "[2]", "[0,8]") + "}", 8, "\"a\" twice");
  check("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "\"dtype\" twice");
  check("{\"a\":3}", 0, "no valid dtype");
  check("{\"a\":{}}", 0, "no valid dtype");
  check("{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "no valid dtype");
  check("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "no valid shape");
  check("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "no valid data_offsets");
  check("{" + entry("a", "F31", "[2]", "[0,8]") + "}", 8, "\"F31\" is not supported");
  check("{" + entry("a", "F32", "[-2]", "[0,8]") + "}", 8, "not a non-negative integer");
  check("{" + entry("a", "F32", "[2.0]", "[0,8]") + "}", 8, "not a non-negative integer");
  check("{" + entry("a", "F32", "[\"2\"]", "[0,8]") + "}", 8, "not a non-negative integer");
  check("{" + entry("a", "F32", "[3]", "[0,8]") + "}", 8, "8 bytes do not hold F32[3]");
  check("{" + entry("a", "F32", "[4294967296,4294967296,2]", "[0,8]") + "}", 8, "do not hold");
  check("{" + entry("a", "F32", "[18446744073709551615]", "[0,8]") + "}", 8, "do not hold");
  check("{" + entry("a", "F32", "[2]", "[0]") + "}", 8, "has 1 entries");
  check("{" + entry("a", "F32", "[2]", "[-8,0]") + "}", 8, "not a non-negative integer");
  check("{" + entry("a", "F32", "[2]", "[8,0]") + "}", 8, "do not lie in the file");
  check("{" + entry("a", "F32", "[2]", "[0,8]") + "}", 4, "do not lie in the file");
  check("{" + entry("a", "F32", "[2]", "[18446744073709551608,18446744073709551615]") + "}", 8, "do not lie in");
  check("{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[2]", "[4,12]") + "}", 12, "overlap");
  check("{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[2]", "[12,20]") + "}", 20, "gap");
  check("{" + entry("a", "F32", "[2]", "[4,12]") + "}", 12, "gap");
  check("{" + entry("a", "F32", "[2]", "[0,8]") + "}", 12, "4 bytes after the last tensor");
  check("{\"__metadata__\":[]}", 0, "no JSON object");
  check("{\"__metadata__\":{\"a\":1}}", 0, "no string");
}

TEST_CASE("a missing file and a folder are refused by name") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(SafetensorsFile(folder.file("none")),
                       ("cannot read " + folder.file("none") + ": No such file or directory").c_str(), Error);
  CHECK_THROWS_AS(SafetensorsFile(folder.path().string()), Error);
}
