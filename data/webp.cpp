// WebP through libwebp's decoder of animations, as Pillow reads it: the first frame on its canvas, alpha dropped.
#include "data/image_file.h"
#include "engine/core/check.h"

#ifdef DGSAM_HAVE_WEBP

#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>

namespace dgsam {

bool have_webp() { return true; }

Image decode_webp(std::span<const std::uint8_t> bytes, const std::string& name) {
  WebPBitstreamFeatures features{};
  const VP8StatusCode status = WebPGetFeatures(bytes.data(), bytes.size(), &features);
  require(status != VP8_STATUS_NOT_ENOUGH_DATA, name, ": truncated WebP");
  require(status == VP8_STATUS_OK, name, ": damaged WebP header");
  require_plausible_size(features.width, features.height, bytes.size(), name);

  WebPAnimDecoderOptions options;
  require(WebPAnimDecoderOptionsInit(&options) != 0, "libwebp is of another version than its headers");
  options.color_mode = MODE_RGBA;
  options.use_threads = 0;
  const WebPData data{bytes.data(), bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, void (*)(WebPAnimDecoder*)> decoder(WebPAnimDecoderNew(&data, &options),
                                                                             WebPAnimDecoderDelete);
  require(decoder != nullptr, name, ": truncated or damaged WebP");
  WebPAnimInfo info;
  std::uint8_t* canvas = nullptr;
  int milliseconds = 0;
  require(WebPAnimDecoderGetInfo(decoder.get(), &info) != 0 &&
              WebPAnimDecoderGetNext(decoder.get(), &canvas, &milliseconds) != 0,
          name, ": damaged WebP (its first frame cannot be decoded)");
  Image image(static_cast<int>(info.canvas_width), static_cast<int>(info.canvas_height));
  for (std::size_t pixel = 0; pixel < image.rgb.size() / 3; ++pixel)
    std::copy_n(canvas + 4 * pixel, 3, image.rgb.begin() + static_cast<std::ptrdiff_t>(3 * pixel));
  return image;
}

}  // namespace dgsam

#else

namespace dgsam {

bool have_webp() { return false; }

Image decode_webp(std::span<const std::uint8_t>, const std::string& name) {
  fail(name, ": is WebP, which this build does not read: install libwebp-dev and build again, or convert it to PNG");
}

}  // namespace dgsam

#endif
