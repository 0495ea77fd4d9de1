#include "tools/commands/weights.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "tests/temporary_folder.h"
#include "tools/commands/commands.h"

using namespace dgsam;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

NamedTensor tensor(const std::string& name, const std::vector<float>& values, const std::string& dtype = "F32") {
  return make_named_tensor<float>(name, dtype, {static_cast<std::int64_t>(values.size())}, values);
}

WeightsDifference difference(const std::vector<NamedTensor>& first, const std::vector<NamedTensor>& second) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), first);
  write_safetensors(folder.file("b"), second);
  return difference_of(SafetensorsFile(folder.file("a")), SafetensorsFile(folder.file("b")));
}

}  // namespace

TEST_CASE("statistics are those of the finite values") {
  const TensorStatistics s = statistics_of({3, -4, 1, NAN, INFINITY});
  CHECK(s.minimum == -4);
  CHECK(s.maximum == 3);
  CHECK(s.mean == 0);
  CHECK(s.norm == doctest::Approx(std::sqrt(26.0)));
  CHECK(s.not_finite == 2);
  CHECK(statistics_of({}).norm == 0);
  CHECK(statistics_of({NAN}).minimum == 0);
}

TEST_CASE(
    "files with the same values are equal, whatever their element types, and a tolerance is a largest difference") {
  const WeightsDifference same = difference({tensor("a", {1, 2}), tensor("b", {kNan, -kInf})},
                                            {tensor("a", {1, 2}, "F16"), tensor("b", {kNan, -kInf})});
  CHECK(same.equal_within(0));
  CHECK(same.total.relative == 0);
  const WeightsDifference near =
      difference({tensor("a", {3, 4}), tensor("b", {0})}, {tensor("a", {3, 4.5f}), tensor("b", {0.25f})});
  CHECK_FALSE(near.equal_within(0));
  CHECK_FALSE(near.equal_within(0.49));
  CHECK(near.equal_within(0.5));
  REQUIRE(near.tensors.size() == 2);
  CHECK(near.tensors[0].largest == 0.5);
  CHECK(near.tensors[0].relative == doctest::Approx(0.1));
  CHECK(near.tensors[1].relative == INFINITY);
  CHECK(near.total.largest == 0.5);
  CHECK(near.total.relative == doctest::Approx(std::sqrt(0.25 + 0.0625) / 5));
}

TEST_CASE("a value that is finite or NaN in one file alone differs by more than any tolerance") {
  for (const float odd : {kNan, kInf, -kInf}) {
    CHECK_FALSE(difference({tensor("a", {1})}, {tensor("a", {odd})}).equal_within(1e30));
    CHECK_FALSE(difference({tensor("a", {odd})}, {tensor("a", {1})}).equal_within(1e30));
  }
  CHECK_FALSE(difference({tensor("a", {kInf})}, {tensor("a", {-kInf})}).equal_within(1e30));
}

TEST_CASE("tensors in one file only and tensors of two shapes are named, and make files different") {
  const WeightsDifference d = difference({tensor("a", {1}), tensor("b", {1, 2})}, {tensor("b", {1}), tensor("c", {1})});
  CHECK(d.only_first == std::vector<std::string>{"a F32[1]"});
  CHECK(d.only_second == std::vector<std::string>{"c F32[1]"});
  CHECK(d.shapes == std::vector<std::string>{"b [2] and [1]"});
  CHECK(d.tensors.empty());
  CHECK_FALSE(d.equal_within(1e30));
}

TEST_CASE("conversion keeps names, metadata and integers, rounds floating types and tells of overflow") {
  const TemporaryFolder folder;
  const std::int64_t count = 70000;
  write_safetensors(folder.file("a"),
                    {tensor("w", {1.0009765625f, 1e6f}), tensor("inf", {kInf}), tensor("v", {2}, "F64"),
                     make_named_tensor<std::int64_t>("n", "I64", {}, std::span(&count, 1))},
                    {{"step", "7"}});
  const SafetensorsFile from(folder.file("a"));
  const auto convert = [&](const std::string& dtype) {
    const std::string out = folder.file("out-" + dtype + ".safetensors");
    const ConversionReport report = convert_weights(from, out, dtype);
    CHECK(report.tensors == 4);
    return std::pair(open_tensor_file(out), report.overflowed);
  };
  const auto [half, lost] = convert("F16");
  CHECK(half->find("w")->dtype == "F16");
  CHECK(half->read_as<float>("w") == std::vector<float>{1.0009765625f, kInf});
  CHECK(half->find("v")->dtype == "F16");
  CHECK(half->read_as<std::int64_t>("n") == std::vector<std::int64_t>{70000});
  CHECK(half->metadata().at("step") == "7");
  CHECK(lost == std::vector<std::string>{"w"});
  const auto [brain, none] = convert("BF16");
  CHECK(brain->read_as<float>("w")[0] == 1);
  CHECK(none.empty());
  const auto [kept, nothing] = convert("");
  CHECK(kept->find("v")->dtype == "F64");
  CHECK(kept->read_as<float>("w") == from.read_as<float>("w"));
  CHECK_THROWS_WITH_AS(convert_weights(from, folder.file("out.pth"), ""), doctest::Contains(".safetensors"), Error);
}

TEST_CASE("weights convert --strip-prefix writes what lies under the prefix, and refuses one that no name has") {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), {tensor("q.w", {1}), tensor("k.module.w", {2}), tensor("queue", {3})});
  const auto run = [&](const std::string& prefix) {
    CLI::App app{"", "dgsam-run"};
    add_weights_command(app);
    std::vector<std::string> words{prefix,           "--strip-prefix", folder.file("out.safetensors"),
                                   folder.file("a"), "convert",        "weights"};  // CLI11 takes them last first
    app.parse(words);
  };
  run("k.");
  const SafetensorsFile out(folder.file("out.safetensors"));
  REQUIRE(out.entries().size() == 1);
  CHECK(out.read_as<float>("module.w") == std::vector<float>{2});
  CHECK_THROWS_WITH_AS(
      run("z."), (folder.file("a") + ": no name begins with \"z.\": it has q.w, k.module.w, queue").c_str(), Error);
}
