// What stb_image does: PNG, and JPEG where libjpeg is missing.
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <string_view>

#include "data/encode.h"
#include "data/image_bytes.h"
#include "data/image_file.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace dgsam {
namespace {

std::uint32_t big_endian(std::span<const std::uint8_t> bytes) {
  return bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

/// Takes what stb_image_write writes; `out` is a vector of bytes.
void append_bytes(void* out, void* data, int size) {
  auto& all = *static_cast<std::vector<std::uint8_t>*>(out);
  const auto* const first = static_cast<const std::uint8_t*>(data);
  all.insert(all.end(), first, first + size);
}

void append_big_endian(std::vector<std::uint8_t>& out, std::size_t value) {
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

/// The parts of a PNG that decide its pixels, checked, with all 256 colours in the palette: stb_image checks neither
/// the sums nor that the indices are within the palette. Chunks about transparency go, because alpha is dropped.
std::vector<std::uint8_t> essential_chunks(std::span<const std::uint8_t> bytes, const std::string& name) {
  const ImageBytes in(bytes, name);
  const auto signature = in.part(0, 8);
  std::vector<std::uint8_t> out(signature.begin(), signature.end());
  out.reserve(bytes.size() + 3 * 256);
  std::string_view type;
  for (std::size_t at = 8; type != "IEND";) {
    const std::size_t length = big_endian(in.part(at, 4));
    const auto typed = in.part(at + 4, length + 4), data = typed.subspan(4);
    type = {reinterpret_cast<const char*>(typed.data()), 4};
    at += length + 12;
    const bool critical = (typed[0] & 0x20) == 0;
    if (!critical) continue;
    const auto sum = static_cast<std::uint32_t>(crc32_z(0, typed.data(), typed.size()));
    require(sum == big_endian(in.part(at - 4, 4)), name, ": damaged PNG (the checksum of ", type, " is wrong)");
    const bool palette = type == "PLTE" && length < 3 * 256;
    append_big_endian(out, palette ? 3 * 256 : length);
    out.insert(out.end(), typed.begin(), typed.end());
    for (std::size_t i = length; palette && i < 3 * 256; ++i)
      out.push_back(static_cast<std::uint8_t>(i / 3));  // as Palette
    append_big_endian(out, 0);                          // stb_image skips the sum
  }
  return out;
}

/// Deep grey is cut at 255, as Pillow converts it; other deep files keep their high bytes.
Image decode_deep_grey(std::span<const std::uint8_t> bytes, int width, int height, const std::string& name) {
  int channels = 0;
  const std::unique_ptr<stbi_us, void (*)(void*)> values(
      stbi_load_16_from_memory(bytes.data(), static_cast<int>(bytes.size()), &width, &height, &channels, 1),
      stbi_image_free);
  require(values != nullptr, name, ": damaged PNG (", stbi_failure_reason(), ")");
  Image image(width, height);
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(std::min<int>(values.get()[i / 3], 255));
  return image;
}

}  // namespace

Image decode_by_stb(std::span<const std::uint8_t> bytes, const std::string& name) {
  require(bytes.size() <= std::numeric_limits<int>::max(), name, ": larger than 2 GB");
  const auto length = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  require(stbi_info_from_memory(bytes.data(), length, &width, &height, &channels) != 0, name,
          ": damaged image header (", stbi_failure_reason(), ")");
  require_plausible_size(width, height, bytes.size(), name);
  if (channels == 1 && stbi_is_16_bit_from_memory(bytes.data(), length))
    return decode_deep_grey(bytes, width, height, name);
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), length, &width, &height, &channels, 3), stbi_image_free);
  require(pixels != nullptr, name, ": damaged or truncated image (", stbi_failure_reason(), ")");
  Image image(width, height);
  std::copy_n(pixels.get(), image.rgb.size(), image.rgb.begin());
  return image;
}

Image decode_png(std::span<const std::uint8_t> bytes, const std::string& name) {
  return decode_by_stb(essential_chunks(bytes, name), name);
}

std::vector<std::uint8_t> encode_png(const Image& image) {
  std::vector<std::uint8_t> bytes;
  const int encoded = stbi_write_png_to_func(append_bytes, &bytes, image.width, image.height, 3, image.rgb.data(), 0);
  require(encoded != 0, "an image of ", image.width, " x ", image.height, " pixels cannot be encoded as PNG");
  return bytes;
}

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  std::vector<std::uint8_t> bytes;
  const int encoded =
      stbi_write_jpg_to_func(append_bytes, &bytes, image.width, image.height, 3, image.rgb.data(), quality);
  require(encoded != 0, "an image of ", image.width, " x ", image.height, " pixels cannot be encoded as JPEG");
  return bytes;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::uint8_t> bytes = encode_png(image);
  std::ofstream file(path, std::ios::binary);
  require(file.is_open(), path.string(), ": cannot be written (", std::strerror(errno), ")");
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  require(file.good(), path.string(), ": cannot be written (is the disk full?)");
}

}  // namespace dgsam
