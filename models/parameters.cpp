#include "models/parameters.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <memory>
#include <set>
#include <sstream>
#include <string_view>

#include "engine/core/operands.h"
#include "engine/core/rng.h"
#include "engine/io/safetensors.h"
#include "models/known_weights.h"
#include "models/network.h"

namespace dgsam {

namespace {

constexpr std::string_view kRunningVar = "running_var";
constexpr std::string_view kBatches = "num_batches_tracked";
constexpr std::int64_t kMaxRecognised = 1 << 20;  ///< classes, and image channels, of a model that is looked for

bool is_batch_count(std::string_view name) { return name.ends_with(kBatches); }

// --- PyTorch's order of elements ---------------------------------------------------------------------------------

/// K,R,S,C -> K,C,R,S; other ranks stay.
std::vector<std::int64_t> torch_shape(const Shape& shape) {
  if (shape.rank() == 4) return {shape[0], shape[3], shape[1], shape[2]};
  std::vector<std::int64_t> extents;
  for (int axis = 0; axis < shape.rank(); ++axis) extents.push_back(shape[axis]);
  return extents;
}

/// In each of `blocks` matrices: rows x columns -> columns x rows.
template <class T>
std::vector<T> transposed(const std::vector<T>& from, std::int64_t blocks, std::int64_t rows, std::int64_t columns) {
  std::vector<T> to(from.size());
  for (std::int64_t b = 0; b < blocks; ++b) {
    const T* source = from.data() + b * rows * columns;
    T* target = to.data() + b * rows * columns;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) target[c * rows + r] = source[r * columns + c];
    }
  }
  return to;
}

template <class T>
std::vector<T> to_torch(std::vector<T> values, const Shape& shape) {
  return shape.rank() == 4 ? transposed(values, shape[0], shape[1] * shape[2], shape[3]) : std::move(values);
}

template <class T>
std::vector<T> from_torch(std::vector<T> values, const Shape& shape) {
  return shape.rank() == 4 ? transposed(values, shape[0], shape[3], shape[1] * shape[2]) : std::move(values);
}

// --- what a file should hold -------------------------------------------------------------------------------------

/// A tensor of the model, and where its values are.
template <class View>
struct Target {
  std::string name;
  View tensor;

  std::vector<std::int64_t> shape() const { return torch_shape(tensor.shape()); }
};

/// Of vectors to be read, which are const, or to be written.
template <class Vector>
auto targets_of(const Graph& graph, Vector& theta, Vector& statistics) {
  require(theta.layout() == *graph.theta_layout() && statistics.layout() == *graph.statistic_layout(),
          "the parameter vector belongs to another network");
  std::vector<Target<decltype(theta.all())>> targets;
  for (Vector* vector : {&theta, &statistics}) {
    for (const FlatLayout::Segment& segment : vector->layout().segments()) {
      targets.push_back({segment.name, vector->segment(segment)});
    }
  }
  return targets;
}

/// The head's two parameters, which were declared last.
struct Head {
  std::string weight, bias;
  std::int64_t classes, features;
};

Head head_of(const Graph& graph) {
  const auto& segments = graph.theta_layout()->segments();
  require(segments.size() >= 2, "a network without a head");
  const FlatLayout::Segment &weight = segments[segments.size() - 2], &bias = segments.back();
  return {weight.name, bias.name, weight.shape[0], weight.shape[1]};
}

/// Names such as fc.0.weight and fc.2.bias: a head of several layers in the place of the model's one.
std::set<std::string> layers_of_head(const TensorFile& file, const std::string& weight) {
  const std::string layer = weight.substr(0, weight.rfind('.') + 1);
  std::set<std::string> names;
  for (const TensorFile::Entry& entry : file.entries()) {
    if (entry.name.size() > layer.size() && entry.name.starts_with(layer) &&
        std::isdigit(static_cast<unsigned char>(entry.name[layer.size()]))) {
      names.insert(entry.name);
    }
  }
  return names;
}

/// Names that the file need not have, and may have, when its head is one for another number of classes, of several
/// layers, or is not there; `note` then says which. Nothing when the head is the model's, or neither.
std::set<std::string> other_head(const TensorFile& file, const Head& head, std::string& note) {
  const TensorFile::Entry *weight = file.find(head.weight), *bias = file.find(head.bias);
  std::set<std::string> names;
  std::ostringstream text;
  if (!weight && !bias) {
    names = layers_of_head(file, head.weight);
    text << file.path() << " has ";
    if (names.empty()) {
      text << "no " << head.weight;
    } else {
      text << "a head of several layers (" << printable(*names.begin()) << ", ...)";
    }
  } else if (weight && bias && weight->shape.size() == 2 && weight->shape[1] == head.features &&
             weight->shape[0] != head.classes && bias->shape == std::vector{weight->shape[0]}) {
    text << file.path() << " has a head for " << weight->shape[0] << " classes, the model one for " << head.classes;
  } else {
    return {};
  }
  text << ": the head starts from its random initialisation";
  note = text.str();
  names.insert({head.weight, head.bias});
  return names;
}

/// One line for each tensor of the file that is not as the model wants it: "missing bn1.bias [16]". Names in `skipped`
/// may be anything.
std::vector<std::string> differences(const TensorFile& file, const Graph& graph, const std::set<std::string>& skipped) {
  std::vector<std::string> lines;
  std::set<std::string> wanted = skipped;
  for (const FlatLayout* layout : {graph.theta_layout().get(), graph.statistic_layout().get()}) {
    for (const FlatLayout::Segment& segment : layout->segments()) {
      if (!wanted.insert(segment.name).second) continue;
      const std::vector<std::int64_t> shape = torch_shape(segment.shape);
      const TensorFile::Entry* entry = file.find(segment.name);
      if (!entry) {
        lines.push_back("missing " + segment.name + " " + shape_text(shape));
      } else if (entry->shape != shape) {
        lines.push_back(segment.name + " is " + shape_text(entry->shape) + ", expected " + shape_text(shape));
      }
    }
  }
  for (const TensorFile::Entry& entry : file.entries()) {
    if (!wanted.contains(entry.name) && !is_batch_count(entry.name)) {
      lines.push_back("unexpected " + printable(entry.name) + " " + shape_text(entry.shape));
    }
  }
  return lines;
}

/// Names of the model the file was made for, as far as one can tell: another one that fits, or nothing.
std::string fitting_model_text(const TensorFile& file) {
  const std::optional<ModelSpec> model = recognise_model(file);
  if (!model) return "";
  return " (it fits --model " + model->name +
         (model->classes > 0 ? " with " + std::to_string(model->classes) + " classes" : "") + ")";
}

/// Throws an Error that lists the differences, shortened when there are many; then with names of both sides.
void require_match(const TensorFile& file, const Graph& graph, const std::set<std::string>& skipped) {
  constexpr std::size_t kShown = 8;
  const std::vector<std::string> lines = differences(file, graph, skipped);
  if (lines.empty()) return;
  const auto is_extra = [](const std::string& line) { return line.starts_with("unexpected "); };  // the last ones
  const auto others = static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), is_extra));
  const std::size_t wanted = lines.size() - others;
  const std::size_t of_others = std::min(others, std::max(kShown / 2, kShown - std::min(kShown, wanted)));
  const std::size_t of_wanted = std::min(wanted, kShown - of_others);
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool shown = i < wanted ? i < of_wanted : i - wanted < of_others;
    if (shown) text += (text.empty() ? "" : "; ") + lines[i];
  }
  if (lines.size() > kShown) text += "; and " + std::to_string(lines.size() - kShown) + " more";
  fail(file.path(), " does not fit the model", fitting_model_text(file), ": ", text);
}

}  // namespace

// --- initial values ----------------------------------------------------------------------------------------------

void initialise(const Graph& graph, Backend& backend, FlatVector& theta, std::uint64_t seed) {
  require(theta.layout() == *graph.theta_layout(), "the parameter vector belongs to another network");
  const auto& segments = theta.layout().segments();
  with_master(theta.dtype(), "initialise", [&]<class T>() {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const Init init = graph.inits()[i];
      RandomStream random(seed, "init:" + segments[i].name);
      std::vector<T> values(static_cast<std::size_t>(segments[i].shape.elements()));
      for (T& value : values) {
        switch (init.kind) {
          case Init::Kind::constant:
            value = static_cast<T>(init.scale);
            break;
          case Init::Kind::uniform:
            value = static_cast<T>(random.uniform(-init.scale, init.scale));
            break;
          case Init::Kind::normal:
            value = static_cast<T>(init.scale * random.normal());
            break;
        }
      }
      backend.upload(theta.segment(segments[i]), values.data());
    }
  });
}

void initialise_statistics(const Graph& graph, Backend& backend, FlatVector& statistics) {
  require(statistics.layout() == *graph.statistic_layout(), "the statistics belong to another network");
  const auto& segments = statistics.layout().segments();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    backend.fill(statistics.segment(segments[i]), graph.statistic_inits()[i]);
  }
}

// --- files -------------------------------------------------------------------------------------------------------

LoadReport load_weights(const std::string& path, const Graph& graph, Backend& backend, FlatVector& theta,
                        FlatVector& statistics) {
  const std::unique_ptr<TensorFile> opened = open_tensor_file(path);
  const TensorFile& file = *opened;
  const std::vector<Target<Tensor>> targets = targets_of(graph, theta, statistics);
  const Head head = head_of(graph);
  LoadReport report{.head_reinitialised = false, .notes = file.notes()};
  if (const std::string known = known_weights_note(file); !known.empty()) report.notes.push_back(known);
  std::string head_note;
  const std::set<std::string> skipped = other_head(file, head, head_note);
  if (!skipped.empty()) {
    report.head_reinitialised = true;
    report.notes.push_back(head_note);
  }
  require_match(file, graph, skipped);
  std::string not_finite;  // the first tensor's name and how many of its values
  std::size_t tensors_not_finite = 0;
  for (const Target<Tensor>& target : targets) {
    if (skipped.contains(target.name)) continue;
    with_master(target.tensor.dtype(), "load_weights", [&]<class T>() {
      const std::vector<T> values = from_torch(file.read_as<T>(target.name), target.tensor.shape());
      const auto bad = std::count_if(values.begin(), values.end(), [](T value) { return !std::isfinite(value); });
      if (bad > 0 && tensors_not_finite++ == 0) {
        not_finite = target.name + " (" + std::to_string(bad) + " of " + std::to_string(values.size()) + ")";
      }
      backend.upload(target.tensor, values.data());
    });
  }
  if (tensors_not_finite > 0) {
    report.notes.push_back(file.path() + ": values that are NaN or infinite in " + not_finite +
                           (tensors_not_finite > 1 ? " and " + std::to_string(tensors_not_finite - 1) + " more" : "") +
                           ": no use can be made of such weights");
  }
  return report;
}

std::optional<ModelSpec> recognise_model(const TensorFile& file) {
  const TensorFile::Entry* stem = file.find("conv1.weight");
  if (stem == nullptr || stem->shape.size() != 4) return std::nullopt;
  for (const std::string name : {"resnet18", "resnet50", "mnist-cnn"}) {
    const std::string head = name == "mnist-cnn" ? "classifier" : "fc";
    const TensorFile::Entry* weight = file.find(head + ".weight");
    const std::int64_t classes = weight != nullptr && weight->shape.size() == 2 ? weight->shape[0] : 0;
    const std::int64_t channels = stem->shape[1];
    if (channels < 1 || channels > kMaxRecognised || classes > kMaxRecognised) continue;
    ModelSpec model{name, std::max<int>(2, static_cast<int>(classes)), static_cast<int>(channels)};
    const NetworkOptions options{.batch = 1, .image_size = 32, .training = false};
    std::set<std::string> skipped;
    if (weight == nullptr && file.find(head + ".bias") == nullptr) {
      skipped = layers_of_head(file, head + ".weight");
      skipped.insert({head + ".weight", head + ".bias"});
    }
    if (!differences(file, build_network(model, options).graph, skipped).empty()) continue;
    model.classes = static_cast<int>(classes);
    return model;
  }
  return std::nullopt;
}

void save_weights(const std::string& path, const Graph& graph, Backend& backend, const FlatVector& theta,
                  const FlatVector& statistics, const std::map<std::string, std::string>& metadata) {
  std::vector<NamedTensor> tensors;
  for (const Target<ConstTensor>& target : targets_of(graph, theta, statistics)) {
    with_master(target.tensor.dtype(), "save_weights", [&]<class T>() {
      std::vector<T> values(static_cast<std::size_t>(target.tensor.elements()));
      backend.download(values.data(), target.tensor);
      values = to_torch(std::move(values), target.tensor.shape());
      tensors.push_back(
          make_named_tensor<T>(target.name, std::is_same_v<T, double> ? "F64" : "F32", target.shape(), values));
    });
    if (target.name.ends_with(kRunningVar)) {
      // PyTorch's batch norm counts its batches and insists on finding the count.
      std::string name = target.name.substr(0, target.name.size() - kRunningVar.size());
      const std::int64_t count = 0;
      name += kBatches;
      tensors.push_back(make_named_tensor<std::int64_t>(std::move(name), "I64", {}, std::span(&count, 1)));
    }
  }
  std::map<std::string, std::string> all = metadata;
  all.emplace("format", "pt");
  write_safetensors(path, tensors, all);
}

}  // namespace dgsam
