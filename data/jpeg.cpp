// JPEG through libjpeg-turbo's TurboJPEG interface, with the settings PIL uses.
#include "data/image_file.h"
#include "engine/core/check.h"

#ifdef DGSAM_HAVE_TURBOJPEG

#include <turbojpeg.h>

#include <memory>

namespace dgsam {
namespace {

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

/// Whether an end marker (FF D9) follows the last scan; neither marker can occur inside a scan's data.
bool has_end(std::span<const std::uint8_t> bytes) {
  for (std::size_t at = bytes.size() - 1; at > 0; --at) {
    if (bytes[at - 1] == 0xFF && bytes[at] == 0xD9) return true;
    if (bytes[at - 1] == 0xFF && bytes[at] == 0xDA) return false;
  }
  return false;
}

}  // namespace

bool have_turbojpeg() { return true; }

Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name) {
  thread_local const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  require(decoder != nullptr, "cannot start the JPEG decoder: ", tjGetErrorStr2(nullptr));

  int width = 0, height = 0, subsampling = 0, colour = 0;
  const auto length = static_cast<unsigned long>(bytes.size());
  const int header = tjDecompressHeader3(decoder.get(), bytes.data(), length, &width, &height, &subsampling, &colour);
  // An unusual chroma subsampling fails here after the size is known, yet decodes below.
  require(width > 0 && height > 0, name, ": damaged JPEG (", tjGetErrorStr2(decoder.get()), ")");
  require_plausible_size(width, height, name);

  const bool cmyk = header == 0 && (colour == TJCS_CMYK || colour == TJCS_YCCK);
  const auto decode = [&](std::vector<std::uint8_t>& pixels, int format) {
    const int result =
        tjDecompress2(decoder.get(), bytes.data(), length, pixels.data(), width, 0, height, format, TJFLAG_ACCURATEDCT);
    if (result == 0) return;
    // libjpeg warns about damage that leaves a picture, which PIL accepts, and about a missing rest alike.
    const bool whole = tjGetErrorCode(decoder.get()) == TJERR_WARNING && has_end(bytes);
    require(whole, name, ": damaged or truncated JPEG (", tjGetErrorStr2(decoder.get()), ")");
  };
  if (cmyk) {
    std::vector<std::uint8_t> pixels(std::size_t{4} * static_cast<std::size_t>(width) * height);
    decode(pixels, TJPF_CMYK);
    return cmyk_to_rgb(pixels, width, height);
  }
  Image image(width, height);
  decode(image.rgb, TJPF_RGB);
  return image;
}

}  // namespace dgsam

#else

namespace dgsam {

bool have_turbojpeg() { return false; }
Image decode_jpeg(std::span<const std::uint8_t>, const std::string& name) {
  fail(name, ": this build has no libjpeg-turbo");
}

}  // namespace dgsam

#endif
