// The libraries that decode images, and their versions.
#include <cstdio>
// jpeglib.h needs stdio's declarations before it.
// clang-format off
#include <jpeglib.h>
// clang-format on
#include <png.h>
#ifdef DGSAM_HAVE_WEBP
#include <webp/decode.h>
#endif
#ifdef DGSAM_HAVE_TIFF
#include <tiffio.h>
#endif

#include "data/image.h"

namespace dgsam {
namespace {

std::string webp_library() {
#ifdef DGSAM_HAVE_WEBP
  const int version = WebPGetDecoderVersion();
  return "libwebp " + std::to_string(version >> 16) + "." + std::to_string(version >> 8 & 255) + "." +
         std::to_string(version & 255);
#else
  return "WebP not read (built without libwebp)";
#endif
}

std::string tiff_library() {
#ifdef DGSAM_HAVE_TIFF
  const std::string text = TIFFGetVersion();  // "LIBTIFF, Version 4.5.0\nCopyright ..."
  const std::size_t start = text.find_last_of(' ', text.find('\n')) + 1;
  return "libtiff " + text.substr(start, text.find('\n') - start);
#else
  return "TIFF not read (built without libtiff)";
#endif
}

std::string jpeg_library() {
#ifdef LIBJPEG_TURBO_VERSION
#define DGSAM_TEXT_OF(value) #value
#define DGSAM_TEXT(value) DGSAM_TEXT_OF(value)
  return "libjpeg-turbo " DGSAM_TEXT(LIBJPEG_TURBO_VERSION);
#undef DGSAM_TEXT
#undef DGSAM_TEXT_OF
#else
  return "libjpeg " + std::to_string(JPEG_LIB_VERSION);
#endif
}

}  // namespace

std::string image_libraries() {
  return jpeg_library() + ", libpng " + png_get_libpng_ver(nullptr) + ", " + webp_library() + ", " + tiff_library();
}

}  // namespace dgsam
