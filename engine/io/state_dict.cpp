#include "engine/io/state_dict.h"

#include <algorithm>
#include <array>

#include "engine/core/check.h"
#include "engine/io/byte_source.h"

namespace dgsam {

namespace {

using Kind = Pickle::Kind;
using Value = Pickle::Value;

/// The keys under which training scripts save a model's state_dict. The first that is there wins.
constexpr std::array<std::string_view, 8> kUsualKeys{"state_dict", "model_state_dict", "model_dict", "model",
                                                     "net",        "network",          "algorithm",  "weights"};
constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxTensors = 1 << 16;
constexpr std::size_t kMaxValues = 1 << 22;
constexpr std::size_t kMaxName = 512;

class Reader {
 public:
  Reader(const Pickle& pickle, const std::string& file) : pickle_(pickle), file_(file), tensors_(pickle, file) {}

  StateDict read() {
    const Value* weights = find_weights();
    add_dictionary(*weights, "", 0);
    if (result_.tensors.empty()) {
      refuse("it holds no tensors", unreadable_.count > 0 ? " that can be read: " + unreadable_.text() : "",
             skipped_.count > 0 ? ": its values are " + skipped_.text() : "");
    }
    if (unreadable_.count > 0) {
      result_.notes.push_back(file_ + ": left out, as its values can't be read: " + unreadable_.text());
    }
    if (skipped_.count > 0) {
      result_.notes.push_back(file_ + ": left out, as it is no tensor: " + skipped_.text());
    }
    result_.storages = tensors_.storages();
    return std::move(result_);
  }

 private:
  /// Names of what is left out.
  struct LeftOut {
    std::string first;
    std::size_t count = 0;

    void add(std::string_view name, std::string_view what) {
      if (count++ > 0) return;
      first = printable(name);
      if (!what.empty()) first += " (" + printable(what) + ")";
    }
    std::string text() const { return first + (count > 1 ? " and " + std::to_string(count - 1) + " more" : ""); }
  };

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(file_, ": ", parts..., kSaveWeightsAlone);
  }

  const Value& item(const Value& value, std::size_t index) const { return pickle_.at(value.items[index]); }

  static bool is_dictionary(const Value& value) {
    return value.kind == Kind::dictionary || (value.kind == Kind::object && !value.items.empty());
  }

  struct Child {
    const Value* key;  ///< nullptr for an item of a list
    const Value* value;
    std::string name;  ///< "" for a key that is no text and no number
  };

  /// Of a dictionary, a list or a tuple.
  std::vector<Child> children_of(const Value& value) {
    seen_ += value.items.size();
    if (seen_ > kMaxValues) refuse("it holds more than ", kMaxValues, " values");
    std::vector<Child> children;
    if (!is_dictionary(value)) {
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        children.push_back({nullptr, &item(value, i), std::to_string(i)});
      }
      return children;
    }
    for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
      const Value& key = item(value, i);
      children.push_back({&key, &item(value, i + 1),
                          key.kind == Kind::text      ? std::string(key.text.substr(0, kMaxName))
                          : key.kind == Kind::integer ? std::to_string(key.integer)
                                                      : ""});
    }
    return children;
  }

  bool holds_tensors(const Value& dictionary) {
    if (!is_dictionary(dictionary)) return false;
    seen_ += dictionary.items.size();
    if (seen_ > kMaxValues) refuse("it holds more than ", kMaxValues, " values");
    for (std::size_t i = 1; i < dictionary.items.size(); i += 2) {
      if (tensors_.is_tensor(item(dictionary, i))) return true;
    }
    return false;
  }

  /// The dictionary under a usual key, or under the only key that has one with tensors; nullptr when there is none.
  const Value* find_inside(const Value& dictionary, std::string* taken) {
    const Value *only = nullptr, *found = nullptr;
    std::string only_name;
    int count = 0;
    std::size_t best = 2 * kUsualKeys.size();  // dictionaries that hold tensors themselves come first
    for (const Child& child : children_of(dictionary)) {
      const bool direct = holds_tensors(*child.value);
      if (direct) {
        ++count;
        only = child.value;
        only_name = child.name;
      }
      const auto usual = std::find(kUsualKeys.begin(), kUsualKeys.end(), child.name);
      if (usual == kUsualKeys.end() || !is_dictionary(*child.value)) continue;
      const std::size_t rank = static_cast<std::size_t>(usual - kUsualKeys.begin()) + (direct ? 0 : kUsualKeys.size());
      if (rank >= best) continue;
      best = rank;
      found = child.value;
      *taken = child.name;
    }
    if (found != nullptr || count != 1 || holds_tensors(dictionary)) return found;
    *taken = only_name;
    return only;
  }

  const Value* find_weights() {
    const Value* weights = &pickle_.root();
    if (!is_dictionary(*weights) && weights->kind != Kind::list && weights->kind != Kind::tuple) {
      if (tensors_.is_tensor(*weights)) refuse("it holds one tensor without a name, no dictionary of tensors");
      const bool named = weights->kind == Kind::object && !weights->text.empty();
      refuse("it holds no dictionary of tensors",
             named ? " but a use of \"" + printable(weights->text) + "\", which was not run" : "");
    }
    std::string taken;
    for (int depth = 0; depth < kMaxDepth; ++depth) {
      std::string key;
      const Value* inside = find_inside(*weights, &key);
      if (inside == nullptr) break;
      taken += (taken.empty() ? "" : ".") + printable(key);
      weights = inside;
    }
    if (!is_dictionary(*weights)) refuse("it holds no dictionary of tensors");
    if (!taken.empty()) result_.notes.push_back(file_ + ": the tensors under \"" + taken + "\" were taken");
    return weights;
  }

  void add_tensor(const Value& value, const std::string& name) {
    if (result_.tensors.size() == kMaxTensors) refuse("it holds more than ", kMaxTensors, " tensors");
    std::string reason;
    if (std::optional<PickledTensor> tensor = tensors_.read(value, name, reason)) {
      result_.tensors.push_back(std::move(*tensor));
    } else {
      unreadable_.add(name, reason);
    }
  }

  void add_dictionary(const Value& dictionary, const std::string& prefix, int depth) {
    if (depth > kMaxDepth) refuse("dictionaries are nested more than ", kMaxDepth, " deep");
    if (++dictionaries_ > kMaxTensors) refuse("it holds more than ", kMaxTensors, " dictionaries");
    for (const Child& child : children_of(dictionary)) {
      const std::string name = prefix + child.name;
      if (child.name.empty() && child.key->kind != Kind::text) {
        skipped_.add(prefix + "?", "its key is no text");
      } else if (tensors_.is_tensor(*child.value)) {
        if (name.size() >= kMaxName) refuse("the name ", printable(name), " is longer than ", kMaxName, " characters");
        add_tensor(*child.value, name);
      } else if (is_dictionary(*child.value)) {
        add_dictionary(*child.value, name + ".", depth + 1);
      } else {
        skipped_.add(name, child.value->kind == Kind::object ? child.value->text : "");
      }
    }
  }

  const Pickle& pickle_;
  const std::string& file_;
  PickledTensors tensors_;
  StateDict result_;
  std::size_t seen_ = 0, dictionaries_ = 0;
  LeftOut skipped_, unreadable_;
};

}  // namespace

StateDict read_state_dict(const Pickle& pickle, const std::string& file) { return Reader(pickle, file).read(); }

}  // namespace dgsam
