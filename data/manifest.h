// A data set as a list of files: for images that are no tree root/domain/class/file.
#pragma once

#include <filesystem>

#include "data/image_folder.h"

namespace dgsam {

/// Reads a list of images, each with its domain and its class (`label`, a name), and with `split`, "in" or "out", where
/// the list says what is held out: for all images of a domain or for none. Paths are relative to the list's folder,
/// which is the result's root. Domains and classes are in byte order of their names, the images of a class in that of
/// their paths as written, so that the order of the list does not matter.
///   *.csv   RFC 4180 with a header line: columns path, domain, label[, split] in any order; others are ignored, with a
///           note
///   *.json  a list of objects with these keys
/// Throws Error that names file and line for what cannot be read, a column or value that is missing, a path that is
/// listed twice or is no file, and as open_image_folder() does for classes that differ between domains.
ImageFolder open_manifest(const std::filesystem::path& file, MissingClasses missing = MissingClasses::refuse);

}  // namespace dgsam
