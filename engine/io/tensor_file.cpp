#include "engine/io/tensor_file.h"

#include <sha2.h>

#include <algorithm>
#include <set>

#include "engine/core/check.h"
#include "engine/io/file_kind.h"
#include "engine/io/plain_names.h"
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

void TensorFile::use_plain_names() { use_names(make_names_plain(entries_, path())); }

void TensorFile::use_names_under(const std::string& prefix) { use_names(strip_prefix(entries_, prefix, path())); }

void TensorFile::use_names(const std::vector<std::string>& notes) {
  notes_.insert(notes_.end(), notes.begin(), notes.end());
  std::set<std::string_view> names;
  for (const Entry& entry : entries_) {
    require(names.insert(entry.name).second, path(), ": two tensors are named ", printable(entry.name));
  }
}

// --- formats -----------------------------------------------------------------------------------------------------

namespace {

std::unique_ptr<TensorFile> open_as_named(ByteSource source) {
  const std::string start = start_of(source);
  if (PthFile::recognises(start)) return std::make_unique<PthFile>(std::move(source));
  // A length and then JSON. A damaged file is recognised too, so that its Error says what is wrong.
  require(start.size() > 8 && start[8] == '{', source.name(), ' ', description_of(start));
  return std::make_unique<SafetensorsFile>(std::move(source));
}

}  // namespace

std::unique_ptr<TensorFile> open_tensor_file(const std::string& path) { return open_tensor_file(ByteSource(path)); }

std::unique_ptr<TensorFile> open_tensor_file(ByteSource source) {
  std::unique_ptr<TensorFile> file = open_as_named(std::move(source));
  file->use_plain_names();
  return file;
}

std::unique_ptr<TensorFile> open_tensor_file_under(const std::string& path, const std::string& prefix) {
  std::unique_ptr<TensorFile> file = open_as_named(ByteSource(path));
  file->use_names_under(prefix);
  return file;
}

}  // namespace dgsam
