// JPEG through libjpeg, fed as Pillow's decoder feeds it, so that whole and cut-short files give Pillow's pixels.
#include "data/image_file.h"
#include "engine/core/check.h"

#ifdef DGSAM_HAVE_LIBJPEG

#include <csetjmp>
// jpeglib.h needs stdio's declarations before it.
#include <cstdio>
// clang-format off
#include <jpeglib.h>
// clang-format on

namespace dgsam {
namespace {

/// Legal progressive files have a few dozen scans; thousands of empty ones would only cost time.
constexpr int kMostScans = 500;

enum class Progress { finished, out_of_bytes, failed };

/// One file being decompressed. libjpeg reports a fatal error by calling fail_out, which must not return: it jumps back
/// into the member function that called libjpeg, so those functions hold no object with a destructor.
class Decompressor {
 public:
  Decompressor() {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = fail_out;
    errors_.output_message = [](j_common_ptr) {};
    info_.client_data = this;
    if (setjmp(on_error_) != 0) return;  // only for a library of another version: every later call fails as well
    jpeg_create_decompress(&info_);
    source_.init_source = [](j_decompress_ptr) {};
    source_.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };  // pause: all there is was given
    source_.skip_input_data = skip;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = [](j_decompress_ptr) {};
    info_.src = &source_;
    monitor_.progress_monitor = check_scans;
    info_.progress = &monitor_;
  }
  ~Decompressor() { jpeg_destroy_decompress(&info_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// The bytes to go on with, starting with those that unread() returned.
  void feed(std::span<const std::uint8_t> bytes) {
    source_.next_input_byte = bytes.data();
    source_.bytes_in_buffer = bytes.size();
    const std::size_t pending = pending_skip_;
    pending_skip_ = 0;
    skip(&info_, static_cast<long>(pending));
  }
  std::span<const std::uint8_t> unread() const { return {source_.next_input_byte, source_.bytes_in_buffer}; }

  /// Reads up to the first scan.
  Progress read_header() {
    if (setjmp(on_error_) != 0) return Progress::failed;
    int result = JPEG_HEADER_TABLES_ONLY;
    while (result == JPEG_HEADER_TABLES_ONLY) result = jpeg_read_header(&info_, FALSE);
    return result == JPEG_SUSPENDED ? Progress::out_of_bytes : Progress::finished;
  }

  /// Writes rows in `space` from where the last call ended; `pixels` is the first row of the image.
  Progress read_rows(J_COLOR_SPACE space, std::uint8_t* pixels, std::size_t row_bytes) {
    if (setjmp(on_error_) != 0) return Progress::failed;
    if (!started_) {
      info_.out_color_space = space;
      if (!jpeg_start_decompress(&info_)) return Progress::out_of_bytes;
      started_ = true;
    }
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + row_bytes * info_.output_scanline;
      if (jpeg_read_scanlines(&info_, &row, 1) != 1) return Progress::out_of_bytes;
    }
    return Progress::finished;
  }

  const jpeg_decompress_struct& info() const { return info_; }
  int rows() const { return started_ ? static_cast<int>(info_.output_scanline) : 0; }
  const char* message() const { return message_; }

 private:
  [[noreturn]] static void fail_out(j_common_ptr info) {
    auto* self = static_cast<Decompressor*>(info->client_data);
    info->err->format_message(info, self->message_);
    std::longjmp(self->on_error_, 1);
  }
  static void skip(j_decompress_ptr info, long count) {
    auto* self = static_cast<Decompressor*>(info->client_data);
    const auto wanted = static_cast<std::size_t>(count > 0 ? count : 0);
    const std::size_t here = wanted < info->src->bytes_in_buffer ? wanted : info->src->bytes_in_buffer;
    info->src->next_input_byte += here;
    info->src->bytes_in_buffer -= here;
    self->pending_skip_ += wanted - here;
  }
  static void check_scans(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMostScans) return;
    auto* self = static_cast<Decompressor*>(info->client_data);
    std::snprintf(self->message_, sizeof self->message_, "more than %d scans", kMostScans);
    std::longjmp(self->on_error_, 1);
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr monitor_{};
  std::jmp_buf on_error_;
  char message_[JMSG_LENGTH_MAX] = "";
  std::size_t pending_skip_ = 0;  // bytes to ignore of what feed() brings next
  bool started_ = false;
};

/// a * b / 255 rounded, for bytes (Pillow's MULDIV255).
int multiply_255(int a, int b) {
  const int product = a * b + 128;
  return (product + (product >> 8)) >> 8;
}

/// Adobe's inverted CMYK, the only kind found in JPEG files, to RGB as Pillow's convert does.
Image cmyk_to_rgb(const std::vector<std::uint8_t>& cmyk, int width, int height) {
  Image image(width, height);
  for (std::size_t pixel = 0; pixel < cmyk.size() / 4; ++pixel) {
    const std::uint8_t* ink = &cmyk[4 * pixel];
    const int white = ink[3];
    for (int c = 0; c < 3; ++c)
      image.rgb[3 * pixel + c] = static_cast<std::uint8_t>(white - multiply_255(255 - ink[c], white));
  }
  return image;
}

/// Reads the rows from the file, then, when it ends early, what an end marker put after it brings out, as Pillow does.
/// Returns whether the file ended early or, which Pillow treats alike, was found damaged after some rows.
bool read_all_rows(Decompressor& decompressor, J_COLOR_SPACE space, std::vector<std::uint8_t>& pixels,
                   const std::string& name) {
  const std::size_t row_bytes = pixels.size() / decompressor.info().image_height;
  const Progress progress = decompressor.read_rows(space, pixels.data(), row_bytes);
  require(progress != Progress::failed || decompressor.rows() > 0, name, ": damaged JPEG (", decompressor.message(),
          ")");
  if (progress == Progress::out_of_bytes) {
    const std::span<const std::uint8_t> unread = decompressor.unread();
    std::vector<std::uint8_t> rest(unread.begin(), unread.end());
    rest.insert(rest.end(), {0xFF, JPEG_EOI});
    decompressor.feed(rest);
    decompressor.read_rows(space, pixels.data(), row_bytes);  // an end inside a table may make no sense: no more rows
  }
  return progress != Progress::finished;
}

}  // namespace

bool have_libjpeg() { return true; }

Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name, bool& truncated) {
  Decompressor decompressor;
  decompressor.feed(bytes);
  const Progress header = decompressor.read_header();
  require(header != Progress::out_of_bytes, name, ": truncated JPEG (it ends before the image begins)");
  require(header == Progress::finished, name, ": damaged JPEG (", decompressor.message(), ")");

  const jpeg_decompress_struct& info = decompressor.info();
  require_plausible_size(info.image_width, info.image_height, bytes.size(), name);
  const int width = static_cast<int>(info.image_width), height = static_cast<int>(info.image_height);
  const int components = info.num_components;
  require(components == 1 || components == 3 || components == 4, name, ": a JPEG of ", components,
          " components; 1, 3 and 4 are read");
  if (components == 4) {
    std::vector<std::uint8_t> cmyk(std::size_t{4} * static_cast<std::size_t>(width) * height, 255);  // no ink
    truncated = read_all_rows(decompressor, JCS_CMYK, cmyk, name);
    return cmyk_to_rgb(cmyk, width, height);
  }
  Image image(width, height);
  truncated = read_all_rows(decompressor, JCS_RGB, image.rgb, name);
  return image;
}

std::optional<ImageSize> jpeg_size(std::span<const std::uint8_t> bytes) {
  Decompressor decompressor;
  decompressor.feed(bytes);
  if (decompressor.read_header() != Progress::finished) return std::nullopt;
  const jpeg_decompress_struct& info = decompressor.info();
  return ImageSize{static_cast<int>(info.image_width), static_cast<int>(info.image_height)};
}

}  // namespace dgsam

#else

namespace dgsam {

bool have_libjpeg() { return false; }
Image decode_jpeg(std::span<const std::uint8_t>, const std::string& name, bool&) {
  fail(name, ": this build has no libjpeg");
}
std::optional<ImageSize> jpeg_size(std::span<const std::uint8_t>) { return std::nullopt; }

}  // namespace dgsam

#endif
