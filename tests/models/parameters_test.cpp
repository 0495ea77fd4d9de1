// Weights from files and to them.
#include "models/parameters.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "tests/models/vectors.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

/// The tensors of a file as they would be written again.
std::vector<NamedTensor> tensors_of(const std::string& path) {
  std::vector<NamedTensor> tensors;
  const SafetensorsFile file(path);
  for (const auto& entry : file.entries()) {
    if (entry.dtype == "I64") {
      tensors.push_back(
          make_named_tensor<std::int64_t>(entry.name, "I64", entry.shape, file.read_as<std::int64_t>(entry.name)));
    } else {
      tensors.push_back(
          make_named_tensor<double>(entry.name, entry.dtype, entry.shape, file.read_as<double>(entry.name)));
    }
  }
  return tensors;
}

NamedTensor filled(const std::string& name, std::vector<std::int64_t> shape, float value) {
  std::size_t elements = 1;
  for (const std::int64_t extent : shape) elements *= static_cast<std::size_t>(extent);
  return make_named_tensor<float>(name, "F32", std::move(shape), std::vector<float>(elements, value));
}

void replace(std::vector<NamedTensor>& tensors, NamedTensor by) {
  for (NamedTensor& tensor : tensors) {
    if (tensor.name == by.name) tensor = std::move(by);
  }
}

void remove(std::vector<NamedTensor>& tensors, const std::string& name) {
  std::erase_if(tensors, [&](const NamedTensor& tensor) { return tensor.name == name; });
}

}  // namespace

TEST_CASE("saved weights are loaded back to the bit, in f32 and f64") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const auto round_trip = [&]<class T>(T, const NetworkOptions& options, const std::string& dtype) {
    const Network network = build_network(tiny_bottleneck(), 5, options);
    Vectors saved(*backend, network, 1);
    backend->fill(saved.statistics.segment(3), 0.25);
    Vectors loaded(*backend, network, 2);
    const std::string path = folder.file("weights-" + dtype);
    save_weights(path, network.graph, *backend, saved.theta, saved.statistics, {{"step", "7"}});
    const LoadReport report = load_weights(path, network.graph, *backend, loaded.theta, loaded.statistics);
    CHECK_FALSE(report.head_reinitialised);
    CHECK(report.notes.empty());
    CHECK(values<T>(*backend, loaded.theta.all()) == values<T>(*backend, saved.theta.all()));
    CHECK(values<T>(*backend, loaded.statistics.all()) == values<T>(*backend, saved.statistics.all()));
    const SafetensorsFile file(path);
    CHECK(file.find("conv1.weight")->dtype == dtype);
    CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}, {"step", "7"}});
  };
  round_trip(float{}, f32(), "F32");
  round_trip(double{}, small_options(1), "F64");
}

TEST_CASE("files hold PyTorch's state_dict: K,C,R,S weights and a batch count beside each running variance") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const Network network = build_network(tiny_basic(), 5, f32());
  Vectors vectors(*backend, network);
  save_weights(folder.file("w"), network.graph, *backend, vectors.theta, vectors.statistics);
  const SafetensorsFile file(folder.file("w"));
  CHECK(file.entries().size() ==
        vectors.theta.layout().segments().size() + vectors.statistics.layout().segments().size() * 3 / 2);
  REQUIRE(file.find("conv1.weight")->shape == std::vector<std::int64_t>{16, 3, 7, 7});
  const std::vector<float> ours = values(*backend, vectors.theta, "conv1.weight"),
                           theirs = file.read_as<float>("conv1.weight");
  int wrong = 0;
  for (std::size_t k = 0; k < 16; ++k) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t rs = 0; rs < 49; ++rs) wrong += theirs[(k * 3 + c) * 49 + rs] != ours[(k * 49 + rs) * 3 + c];
    }
  }
  CHECK(wrong == 0);
  CHECK(file.read_as<float>("fc.weight") == values(*backend, vectors.theta, "fc.weight"));
  CHECK(file.read_as<std::int64_t>("layer3.0.bn2.num_batches_tracked") == std::vector<std::int64_t>{0});
  CHECK(file.find("layer3.0.bn2.num_batches_tracked")->shape.empty());
}

TEST_CASE("weights in F16 and without batch counts are loaded too") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const Network network = build_network(tiny_basic(), 5, f32());
  Vectors vectors(*backend, network);
  save_weights(folder.file("w"), network.graph, *backend, vectors.theta, vectors.statistics);
  std::vector<NamedTensor> half;
  const SafetensorsFile file(folder.file("w"));
  for (const auto& entry : file.entries()) {
    if (entry.dtype != "F32") continue;
    half.push_back(make_named_tensor<float>(entry.name, "F16", entry.shape, file.read_as<float>(entry.name)));
  }
  write_safetensors(folder.file("half"), half);
  Vectors loaded(*backend, network, 2);
  load_weights(folder.file("half"), network.graph, *backend, loaded.theta, loaded.statistics);
  const std::vector<float> a = values(*backend, vectors.theta.all()), b = values(*backend, loaded.theta.all());
  int wrong = 0;
  for (std::size_t i = 0; i < a.size(); ++i) wrong += std::abs(a[i] - b[i]) > std::abs(a[i]) * 0x1p-11f + 0x1p-25f;
  CHECK(wrong == 0);
}

TEST_CASE("a head for another number of classes, or none, leaves the initialised head and says so") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const Network upstream = build_network(tiny_basic(), 9, f32()), network = build_network(tiny_basic(), 5, f32());
  const Vectors source(*backend, upstream, 1);
  save_weights(folder.file("other"), upstream.graph, *backend, source.theta, source.statistics);
  std::vector<NamedTensor> headless = tensors_of(folder.file("other"));
  remove(headless, "fc.weight");
  remove(headless, "fc.bias");
  write_safetensors(folder.file("headless"), headless);
  for (const std::string name : {"other", "headless"}) {
    Vectors vectors(*backend, network, 2), before(*backend, network, 2);
    const LoadReport report =
        load_weights(folder.file(name), network.graph, *backend, vectors.theta, vectors.statistics);
    CHECK(report.head_reinitialised);
    CHECK(report.notes == std::vector<std::string>{folder.file(name) +
                                                   (name == "other" ? " has a head for 9 classes, the model one for 5"
                                                                    : " has no fc.weight") +
                                                   ": the head starts from its random initialisation"});
    CHECK(values(*backend, vectors.theta, "fc.weight") == values(*backend, before.theta, "fc.weight"));
    CHECK(values(*backend, vectors.theta, "fc.bias") == values(*backend, before.theta, "fc.bias"));
    CHECK(values(*backend, vectors.theta, "conv1.weight") == values(*backend, source.theta, "conv1.weight"));
  }
}

TEST_CASE("every other difference is an Error that lists them, and nothing is loaded") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const Network network = build_network(tiny_basic(), 5, f32());
  Vectors source(*backend, network, 1), vectors(*backend, network, 2), before(*backend, network, 2);
  const std::string path = folder.file("w");
  save_weights(path, network.graph, *backend, source.theta, source.statistics);
  std::vector<NamedTensor> tensors = tensors_of(path);
  remove(tensors, "bn1.bias");
  remove(tensors, "layer1.0.bn1.running_mean");
  replace(tensors, filled("conv1.weight", {16, 7, 7, 3}, 1));
  replace(tensors, filled("fc.weight", {5, 32}, 1));
  tensors.push_back(filled("layer5.0.conv1.weight", {2, 2}, 1));
  write_safetensors(path, tensors);
  CHECK_THROWS_WITH_AS(
      load_weights(path, network.graph, *backend, vectors.theta, vectors.statistics),
      (path + " does not fit the model: conv1.weight is [16, 7, 7, 3], expected [16, 3, 7, 7]; missing "
              "bn1.bias [16]; fc.weight is [5, 32], expected [5, 64]; missing layer1.0.bn1.running_mean "
              "[16]; unexpected layer5.0.conv1.weight [2, 2]")
          .c_str(),
      Error);
  CHECK(values(*backend, vectors.theta.all()) == values(*backend, before.theta.all()));
}

TEST_CASE("when many names differ, the Error shows some of both sides") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const Network network = build_network(tiny_basic(), 5, f32());
  Vectors source(*backend, network, 1);
  const std::string path = folder.file("w");
  save_weights(path, network.graph, *backend, source.theta, source.statistics);
  std::vector<NamedTensor> tensors = tensors_of(path);
  for (NamedTensor& tensor : tensors) tensor.name = (tensor.name.starts_with("fc.") ? "x." : "features.") + tensor.name;
  for (NamedTensor& tensor : tensors) {
    if (tensor.name.starts_with("features.layer1.")) tensor.name.replace(0, 15, "features.stage1");
  }
  write_safetensors(path, tensors);
  const std::string error =
      error_of([&] { load_weights(path, network.graph, *backend, source.theta, source.statistics); });
  CHECK(error.starts_with(path + " does not fit the model: missing conv1.weight [16, 3, 7, 7]; missing bn1.weight"));
  CHECK(error.find("; unexpected features.conv1.weight [16, 3, 7, 7]; unexpected features.") != std::string::npos);
  CHECK(error.find("; and ") != std::string::npos);
}

TEST_CASE("MoCo's query encoder, Dassl's backbone and DomainBed's featurizer load as backbones") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const Network network = build_network(tiny_basic(), 5, f32());
  const Vectors source(*backend, network, 1), other(*backend, network, 3);
  save_weights(folder.file("w"), network.graph, *backend, source.theta, source.statistics);
  save_weights(folder.file("k"), network.graph, *backend, other.theta, other.statistics);
  const auto load = [&](const std::vector<NamedTensor>& tensors, bool new_head) {
    write_safetensors(folder.file("changed"), tensors);
    Vectors loaded(*backend, network, 2);
    const Vectors before(*backend, network, 2);
    const LoadReport report =
        load_weights(folder.file("changed"), network.graph, *backend, loaded.theta, loaded.statistics);
    CHECK(report.head_reinitialised == new_head);
    CHECK_FALSE(report.notes.empty());
    for (const std::string name : {"conv1.weight", "layer2.0.conv2.weight"}) {
      CHECK(values(*backend, loaded.theta, name) == values(*backend, source.theta, name));
    }
    CHECK(values(*backend, loaded.theta, "fc.weight") ==
          values(*backend, new_head ? before.theta : source.theta, "fc.weight"));
    return report.notes;
  };
  const auto renamed = [&](const std::string& file, const std::string& prefix, const std::string& head) {
    std::vector<NamedTensor> tensors = tensors_of(folder.file(file));
    for (NamedTensor& tensor : tensors) {
      const bool in_head = tensor.name.starts_with("fc.");
      tensor.name = in_head ? head + tensor.name.substr(3) : prefix + tensor.name;
    }
    return tensors;
  };
  std::vector<NamedTensor> moco = renamed("w", "module.encoder_q.", "module.encoder_q.fc.0.");
  for (NamedTensor& tensor : renamed("k", "module.encoder_k.", "module.encoder_k.fc.0.")) moco.push_back(tensor);
  moco.push_back(filled("module.queue", {4, 8}, 1));
  const std::vector<std::string> notes = load(moco, true);
  REQUIRE(notes.size() == 3);
  CHECK(notes[1].find("under \"encoder_q.\" were taken; left out: encoder_k.") != std::string::npos);
  CHECK(notes[2].find("has a head of several layers (fc.0.bias, ...)") != std::string::npos);

  load(renamed("w", "backbone.", "classifier."), false);
  load(renamed("w", "featurizer.network.", "classifier."), false);
  load(renamed("w", "featurizer.network.", "classifier.2."), true);
  load(renamed("w", "model.", "model.fc."), false);
  load(renamed("w", "_orig_mod.", "_orig_mod.fc."), false);
}

TEST_CASE("values that are NaN or infinite are named when they are loaded") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const Network network = build_network(tiny_basic(), 5, f32());
  Vectors vectors(*backend, network);
  const std::string path = folder.file("w");
  save_weights(path, network.graph, *backend, vectors.theta, vectors.statistics);
  std::vector<NamedTensor> tensors = tensors_of(path);
  NamedTensor bias = filled("bn1.bias", {16}, 0);
  const float odd[2] = {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()};
  std::memcpy(bias.data.data(), odd, sizeof odd);
  replace(tensors, bias);
  replace(tensors, filled("fc.bias", {5}, std::numeric_limits<float>::infinity()));
  write_safetensors(path, tensors);
  const LoadReport report = load_weights(path, network.graph, *backend, vectors.theta, vectors.statistics);
  CHECK(report.notes == std::vector<std::string>{path + ": values that are NaN or infinite in bn1.bias (2 of 16) and 1 "
                                                        "more: no use can be made of such weights"});
}

TEST_CASE("half a head is an Error, not a new head") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const Network network = build_network(tiny_basic(), 5, f32());
  Vectors vectors(*backend, network);
  save_weights(folder.file("w"), network.graph, *backend, vectors.theta, vectors.statistics);
  const auto load = [&](std::vector<NamedTensor> tensors) {
    write_safetensors(folder.file("changed"), tensors);
    load_weights(folder.file("changed"), network.graph, *backend, vectors.theta, vectors.statistics);
  };
  std::vector<NamedTensor> tensors = tensors_of(folder.file("w"));
  remove(tensors, "fc.bias");
  CHECK_THROWS_WITH_AS(load(tensors), doctest::Contains("missing fc.bias [5]"), Error);
  tensors = tensors_of(folder.file("w"));
  replace(tensors, filled("fc.weight", {9, 64}, 1));
  CHECK_THROWS_WITH_AS(load(tensors), doctest::Contains("fc.weight is [9, 64], expected [5, 64]"), Error);
}

TEST_CASE("vectors of another network are refused") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const Network basic = build_network(tiny_basic(), 5, f32()), other = build_network(tiny_bottleneck(), 5, f32());
  Vectors vectors(*backend, other);
  CHECK_THROWS_AS(initialise(basic.graph, *backend, vectors.theta, 1), Error);
  CHECK_THROWS_AS(save_weights(folder.file("w"), basic.graph, *backend, vectors.theta, vectors.statistics), Error);
}

TEST_CASE("a file of torch.save with a wrapper's prefix loads like the safetensors file, and says what was taken") {
  const auto backend = plain_backend();
  const std::string path = std::string(DGSAM_SOURCE_DIR) + "/tests/golden/pth/nested.pth";
  const Network network = build_network(tiny_basic(), 5, f32());
  Vectors vectors(*backend, network);
  const std::string error =
      error_of([&] { load_weights(path, network.graph, *backend, vectors.theta, vectors.statistics); });
  CHECK(error.starts_with(path + " does not fit the model: conv1.weight is [2, 3, 2, 2], expected [16, 3, 7, 7]; "));
  CHECK(error.find("; and ") != std::string::npos);

  const TemporaryFolder folder;
  save_weights(folder.file("w"), network.graph, *backend, vectors.theta, vectors.statistics);
  std::vector<NamedTensor> tensors = tensors_of(folder.file("w"));
  for (NamedTensor& tensor : tensors) tensor.name = "module." + tensor.name;
  write_safetensors(folder.file("parallel"), tensors);
  Vectors loaded(*backend, network, 2);
  const LoadReport report =
      load_weights(folder.file("parallel"), network.graph, *backend, loaded.theta, loaded.statistics);
  CHECK(report.notes ==
        std::vector<std::string>{folder.file("parallel") + ": the prefix \"module.\" of every name was left out"});
  CHECK(values(*backend, loaded.theta.all()) == values(*backend, vectors.theta.all()));
}

TEST_CASE("a file's model is recognised by its tensors, and named when another one was asked for") {
  const auto backend = plain_backend();
  const TemporaryFolder folder;
  const auto save = [&](const ModelSpec& model) {
    const Network network = build_network(model, f32());
    Vectors vectors(*backend, network);
    save_weights(folder.file(model.name), network.graph, *backend, vectors.theta, vectors.statistics);
    return folder.file(model.name);
  };
  for (const ModelSpec& model : {ModelSpec{"resnet18", 7, 3}, ModelSpec{"mnist-cnn", 10, 2}}) {
    const std::optional<ModelSpec> found = recognise_model(*open_tensor_file(save(model)));
    REQUIRE(found);
    CHECK(found->name == model.name);
    CHECK(found->classes == model.classes);
    CHECK(found->image_channels == model.image_channels);
  }
  std::vector<NamedTensor> tensors = tensors_of(folder.file("resnet18"));
  remove(tensors, "fc.weight");
  remove(tensors, "fc.bias");
  write_safetensors(folder.file("headless"), tensors);
  CHECK(recognise_model(*open_tensor_file(folder.file("headless")))->classes == 0);
  remove(tensors, "bn1.bias");
  write_safetensors(folder.file("less"), tensors);
  CHECK_FALSE(recognise_model(*open_tensor_file(folder.file("less"))));

  const Network network = build_network({"mnist-cnn", 10, 3}, f32());
  Vectors vectors(*backend, network);
  CHECK_THROWS_WITH_AS(
      load_weights(folder.file("resnet18"), network.graph, *backend, vectors.theta, vectors.statistics),
      doctest::Contains("does not fit the model (it fits --model resnet18 with 7 classes): conv1.weight is"), Error);
}
