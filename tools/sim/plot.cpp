#include "tools/sim/plot.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace sluice::sim {
namespace {

constexpr double width = 760, height = 460, left = 70, right = 150, top = 40, bottom = 55;
// Colours that people with weak colour vision tell apart (Okabe and Ito, 2008).
constexpr const char* colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                   "#E69F00", "#56B4E9", "#000000", "#999999"};

constexpr std::size_t marked_points_max = 20;

struct Range {
  double low = 0, high = 1;
  double at(double value) const { return (value - low) / (high - low); }
};

Range range_of(const Plot& plot, bool x) {
  Range range{1e300, -1e300};
  for (const Line& line : plot.lines)
    for (const auto& point : line.points) {
      range.low = std::min(range.low, x ? point.first : point.second);
      range.high = std::max(range.high, x ? point.first : point.second);
    }
  if (range.low > range.high) return {};
  if (range.high - range.low < 1e-9) range.high = range.low + 1;
  return range;
}

// 1, 2 or 5 times a power of ten, about five to the range.
double step_of(const Range& range) {
  const double rough = (range.high - range.low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
  return (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10) * power;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string text_at(double x, double y, const std::string& more, const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return "<text x='" + number(x) + "' y='" + number(y) + "' " + more + ">" + escaped + "</text>\n";
}

std::string line_from(double x1, double y1, double x2, double y2, const std::string& colour) {
  return "<line x1='" + number(x1) + "' y1='" + number(y1) + "' x2='" + number(x2) + "' y2='" + number(y2) +
         "' stroke='" + colour + "'/>\n";
}

}  // namespace

std::string draw_svg(const Plot& plot) {
  const Range xs = range_of(plot, true), ys = range_of(plot, false);
  const auto x_at = [&](double x) { return left + xs.at(x) * (width - left - right); };
  const auto y_at = [&](double y) { return height - bottom - ys.at(y) * (height - top - bottom); };
  std::string svg = "<svg xmlns='http://www.w3.org/2000/svg' width='" + number(width) + "' height='" + number(height) +
                    "' font-family='sans-serif' font-size='12'>\n<rect width='100%' height='100%' fill='white'/>\n";
  svg += text_at(left, 22, "font-size='15'", plot.title);
  svg += text_at((left + width - right) / 2, height - 14, "text-anchor='middle'", plot.x_label);
  svg += "<g transform='rotate(-90 18 " + number(height / 2) + ")'>" +
         text_at(18, height / 2, "text-anchor='middle'", plot.y_label) + "</g>\n";
  for (double x = std::ceil(xs.low / step_of(xs)) * step_of(xs); x <= xs.high + 1e-9; x += step_of(xs))
    svg += line_from(x_at(x), top, x_at(x), height - bottom, "#ddd") +
           text_at(x_at(x), height - bottom + 18, "text-anchor='middle'", number(x));
  for (double y = std::ceil(ys.low / step_of(ys)) * step_of(ys); y <= ys.high + 1e-9; y += step_of(ys))
    svg += line_from(left, y_at(y), width - right, y_at(y), "#ddd") +
           text_at(left - 8, y_at(y) + 4, "text-anchor='end'", number(y));
  for (std::size_t i = 0; i < plot.lines.size(); ++i) {
    const std::string colour = colours[i % std::size(colours)];
    svg += "<polyline fill='none' stroke-width='2' stroke='" + colour + "' points='";
    for (const auto& [x, y] : plot.lines[i].points) svg += number(x_at(x)) + "," + number(y_at(y)) + " ";
    svg += "'/>\n";
    if (plot.lines[i].points.size() <= marked_points_max)
      for (const auto& [x, y] : plot.lines[i].points)
        svg += "<circle r='3.5' fill='" + colour + "' cx='" + number(x_at(x)) + "' cy='" + number(y_at(y)) + "'/>\n";
    const double y = top + 16 * static_cast<double>(i + 1);
    svg += line_from(width - right + 12, y - 4, width - right + 34, y - 4, colour) +
           text_at(width - right + 40, y, "", plot.lines[i].name);
  }
  return svg + "</svg>\n";
}

Status write_svg(const std::string& path, const Plot& plot) {
  std::ofstream file(path);
  file << draw_svg(plot);
  file.close();
  return file ? Status() : Status(Code::internal, "cannot write " + path);
}

}  // namespace sluice::sim
