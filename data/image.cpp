#include "data/image.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <string_view>

#include "data/image_file.h"
#include "engine/core/check.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_NO_PSD
#define STBI_NO_PIC
#define STBI_NO_TGA
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

bool starts_with(std::span<const std::uint8_t> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

ImageFormat find_format(std::span<const std::uint8_t> bytes, const std::string& name) {
  if (starts_with(bytes, "\xFF\xD8\xFF")) return ImageFormat::jpeg;
  if (starts_with(bytes, "\x89PNG")) return ImageFormat::png;
  if (starts_with(bytes, "BM")) return ImageFormat::bmp;
  if (starts_with(bytes, "P5") || starts_with(bytes, "P6")) return ImageFormat::pnm;
  if (starts_with(bytes, "GIF8")) return ImageFormat::gif;
  fail(name, ": not a JPEG, PNG, BMP, PNM or GIF image");
}

std::uint32_t little_endian(std::span<const std::uint8_t> bytes, std::size_t at) {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | static_cast<std::uint32_t>(bytes[at + 3]) << 24;
}

/// The size of a binary PNM file: magic, width, height, largest value, one white space, the values.
std::size_t pnm_file_size(std::span<const std::uint8_t> bytes) {
  std::size_t at = 2, numbers[3] = {};
  for (std::size_t& number : numbers) {
    for (bool comment = false; at < bytes.size() && (comment || !std::isdigit(bytes[at])); ++at)
      comment = bytes[at] == '#' || (comment && bytes[at] != '\n');
    for (; at < bytes.size() && std::isdigit(bytes[at]); ++at) number = 10 * number + (bytes[at] - '0');
  }
  return at + 1 + numbers[0] * numbers[1] * (bytes[1] == '6' ? 3 : 1) * (numbers[2] > 255 ? 2 : 1);
}

/// Bytes an uncompressed format needs in the file: stb_image reads zeros past the end of BMP and PNM files.
std::size_t least_file_size(std::span<const std::uint8_t> bytes, std::int64_t width, std::int64_t height) {
  if (starts_with(bytes, "BM") && bytes.size() >= 54 && little_endian(bytes, 14) >= 40) {
    const std::int64_t bits = little_endian(bytes, 28) & 0xFFFF, row = (width * bits + 31) / 32 * 4;
    return little_endian(bytes, 10) + static_cast<std::size_t>(row * height);
  }
  return starts_with(bytes, "P5") || starts_with(bytes, "P6") ? pnm_file_size(bytes) : 0;
}

/// Whether an end marker (FF D9) follows the last scan; neither marker can occur inside a scan's data.
bool has_jpeg_end(std::span<const std::uint8_t> bytes) {
  for (std::size_t at = bytes.size() - 1; at > 0; --at) {
    if (bytes[at - 1] == 0xFF && bytes[at] == 0xD9) return true;
    if (bytes[at - 1] == 0xFF && bytes[at] == 0xDA) return false;
  }
  return false;
}

Image decode_by_stb(std::span<const std::uint8_t> bytes, ImageFormat format, const std::string& name) {
  require(bytes.size() <= std::numeric_limits<int>::max(), name, ": larger than 2 GB");
  const auto length = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  require(stbi_info_from_memory(bytes.data(), length, &width, &height, &channels) != 0, name,
          ": damaged image header (", stbi_failure_reason(), ")");
  require_plausible_size(width, height, bytes.size(), name);
  require(bytes.size() >= least_file_size(bytes, width, height), name, ": truncated image");
  require(format != ImageFormat::jpeg || has_jpeg_end(bytes), name,
          ": truncated JPEG; a build with libjpeg would decode what there is");
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), length, &width, &height, &channels, 3), stbi_image_free);
  require(pixels != nullptr, name, ": damaged or truncated image (", stbi_failure_reason(), ")");
  Image image(width, height);
  std::copy_n(pixels.get(), image.rgb.size(), image.rgb.begin());
  return image;
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::filesystem::path& path) {
  std::error_code unknown;
  require(!std::filesystem::is_directory(path, unknown), path.string(), ": is a directory, not a file");
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  require(file.is_open(), path.string(), ": cannot be opened (", std::strerror(errno), ")");
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(std::max<std::streamoff>(0, file.tellg())));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  require(file.good(), path.string(), ": cannot be read");
  return bytes;
}

void require_plausible_size(std::int64_t width, std::int64_t height, std::size_t file_bytes, const std::string& name) {
  constexpr std::int64_t kMostPixels = 178'956'970;
  constexpr std::int64_t kMostPixelsOfByte = 8 * 1032;  // one-bit pixels, by deflate at its best
  require(width > 0 && height > 0 && width * height <= kMostPixels, name, ": claims ", width, " x ", height,
          " pixels; the most that is read is ", kMostPixels, " in all");
  require(width * height <= kMostPixelsOfByte * static_cast<std::int64_t>(file_bytes), name, ": claims ", width, " x ",
          height, " pixels in a file of ", file_bytes, " bytes");
}

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, DecodeReport* report) {
  require(!bytes.empty(), name, ": the file is empty");
  DecodeReport found;
  found.format = find_format(bytes, name);
  const bool by_libjpeg = found.format == ImageFormat::jpeg && have_libjpeg();
  Image image = by_libjpeg ? decode_jpeg(bytes, name, found.truncated) : decode_by_stb(bytes, found.format, name);
  if (report != nullptr) *report = found;
  return image;
}

Image decode_image(const std::filesystem::path& path, DecodeReport* report) {
  return decode_image(read_file(path), path.string(), report);
}

void write_png(const std::filesystem::path& path, const Image& image) {
  std::ofstream file(path, std::ios::binary);
  require(file.is_open(), path.string(), ": cannot be written (", std::strerror(errno), ")");
  const auto append = [](void* out, void* data, int size) {
    static_cast<std::ofstream*>(out)->write(static_cast<const char*>(data), size);
  };
  const int encoded = stbi_write_png_to_func(append, &file, image.width, image.height, 3, image.rgb.data(), 0);
  file.close();
  require(encoded != 0 && file.good(), path.string(), ": cannot be written (is the disk full?)");
}

}  // namespace dgsam
