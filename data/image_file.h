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

/// The file's bytes, or its first `most` ones. Throws Error naming the path, also for what is no file: reading a FIFO
/// would wait for ever.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::size_t most = SIZE_MAX);

/// By the first bytes. Throws Error that names the format which it is, where that is one that is not read.
ImageFormat find_format(std::span<const std::uint8_t> bytes, const std::string& name);

/// Throws Error for a damaged or hostile header: more pixels than PIL would open (178,956,970), or more than 2^24 that
/// `file_bytes` bytes cannot hold in any of the usual formats.
void require_plausible_size(std::int64_t width, std::int64_t height, std::size_t file_bytes, const std::string& name);

// One format each; the bytes begin with its magic. `truncated` becomes true when the file ends early or is damaged but
// Pillow reads it with LOAD_TRUNCATED_IMAGES. What is missing is then black (in a JPEG of CMYK: white; in a palette:
// its first colour; in a GIF: its transparent one). All throw Error naming `name` for what Pillow does not read at all.
Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated);
Image decode_png(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated);
Image decode_bmp(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated);
Image decode_pnm(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated);
Image decode_gif(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated);
/// Without its library a format is refused by name, with what to install.
bool have_webp();
bool have_tiff();
/// Neither is read cut short: Pillow does not either, but for the rows of an uncompressed TIFF.
Image decode_webp(std::span<const std::uint8_t> bytes, const std::string& name);
Image decode_tiff(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated);

/// By a file's first bytes; none when its header is damaged or does not end within `bytes`.
std::optional<ImageSize> jpeg_size(std::span<const std::uint8_t> bytes);
std::optional<ImageSize> png_size(std::span<const std::uint8_t> bytes, const std::string& name);

}  // namespace dgsam
