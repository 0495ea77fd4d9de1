# What the build needs, refused before anything compiles. dgsam_found() and dgsam_missing() collect what configuring
# found; dgsam_summary() prints it as one block and stops where something required is missing.

set(DGSAM_GCC_NEEDED 11)
set(DGSAM_CLANG_NEEDED 14)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  set(compiler_needed ${DGSAM_GCC_NEEDED})
elseif(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  set(compiler_needed ${DGSAM_CLANG_NEEDED})
endif()
if(NOT DEFINED compiler_needed OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS compiler_needed)
  message(FATAL_ERROR "${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}; dgsam needs "
    "g++ ${DGSAM_GCC_NEEDED} or newer, or clang++ ${DGSAM_CLANG_NEEDED} or newer. Where one is installed beside this "
    "one, choose it in a fresh build folder: -DCMAKE_CXX_COMPILER=g++-12")
endif()

set(summary "")
set(missing "")

# A line of the block; texts are joined.
function(dgsam_found what)
  string(CONCAT text ${ARGN})
  string(LENGTH "${what}" length)
  math(EXPR padding "16 - ${length}")
  string(REPEAT " " ${padding} spaces)
  set(summary "${summary}\n  ${what}${spaces}${text}" PARENT_SCOPE)
endfunction()

# Something without which nothing can be built: the Debian package that has it, and what it is for.
function(dgsam_missing package purpose)
  list(APPEND missing ${package})
  set(missing "${missing}" PARENT_SCOPE)
  dgsam_found(${package} "MISSING: ${purpose}")
  set(summary "${summary}" PARENT_SCOPE)
endfunction()

function(dgsam_summary)
  message(STATUS "dgsam ${PROJECT_VERSION}${summary}")
  if(missing)
    string(REPLACE ";" " " packages "${missing}")
    message(FATAL_ERROR "Missing: ${packages} (the names of Debian and Ubuntu). Install with\n"
      "    tools/setup.sh --build     or     apt-get install ${packages}\n"
      "Other systems and conda name them otherwise: CONTRIBUTING.md has a table. Libraries in a folder of your own are "
      "found with -DCMAKE_PREFIX_PATH=FOLDER.")
  endif()
endfunction()
