// How tables of results look.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/lab/collect/collect_tables.h"

namespace dgsam {

enum class TableFormat : std::uint8_t { text, markdown, latex, json, csv };
/// By their names on the command line.
const std::map<std::string, TableFormat>& table_formats();

/// One text, ready to print. Tables of selection methods are, in text and LaTeX, what DomainBed's collect_results
/// prints, to the letter (but that LaTeX's special characters in names are escaped); the others follow them. JSON and
/// CSV have full precision; JSON also has the problems.
std::string format_tables(const Collection& collection, const std::vector<ResultTable>& tables, TableFormat format);

/// One table alone. LaTeX: what stands in a document.
std::string format_table(const ResultTable& table, TableFormat format);

/// What could not be used, counted by kind and named, a line each; empty when there is nothing.
std::string describe_problems(const Collection& collection);

}  // namespace dgsam
