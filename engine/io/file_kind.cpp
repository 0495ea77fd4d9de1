#include "engine/io/file_kind.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "engine/io/pth.h"

namespace dgsam {

namespace {

constexpr std::size_t kStartBytes = 512;

struct Signature {
  std::string_view bytes, description;
};

constexpr std::array<Signature, 14> kSignatures{
    {{"version https://git-lfs", "is a Git LFS pointer: run `git lfs pull` in its repository"},
     {"\x1f\x8b", "is compressed: unpack it first"},
     {std::string_view("\xfd"
                       "7zXZ"),
      "is compressed: unpack it first"},
     {"BZh", "is compressed: unpack it first"},
     {"7z\xbc\xaf", "is compressed: unpack it first"},
     {"\x28\xb5\x2f\xfd", "is compressed: unpack it first"},
     {"Rar!", "is compressed: unpack it first"},
     {"\x89HDF", "is HDF5, as Keras writes it: only PyTorch's weights and safetensors can be read"},
     {"GGUF", "is GGUF: only PyTorch's weights and safetensors can be read"},
     {"\x93NUMPY", "is a NumPy array: only PyTorch's weights and safetensors can be read"},
     {"\x89PNG", "is an image, not weights"},
     {"\xff\xd8\xff", "is an image, not weights"},
     {"GIF8", "is an image, not weights"},
     {"\x7f"
      "ELF",
      "is a program, not weights"}}};

constexpr std::string_view kPickle =
    "is a Python pickle, but not one that torch.save wrote: save the weights with "
    "torch.save(model.state_dict(), path)";

/// Protocols 2 to 5 begin with their number; 0 and 1 with an opcode, which tells little.
bool is_pickle(std::string_view start) {
  if (start.size() > 1 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5) return true;
  if (start.starts_with("(dp") || start.starts_with("(lp") || start.starts_with("}q") || start.starts_with("]q")) {
    return true;
  }
  // A global: "c", a module, a name.
  const std::size_t module = start.find('\n'),
                    name = module == std::string_view::npos ? module : start.find('\n', module + 1);
  const auto is_name = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.'; });
  };
  return name != std::string_view::npos && start[0] == 'c' && name - module <= 100 &&
         is_name(start.substr(1, module - 1)) && is_name(start.substr(module + 1, name - module - 1)) &&
         name + 1 < start.size() && std::string_view("(q)pSUVX.").find(start[name + 1]) != std::string_view::npos;
}

bool is_text(std::string_view start) {
  return std::all_of(start.begin(), start.end(),
                     [](unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\r' || c == '\t'; });
}

}  // namespace

std::string start_of(const ByteSource& source) {
  std::string start(std::min<std::uint64_t>(source.size(), kStartBytes), '\0');
  source.read_at(0, start.data(), start.size());
  return start;
}

std::string description_of(std::string_view start) {
  if (start.empty()) return "is empty: download it again";
  if (PthFile::recognises(start)) {
    return "is a file of PyTorch, not safetensors: `train --weights` takes it, and `weights convert` converts it";
  }
  const std::size_t text = start.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (text != std::string_view::npos && start[text] == '<') {
    return "is a web page: the download failed. Open the address in a browser to see why, then download it again";
  }
  for (const Signature& signature : kSignatures) {
    if (start.starts_with(signature.bytes)) return std::string(signature.description);
  }
  if (start.size() > 262 && start.substr(257, 5) == "ustar") {
    return "is a tar archive: unpack it, or, if PyTorch before 0.1.10 wrote it, load it in PyTorch and save its "
           "state_dict again";
  }
  if (is_pickle(start)) return std::string(kPickle);
  if (start.find("onnx") != std::string_view::npos || (start.starts_with('\x08') && start.find("torch") < 64)) {
    return "looks like ONNX: save the state_dict of the PyTorch model instead";
  }
  if (start.starts_with("\x08\x01\x12")) {
    return "looks like TensorFlow or ONNX: only PyTorch's weights and safetensors can be read";
  }
  if (std::all_of(start.begin(), start.end(), [](char c) { return c == 0; })) {
    return "begins with zero bytes alone: it was not written to its end: download or copy it again";
  }
  std::string kind;
  if (text != std::string_view::npos && is_text(start)) kind = start[text] == '{' ? "JSON, " : "text, ";
  return "is " + kind + "neither safetensors nor a file of torch.save(model.state_dict(), path)";
}

}  // namespace dgsam
