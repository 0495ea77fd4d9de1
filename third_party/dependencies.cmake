# Every dependency is a Debian package that tools/setup.sh installs; nothing is copied into this repository.
#   nlohmann-json3-dev  JSON                         libcli11-dev       command lines
#   libstb-dev          PNG/BMP/PNM/GIF, fallback    libzip-dev         PyTorch's .pth archives
#   libdnnl-dev         convolution and matmul       doctest-dev        tests
#   libjpeg62-turbo-dev JPEG with PIL's settings     zlib1g-dev         gzipped IDX files
#   libmd-dev           SHA-256 and MD5
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
# Not find_package(libzip): Debian's file insists on zip's command-line programs.
find_path(DGSAM_ZIP_INCLUDE zip.h REQUIRED)
find_library(DGSAM_ZIP zip REQUIRED)
add_library(dgsam_zip INTERFACE)
target_include_directories(dgsam_zip SYSTEM INTERFACE ${DGSAM_ZIP_INCLUDE})
target_link_libraries(dgsam_zip INTERFACE ${DGSAM_ZIP})
find_path(DGSAM_MD_INCLUDE sha2.h)
find_library(DGSAM_MD md)
if(NOT DGSAM_MD_INCLUDE OR NOT DGSAM_MD)
  message(FATAL_ERROR "libmd (SHA-256 and MD5) was not found: install Debian's libmd-dev, or run tools/setup.sh")
endif()
add_library(dgsam_md INTERFACE)
target_include_directories(dgsam_md SYSTEM INTERFACE ${DGSAM_MD_INCLUDE})
target_link_libraries(dgsam_md INTERFACE ${DGSAM_MD})
# Optional: without libjpeg, stb_image decodes JPEG too, but not to the same bits as PIL.
find_path(DGSAM_JPEG_INCLUDE jpeglib.h)
find_library(DGSAM_JPEG jpeg)

# Debian's dnnl-config.cmake insists on OpenCL's development files, which the CPU library does not need.
find_path(DGSAM_DNNL_INCLUDE dnnl.hpp)
find_library(DGSAM_DNNL_LIBRARY dnnl)
if(DGSAM_DNNL_INCLUDE AND DGSAM_DNNL_LIBRARY)
  add_library(dgsam_dnnl INTERFACE)
  target_include_directories(dgsam_dnnl SYSTEM INTERFACE ${DGSAM_DNNL_INCLUDE})
  target_link_libraries(dgsam_dnnl INTERFACE ${DGSAM_DNNL_LIBRARY})
endif()

if(DGSAM_TESTS)
  find_package(doctest REQUIRED)
endif()

find_path(DGSAM_STB_INCLUDE stb/stb_image.h REQUIRED)
add_library(dgsam_stb INTERFACE)
target_include_directories(dgsam_stb SYSTEM INTERFACE ${DGSAM_STB_INCLUDE})

# CUDA is no Debian package: the backend is built where nvcc is on the PATH.
if(DGSAM_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80 90)
    endif()
    enable_language(CUDA)
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc speaks C++20
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    endif()
    find_package(CUDAToolkit REQUIRED)
    include(third_party/cuda_libraries.cmake)
  endif()
endif()
