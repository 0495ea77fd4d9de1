# Every dependency is a Debian package that tools/setup.sh installs; nothing is copied into this repository.
#   nlohmann-json3-dev  JSON                         libcli11-dev       command lines
#   libstb-dev          PNG/BMP/PNM/GIF, fallback    libzip-dev         PyTorch's .pth archives
#   libdnnl-dev         convolution and matmul       doctest-dev        tests
#   libjpeg62-turbo-dev JPEG with PIL's settings     zlib1g-dev         gzipped IDX files
#   libmd-dev           SHA-256 and MD5
include(third_party/requirements.cmake)

dgsam_found(compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}  ${CMAKE_CXX_COMPILER}")
if(DGSAM_NATIVE)
  dgsam_found(processor "this machine's (-march=native). -DDGSAM_NATIVE=OFF for a binary that runs elsewhere")
else()
  dgsam_found(processor "any of this architecture, loops choose among its instructions when they run")
endif()

find_package(Threads REQUIRED)
find_package(OpenMP QUIET COMPONENTS CXX)
if(NOT OpenMP_CXX_FOUND)
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    string(REGEX MATCH "^[0-9]+" clang_major ${CMAKE_CXX_COMPILER_VERSION})
    dgsam_missing(libomp-${clang_major}-dev "OpenMP for clang")
  else()
    dgsam_missing(g++ "OpenMP, which comes with the compiler")
  endif()
endif()

find_package(nlohmann_json QUIET)
if(nlohmann_json_FOUND)
  dgsam_found(json "nlohmann ${nlohmann_json_VERSION}")
else()
  dgsam_missing(nlohmann-json3-dev "JSON")
endif()

find_package(CLI11 QUIET)
if(CLI11_FOUND)
  dgsam_found("command lines" "CLI11 ${CLI11_VERSION}")
else()
  dgsam_missing(libcli11-dev "command lines")
endif()

find_package(ZLIB QUIET)
if(ZLIB_FOUND)
  dgsam_found(zlib "${ZLIB_VERSION_STRING}")
else()
  dgsam_missing(zlib1g-dev "compressed data sets")
endif()

# Not find_package(libzip): Debian's file insists on zip's command-line programs.
find_path(DGSAM_ZIP_INCLUDE zip.h)
find_library(DGSAM_ZIP zip)
if(DGSAM_ZIP_INCLUDE AND DGSAM_ZIP)
  add_library(dgsam_zip INTERFACE)
  target_include_directories(dgsam_zip SYSTEM INTERFACE ${DGSAM_ZIP_INCLUDE})
  target_link_libraries(dgsam_zip INTERFACE ${DGSAM_ZIP})
  dgsam_found(libzip "${DGSAM_ZIP}")
else()
  dgsam_missing(libzip-dev "PyTorch's weight files")
endif()

find_path(DGSAM_MD_INCLUDE sha2.h)
find_library(DGSAM_MD md)
if(DGSAM_MD_INCLUDE AND DGSAM_MD)
  add_library(dgsam_md INTERFACE)
  target_include_directories(dgsam_md SYSTEM INTERFACE ${DGSAM_MD_INCLUDE})
  target_link_libraries(dgsam_md INTERFACE ${DGSAM_MD})
  dgsam_found(libmd "${DGSAM_MD}")
else()
  dgsam_missing(libmd-dev "SHA-256 and MD5")
endif()

find_path(DGSAM_STB_INCLUDE NAMES stb/stb_image.h)
if(DGSAM_STB_INCLUDE)
  add_library(dgsam_stb INTERFACE)
  target_include_directories(dgsam_stb SYSTEM INTERFACE ${DGSAM_STB_INCLUDE})
  dgsam_found(stb "${DGSAM_STB_INCLUDE}/stb")
else()
  dgsam_missing(libstb-dev "PNG images: a folder stb/ with stb_image.h and stb_image_write.h")
endif()

# Optional: without libjpeg, stb_image decodes JPEG too, but not to the same bits as PIL.
find_path(DGSAM_JPEG_INCLUDE jpeglib.h)
find_library(DGSAM_JPEG jpeg)
if(DGSAM_JPEG_INCLUDE AND DGSAM_JPEG)
  dgsam_found(libjpeg "${DGSAM_JPEG}")
else()
  dgsam_found(libjpeg "none: JPEG is read by stb, to other pixels than Pillow's. "
                      "apt-get install libjpeg62-turbo-dev, or libjpeg-turbo8-dev on Ubuntu")
endif()

# Optional. Debian's dnnl-config.cmake insists on OpenCL's development files, which the CPU library does not need.
set(onednn_needed "2.5 to 2.7, or 3")
find_path(DGSAM_DNNL_INCLUDE dnnl.hpp)
find_library(DGSAM_DNNL_LIBRARY dnnl)
if(NOT DGSAM_ONEDNN)
  dgsam_found(oneDNN "not wanted (DGSAM_ONEDNN=OFF): convolutions by this repository's own code")
elseif(DGSAM_DNNL_INCLUDE AND DGSAM_DNNL_LIBRARY)
  set(onednn_header ${DGSAM_DNNL_INCLUDE}/oneapi/dnnl/dnnl_version.h)
  if(NOT EXISTS ${onednn_header})
    set(onednn_header ${DGSAM_DNNL_INCLUDE}/dnnl_version.h)
  endif()
  file(STRINGS ${onednn_header} onednn_defines REGEX "define DNNL_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9]+([0-9]+)[^0-9]+([0-9]+)[^0-9]+([0-9]+).*" "\\1.\\2.\\3" onednn_version
                       "${onednn_defines}")
  if(onednn_version VERSION_LESS 2.5 OR onednn_version VERSION_GREATER_EQUAL 4)
    dgsam_found(oneDNN "${onednn_version} is not supported, ${onednn_needed} is needed: convolutions by this "
                       "repository's own code, which is several times slower. -DCMAKE_PREFIX_PATH=FOLDER for another")
  else()
    add_library(dgsam_dnnl INTERFACE)
    target_include_directories(dgsam_dnnl SYSTEM INTERFACE ${DGSAM_DNNL_INCLUDE})
    target_link_libraries(dgsam_dnnl INTERFACE ${DGSAM_DNNL_LIBRARY})
    dgsam_found(oneDNN "${onednn_version}  ${DGSAM_DNNL_LIBRARY}")
  endif()
else()
  dgsam_found(oneDNN "none: convolutions by this repository's own code, which is several times slower. "
                     "apt-get install libdnnl-dev (${onednn_needed})")
endif()

if(DGSAM_TESTS)
  find_package(doctest QUIET)
  if(doctest_FOUND)
    dgsam_found(doctest "${doctest_VERSION}")
  else()
    dgsam_missing(doctest-dev "the tests; -DDGSAM_TESTS=OFF does without")
  endif()
endif()

# CUDA is no Debian package everywhere: the backend is built where nvcc is found.
if(DGSAM_CUDA)
  include(third_party/cuda.cmake)
else()
  dgsam_found(CUDA "not wanted (DGSAM_CUDA=OFF)")
endif()

dgsam_summary()
