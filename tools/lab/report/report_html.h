// Pieces of HTML that the report's sections share. Every text that comes in is escaped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/lab/drawing/svg.h"
#include "tools/lab/report/report_chart.h"
#include "tools/results/tables.h"

namespace dgsam {

/// <tag>text</tag>
std::string element(const std::string& tag, const std::string& text);

/// A caption, a remark under it ("" for none), and `body`, which is HTML.
std::string figure(const std::string& title, const std::string& remark, const std::string& body);

/// HTML that opens on demand.
std::string details(const std::string& summary, const std::string& body);

/// A region that scrolls sideways by itself when it is too wide, and can be reached by the keyboard.
std::string scrolling(const std::string& name, const std::string& body);

/// A table with methods as columns, in their colours: those of their places in `labels`.
std::string html_table(const Table& table, const std::string& caption, const std::vector<std::string>& labels);

/// The names of methods in their colours.
std::string method_key(const Experiment& experiment);

/// An image file (PNG or JPEG) in the page itself.
std::string embedded_image(const std::vector<std::uint8_t>& file, const std::string& description);

/// Bars of `figures` by method: one group per figure, mean and standard error over the method's runs.
std::vector<Curve> method_bars(const Experiment& experiment, const std::vector<RunFigure>& figures);

}  // namespace dgsam
