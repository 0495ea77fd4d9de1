// What a file looks like that is not the one that was wanted.
#pragma once

#include <string>
#include <string_view>

#include "engine/io/byte_source.h"

namespace dgsam {

/// The first bytes of a file, at most 512.
std::string start_of(const ByteSource& source);

/// What such a file is, and what to do. Goes on after the file's name: "is a web page: the download failed. Open the
/// address ...".
std::string description_of(std::string_view start);

}  // namespace dgsam
