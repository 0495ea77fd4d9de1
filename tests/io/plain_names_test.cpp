#include "engine/io/plain_names.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/core/check.h"
#include "engine/io/safetensors.h"
#include "tests/temporary_folder.h"

using namespace dgsam;

namespace {

using Names = std::vector<std::string>;

std::vector<TensorFile::Entry> entries_of(const Names& names) {
  std::vector<TensorFile::Entry> entries;
  for (const std::string& name : names) entries.push_back({name, "F32", {1}, 4, entries.size()});
  return entries;
}

Names names_of(const std::vector<TensorFile::Entry>& entries) {
  Names names;
  for (const auto& entry : entries) names.push_back(entry.name);
  return names;
}

/// A ResNet's first names under a prefix.
Names resnet(const std::string& prefix, const Names& more = {}) {
  Names names{prefix + "conv1.weight", prefix + "bn1.bias", prefix + "layer1.0.conv1.weight"};
  names.insert(names.end(), more.begin(), more.end());
  return names;
}

/// Checks names and the only note, without the file's name.
void check(const Names& names, const Names& expected, const std::string& note) {
  std::vector<TensorFile::Entry> entries = entries_of(names);
  const Names notes = make_names_plain(entries, "f");
  CHECK(names_of(entries) == expected);
  CHECK(notes == (note.empty() ? Names{} : Names{"f: " + note}));
  for (const auto& entry : entries) CHECK(entry.index < names.size());
}

std::string whole(const std::string& prefix) { return "the prefix \"" + prefix + "\" of every name was left out"; }

}  // namespace

TEST_CASE("a prefix of every name is left out: a wrapper's, several, or any in front of the first layer") {
  for (const std::string prefix :
       {"module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.module.", "model.module.", "state_dict.",
        "backbone.", "featurizer.network.", "encoder_q.", "my_net.", "learner.body.resnet."}) {
    CAPTURE(prefix);
    check(resnet(prefix), resnet(""), whole(prefix));
  }
  check({"model.a", "model.b"}, {"a", "b"}, whole("model."));
  // What could be a layer's own name stays.
  for (const Names& names :
       {Names{}, Names{"a"}, Names{"a.weight", "a.bias"}, Names{"model"}, Names{"module.a", "b"}, resnet(""),
        Names{"features.0.weight", "features.0.bias"}, Names{"layer1.0.weight", "layer1.1.weight"}}) {
    check(names, names, "");
  }
}

TEST_CASE("a network beside other networks is taken, and what else there is is counted") {
  Names moco = resnet("module.encoder_q.", {"module.encoder_q.fc.0.weight"});
  for (const std::string& name : resnet("module.encoder_k.")) moco.push_back(name);
  moco.push_back("module.queue");
  std::vector<TensorFile::Entry> entries = entries_of(moco);
  const Names notes = make_names_plain(entries, "f");
  CHECK(names_of(entries) == resnet("", {"fc.0.weight"}));
  CHECK(notes == Names{"f: " + whole("module."),
                       "f: the tensors under \"encoder_q.\" were taken; left out: encoder_k.conv1.weight and 3 more"});

  check(resnet("backbone.", {"classifier.weight", "classifier.bias"}), resnet("", {"fc.weight", "fc.bias"}),
        "the tensors under \"backbone.\" were taken");
  check(resnet("encoder.", {"projector.0.weight"}), resnet(""),
        "the tensors under \"encoder.\" were taken; left out: projector.0.weight");
  check(resnet("net.", {"net.fc.weight", "classifier.weight", "classifier.bias"}), resnet("", {"fc.weight"}),
        "the tensors under \"net.\" were taken; left out: classifier.weight and 1 more");
  check(resnet("n_averaged", {}), resnet("n_averaged"), "");
  check({"n_averaged", "module.conv1.weight", "module.a"}, {"conv1.weight", "a"}, whole("module."));
  // Two of which neither is known to be the trained one.
  Names two = resnet("student.");
  for (const std::string& name : resnet("teacher.")) two.push_back(name);
  check(two, two, "");
}

TEST_CASE("DomainBed's algorithms with more than featurizer and classifier load as their backbone") {
  const std::string taken = "DomainBed's names: featurizer and classifier were taken as backbone and head";
  check(resnet("featurizer.network.", {"classifier.weight", "discriminator.0.weight", "class_embeddings.weight"}),
        resnet("", {"fc.weight"}), taken + "; left out: discriminator.0.weight and 1 more");
  check({"featurizer.network.conv1.weight", "classifier.0.weight", "network.0.network.conv1.weight",
         "network.1.0.weight"},
        {"conv1.weight", "fc.0.weight"}, taken);
  std::vector<TensorFile::Entry> entries =
      entries_of({"n_averaged", "module.network.0.network.conv1.weight", "module.network.1.weight"});
  CHECK(make_names_plain(entries, "f") == Names{"f: " + whole("module."), "f: " + taken});
  CHECK(names_of(entries) == Names{"conv1.weight", "fc.weight"});
}

TEST_CASE("a given prefix is stripped as it is, and no other name is changed") {
  const auto strip = [](const Names& names, const std::string& prefix) {
    std::vector<TensorFile::Entry> entries = entries_of(names);
    const Names notes = strip_prefix(entries, prefix, "f");
    CHECK(notes.size() == 1);
    return std::pair(names_of(entries), notes.front());
  };
  const Names names{"a.b.x", "a.b.module.y", "a.c", "d"};
  CHECK(strip(names, "a.b.") ==
        std::pair(Names{"x", "module.y"}, std::string("f: the tensors under \"a.b.\" were taken; left out: a.c and 1 "
                                                      "more")));
  CHECK(strip(names, "a.b").first == Names{"x", "module.y"});
  CHECK(strip({"a.x"}, "a.") == std::pair(Names{"x"}, std::string("f: the tensors under \"a.\" were taken")));
  CHECK_THROWS_WITH_AS(strip(names, "e."), "f: no name begins with \"e.\": it has a.b.x, a.b.module.y, a.c, d", Error);
  CHECK_THROWS_WITH_AS(strip(names, "d"), "f: the tensor d has no name without the prefix", Error);
  CHECK_THROWS_WITH_AS(strip({}, "d"), "f: no name begins with \"d\": it has no tensors", Error);

  const TemporaryFolder folder;
  const std::vector<float> one{1};
  write_safetensors(folder.file("w"), {make_named_tensor<float>("module.q.x", "F32", {1}, one),
                                       make_named_tensor<float>("module.k.x", "F32", {1}, std::vector<float>{2})});
  const auto file = open_tensor_file_under(folder.file("w"), "module.k.");
  REQUIRE(file->entries().size() == 1);
  CHECK(file->read_as<float>("x") == std::vector<float>{2});
}
