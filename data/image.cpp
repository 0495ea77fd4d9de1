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

Image decode(std::span<const std::uint8_t> bytes, const std::string& name, DecodeReport& report) {
  switch (report.format) {
    case ImageFormat::jpeg:
      return decode_jpeg(bytes, name, report.truncated);
    case ImageFormat::png:
      return decode_png(bytes, name, report.truncated);
    case ImageFormat::bmp:
      return decode_bmp(bytes, name, report.truncated);
    case ImageFormat::pnm:
      return decode_pnm(bytes, name, report.truncated);
    case ImageFormat::gif:
      return decode_gif(bytes, name, report.truncated);
    case ImageFormat::webp:
      return decode_webp(bytes, name);
    case ImageFormat::tiff:
      return decode_tiff(bytes, name, report.truncated);
  }
  fail(name, ": unknown image format");
}

/// By the header of a JPEG or PNG of which these are the first bytes; none where that takes more.
std::optional<ImageSize> size_in_header(std::span<const std::uint8_t> bytes, const std::string& name) {
  const ImageFormat format = find_format(bytes, name);
  if (format == ImageFormat::jpeg) return jpeg_size(bytes);
  return format == ImageFormat::png ? png_size(bytes, name) : std::nullopt;
}

/// What is no file: "a FIFO".
const char* kind_name(std::filesystem::file_type type) {
  using Type = std::filesystem::file_type;
  return type == Type::directory ? "a directory"
         : type == Type::fifo    ? "a FIFO"
         : type == Type::socket  ? "a socket"
                                 : "a device";
}

}  // namespace

std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::size_t most) {
  using Type = std::filesystem::file_type;
  std::error_code error;
  const Type type = std::filesystem::status(path, error).type();
  const bool other = type == Type::directory || type == Type::fifo || type == Type::socket || type == Type::block ||
                     type == Type::character;
  require(!other, path.string(), ": is ", kind_name(type), ", not a file");
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
  constexpr std::int64_t kMostPixelsOfByte = 8 * 1032;       // one-bit pixels, by deflate at its best
  constexpr std::int64_t kHarmless = std::int64_t{1} << 24;  // the rest of a file that ends early may be missing
  require(width > 0 && height > 0 && width <= kMostPixels && height <= kMostPixels && width * height <= kMostPixels,
          name, ": claims ", width, " x ", height, " pixels; the most that is read is ", kMostPixels, " in all");
  const std::int64_t held = kMostPixelsOfByte * static_cast<std::int64_t>(file_bytes);
  require(width * height <= std::max(held, kHarmless), name, ": claims ", width, " x ", height, " pixels in a file of ",
          file_bytes, " bytes");
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
