#include "tools/train/tensorboard.h"

#include <nlohmann/json.hpp>

namespace dgsam {
namespace {

template <class Json>
void add(Scalars& scalars, const std::string& tag, const Json& line, const std::string& key) {
  const auto found = line.find(key);
  if (found != line.end()) scalars.emplace_back(tag, found->template get<double>());
}

void add_each(Scalars& scalars, const std::string& tag, const nlohmann::ordered_json& line, const std::string& key) {
  const auto found = line.find(key);
  if (found == line.end()) return;
  for (std::size_t i = 0; i < found->size(); ++i) {
    scalars.emplace_back(tag + "/" + std::to_string(i + 1), (*found)[i].get<double>());
  }
}

}  // namespace

Scalars step_scalars(const nlohmann::ordered_json& metrics, double seconds) {
  Scalars scalars;
  add(scalars, "train/loss", metrics, "loss");
  add(scalars, "train/perturbed_loss", metrics, "perturbed_loss");
  scalars.emplace_back("train/seconds_per_step", seconds);
  add_each(scalars, "pass_loss", metrics, "losses");
  add_each(scalars, "grad_norm", metrics, "grad_norms");
  return scalars;
}

Scalars evaluation_scalars(const nlohmann::json& results, const std::vector<std::string>& domains) {
  Scalars scalars;
  for (std::size_t domain = 0; domain < domains.size(); ++domain) {
    for (const char* split : {"_in", "_out"}) {
      const std::string key = "env" + std::to_string(domain) + split, name = domains[domain] + split;
      add(scalars, "accuracy/" + name, results, key + "_acc");
      add(scalars, "eval_loss/" + name, results, key + "_loss");
    }
  }
  add(scalars, "val/accuracy", results, "val_acc");
  add(scalars, "val/loss", results, "val_loss");
  return scalars;
}

}  // namespace dgsam
