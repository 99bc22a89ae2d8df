// A plot of lines as SVG: nothing but what a browser shows by itself. Lines of few points have them marked.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace sluice::sim {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x ascending
};

struct Plot {
  std::string title, x_label, y_label;
  std::vector<Line> lines;
};

std::string draw_svg(const Plot& plot);
Status write_svg(const std::string& path, const Plot& plot);

}  // namespace sluice::sim
