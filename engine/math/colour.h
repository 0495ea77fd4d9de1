// Colour changes of one pixel as Pillow and torchvision make them, to the byte. For compilers that neither contract
// a·b + c nor divide approximately.
#pragma once

#include "engine/core/host_device.h"

namespace dgsam {

/// Values of 0 to 255.
struct Colour {
  int red, green, blue;
};

/// ITU-R 601 in Pillow's 16-bit fixed point.
DGSAM_HOST_DEVICE inline int luma_of(const Colour& colour) {
  return (colour.red * 19595 + colour.green * 38470 + colour.blue * 7471 + 0x8000) >> 16;
}

/// Image.blend: from + factor (to - from), cut to a byte toward zero.
DGSAM_HOST_DEVICE inline int blended(int from, int to, float factor) {
  const float value = static_cast<float>(from) + factor * static_cast<float>(to - from);
  return static_cast<int>(value < 0 ? 0.0f : value > 255 ? 255.0f : value);
}

/// Brightness is the blend with 0, contrast with the image's mean luma, saturation with the pixel's own luma.
DGSAM_HOST_DEVICE inline Colour blended(int from, const Colour& to, float factor) {
  return {blended(from, to.red, factor), blended(from, to.green, factor), blended(from, to.blue, factor)};
}

/// One channel of the way back from 8-bit HSV: it is the most within a sixth of a turn of its own hue, the least from
/// two sixths on, and falls evenly between. `start` turns the hue so that this is the way from 0 up to 1 and from 3
/// down to 4 sixths, of 255 steps each.
DGSAM_HOST_DEVICE inline int channel_of_hue(float hue, float saturation, float most, float start) {
  const float turned = start + hue * 6, angle = turned >= 6 * 255 ? turned - 6 * 255 : turned;
  const float edge = angle < 4 * 255 - angle ? angle : 4 * 255 - angle;
  const float fallen = edge < 0 ? 0.0f : edge > 255 ? 255.0f : edge;
  return static_cast<int>(most * (65025.0f - saturation * fallen) * (1.0f / 65025.0f) + 0.5f);
}

/// To Pillow's 8-bit HSV, hue + shift modulo 256, and back.
DGSAM_HOST_DEVICE inline Colour hue_shifted(const Colour& colour, int shift) {
  const auto r = static_cast<float>(colour.red), g = static_cast<float>(colour.green);
  const auto b = static_cast<float>(colour.blue);
  const float most_gb = g > b ? g : b, most = r > most_gb ? r : most_gb;
  const float least_gb = g < b ? g : b, least = r < least_gb ? r : least_gb, range = most - least;
  // Hue in sixths of a turn: 0, 2 or 4 where red, green or blue is the most, and from there up to 1 towards the channel
  // after it or before it, the further the more of that channel there is.
  const float sixth = r == most ? 0.0f : g == most ? 2.0f : 4.0f;
  const float before = r == most ? b : g == most ? r : g;
  const float side = before == least ? 1.0f : -1.0f;
  const float missing = (2 * most + least - r - g - b) / (range > 1 ? range : 1.0f);
  const float sixths = sixth + side - side * missing;
  const float turns = sixths / 6.0f + (sixths < 0 ? 1.0f : 0.0f);
  const auto hue = static_cast<float>((static_cast<int>(turns * 255.0f) + shift) & 255);
  const auto saturation = static_cast<float>(static_cast<int>(range * 255.0f / (most > 1 ? most : 1.0f)));
  return {channel_of_hue(hue, saturation, most, 5 * 255), channel_of_hue(hue, saturation, most, 3 * 255),
          channel_of_hue(hue, saturation, most, 1 * 255)};
}

}  // namespace dgsam
