#include "data/image.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include "data/image_file.h"
#include "engine/core/check.h"

namespace dgsam {
namespace {

ImageFormat find_format(std::span<const std::uint8_t> bytes, const std::string& name) {
  const auto starts_with = [bytes](std::string_view magic) {
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
  };
  if (starts_with("\xFF\xD8\xFF")) return ImageFormat::jpeg;
  if (starts_with("\x89PNG")) return ImageFormat::png;
  if (starts_with("BM")) return ImageFormat::bmp;
  if (starts_with("P") && bytes.size() > 1 && bytes[1] >= '1' && bytes[1] <= '6') return ImageFormat::pnm;
  if (starts_with("GIF8")) return ImageFormat::gif;
  fail(name, ": not a JPEG, PNG, BMP, PNM or GIF image");
}

/// Whether an end marker (FF D9) follows the last scan; neither marker can occur inside a scan's data.
bool has_jpeg_end(std::span<const std::uint8_t> bytes) {
  for (std::size_t at = bytes.size() - 1; at > 0; --at) {
    if (bytes[at - 1] == 0xFF && bytes[at] == 0xD9) return true;
    if (bytes[at - 1] == 0xFF && bytes[at] == 0xDA) return false;
  }
  return false;
}

Image decode_jpeg_somehow(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated) {
  if (have_libjpeg()) return decode_jpeg(bytes, name, truncated);
  require(has_jpeg_end(bytes), name, ": truncated JPEG; a build with libjpeg would decode what there is");
  return decode_by_stb(bytes, name);
}

Image decode(std::span<const std::uint8_t> bytes, const std::string& name, DecodeReport& report) {
  switch (report.format) {
    case ImageFormat::jpeg:
      return decode_jpeg_somehow(bytes, name, report.truncated);
    case ImageFormat::png:
      return decode_png(bytes, name);
    case ImageFormat::bmp:
      return decode_bmp(bytes, name);
    case ImageFormat::pnm:
      return decode_pnm(bytes, name);
    case ImageFormat::gif:
      return decode_gif(bytes, name);
  }
  fail(name, ": unknown image format");
}

/// By the header of a JPEG or PNG of which these are the first bytes; none where that takes more.
std::optional<ImageSize> size_in_header(std::span<const std::uint8_t> bytes, const std::string& name) {
  constexpr std::size_t kPngSize = 16, kPngHeader = 24;  // width and height, big-endian, in the chunk that comes first
  const ImageFormat format = find_format(bytes, name);
  if (format == ImageFormat::jpeg) return jpeg_size(bytes);
  if (format != ImageFormat::png || bytes.size() < kPngHeader) return std::nullopt;
  const auto number = [&](std::size_t at) {
    return static_cast<int>(bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]);
  };
  return ImageSize{number(kPngSize), number(kPngSize + 4)};
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::size_t most) {
  std::error_code unknown;
  require(!std::filesystem::is_directory(path, unknown), path.string(), ": is a directory, not a file");
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  require(file.is_open(), path.string(), ": cannot be opened (", std::strerror(errno), ")");
  std::vector<std::uint8_t> bytes(std::min(most, static_cast<std::size_t>(std::max<std::streamoff>(0, file.tellg()))));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  require(file.good(), path.string(), ": cannot be read");
  return bytes;
}

void require_plausible_size(std::int64_t width, std::int64_t height, std::size_t file_bytes, const std::string& name) {
  constexpr std::int64_t kMostPixels = 178'956'970;
  constexpr std::int64_t kMostPixelsOfByte = 8 * 1032;  // one-bit pixels, by deflate at its best
  require(width > 0 && height > 0 && width <= kMostPixels && height <= kMostPixels && width * height <= kMostPixels,
          name, ": claims ", width, " x ", height, " pixels; the most that is read is ", kMostPixels, " in all");
  require(width * height <= kMostPixelsOfByte * static_cast<std::int64_t>(file_bytes), name, ": claims ", width, " x ",
          height, " pixels in a file of ", file_bytes, " bytes");
}

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, DecodeReport* report) {
  require(!bytes.empty(), name, ": the file is empty");
  DecodeReport found;
  found.format = find_format(bytes, name);
  Image image = decode(bytes, name, found);
  if (report != nullptr) *report = found;
  return image;
}

Image decode_image(const std::filesystem::path& path, DecodeReport* report) {
  return decode_image(read_file(path), path.string(), report);
}

ImageSize image_size(const std::filesystem::path& path) {
  constexpr std::size_t kMostHeaders = std::size_t{64} << 10;
  const std::vector<std::uint8_t> head = read_file(path, kMostHeaders);
  if (const auto size = size_in_header(head, path.string()); size && size->width > 0 && size->height > 0) {
    require_plausible_size(size->width, size->height, std::filesystem::file_size(path), path.string());
    return *size;
  }
  const Image image = decode_image(path);
  return {image.width, image.height};
}

}  // namespace dgsam
