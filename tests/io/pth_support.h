// PyTorch's files, built by hand.
#pragma once

#include <zip.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/check.h"
#include "engine/io/pth.h"

namespace dgsam {

inline std::span<const std::byte> as_span(const std::string& bytes) {
  return std::as_bytes(std::span(bytes.data(), bytes.size()));
}

inline std::string golden_pth(const std::string& name) {
  return std::string(DGSAM_SOURCE_DIR) + "/tests/golden/pth/" + name + ".pth";
}

/// The bytes of a number, little-endian.
template <class T>
std::string number(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

/// BINUNICODE
inline std::string text(const std::string& value) {
  return "X" + number(static_cast<std::uint32_t>(value.size())) + value;
}

/// A file of before PyTorch 1.6 around the pickle of its object (without PROTO and STOP), with storages by key.
inline std::string old_file(const std::string& object,
                            const std::vector<std::pair<std::string, std::vector<float>>>& storages = {},
                            const std::string& machine = "}") {
  std::string keys = "](";
  std::string data;
  for (const auto& [key, values] : storages) {
    keys += text(key);
    data += number(static_cast<std::uint64_t>(values.size()));
    for (const float value : values) data += number(value);
  }
  const std::string begin = "\x80\x02";
  return std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15) + begin + "M\xe9\x03." +
         begin + machine + "." + begin + object + "." + begin + keys + "e." + data;
}

/// A persistent id of float elements.
inline std::string storage(const std::string& key, std::uint8_t elements, const std::string& type = "FloatStorage") {
  return "(" + text("storage") + "ctorch\n" + type + "\n" + text(key) + text("cpu") + "K" +
         std::string(1, static_cast<char>(elements)) + "tQ";
}

/// A call of _rebuild_tensor_v2; offset, shape and strides are pickles.
inline std::string tensor_pickle(const std::string& storage_pickle, const std::string& offset, const std::string& shape,
                                 const std::string& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage_pickle + offset + shape + strides + "\x89}tR";
}

/// A zip file with these records.
inline void write_zip(const std::string& path, const std::vector<std::pair<std::string, std::string>>& records,
                      int compression = ZIP_CM_STORE) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  require(archive != nullptr, "zip_open");
  for (const auto& [name, bytes] : records) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_OVERWRITE);
    require(index >= 0, "zip_file_add");
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), compression, 0);
  }
  require(zip_close(archive) == 0, "zip_close");
}

/// Opens a file held in memory and reads all of it.
inline std::size_t read_all(const std::string& bytes, const std::string& name = "memory.pth") {
  const PthFile file(ByteSource(as_span(bytes), name));
  std::size_t elements = 0;
  for (const auto& entry : file.entries()) elements += file.read_as<double>(entry.name).size();
  return elements;
}

}  // namespace dgsam
