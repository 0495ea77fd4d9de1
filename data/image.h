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

/// Decodes a JPEG, PNG, BMP, PNM or GIF (first frame) file. The content decides the format, not the extension.
/// Grey, palette, 16-bit (high byte), alpha (dropped) and CMYK become RGB; EXIF orientation is not applied.
/// JPEGs are decoded by libjpeg-turbo as PIL does (accurate integer DCT, smooth chroma upsampling) where the
/// build found it, else by stb_image, which differs by a few grey levels.
/// Throws Error naming the path for a missing, empty, truncated or undecodable file.
Image decode_image(const std::filesystem::path& path);

/// The same from memory; `name` stands for the path in errors.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name);

/// Writes an 8-bit RGB PNG. Throws Error naming the path.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace dgsam
