#include "tools/lab/collect/collect_select.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

namespace dgsam {

namespace {

using Records = std::vector<const ResultRecord*>;

/// Calls use(key, records) for each group in the order of the keys.
template <class Key, class Use>
void for_each_group(const Records& records, const Key& key, const Use& use) {
  std::map<decltype(key(*records[0])), Records> groups;
  for (const ResultRecord* record : records) groups[key(*record)].push_back(record);
  for (const auto& [name, members] : groups) use(name, members);
}

/// Domains before the first whose out-split was not evaluated: what DomainBed takes for the number of domains.
std::size_t domains_of(const ResultRecord& record) {
  const auto end = std::find_if(record.out.begin(), record.out.end(), [](double value) { return std::isnan(value); });
  return static_cast<std::size_t>(end - record.out.begin());
}

/// Mean out-split accuracy of all domains but `test_env`.
double validation_of(const ResultRecord& record, std::size_t test_env) {
  std::vector<double> values;
  for (std::size_t domain = 0; domain < domains_of(record); ++domain) {
    if (domain != test_env) values.push_back(record.out[domain]);
  }
  return numpy_mean(values);
}

/// The better choice is the later one only when it is strictly better, as in Python's max().
void keep_better(std::optional<Choice>& best, const Choice& choice) {
  if (!best || choice.validation > best->validation) best = choice;
}

class RunSelector {
 public:
  RunSelector(const Collection& collection, int test_env)
      : collection_(collection), test_env_(static_cast<std::size_t>(test_env)) {}

  /// The checkpoint of one choice of hyperparameters.
  std::optional<Choice> choose(const Records& records, SelectionMethod selection) const {
    const Records averages = where_averaged(records, true);
    switch (selection) {
      case SelectionMethod::training_domain:
        return training_domain(averages.empty() ? records : averages);
      case SelectionMethod::leave_one_out:
        return leave_one_out(where_averaged(records, false));
      case SelectionMethod::oracle:
        return oracle(averages.empty() ? records : averages);
    }
    return {};
  }

  static Records where_averaged(const Records& records, bool averaged) {
    Records result;
    std::copy_if(records.begin(), records.end(), std::back_inserter(result),
                 [&](const ResultRecord* record) { return record->averaged == averaged; });
    return result;
  }

  Records single(const Records& records) const {
    Records result;
    std::copy_if(records.begin(), records.end(), std::back_inserter(result),
                 [&](const ResultRecord* record) { return collection_.runs[record->run].test_envs.size() == 1; });
    return result;
  }

  Choice choice(const ResultRecord* record, double validation) const {
    return {validation, record->in[test_env_], collection_.runs[record->run].hparams, record};
  }

  std::optional<Choice> training_domain(const Records& records) const {
    std::optional<Choice> best;
    for (const ResultRecord* record : single(records))
      keep_better(best, choice(record, validation_of(*record, test_env_)));
    return best;
  }

  std::optional<Choice> oracle(const Records& records) const {
    const ResultRecord* last = nullptr;
    for (const ResultRecord* record : single(records)) {
      if (last == nullptr || record->step >= last->step) last = record;
    }
    if (last == nullptr) return {};
    return choice(last, last->out[test_env_]);
  }

  std::optional<Choice> leave_one_out(const Records& records) const {
    std::optional<Choice> best;
    const auto step_of = [](const ResultRecord& record) { return record.step; };
    for_each_group(records, step_of, [&](std::int64_t, const Records& at_step) {
      const Records tests = single(at_step);
      if (tests.size() != 1) return;
      std::vector<double> accuracies(domains_of(*at_step[0]), -1);
      for (const ResultRecord* record : at_step) {
        const std::vector<int>& unseen = collection_.runs[record->run].test_envs;
        if (unseen.size() != 2) continue;
        const auto other = static_cast<std::size_t>(unseen[0] + unseen[1]) - test_env_;
        if (other < accuracies.size()) accuracies[other] = record->in[other];
      }
      if (test_env_ < accuracies.size()) accuracies.erase(accuracies.begin() + static_cast<std::ptrdiff_t>(test_env_));
      if (std::find(accuracies.begin(), accuracies.end(), -1) != accuracies.end()) return;
      keep_better(best, choice(tests[0], numpy_mean(accuracies)));
    });
    return best;
  }

 private:
  const Collection& collection_;
  std::size_t test_env_;
};

/// numpy adds fewer than 8 numbers one after another, more in 8 sums of every 8th, and halves what is longer than 128.
double numpy_sum(std::span<const double> values) {
  const std::size_t count = values.size();
  if (count > 128) {
    const std::size_t half = count / 2 - count / 2 % 8;
    return numpy_sum(values.first(half)) + numpy_sum(values.subspan(half));
  }
  double sum = 0;
  std::size_t at = 0;
  if (count >= 8) {
    double r[8];
    std::copy_n(values.begin(), 8, r);
    for (at = 8; at + 8 <= count; at += 8) {
      for (std::size_t lane = 0; lane < 8; ++lane) r[lane] += values[at + lane];
    }
    sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
  }
  for (; at < count; ++at) sum += values[at];
  return sum;
}

}  // namespace

std::string name_of(SelectionMethod selection) {
  switch (selection) {
    case SelectionMethod::training_domain:
      return "training-domain validation set";
    case SelectionMethod::leave_one_out:
      return "leave-one-domain-out cross-validation";
    case SelectionMethod::oracle:
      return "test-domain validation set (oracle)";
  }
  return "";
}

std::optional<Choice> select(const Collection& collection, const ResultGroup& group, SelectionMethod selection) {
  std::optional<Choice> best;
  const RunSelector selector(collection, group.test_env);
  const auto hparams_of = [&](const ResultRecord& record) { return collection.runs[record.run].hparams; };
  for_each_group(group.records, hparams_of, [&](const Hparams& hparams, const Records& records) {
    std::optional<Choice> choice = selector.choose(records, selection);
    if (!choice) return;
    choice->hparams = hparams;
    // What is not a number counts as the lowest.
    if (!best || std::isnan(best->validation) || choice->validation >= best->validation) best = choice;
  });
  return best;
}

std::optional<SwadChoice> select_swad(const Collection& collection, const ResultGroup& group) {
  const std::optional<Choice> chosen = select(collection, group, SelectionMethod::training_domain);
  if (!chosen) return {};
  const RunSelector selector(collection, group.test_env);
  Records checkpoints;
  SwadChoice result;
  for (const ResultRecord* record : selector.single(group.records)) {
    if (collection.runs[record->run].hparams != chosen->hparams) continue;
    if (record->averaged) {
      result.swad = selector.choice(record, 0).test;
    } else {
      checkpoints.push_back(record);
    }
  }
  std::optional<Choice> best, last;
  for (const ResultRecord* record : checkpoints) {
    keep_better(best, selector.choice(record, record->out[static_cast<std::size_t>(group.test_env)]));
    if (!last || record->step >= last->record->step) last = selector.choice(record, 0);
  }
  if (!best) return {};
  result.oracle = best->test;
  result.iid = selector.training_domain(checkpoints)->test;
  result.last = last->test;
  return result;
}

double numpy_mean(std::span<const double> values) {
  return values.empty() ? kMissing : numpy_sum(values) / static_cast<double>(values.size());
}

double domainbed_error(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  std::vector<double> terms(values.begin(), values.end());
  for (double& term : terms) term /= std::sqrt(count);
  const double mean = numpy_mean(terms);
  for (double& term : terms) term = (term - mean) * (term - mean);
  return std::sqrt(numpy_mean(terms));
}

}  // namespace dgsam
