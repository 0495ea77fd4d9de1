// The decoders behind decode_image, and whole-file reading.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"

namespace dgsam {

/// The file's bytes, or its first `most` ones. Throws Error naming the path.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::size_t most = SIZE_MAX);

/// Throws Error for a damaged or hostile header: more pixels than PIL would open (178,956,970) or than `file_bytes`
/// bytes can hold in any of the formats.
void require_plausible_size(std::int64_t width, std::int64_t height, std::size_t file_bytes, const std::string& name);

/// True when decode_jpeg is libjpeg's; otherwise stb_image decodes JPEG and decode_jpeg must not be called.
bool have_libjpeg();

/// `truncated` becomes whether the data ended before the last row; rows of which nothing came are black (CMYK: white).
Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated);

/// By a JPEG's header; none when it is damaged or does not end within `bytes`, or without libjpeg.
std::optional<ImageSize> jpeg_size(std::span<const std::uint8_t> bytes);

// One format each; the bytes begin with its magic. All throw Error naming `name` for a truncated or damaged file.
Image decode_png(std::span<const std::uint8_t> bytes, const std::string& name);
Image decode_bmp(std::span<const std::uint8_t> bytes, const std::string& name);
Image decode_pnm(std::span<const std::uint8_t> bytes, const std::string& name);
Image decode_gif(std::span<const std::uint8_t> bytes, const std::string& name);
/// A PNG or a whole JPEG.
Image decode_by_stb(std::span<const std::uint8_t> bytes, const std::string& name);

}  // namespace dgsam
