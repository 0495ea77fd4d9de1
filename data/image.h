// Decoded images and the two file operations on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace dgsam {

/// 8-bit RGB, row-major (height, width, 3).
struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;

  Image() = default;
  Image(int w, int h) : width(w), height(h), rgb(std::size_t{3} * static_cast<std::size_t>(w) * h) {}

  std::uint8_t* row(int y) { return rgb.data() + std::size_t{3} * static_cast<std::size_t>(width) * y; }
  const std::uint8_t* row(int y) const { return rgb.data() + std::size_t{3} * static_cast<std::size_t>(width) * y; }
  bool empty() const { return rgb.empty(); }
  bool operator==(const Image&) const = default;
};

enum class ImageFormat : std::uint8_t { jpeg, png, bmp, pnm, gif, webp, tiff };

/// What decode_image found out besides the pixels.
struct DecodeReport {
  ImageFormat format = ImageFormat::jpeg;
  bool truncated = false;  // ends early or is damaged: Pillow reads it only with LOAD_TRUNCATED_IMAGES, or lacks rows
};

/// Decodes a JPEG, PNG, BMP, PNM, GIF (first frame), WebP (first frame) or TIFF (first page) file, to the bytes that
/// Pillow 9.4's convert("RGB") gives: alpha is dropped, 16-bit grey is cut at 255, other 16-bit values keep their high
/// byte, EXIF orientation is not applied (but a TIFF's is). The content decides the format, not the extension. WebP and
/// TIFF need a build with their libraries.
/// A file cut short or damaged after its header is decoded as far as it goes, where Pillow does so with
/// LOAD_TRUNCATED_IMAGES; `report`, if given, says so.
/// Throws Error naming the path for a missing, empty or undecodable file and for what is no file.
Image decode_image(const std::filesystem::path& path, DecodeReport* report = nullptr);

/// The same from memory; `name` stands for the path in errors.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, DecodeReport* report = nullptr);

struct ImageSize {
  int width = 0, height = 0;
  bool operator==(const ImageSize&) const = default;
};

/// The size that decode_image() gives: from a JPEG's or PNG's header, else by decoding. A file damaged behind its
/// header is not noticed. Throws Error as decode_image() otherwise.
ImageSize image_size(const std::filesystem::path& path);

/// "libpng 1.6.39, libjpeg-turbo 2.1.5, libwebp 1.2.4, libtiff 4.5.0", or which formats this build does not read.
std::string image_libraries();

/// Writes an 8-bit RGB PNG. Throws Error naming the path.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace dgsam
