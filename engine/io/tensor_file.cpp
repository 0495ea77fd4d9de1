#include "engine/io/tensor_file.h"

#include <sha2.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "engine/core/check.h"
#include "engine/io/file_kind.h"
#include "engine/io/pth.h"
#include "engine/io/safetensors.h"

namespace dgsam {

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) text += (axis ? ", " : "") + std::to_string(shape[axis]);
  return text + "]";
}

const TensorFile::Entry* TensorFile::find(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

template <class T>
std::vector<T> TensorFile::read_as(std::string_view name) const {
  const Entry* entry = find(name);
  require(entry != nullptr, path(), ": there is no tensor ", name);
  require(std::is_floating_point_v<T> || !is_floating(entry->dtype), path(), ": tensor ", name, " is ", entry->dtype,
          ", not integers");
  return numbers_of<T>(entry->dtype, read_bytes(*entry));
}

template std::vector<float> TensorFile::read_as<float>(std::string_view) const;
template std::vector<double> TensorFile::read_as<double>(std::string_view) const;
template std::vector<std::int64_t> TensorFile::read_as<std::int64_t>(std::string_view) const;

std::string TensorFile::sha256() const {
  SHA2_CTX sha;
  SHA256Init(&sha);
  std::vector<std::byte> piece(std::size_t{1} << 20);
  for (std::uint64_t at = 0; at < file_bytes(); at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece.size(), file_bytes() - at));
    source_.read_at(at, piece.data(), piece.size());
    SHA256Update(&sha, reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size());
  }
  std::array<char, SHA256_DIGEST_STRING_LENGTH> hex;
  return SHA256End(&sha, hex.data());
}

// --- names -------------------------------------------------------------------------------------------------------

namespace {

using Entries = std::vector<TensorFile::Entry>;

bool any_begins(const Entries& entries, std::string_view prefix) {
  return std::any_of(entries.begin(), entries.end(), [&](const auto& entry) { return entry.name.starts_with(prefix); });
}

bool all_begin(const Entries& entries, std::string_view prefix) {
  return !entries.empty() &&
         std::all_of(entries.begin(), entries.end(), [&](const auto& entry) { return entry.name.starts_with(prefix); });
}

void replace_prefix(Entries& entries, std::string_view prefix, std::string_view by) {
  for (TensorFile::Entry& entry : entries) {
    if (entry.name.starts_with(prefix)) entry.name.replace(0, prefix.size(), by);
  }
}

/// DomainBed's ERM keeps a featurizer, a classifier, and nn.Sequential of the two; its state_dict has both. The ResNet
/// featurizer wraps torchvision's network, whose head it replaces.
bool take_domainbed_names(Entries& entries) {
  if (any_begins(entries, "featurizer.") && any_begins(entries, "classifier.")) {
    std::erase_if(entries, [](const TensorFile::Entry& entry) {
      return entry.name.starts_with("network.0.") || entry.name.starts_with("network.1.");
    });
  } else if (any_begins(entries, "network.0.") && any_begins(entries, "network.1.")) {
    replace_prefix(entries, "network.0.", "featurizer.");
    replace_prefix(entries, "network.1.", "classifier.");
  } else {
    return false;
  }
  if (any_begins(entries, "featurizer.network.")) {
    replace_prefix(entries, "featurizer.network.", "");
    replace_prefix(entries, "classifier.", "fc.");
  } else {
    replace_prefix(entries, "featurizer.", "");
  }
  return true;
}

}  // namespace

void TensorFile::use_plain_names() {
  for (const std::string_view prefix : {"_orig_mod.", "module.", "_orig_mod."}) {
    if (!all_begin(entries_, prefix)) continue;
    replace_prefix(entries_, prefix, "");
    notes_.push_back(path() + ": the prefix \"" + std::string(prefix) + "\" of every name was left out");
  }
  if (take_domainbed_names(entries_)) {
    notes_.push_back(path() + ": DomainBed's names: featurizer and classifier were taken as backbone and head");
  }
  std::set<std::string_view> names;
  for (const Entry& entry : entries_) {
    require(names.insert(entry.name).second, path(), ": two tensors are named ", printable(entry.name));
  }
}

// --- formats -----------------------------------------------------------------------------------------------------

std::unique_ptr<TensorFile> open_tensor_file(const std::string& path) { return open_tensor_file(ByteSource(path)); }

std::unique_ptr<TensorFile> open_tensor_file(ByteSource source) {
  const std::string start = start_of(source);
  std::unique_ptr<TensorFile> file;
  if (PthFile::recognises(start)) {
    file = std::make_unique<PthFile>(std::move(source));
  } else {
    // A length and then JSON. A damaged file is recognised too, so that its Error says what is wrong.
    require(start.size() > 8 && start[8] == '{', source.name(), ' ', description_of(start));
    file = std::make_unique<SafetensorsFile>(std::move(source));
  }
  file->use_plain_names();
  return file;
}

}  // namespace dgsam
