// The parts of a landscape's picture.
#pragma once

#include <string>
#include <vector>

#include "tools/lab/drawing/svg_canvas.h"
#include "tools/lab/landscape/landscape_figure.h"

namespace dgsam {

/// A map of every loss, or a curve of every loss.
std::string plane_svg(const Landscape& landscape, const ColourScale& scale);
std::string path_svg(const Landscape& landscape, const ColourScale& scale);

/// What and where, one line each. Several checkpoints have a line each, with the number that marks them.
std::vector<std::string> headings(const Landscape& landscape, const ColourScale& scale);
void draw_headings(SvgCanvas& canvas, const std::vector<std::string>& lines);
/// Down to the baseline of the last one.
double headings_height(const std::vector<std::string>& lines);

/// "photo (unseen)"
std::string title_of(const Landscape::LossValues& loss);

/// A checkpoint, with its number where there are several; value: of that loss.
void draw_mark(SvgCanvas& canvas, Place at, const Landscape& landscape, std::size_t point, const std::string& loss,
               double value);

/// A rectangle with axes around it.
struct Frame {
  static constexpr double kLeft = 66, kBelow = 50;  // room that numbers and names of the axes take beside it

  Place corner;  ///< its upper left one
  double width, height;

  double right() const { return corner.x + width; }
  double bottom() const { return corner.y + height; }
  /// Of a value on an axis that ends at the frame's sides; y goes up.
  double x(const std::vector<double>& axis, double value) const {
    return corner.x + width * (value - axis.front()) / (axis.back() - axis.front());
  }
  double y(const std::vector<double>& axis, double value) const {
    return corner.y + height * (axis.back() - value) / (axis.back() - axis.front());
  }

  void draw(SvgCanvas& canvas) const;
  /// About `count` ticks under the frame; with their numbers and the axis's name unless another frame is below.
  void draw_x_axis(SvgCanvas& canvas, const std::vector<double>& axis, int count, const std::string& name,
                   bool numbers = true) const;
  /// Beside the frame.
  void draw_y_name(SvgCanvas& canvas, const std::string& name) const;
};

/// Of numbers and names of axes.
TextStyle axis_style(Anchor anchor);

}  // namespace dgsam
