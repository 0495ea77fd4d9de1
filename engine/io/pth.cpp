#include "engine/io/pth.h"

#include <algorithm>
#include <cstring>

#include "engine/core/check.h"

namespace dgsam {

namespace {

constexpr std::string_view kZipMagic = "PK\x03\x04";
constexpr std::string_view kEmptyZipMagic = "PK\x05\x06";
/// The pickle of the number 0x1950a86a20f9469cfc6c.
constexpr std::string_view kLegacyMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15);
constexpr std::int64_t kLegacyVersion = 1001;
/// Tensors may share storages (tied weights, a model under two names), but no weights are this many times their file.
constexpr std::uint64_t kMaxSharing = 8;

constexpr std::string_view kPickleRecord = "data.pkl";

/// The first names of an archive, for a message.
std::string names_of(const ZipArchive& archive) {
  std::string names;
  for (std::size_t i = 0; i < archive.records().size() && i < 3; ++i) {
    names += (i ? ", " : "") + printable(archive.records()[i].name, 40);
  }
  return names.empty() ? "nothing" : names + (archive.records().size() > 3 ? ", ..." : "");
}

std::vector<std::byte> read_record(const ZipArchive& archive, const ZipArchive::Record& record) {
  std::vector<std::byte> bytes(record.bytes);
  archive.read(record, 0, bytes);
  return bytes;
}

/// Copies a strided tensor row-major. `from` begins at its first element.
void gather(const PickledTensor& tensor, std::size_t element, const std::byte* from, std::byte* to) {
  std::vector<std::int64_t> index(tensor.shape.size());
  std::uint64_t at = 0;
  for (std::uint64_t left = tensor.elements(); left > 0; --left) {
    std::memcpy(to, from + at * element, element);
    to += element;
    for (std::size_t axis = index.size(); axis-- > 0;) {
      const auto stride = static_cast<std::uint64_t>(tensor.strides[axis]);
      at += stride;
      if (++index[axis] < tensor.shape[axis]) break;
      at -= stride * static_cast<std::uint64_t>(index[axis]);
      index[axis] = 0;
    }
  }
}

bool is_dense(const PickledTensor& tensor) {
  std::int64_t stride = 1;
  for (std::size_t axis = tensor.shape.size(); axis-- > 0;) {
    if (tensor.shape[axis] != 1 && tensor.strides[axis] != stride) return false;
    stride *= tensor.shape[axis];
  }
  return true;
}

}  // namespace

bool PthFile::recognises(std::string_view start) {
  return start.starts_with(kZipMagic) || start.starts_with(kEmptyZipMagic) || start.starts_with(kLegacyMagic);
}

PthFile::PthFile(ByteSource source) : TensorFile(std::move(source), "PyTorch (zip)") {
  std::string start(std::min<std::uint64_t>(file_bytes(), kLegacyMagic.size()), '\0');
  source_.read_at(0, start.data(), start.size());
  require(recognises(start), path(), ": not a file that torch.save wrote");
  if (start == kLegacyMagic) {
    format_ = "PyTorch (before 1.6)";
    open_legacy();
  } else {
    open_zip();
  }
}

void PthFile::open_zip() {
  archive_ = std::make_unique<ZipArchive>(source_);
  std::string folder;
  const ZipArchive::Record* pickle_record = nullptr;
  for (const ZipArchive::Record& record : archive_->records()) {
    const bool script = record.name.ends_with("/constants.pkl");
    require(!script, path(), ": a TorchScript module, which is a program", kSaveWeightsAlone);
    const std::size_t slash = record.name.find('/');
    if (slash == std::string::npos || record.name.substr(slash + 1) != kPickleRecord) continue;
    pickle_record = &record;
    folder = record.name.substr(0, slash + 1);
  }
  require(pickle_record != nullptr, path(), ": a zip file with ", names_of(*archive_),
          ", not one that torch.save(model.state_dict(), path) wrote");
  require(pickle_record->bytes <= Pickle::kMaxBytes, path(), ": its pickle has ", pickle_record->bytes,
          " bytes, more than the limit of ", Pickle::kMaxBytes, kSaveWeightsAlone);
  if (const ZipArchive::Record* order = archive_->find(folder + "byteorder")) {
    require(order->bytes <= 16, path(), ": its record byteorder is damaged");
    const std::vector<std::byte> bytes = read_record(*archive_, *order);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    require(text == "little", path(), ": its numbers are ", printable(text), "-endian, not little-endian",
            kSaveWeightsAlone, " on an x86 or ARM machine");
  }
  const std::vector<std::byte> bytes = read_record(*archive_, *pickle_record);
  StateDict state_dict = read_state_dict(Pickle(bytes, path(), state_dict_globals()), path());

  std::map<std::string_view, const ZipArchive::Record*> by_name;
  for (const ZipArchive::Record& record : archive_->records()) by_name.emplace(record.name, &record);
  for (const PickledStorage& storage : state_dict.storages) {
    const auto found = by_name.find(folder + "data/" + storage.key);
    require(found != by_name.end(), path(), ": storage ", printable(storage.key), " is missing");
    const std::uint64_t held = std::min(found->second->bytes, file_bytes());
    require(storage.elements <= held && storage.bytes() <= held, path(), ": storage ", printable(storage.key), " has ",
            held, " bytes, not ", storage.elements, " elements of ", storage.dtype);
    records_.push_back(found->second);
  }
  take(std::move(state_dict));
}

void PthFile::open_legacy() {
  std::uint64_t position = kLegacyMagic.size();
  std::vector<std::byte> bytes;
  const auto next_pickle = [&] {
    bytes.resize(std::min<std::uint64_t>(file_bytes() - position, Pickle::kMaxBytes));
    source_.read_at(position, bytes.data(), bytes.size());
    Pickle pickle(bytes, path(), state_dict_globals());
    position += pickle.size();
    return pickle;
  };
  const std::int64_t version = next_pickle().root().integer;
  require(version == kLegacyVersion, path(), ": version ", version, " of PyTorch's old format, not ", kLegacyVersion,
          kSaveWeightsAlone);
  const Pickle machine = next_pickle();
  for (std::size_t i = 0; i + 1 < machine.root().items.size(); i += 2) {
    if (machine.at(machine.root().items[i]).text != "little_endian") continue;
    require(machine.at(machine.root().items[i + 1]).integer == 1, path(),
            ": its numbers are big-endian, not little-endian", kSaveWeightsAlone, " on an x86 or ARM machine");
  }
  StateDict state_dict = read_state_dict(next_pickle(), path());
  const Pickle keys = next_pickle();

  std::map<std::string_view, const PickledStorage*> by_key;
  for (const PickledStorage& storage : state_dict.storages) by_key[storage.key] = &storage;
  for (const Pickle::Id id : keys.root().items) {
    const std::string key(keys.at(id).text);
    const auto found = by_key.find(key);
    require(found != by_key.end() && !offset_of_.contains(key), path(), ": storage ", printable(key),
            " is there twice, or nothing uses it");
    std::uint64_t elements = 0;
    source_.read_at(position, &elements, sizeof(elements));
    position += sizeof(elements);
    const PickledStorage& storage = *found->second;
    require(elements == storage.elements, path(), ": storage ", printable(key), " has ", elements, " elements, not ",
            storage.elements);
    require(elements <= file_bytes() && storage.bytes() <= file_bytes() - position, path(), ": storage ",
            printable(key), " is cut off (truncated?): download the file again");
    offset_of_[key] = position;
    position += storage.bytes();
  }
  for (const PickledStorage& storage : state_dict.storages) {
    require(offset_of_.contains(storage.key), path(), ": storage ", printable(storage.key), " is missing");
  }
  take(std::move(state_dict));
}

void PthFile::take(StateDict state_dict) {
  storages_ = std::move(state_dict.storages);
  tensors_ = std::move(state_dict.tensors);
  notes_ = std::move(state_dict.notes);
  std::uint64_t total = 0;
  for (const PickledTensor& tensor : tensors_) {
    const PickledStorage& storage = storages_[tensor.storage];
    const std::uint64_t element = element_size_of(storage.dtype);
    entries_.push_back({tensor.name, storage.dtype, tensor.shape, tensor.elements() * element, entries_.size()});
    total += tensor.span * element;  // each at most the file: no overflow with at most 2^16 of them
    require(total / kMaxSharing <= file_bytes(), path(), ": its tensors overlap so much that they are more than ",
            kMaxSharing, " times the file", kSaveWeightsAlone);
  }
}

void PthFile::read_storage(std::size_t storage, std::uint64_t offset, std::span<std::byte> to) const {
  if (archive_) {
    archive_->read(*records_[storage], offset, to);
  } else {
    source_.read_at(offset_of_.at(storages_[storage].key) + offset, to.data(), to.size());
  }
}

std::vector<std::byte> PthFile::read_bytes(const Entry& entry) const {
  const PickledTensor& tensor = tensors_[entry.index];
  const std::size_t element = element_size_of(entry.dtype);
  std::vector<std::byte> span(tensor.span * element);
  if (span.empty()) return span;
  read_storage(tensor.storage, tensor.offset * element, span);
  if (is_dense(tensor)) return span;
  std::vector<std::byte> bytes(entry.bytes);
  gather(tensor, element, span.data(), bytes.data());
  return bytes;
}

}  // namespace dgsam
