// What the analysis commands left beside a run's checkpoint (docs/analysis.md), and how the report shows it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dgsam {

/// last.sharpness.json.
struct SharpnessRecord {
  /// Of one loss: a domain's, or the total.
  struct Loss {
    struct WorstCase {
      double radius, one_step, multi_step;  // rise of the loss
    };
    struct Eigenvalue {
      double value, residual;
    };
    std::string name, role;  // role: "source", "unseen" or "total"
    std::vector<WorstCase> worst_case;
    std::vector<Eigenvalue> eigenvalues;  // largest first; empty when not asked for
    std::optional<double> trace;          // Hutchinson's estimate
    std::optional<double> trace_error;    // its standard error
  };

  std::int64_t images = 0, ascent_steps = 0, restarts = 0;
  std::vector<Loss> losses;
};

/// last.landscape.json: losses over a plane, or along a path.
struct LandscapeRecord {
  struct Point {
    std::string name;
    double x, y;  // y is 0 on a path
  };
  struct Loss {
    std::string name, role;
    std::vector<std::vector<double>> values;  // values[j][i] at (x[i], y[j]); one row on a path; kMissing: not finite
  };
  bool path = false;
  std::string directions;
  std::int64_t classes = 0;  // of the network; 0 where the file does not say
  std::vector<double> x, y;  // ascending; y is empty on a path
  std::string x_label, y_label;
  std::vector<Point> points;
  std::vector<Loss> losses;
};

/// last.eval.json.
struct EvalRecord {
  struct Mistake {
    std::string file, truth, predicted;  // file: relative to the data set's root
    double confidence;
  };
  struct DomainImages {
    std::string name;
    bool unseen = false;
    std::vector<std::vector<std::int64_t>> confusion;  // confusion[truth][predicted]
    std::vector<Mistake> mistakes;
  };
  std::vector<std::string> classes;
  std::vector<DomainImages> domains;
};

/// The records of one checkpoint, those that there are.
struct AnalysisRecords {
  std::optional<SharpnessRecord> sharpness;
  std::optional<LandscapeRecord> landscape;
  std::optional<EvalRecord> eval;
  std::vector<std::string> commands;  ///< that wrote them, where the files say
};

/// Reads STEM.sharpness.json, STEM.landscape.json and STEM.eval.json. A file that is not there is nothing; one that is
/// malformed is an Error that names it.
AnalysisRecords read_analysis(const std::filesystem::path& run, const std::string& stem);

}  // namespace dgsam
