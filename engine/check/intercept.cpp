#include "engine/check/intercept.h"

#include <string_view>
#include <tuple>
#include <type_traits>

namespace dgsam {
namespace {

void add_operand(Call& call, const ConstTensor& tensor) { call.operands.push_back({tensor, false, false}); }
void add_operand(Call& call, const Tensor& tensor) { call.operands.push_back({tensor, true, false}); }
template <class View>
void add_operand(Call& call, const Opaque<View>& tensor) {
  call.operands.push_back({tensor, std::is_same_v<View, Tensor>, true});
}
template <class Value>
void add_operand(Call&, const Value&) {}

/// The next of the given tensors for an operand; other arguments stay as they are.
template <class Argument>
decltype(auto) argument(const Argument& given, std::vector<Tensor>::const_iterator& next) {
  if constexpr (std::is_convertible_v<Tensor, Argument>) {
    return Argument(*next++);
  } else {
    return (given);
  }
}

/// Whether `arguments` ("x, y") are the names of `parameters` ("(ConstTensor x, Tensor y)"), in their order.
constexpr bool are_names_of(std::string_view arguments, std::string_view parameters) {
  constexpr std::string_view kBetween = ", ";
  parameters = parameters.substr(1, parameters.size() - 2);
  while (true) {
    const std::size_t argument_end = arguments.find(kBetween), parameter_end = parameters.find(kBetween);
    const std::string_view argument = arguments.substr(0, argument_end);
    const std::string_view parameter = parameters.substr(0, parameter_end);
    if (!parameter.ends_with(argument) || parameter[parameter.size() - argument.size() - 1] != ' ') return false;
    if (argument_end == std::string_view::npos || parameter_end == std::string_view::npos) {
      return argument_end == parameter_end;
    }
    arguments.remove_prefix(argument_end + kBetween.size());
    parameters.remove_prefix(parameter_end + kBetween.size());
  }
}

}  // namespace

std::string Call::text() const {
  std::string line(name_of(op));
  for (const Operand& operand : operands) {
    if (!operand.written) line += " " + (operand.tensor ? operand.tensor.type.text() : "-");
  }
  line += " ->";
  for (const Operand& operand : operands) {
    if (operand.written) line += " " + (operand.tensor ? operand.tensor.type.text() : "-");
  }
  return line;
}

template <class... Parameters>
void InterceptingBackend::call(Operation op, void (Backend::*operation)(Parameters...),
                               const std::type_identity_t<Parameters>&... arguments) {
  Call call{op, {}, {}, {}};
  (add_operand(call, arguments), ...);
  call.run_on = [&](Backend& backend) { (backend.*operation)(arguments...); };
  call.run_with = [&](Backend& backend, const std::vector<Tensor>& tensors) {
    auto next = tensors.begin();
    const std::tuple<Parameters...> actual{argument(arguments, next)...};  // braces: from left to right
    std::apply([&](const auto&... each) { (backend.*operation)(each...); }, actual);
  };
  intercept(call);
}

#define OPERATION(name, parameters, ...)                                                                              \
  static_assert(are_names_of(#__VA_ARGS__, #parameters), "the arguments of " #name " are not its parameters' names"); \
  void InterceptingBackend::name parameters { call(Operation::name, &Backend::name, __VA_ARGS__); }
#include "engine/operations.def"

}  // namespace dgsam
