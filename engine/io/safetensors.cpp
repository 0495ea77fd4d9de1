#include "engine/io/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>
#include <utility>

#include "engine/core/bfloat16.h"
#include "engine/core/check.h"
#include "engine/io/atomic_file.h"
#include "engine/io/float16.h"

namespace dgsam {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");

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

SafetensorsFile::Entry parse_entry(const std::string& path, const std::string& name, const json& value,
                                   std::uint64_t data_begin, std::uint64_t data_bytes) {
  const auto field = [&](const char* key, bool (json::*is)() const noexcept) -> const json& {
    const auto found = value.is_object() ? value.find(key) : value.end();
    require(value.is_object() && found != value.end() && ((*found).*is)(), path, ": tensor ", name,
            ": the header gives no valid ", key);
    return *found;
  };
  SafetensorsFile::Entry entry;
  entry.name = name;
  entry.dtype = field("dtype", &json::is_string).get<std::string>();
  const std::uint64_t element = safetensors_element_size(entry.dtype);
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
  entry.begin = data_begin + begin;
  entry.bytes = end - begin;
  return entry;
}

/// A half as a number.
struct Half {
  std::uint16_t bits = 0;
  Half() = default;
  explicit Half(float value) : bits(float_to_half(value)) {}
  explicit operator float() const { return half_to_float(bits); }
};

/// bfloat16 and Half convert from and to float only.
template <class From, class To>
void widen(const std::vector<std::byte>& bytes, std::vector<To>& to) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    if constexpr (std::is_arithmetic_v<From>) {
      to[i] = static_cast<To>(value);
    } else {
      to[i] = static_cast<To>(static_cast<float>(value));
    }
  }
}

template <class Stored, class T>
std::vector<std::byte> narrow(std::span<const T> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(Stored));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    if constexpr (std::is_arithmetic_v<Stored>) {
      stored = static_cast<Stored>(values[i]);
    } else {
      stored = Stored(static_cast<float>(values[i]));
    }
    std::memcpy(bytes.data() + i * sizeof(Stored), &stored, sizeof(Stored));
  }
  return bytes;
}

void require_complete(const NamedTensor& tensor) {
  std::uint64_t bytes = safetensors_element_size(tensor.dtype);
  require(bytes > 0, "tensor ", tensor.name, ": element type \"", tensor.dtype, "\" is not supported");
  for (const std::int64_t extent : tensor.shape) bytes *= static_cast<std::uint64_t>(extent);
  require(bytes == tensor.data.size(), "tensor ", tensor.name, ": ", tensor.data.size(), " bytes of values for ",
          tensor.dtype, shape_text(tensor.shape));
}

}  // namespace

std::size_t safetensors_element_size(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F32") return 4;
  if (dtype == "F16" || dtype == "BF16") return 2;
  return 0;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) text += (axis ? ", " : "") + std::to_string(shape[axis]);
  return text + "]";
}

// --- reading -----------------------------------------------------------------------------------------------------

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(descriptor_ >= 0, "cannot read ", path, ": ", std::strerror(errno));
  try {
    struct stat status {};
    require(::fstat(descriptor_, &status) == 0, "cannot read ", path, ": ", std::strerror(errno));
    require(S_ISREG(status.st_mode), path, ": not a file");
    const auto file_bytes = static_cast<std::uint64_t>(status.st_size);
    require(file_bytes >= kLengthBytes, path, ": not a safetensors file (", file_bytes, " bytes)");
    std::uint64_t header_bytes = 0;
    read_at(0, &header_bytes, kLengthBytes);
    require(header_bytes <= file_bytes - kLengthBytes, path, ": not a safetensors file, or truncated (a header of ",
            header_bytes, " bytes in a file of ", file_bytes, ")");
    require(header_bytes <= kMaxHeaderBytes, path, ": the header has ", header_bytes, " bytes, more than the limit of ",
            kMaxHeaderBytes);
    std::string header(header_bytes, '\0');
    read_at(kLengthBytes, header.data(), header.size());
    parse_header(header, file_bytes);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() { ::close(descriptor_); }

void SafetensorsFile::parse_header(const std::string& header, std::uint64_t file_bytes) {
  const json root = HeaderParser(path_).parse(header);
  const std::uint64_t data_begin = kLengthBytes + header.size();
  for (const auto& [name, value] : root.items()) {
    if (name != kMetadata) {
      entries_.push_back(parse_entry(path_, name, value, data_begin, file_bytes - data_begin));
      continue;
    }
    require(value.is_object(), path_, ": ", kMetadata, " is no JSON object");
    for (const auto& [key, text] : value.items()) {
      require(text.is_string(), path_, ": ", kMetadata, ": the value of \"", key, "\" is no string");
      metadata_[key] = text.get<std::string>();
    }
  }
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.bytes) < std::pair(b.begin, b.bytes);
  });
  std::uint64_t end = data_begin;
  for (const Entry& entry : entries_) {
    require(entry.begin == end, path_, ": tensor ", entry.name, ": its bytes ",
            entry.begin < end ? "overlap those of" : "leave a gap after", " the tensor before it");
    end += entry.bytes;
  }
  require(end == file_bytes, path_, ": ", file_bytes - end, " bytes after the last tensor belong to none");
}

void SafetensorsFile::read_at(std::uint64_t offset, void* to, std::size_t bytes) const {
  auto* at = static_cast<std::byte*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, at, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    require(got >= 0, "cannot read ", path_, ": ", std::strerror(errno));
    require(got > 0, path_, ": the file became shorter while it was read");
    at += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
}

const SafetensorsFile::Entry* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

template <class T>
std::vector<T> SafetensorsFile::read_as(std::string_view name) const {
  const Entry* entry = find(name);
  require(entry != nullptr, path_, ": there is no tensor ", name);
  std::vector<std::byte> bytes(entry->bytes);
  read_at(entry->begin, bytes.data(), bytes.size());
  std::vector<T> values(entry->elements());
  if (entry->dtype == "I64") {
    widen<std::int64_t>(bytes, values);
    return values;
  }
  if constexpr (std::is_floating_point_v<T>) {
    if (entry->dtype == "F64") widen<double>(bytes, values);
    if (entry->dtype == "F32") widen<float>(bytes, values);
    if (entry->dtype == "F16") widen<Half>(bytes, values);
    if (entry->dtype == "BF16") widen<bfloat16>(bytes, values);
    return values;
  } else {
    fail(path_, ": tensor ", name, " is ", entry->dtype, ", not I64");
  }
}

template std::vector<float> SafetensorsFile::read_as<float>(std::string_view) const;
template std::vector<double> SafetensorsFile::read_as<double>(std::string_view) const;
template std::vector<std::int64_t> SafetensorsFile::read_as<std::int64_t>(std::string_view) const;

// --- writing -----------------------------------------------------------------------------------------------------

template <class T>
NamedTensor make_named_tensor(std::string name, std::string dtype, std::vector<std::int64_t> shape,
                              std::span<const T> values) {
  std::vector<std::byte> data;
  if constexpr (std::is_floating_point_v<T>) {
    if (dtype == "F64") data = narrow<double>(values);
    if (dtype == "F32") data = narrow<float>(values);
    if (dtype == "F16") data = narrow<Half>(values);
    if (dtype == "BF16") data = narrow<bfloat16>(values);
  } else if (dtype == "I64") {
    data = narrow<T>(values);
  }
  require(values.empty() || !data.empty(), "tensor ", name, ": its values cannot be stored as ", dtype);
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
    return safetensors_element_size(a->dtype) > safetensors_element_size(b->dtype);
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
