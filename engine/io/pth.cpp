#include "engine/io/pth.h"

#include <algorithm>
#include <cstring>

#include "engine/core/check.h"

namespace dgsam {

namespace {

constexpr std::string_view kZipMagic = "PK\x03\x04";
constexpr std::string_view kEmptyZipMagic = "PK\x05\x06";
/// The number 0x1950a86a20f9469cfc6c as a pickle: from protocol 2 on PROTO and a version, from 4 on a frame of 13
/// bytes, and then LONG1; before, LONG.
constexpr std::string_view kLegacyMagic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 13);
constexpr std::string_view kLegacyFrame("\x95\x0d\0\0\0\0\0\0\0", 9);
constexpr std::string_view kLegacyText = "L119547037146038801333356L\n.";
constexpr std::size_t kMaxLegacyMagic = 32;
/// Bytes of the other pickles of such a file.
constexpr std::size_t kMaxFacts = std::size_t{1} << 16, kMaxKeys = std::size_t{8} << 20;
constexpr std::int64_t kLegacyVersion = 1001;
/// Tensors may share storages (tied weights, a model under two names), but no weights are this many times their file.
constexpr std::uint64_t kMaxSharing = 8;
/// Bytes beyond their storages that tensors may have in all because they use elements more than once.
constexpr std::uint64_t kMaxExpansion = std::uint64_t{64} << 20;

constexpr std::string_view kPickleRecord = "data.pkl";

/// How long the number is that begins a file of before 1.6; 0 for another file.
std::size_t legacy_magic(std::string_view start) {
  if (start.starts_with(kLegacyText)) return kLegacyText.size();
  if (start.size() < 2 || start[0] != '\x80' || start[1] < 2 || start[1] > 5) return 0;
  std::size_t at = 2;
  if (start.substr(at).starts_with(kLegacyFrame)) at += kLegacyFrame.size();
  return start.substr(at).starts_with(kLegacyMagic) ? at + kLegacyMagic.size() : 0;
}

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

/// Of an element type that has a sign, or of unsigned bytes, which wrap as PyTorch's do.
void negate(const std::string& dtype, std::span<std::byte> bytes) {
  const std::size_t size = element_size_of(dtype);
  const bool floating = is_floating(dtype);
  for (std::byte* element = bytes.data(); element != bytes.data() + bytes.size(); element += size) {
    if (floating) {
      element[size - 1] ^= std::byte{0x80};
      continue;
    }
    std::uint64_t value = 0;
    std::memcpy(&value, element, size);
    value = 0 - value;
    std::memcpy(element, &value, size);
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
  return start.starts_with(kZipMagic) || start.starts_with(kEmptyZipMagic) || legacy_magic(start) > 0;
}

PthFile::PthFile(ByteSource source) : TensorFile(std::move(source), "PyTorch (zip)") {
  std::string start(std::min<std::uint64_t>(file_bytes(), kMaxLegacyMagic), '\0');
  source_.read_at(0, start.data(), start.size());
  require(recognises(start), path(), ": not a file that torch.save wrote");
  if (const std::size_t magic = legacy_magic(start); magic > 0) {
    format_ = "PyTorch (before 1.6)";
    open_legacy(magic);
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
    const std::size_t slash = record.name.find('/');  // none in an archive that was packed again without its folder
    const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
    if (record.name.substr(name) != kPickleRecord) continue;
    pickle_record = &record;
    folder = record.name.substr(0, name);
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
    const std::uint64_t held = std::min(found->second->bytes, archive_->max_record_bytes());
    require(storage.elements <= held && storage.bytes() <= held, path(), ": storage ", printable(storage.key), " has ",
            held, " bytes, not ", storage.elements, " elements of ", printable(storage.type));
    records_.push_back(found->second);
  }
  take(std::move(state_dict));
}

void PthFile::open_legacy(std::uint64_t position) {
  std::vector<std::byte> bytes;
  const auto next_pickle = [&](std::size_t at_most) {
    bytes.resize(std::min<std::uint64_t>(file_bytes() - position, at_most));
    source_.read_at(position, bytes.data(), bytes.size());
    Pickle pickle(bytes, path(), state_dict_globals());
    position += pickle.size();
    return pickle;
  };
  const std::int64_t version = next_pickle(kMaxFacts).root().integer;
  require(version == kLegacyVersion, path(), ": version ", version, " of PyTorch's old format, not ", kLegacyVersion,
          kSaveWeightsAlone);
  const Pickle machine = next_pickle(kMaxFacts);
  for (std::size_t i = 0; i + 1 < machine.root().items.size(); i += 2) {
    if (machine.at(machine.root().items[i]).text != "little_endian") continue;
    require(machine.at(machine.root().items[i + 1]).integer == 1, path(),
            ": its numbers are big-endian, not little-endian", kSaveWeightsAlone, " on an x86 or ARM machine");
  }
  StateDict state_dict = read_state_dict(next_pickle(Pickle::kMaxBytes), path());
  const Pickle keys = next_pickle(kMaxKeys);

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
    require(storage.element_bytes > 0, path(), ": storage ", printable(key), " is of the unknown type ",
            printable(storage.type), kSaveWeightsAlone);
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
  std::uint64_t total = 0, expansion = 0;
  for (const PickledTensor& tensor : tensors_) {
    const std::string& dtype = storages_[tensor.storage].dtype;
    const std::uint64_t element = element_size_of(dtype), elements = tensor.elements();
    if (elements > tensor.span) {
      require(elements <= kMaxExpansion, path(), ": tensor ", printable(tensor.name), " ", shape_text(tensor.shape),
              " repeats ", tensor.span, " elements: call .contiguous() on it", kSaveWeightsAlone);
      expansion += (elements - tensor.span) * element;
    }
    entries_.push_back({tensor.name, dtype, tensor.shape, elements * element, entries_.size()});
    total += tensor.span * element;  // each at most the file: no overflow with at most 2^16 of them
    require(total / kMaxSharing <= file_bytes() && expansion <= kMaxExpansion, path(),
            ": its tensors overlap so much that they are more than ", kMaxSharing, " times the file",
            kSaveWeightsAlone);
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
  if (!is_dense(tensor)) {
    std::vector<std::byte> bytes(entry.bytes);
    gather(tensor, element, span.data(), bytes.data());
    span = std::move(bytes);
  }
  if (tensor.negated) negate(entry.dtype, span);
  return span;
}

}  // namespace dgsam
