#include "engine/io/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "engine/io/file_kind.h"

namespace dgsam {

namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
/// Far above any network's (about 100 bytes per tensor), and small enough to parse whatever it contains.
constexpr std::uint64_t kMaxHeaderBytes = 16u << 20;
constexpr const char* kMetadata = "__metadata__";

/// Parses the header, and throws where the JSON library would be lenient: it keeps the last of two equal keys.
class HeaderParser {
 public:
  explicit HeaderParser(const std::string& path) : path_(path) {}

  json parse(const std::string& header) {
    // Padding may follow the object but nothing may come before it.
    require(!header.empty() && header.front() == '{', path_, ": not a safetensors file (its header is no JSON object)");
    try {
      return json::parse(header, [this](int depth, json::parse_event_t event, json& value) {
        check(depth, event, value);
        return true;
      });
    } catch (const json::exception& error) {
      fail(path_, ": not a safetensors file (its header is not valid JSON: ", error.what(), ")");
    }
  }

 private:
  void check(int depth, json::parse_event_t event, const json& value) {
    using Event = json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      require(depth <= 2, path_, ": not a safetensors file (its header is nested too deeply)");
    }
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      require(keys_.back().insert(key).second, path_, ": the header names \"", key, "\" twice");
    }
  }

  const std::string& path_;
  std::vector<std::set<std::string>> keys_;  ///< of the objects that are open
};

/// A non-negative integer of the header.
std::uint64_t unsigned_number(const json& value, const std::string& path, const std::string& name, const char* what) {
  require(value.is_number_unsigned(), path, ": tensor ", name, ": ", what, " has the entry ", value.dump(),
          ", not a non-negative integer");
  return value.get<std::uint64_t>();
}

struct HeaderEntry {
  TensorFile::Entry entry;
  std::uint64_t begin = 0;  ///< in the bytes after the header
};

HeaderEntry parse_entry(const std::string& path, const std::string& name, const json& value, std::uint64_t data_bytes) {
  const auto field = [&](const char* key, bool (json::*is)() const noexcept) -> const json& {
    const auto found = value.is_object() ? value.find(key) : value.end();
    require(value.is_object() && found != value.end() && ((*found).*is)(), path, ": tensor ", name,
            ": the header gives no valid ", key);
    return *found;
  };
  TensorFile::Entry entry;
  entry.name = name;
  entry.dtype = field("dtype", &json::is_string).get<std::string>();
  const std::uint64_t element = element_size_of(entry.dtype);
  require(element != 0, path, ": tensor ", name, ": element type \"", entry.dtype,
          "\" is not supported; convert it to F32, F16, BF16, F64 or I64");

  std::uint64_t wanted = element;
  bool fits = true;
  for (const json& item : field("shape", &json::is_array)) {
    const std::uint64_t extent = unsigned_number(item, path, name, "the shape");
    fits = fits && extent <= data_bytes && !__builtin_mul_overflow(wanted, extent, &wanted);
    entry.shape.push_back(static_cast<std::int64_t>(std::min<std::uint64_t>(extent, INT64_MAX)));
  }
  const json& offsets = field("data_offsets", &json::is_array);
  require(offsets.size() == 2, path, ": tensor ", name, ": data_offsets has ", offsets.size(), " entries, not 2");
  const std::uint64_t begin = unsigned_number(offsets[0], path, name, "data_offsets");
  const std::uint64_t end = unsigned_number(offsets[1], path, name, "data_offsets");
  require(begin <= end && end <= data_bytes, path, ": tensor ", name, ": its bytes ", begin, " to ", end,
          " do not lie in the file, which holds ", data_bytes, " (truncated?)");
  require(fits && wanted == end - begin, path, ": tensor ", name, ": ", end - begin, " bytes do not hold ", entry.dtype,
          shape_text(entry.shape));
  entry.bytes = end - begin;
  return {std::move(entry), begin};
}

void require_complete(const NamedTensor& tensor) {
  std::uint64_t bytes = element_size_of(tensor.dtype);
  require(bytes > 0, "tensor ", tensor.name, ": element type \"", tensor.dtype, "\" is not supported");
  for (const std::int64_t extent : tensor.shape) bytes *= static_cast<std::uint64_t>(extent);
  require(bytes == tensor.data.size(), "tensor ", tensor.name, ": ", tensor.data.size(), " bytes of values for ",
          tensor.dtype, shape_text(tensor.shape));
}

}  // namespace

// --- reading -----------------------------------------------------------------------------------------------------

SafetensorsFile::SafetensorsFile(const std::string& path) : SafetensorsFile(ByteSource(path)) {}

SafetensorsFile::SafetensorsFile(ByteSource source) : TensorFile(std::move(source), "safetensors") {
  const std::string start = start_of(source_);
  require(start.size() >= kLengthBytes, path(), ' ', description_of(start));
  std::uint64_t header_bytes = 0;
  source_.read_at(0, &header_bytes, kLengthBytes);
  if (header_bytes > file_bytes() - kLengthBytes) {
    // A text has a '{' there now and then, too.
    const auto is_text = [](char c) { return c >= 0x20 && c < 0x7f; };
    const bool truncated = start.substr(kLengthBytes).starts_with('{') &&
                           !std::all_of(start.begin(), start.begin() + kLengthBytes, is_text);
    require(truncated, path(), ' ', description_of(start));
    fail(path(), ": not a safetensors file, or truncated (a header of ", header_bytes, " bytes in a file of ",
         file_bytes(), ")");
  }
  require(header_bytes <= kMaxHeaderBytes, path(), ": the header has ", header_bytes, " bytes, more than the limit of ",
          kMaxHeaderBytes);
  std::string header(header_bytes, '\0');
  source_.read_at(kLengthBytes, header.data(), header.size());
  parse_header(header);
}

void SafetensorsFile::parse_header(const std::string& header) {
  const json root = HeaderParser(path()).parse(header);
  const std::uint64_t data_begin = kLengthBytes + header.size();
  std::vector<HeaderEntry> tensors;
  for (const auto& [name, value] : root.items()) {
    if (name != kMetadata) {
      tensors.push_back(parse_entry(path(), name, value, file_bytes() - data_begin));
      continue;
    }
    require(value.is_object(), path(), ": ", kMetadata, " is no JSON object");
    for (const auto& [key, text] : value.items()) {
      require(text.is_string(), path(), ": ", kMetadata, ": the value of \"", key, "\" is no string");
      metadata_[key] = text.get<std::string>();
    }
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::pair(a.begin, a.entry.bytes) < std::pair(b.begin, b.entry.bytes);
  });
  std::uint64_t end = 0;
  for (HeaderEntry& tensor : tensors) {
    require(tensor.begin == end, path(), ": tensor ", tensor.entry.name, ": its bytes ",
            tensor.begin < end ? "overlap those of" : "leave a gap after", " the tensor before it");
    end += tensor.entry.bytes;
    tensor.entry.index = entries_.size();
    offsets_.push_back(data_begin + tensor.begin);
    entries_.push_back(std::move(tensor.entry));
  }
  end += data_begin;
  require(end == file_bytes(), path(), ": ", file_bytes() - end, " bytes after the last tensor belong to none");
}

std::vector<std::byte> SafetensorsFile::read_bytes(const Entry& entry) const {
  std::vector<std::byte> bytes(entry.bytes);
  source_.read_at(offset_of(entry), bytes.data(), bytes.size());
  return bytes;
}

// --- writing -----------------------------------------------------------------------------------------------------

template <class T>
NamedTensor make_named_tensor(std::string name, std::string dtype, std::vector<std::int64_t> shape,
                              std::span<const T> values) {
  std::vector<std::byte> data = elements_of(dtype, values);
  NamedTensor tensor{std::move(name), std::move(dtype), std::move(shape), std::move(data)};
  require_complete(tensor);
  return tensor;
}

template NamedTensor make_named_tensor(std::string, std::string, std::vector<std::int64_t>, std::span<const float>);
template NamedTensor make_named_tensor(std::string, std::string, std::vector<std::int64_t>, std::span<const double>);
template NamedTensor make_named_tensor(std::string, std::string, std::vector<std::int64_t>,
                                       std::span<const std::int64_t>);

void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& tensor : tensors) {
    require_complete(tensor);
    order.push_back(&tensor);
  }
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return element_size_of(a->dtype) > element_size_of(b->dtype);
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::uint64_t end = 0;
  std::set<std::string> names{kMetadata};
  for (const NamedTensor* tensor : order) {
    require(names.insert(tensor->name).second, "cannot write ", path, ": two tensors are named ", tensor->name);
    const std::uint64_t begin = std::exchange(end, end + tensor->data.size());
    header[tensor->name] = {{"dtype", tensor->dtype}, {"shape", tensor->shape}, {"data_offsets", {begin, end}}};
  }
  // Metadata may hold file names, which need not be UTF-8.
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');

  AtomicFile file(path);
  const std::uint64_t length = text.size();
  file.write(&length, kLengthBytes);
  file.write(text.data(), text.size());
  for (const NamedTensor* tensor : order) file.write(tensor->data.data(), tensor->data.size());
  file.commit();
}

}  // namespace dgsam
