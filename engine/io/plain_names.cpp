#include "engine/io/plain_names.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>

#include "engine/core/check.h"

namespace dgsam {

namespace {

using Entry = TensorFile::Entry;
using Entries = std::vector<Entry>;

/// Names of a wrapper's attribute for the whole network, which are left out in front of any network.
constexpr std::array<std::string_view, 8> kWrappers{"module.",   "_orig_mod.", "model.",      "state_dict.",
                                                    "backbone.", "encoder_q.", "featurizer.", "base_model."};
/// Where a file has several networks: the one that was trained, of MoCo and of its third version.
constexpr std::array<std::string_view, 2> kTrained{"encoder_q.", "base_encoder."};
constexpr std::array<std::string_view, 4> kHeads{"classifier.", "head.", "fc.", "linear."};
constexpr std::string_view kAnchor = "conv1.weight";
constexpr std::string_view kAverages = "n_averaged";  // of torch.optim.swa_utils.AveragedModel
constexpr int kMaxWrappers = 8;
constexpr std::size_t kMaxNetworks = 100;

bool begins(const Entry& entry, std::string_view prefix) { return entry.name.starts_with(prefix); }

bool any_begins(const Entries& entries, std::string_view prefix) {
  return std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) { return begins(entry, prefix); });
}

bool all_begin(const Entries& entries, std::string_view prefix) {
  return !entries.empty() &&
         std::all_of(entries.begin(), entries.end(), [&](const Entry& entry) { return begins(entry, prefix); });
}

bool has(const Entries& entries, const std::string& name) {
  return std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
}

void replace_prefix(Entries& entries, std::string_view prefix, std::string_view by) {
  for (Entry& entry : entries) {
    if (begins(entry, prefix)) entry.name.replace(0, prefix.size(), by);
  }
}

using NameSet = std::set<std::string_view>;

NameSet names_of(const Entries& entries) {
  NameSet names;
  for (const Entry& entry : entries) names.insert(entry.name);
  return names;
}

bool is_mnist_cnn(const NameSet& names, const std::string& prefix) {
  return names.contains(prefix + "conv2.weight") && names.contains(prefix + "bn0.weight");
}

/// True when a network that this program has lies under the prefix.
bool is_network(const NameSet& names, const std::string& prefix) {
  return names.contains(prefix + std::string(kAnchor)) &&
         (names.contains(prefix + "layer1.0.conv1.weight") || is_mnist_cnn(names, prefix));
}

/// Removes the entries that are not wanted. Returns "" or "; 3 others were left out, the first is queue".
template <class Wanted>
std::string leave_out(Entries& entries, const Wanted& wanted) {
  const auto first = std::find_if_not(entries.begin(), entries.end(), wanted);
  if (first == entries.end()) return "";
  const std::string name = printable(first->name);
  const std::size_t count = std::erase_if(entries, [&](const Entry& entry) { return !wanted(entry); });
  return "; left out: " + name + (count > 1 ? " and " + std::to_string(count - 1) + " more" : "");
}

// --- one step each -----------------------------------------------------------------------------------------------

/// The first part of every name, with its dot, when it is a wrapper's; or "".
std::string common_wrapper(const Entries& entries) {
  if (entries.empty()) return "";
  const std::string& first = entries.front().name;
  const std::string prefix = first.substr(0, first.find('.') + 1);  // "" without a dot
  if (prefix.empty() || prefix.size() == first.size() || !all_begin(entries, prefix)) return "";
  const bool known = std::find(kWrappers.begin(), kWrappers.end(), prefix) != kWrappers.end();
  if (known) return prefix;
  // Another one, of any number of parts: as far as the first layer.
  for (const Entry& entry : entries) {
    if (!entry.name.ends_with(kAnchor)) continue;
    const std::string longer = entry.name.substr(0, entry.name.size() - kAnchor.size());
    if (longer.ends_with('.') && all_begin(entries, longer)) return longer;
  }
  return "";
}

/// DomainBed's ERM keeps a featurizer, a classifier, and nn.Sequential of the two; its state_dict has both. The ResNet
/// featurizer wraps torchvision's network, whose head it replaces. Other algorithms have more, which is left out.
std::optional<std::string> take_domainbed(Entries& entries) {
  if (any_begins(entries, "network.0.") && any_begins(entries, "network.1.")) {
    if (any_begins(entries, "featurizer.") && any_begins(entries, "classifier.")) {
      std::erase_if(entries, [](const Entry& e) { return begins(e, "network.0.") || begins(e, "network.1."); });
    } else {
      replace_prefix(entries, "network.0.", "featurizer.");
      replace_prefix(entries, "network.1.", "classifier.");
    }
  }
  if (!any_begins(entries, "featurizer.") || !any_begins(entries, "classifier.")) return std::nullopt;
  const std::string others =
      leave_out(entries, [](const Entry& e) { return begins(e, "featurizer.") || begins(e, "classifier."); });
  if (any_begins(entries, "featurizer.network.")) {
    replace_prefix(entries, "featurizer.network.", "");
    replace_prefix(entries, "classifier.", "fc.");
  } else {
    replace_prefix(entries, "featurizer.", "");
  }
  return others;
}

/// The prefixes under which there is a network, without those inside another.
std::vector<std::string> prefixes_of_networks(const Entries& entries) {
  const NameSet names = names_of(entries);
  std::vector<std::string> found;
  for (const std::string_view name : names) {
    if (!name.ends_with(kAnchor)) continue;
    const std::string prefix(name.substr(0, name.size() - kAnchor.size()));
    if ((prefix.empty() || prefix.ends_with('.')) && is_network(names, prefix)) found.push_back(prefix);
  }
  if (found.size() > kMaxNetworks) return {};
  std::erase_if(found, [all = found](const std::string& prefix) {
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& other) { return other != prefix && prefix.starts_with(other); });
  });
  return found;
}

/// A network among others, and the head beside it. Returns the note's end, or nothing.
std::optional<std::string> take_network(Entries& entries) {
  std::vector<std::string> prefixes = prefixes_of_networks(entries);
  if (prefixes.size() > 1) {
    std::erase_if(prefixes, [](const std::string& prefix) {
      return std::none_of(kTrained.begin(), kTrained.end(), [&](auto name) { return prefix.ends_with(name); });
    });
  }
  if (prefixes.size() != 1 || prefixes.front().empty()) return std::nullopt;
  const std::string prefix = prefixes.front();
  const std::size_t dot = prefix.size() < 2 ? std::string::npos : prefix.rfind('.', prefix.size() - 2);
  const std::string parent = dot == std::string::npos ? "" : prefix.substr(0, dot + 1);
  const std::string head = is_mnist_cnn(names_of(entries), prefix) ? "classifier." : "fc.";
  if (!any_begins(entries, prefix + head)) {
    for (const std::string_view name : kHeads) {
      const std::string beside = parent + std::string(name);
      if (!has(entries, beside + "weight") || !has(entries, beside + "bias")) continue;
      replace_prefix(entries, beside, prefix + head);
      break;
    }
  }
  const std::string others = leave_out(entries, [&](const Entry& entry) { return begins(entry, prefix); });
  replace_prefix(entries, prefix, "");
  return "the tensors under \"" + printable(prefix) + "\" were taken" + others;
}

}  // namespace

std::vector<std::string> make_names_plain(Entries& entries, const std::string& file) {
  std::vector<std::string> notes;
  std::string wrappers;
  bool domainbed = false;
  for (int depth = 0; depth < kMaxWrappers; ++depth) {
    if (has(entries, std::string(kAverages))) {
      Entries averaged = entries;
      std::erase_if(averaged, [](const Entry& entry) { return entry.name == kAverages; });
      if (all_begin(averaged, "module.")) entries = std::move(averaged);
    }
    if (const std::optional<std::string> others = take_domainbed(entries)) {
      notes.push_back(file + ": DomainBed's names: featurizer and classifier were taken as backbone and head" +
                      *others);
      domainbed = true;
      break;
    }
    const std::string prefix = common_wrapper(entries);
    if (prefix.empty()) break;
    replace_prefix(entries, prefix, "");
    wrappers += prefix;
  }
  if (!wrappers.empty()) {
    notes.insert(notes.begin(), file + ": the prefix \"" + printable(wrappers) + "\" of every name was left out");
  }
  if (domainbed) return notes;
  if (const std::optional<std::string> taken = take_network(entries)) notes.push_back(file + ": " + *taken);
  return notes;
}

std::vector<std::string> strip_prefix(Entries& entries, const std::string& prefix, const std::string& file) {
  if (!any_begins(entries, prefix)) {
    std::string names;
    for (std::size_t i = 0; i < entries.size() && i < 4; ++i) names += (i ? ", " : "") + printable(entries[i].name);
    fail(file, ": no name begins with \"", printable(prefix), "\": it has ", names.empty() ? "no tensors" : names,
         entries.size() > 4 ? ", ..." : "");
  }
  const std::string others = leave_out(entries, [&](const Entry& entry) { return begins(entry, prefix); });
  replace_prefix(entries, prefix, "");
  if (all_begin(entries, ".")) replace_prefix(entries, ".", "");
  for (const Entry& entry : entries) {
    require(!entry.name.empty(), file, ": the tensor ", printable(prefix), " has no name without the prefix");
  }
  return {file + ": the tensors under \"" + printable(prefix) + "\" were taken" + others};
}

}  // namespace dgsam
