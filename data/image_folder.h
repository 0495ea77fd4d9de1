// An image data set as a tree root/domain/class/.../file, read by DomainBed's rules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dgsam {

struct Sample {
  std::filesystem::path path;
  int label = 0;  // index into ImageFolder::classes
};

/// One environment: its samples class by class, in byte order of their paths. Splits index into this order.
struct Domain {
  std::string name;
  std::vector<Sample> samples;
  std::vector<bool> held_out = {};  // per sample, where the data say themselves what is held out; else empty
};

struct ImageFolder {
  std::filesystem::path root;
  std::vector<Domain> domains;       // sorted by name: the index is the environment id
  std::vector<std::string> classes;  // sorted by name: the index is the label
  std::vector<std::string> notes;    // one line for each thing skipped that a user may not expect
};

/// What to do about a class that some domain has no image of.
enum class MissingClasses : std::uint8_t {
  refuse,  ///< an Error: it may be a misspelt folder, which would shift labels
  allow,   ///< the classes are those of all domains together, and a note says which domain lacks which
};

/// The classes of all domains together, in byte order. `classes[i]` are those of `domains[i]`, in byte order; `source`
/// stands for the data in errors. Throws Error that names two domains and a class that only one of them has, unless
/// that is allowed.
std::vector<std::string> classes_of_all(const std::string& source, const std::vector<std::string>& domains,
                                        const std::vector<std::vector<std::string>>& classes, MissingClasses missing);

/// Which domain has no image of which classes; "" where each has all. Throws Error for a class without any image.
std::string missing_classes_note(const ImageFolder& folder);

/// True for a name that ends in .jpg .jpeg .png .ppm .bmp .pgm .tif .tiff or .webp, any case: torchvision's list.
bool is_image_name(const std::string& name);

/// Reads the tree without decoding anything. Domains are the sub-directories of `root`, classes those of a domain, both
/// in byte order; files are every image (is_image_name) below a class, directories visited in sorted order, file names
/// sorted inside each. Names that start with a dot are skipped with a note, and so are FIFOs, sockets and devices;
/// files with other extensions silently. Throws Error for a missing root, no domain, an empty domain or class, class
/// lists that differ between domains, and folders that unpacking leaves behind (__MACOSX, eccv_18_all_images_sm,
/// splits, ...): they are never taken as a domain or a class. Where missing classes are allowed, an empty class folder
/// counts as a missing one.
ImageFolder open_image_folder(const std::filesystem::path& root, MissingClasses missing = MissingClasses::refuse);

}  // namespace dgsam
