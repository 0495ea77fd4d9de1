#include "engine/io/tensor_file.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/io/safetensors.h"
#include "tests/io/pth_support.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

NamedTensor one(const std::string& name, float value = 1) {
  return make_named_tensor<float>(name, "F32", {1}, std::vector{value});
}

/// The names that a safetensors file with these names has after opening.
std::vector<std::string> plain_names(const std::vector<std::string>& names, std::vector<std::string>* notes = nullptr) {
  const TemporaryFolder folder;
  std::vector<NamedTensor> tensors;
  for (const std::string& name : names) tensors.push_back(one(name));
  write_safetensors(folder.file("a"), tensors);
  const auto file = open_tensor_file(folder.file("a"));
  if (notes) *notes = file->notes();
  std::vector<std::string> plain;
  for (const auto& entry : file->entries()) plain.push_back(entry.name);
  std::sort(plain.begin(), plain.end());
  return plain;
}

}  // namespace

TEST_CASE("a file is opened by its content, whatever its name says") {
  const TemporaryFolder folder;
  write_safetensors(folder.file("weights.pth"), {one("w", 3)}, {{"step", "7"}});
  const auto file = open_tensor_file(folder.file("weights.pth"));
  CHECK(file->format() == "safetensors");
  CHECK(file->metadata().at("step") == "7");
  CHECK(file->read_as<float>("w") == std::vector<float>{3});
  write_bytes(folder.file("weights.safetensors"), read_bytes(golden_pth("plain")));
  CHECK(open_tensor_file(folder.file("weights.safetensors"))->format() == "PyTorch (zip)");
}

TEST_CASE("a file's SHA-256 is that of all its bytes, also of those beyond the piece that is read at once") {
  const TemporaryFolder folder;
  CHECK(open_tensor_file(golden_pth("plain"))->sha256() ==
        "40d822e304d5a5e9d1cf6d058f230e4b2d151113ee09c84c6ae0538e1c7feb32");  // as sha256sum prints it
  const std::vector<float> many(300000, 0);
  write_safetensors(folder.file("a"), {make_named_tensor<float>("w", "F32", {300000}, many)});
  std::string bytes = read_bytes(folder.file("a"));
  const std::string before = open_tensor_file(folder.file("a"))->sha256();
  bytes.back() = 1;
  write_bytes(folder.file("a"), bytes);
  CHECK(open_tensor_file(folder.file("a"))->sha256() != before);
}

TEST_CASE("what is no file of weights is named for what it looks like, with a remedy") {
  const auto check = [](const std::string& bytes, const std::string& message) {
    const std::string error = error_of([&] { open_tensor_file(ByteSource(as_span(bytes), "resnet50.pth")); });
    CHECK_MESSAGE(error.starts_with("resnet50.pth "), error);
    CHECK_MESSAGE(error.find(message) != std::string::npos, error);
  };
  check("", "is empty: download it again");
  check("<!DOCTYPE html><html>", "is a web page: the download failed");
  check("\xef\xbb\xbf\n <html>", "is a web page");
  check("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "is a web page");
  check("version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull");
  check("\x1f\x8b\x08", "is compressed: unpack it first");
  check(std::string(257, '\0') + "ustar  \0", "is a tar archive");
  check("\x89HDF\r\n\x1a\n", "HDF5");
  check("GGUF\x03", "GGUF");
  check(
      "\x08\x07\x12\x07pytorch\x1a\x05"
      "2.1.0",
      "ONNX");
  check(std::string("\x08\x01\x12\x1f\x0a\x05model", 11), "TensorFlow");
  check("\x80\x04\x95\x10", "is a Python pickle, but not one that torch.save wrote");
  check("cos\nsystem\n(S'id'\ntR.", "is a Python pickle, but not one that torch.save wrote");
  check("(dp0\n.", "is a Python pickle");
  check("\x93NUMPY\x01", "is a NumPy array");
  check("\x89PNG\r\n", "is an image");
  check(
      "\x7f"
      "ELF",
      "is a program");
  check(std::string(600, '\0'), "begins with zero bytes alone");
  check("{\"name\":{\"a\":1}}", "is JSON, neither safetensors nor a file of torch.save");
  check("random text", "is text, neither safetensors nor a file of torch.save");
  check("\x01\x02\xff", "is neither safetensors nor a file of torch.save");
  check("PK", "neither safetensors");
  CHECK(error_of([] { open_tensor_file("/no/such/file.pth"); }) ==
        "cannot read /no/such/file.pth: No such file or directory");
  const TemporaryFolder folder;
  CHECK(error_of([&] { open_tensor_file(folder.path().string()); }).find("not a file") != std::string::npos);
}

TEST_CASE("where only safetensors is read, another file is named for what it is") {
  const auto check = [](const std::string& bytes, const std::string& message) {
    const std::string error = error_of([&] { SafetensorsFile(ByteSource(as_span(bytes), "last.safetensors")); });
    CHECK_MESSAGE(error.starts_with("last.safetensors " + message), error);
  };
  check(read_bytes(golden_pth("plain")), "is a file of PyTorch, not safetensors: `train --weights` takes it");
  for (const std::string name : {"plain_old", "objects1_old", "objects4_old"}) {
    check(read_bytes(golden_pth(name)), "is a file of PyTorch, not safetensors");
  }
  check("<!DOCTYPE html><html>", "is a web page");
  check("{\"name\":{\"a\":1}}", "is JSON");
  check("", "is empty");
}

TEST_CASE("a truncated safetensors file is called that, not something unknown") {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), {one("w")});
  const std::string bytes = read_bytes(folder.file("a"));
  const std::string cut = bytes.substr(0, 20);
  CHECK_THROWS_WITH_AS(open_tensor_file(ByteSource(as_span(cut), "a")), doctest::Contains("truncated"), Error);
}

TEST_CASE("prefixes of wrappers are left out only when every name has them") {
  using Names = std::vector<std::string>;
  CHECK(plain_names({"module.conv1.weight", "module.fc.weight"}) == Names{"conv1.weight", "fc.weight"});
  CHECK(plain_names({"module._orig_mod.a", "module._orig_mod.b"}) == Names{"a", "b"});
  CHECK(plain_names({"_orig_mod.module.a"}) == Names{"a"});
  CHECK(plain_names({"module.a", "b"}) == Names{"b", "module.a"});
  Names notes;
  plain_names({"a", "b"}, &notes);
  CHECK(notes.empty());
}

TEST_CASE("DomainBed's names become the model's, under either of its two spellings") {
  using Names = std::vector<std::string>;
  const Names resnet{"conv1.weight", "fc.bias", "fc.weight"}, mnist{"bn0.bias", "classifier.bias", "conv1.weight"};
  CHECK(plain_names({"featurizer.network.conv1.weight", "classifier.weight", "classifier.bias",
                     "network.0.network.conv1.weight", "network.1.weight", "network.1.bias"}) == resnet);
  CHECK(plain_names({"network.0.network.conv1.weight", "network.1.weight", "network.1.bias"}) == resnet);
  CHECK(plain_names({"featurizer.conv1.weight", "featurizer.bn0.bias", "classifier.bias"}) == mnist);
  CHECK(plain_names({"classifier.bias", "conv1.weight", "bn0.bias"}) == mnist);
  CHECK(error_of([] {
          plain_names({"featurizer.network.fc.weight", "classifier.weight"});
        }).find("two tensors") != std::string::npos);
}
