#include "tools/lab/collect/swad_log.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

namespace dgsam {

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;
using Kind = CollectProblem::Kind;

constexpr const char* kTarget = "Test envs = [";
constexpr int kLinesToJudge = 400;

/// Without the escape sequences that colour a terminal, and without the carriage return.
std::string plain(const std::string& line) {
  std::string text;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\x1b') {
      at = line.find('m', at);
      if (at == std::string::npos) break;
    } else if (line[at] != '\r') {
      text += line[at];
    }
  }
  return text;
}

/// What stands behind "INFO 08/06 16:55:46 | ", or the line.
std::string message_of(const std::string& line) {
  const std::size_t bar = line.find(" | ");
  const bool logged = line.starts_with("INFO") || line.starts_with("WARNING");
  return logged && bar != std::string::npos ? line.substr(bar + 3) : line;
}

Words words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::vector<std::int64_t> numbers_in(const std::string& text) {
  std::vector<std::int64_t> numbers;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    if (end > at && end - at < 18) numbers.push_back(std::stoll(text.substr(at, end - at)));
    at = std::max(end, at + 1);
  }
  return numbers;
}

std::optional<double> number_of(const std::string& word) {
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  if (word.empty() || *end != '\0') return {};
  return value;
}

class LogReader {
 public:
  explicit LogReader(const fs::path& file) : file_(file) {}

  Collection read() {
    std::ifstream stream(file_);
    for (std::string raw; std::getline(stream, raw);) {
      ++line_;
      read_line(plain(raw));
    }
    end_target();
    return std::move(collection_);
  }

 private:
  void read_line(const std::string& line) {
    if (line == "Args:" || line == "HParams:" || line == "Dataset:") {
      if (line == "Args:") start_program();
      section_ = line;
    } else if (line.starts_with("\t")) {
      read_setting(line.substr(1));
    } else {
      section_.clear();
      read_message(message_of(line));
    }
  }

  void start_program() {
    end_target();
    args_.clear();
    hparams_.clear();
    domains_.clear();
  }

  void read_setting(const std::string& line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return;
    const std::string name = line.substr(0, colon);
    const std::size_t from = line.find_first_not_of(' ', colon + 1);
    const std::string value = from == std::string::npos ? "" : line.substr(from);
    if (section_ == "Args:") args_[name] = value;
    if (section_ == "HParams:") hparams_[name] = value;
    if (section_ == "Dataset:" && name.starts_with("env")) domains_.push_back(value.substr(0, value.rfind(" (#")));
  }

  void read_message(const std::string& message) {
    if (message.starts_with(kTarget)) return start_target(message);
    if (message.starts_with("test_in ")) columns_ = words_of(message);
    if (message.starts_with("Evaluate SWAD")) average_next_ = true;
    if (message.starts_with("iid = ") && !collection_.runs.empty()) collection_.runs.back().done = true;
    if (!in_target_ || columns_.empty()) return;
    const Words cells = words_of(message);
    const auto step = static_cast<std::size_t>(std::find(columns_.begin(), columns_.end(), "step") - columns_.begin());
    if (cells.size() > step && number_of(cells[0]) && (average_next_ || cells.size() == columns_.size())) {
      read_row(cells, step);
    }
  }

  void start_target(const std::string& message) {
    end_target();
    const std::string list = message.substr(std::string(kTarget).size());
    CollectedRun run;
    run.folder = file_;
    run.domainbed = run.swad_fork = true;
    run.dataset = args_["dataset"];
    run.algorithm = args_["algorithm"];
    for (const std::int64_t env : numbers_in(list.substr(0, list.find(']'))))
      run.test_envs.push_back(static_cast<int>(env));
    run.domains = domains_;
    for (const auto& [name, seed] :
         {std::pair<const char*, std::int64_t&>{"seed", run.trial.seed}, {"trial_seed", run.trial.trial_seed}}) {
      const std::vector<std::int64_t> numbers = numbers_in(args_[name]);
      if (!numbers.empty()) seed = numbers.front();
    }
    if (run.dataset.empty() || run.algorithm.empty() || run.test_envs.empty()) {
      return problem(Kind::malformed, "names no data set, algorithm or unseen domain");
    }
    nlohmann::json hparams = nlohmann::json::object();
    for (const auto& [name, value] : hparams_) hparams[name] = value;
    if (hparams.contains("swad") && hparams["swad"] != "False") run.algorithm += kSwadSuffix;
    run.hparams.values = swad_hparams(hparams);
    collection_.runs.push_back(std::move(run));
    in_target_ = true;
  }

  void end_target() {
    if (in_target_ && !collection_.runs.back().done) problem(Kind::incomplete, "ends before the run does: used so far");
    in_target_ = average_next_ = false;
    columns_.clear();
  }

  void read_row(const Words& cells, std::size_t step) {
    ResultRecord record;
    record.run = collection_.runs.size() - 1;
    record.averaged = average_next_;
    average_next_ = false;
    const std::vector<std::int64_t> steps = numbers_in(cells[step]);  // of an average "[401-5000]"
    if (steps.empty()) return problem(Kind::malformed, "has no step in its row");
    record.step = steps.back();
    for (int domain = 0;; ++domain) {
      const std::string key = "env" + std::to_string(domain);
      const auto value_of = [&](const std::string& name) {
        const auto found = std::find(columns_.begin(), columns_.end(), name);
        if (found == columns_.end()) return kMissing;
        return number_of(cells[static_cast<std::size_t>(found - columns_.begin())]).value_or(kMissing);
      };
      const double in = value_of(key + "_in"), out = value_of(key + "_out");
      if (std::isnan(in) && std::isnan(out)) break;
      record.in.push_back(in);
      record.out.push_back(out);
    }
    for (const int env : collection_.runs.back().test_envs) {
      const auto place = static_cast<std::size_t>(env);
      if (place >= record.in.size() || std::isnan(record.in[place]))
        return problem(Kind::malformed, "has no accuracy on the unseen domain");
    }
    collection_.records.push_back(std::move(record));
  }

  void problem(Kind kind, const std::string& what) {
    collection_.problems.push_back({kind, file_.string() + ":" + std::to_string(line_) + " " + what});
  }

  fs::path file_;
  int line_ = 0;
  std::string section_;
  std::map<std::string, std::string> args_, hparams_;
  Words domains_, columns_;
  bool in_target_ = false, average_next_ = false;
  Collection collection_;
};

}  // namespace

bool is_swad_log(const fs::path& file) {
  if (!fs::is_regular_file(file)) return false;
  std::ifstream stream(file);
  std::string line;
  for (int number = 0; number < kLinesToJudge && std::getline(stream, line); ++number) {
    if (message_of(plain(line)).starts_with(kTarget)) return true;
  }
  return false;
}

Collection read_swad_log(const fs::path& file) { return LogReader(file).read(); }

std::string swad_hparams(nlohmann::json hparams) {
  for (const char* const not_hparam : {"logdir", "test_env", "swad", "swad_kwargs"}) hparams.erase(not_hparam);
  return hparams.dump();
}

}  // namespace dgsam
