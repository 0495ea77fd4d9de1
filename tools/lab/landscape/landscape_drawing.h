// The parts of a landscape's picture.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tools/lab/drawing/canvas.h"
#include "tools/lab/landscape/landscape_figure.h"

namespace dgsam {

class LandscapeFigure {
 public:
  virtual ~LandscapeFigure() = default;
  virtual double width() const = 0;
  virtual double height() const = 0;
  virtual void draw(Canvas& canvas) const = 0;
};

/// Both refer to their arguments.
std::unique_ptr<LandscapeFigure> plane_figure(const Landscape& landscape, const ColourScale& scale);
std::unique_ptr<LandscapeFigure> path_figure(const Landscape& landscape, const ColourScale& scale);

/// What and where, one line each. Several checkpoints have a line each, with the number that marks them.
std::vector<std::string> headings(const Landscape& landscape, const ColourScale& scale);
void draw_headings(Canvas& canvas, const std::vector<std::string>& lines);
/// Down to the baseline of the last one.
double headings_height(const std::vector<std::string>& lines);

/// "photo (unseen)"
std::string title_of(const Landscape::LossValues& loss);

/// A checkpoint, with its number where there are several; value: of that loss.
void draw_mark(Canvas& canvas, Place at, const Landscape& landscape, std::size_t point, const std::string& loss,
               double value);

}  // namespace dgsam
