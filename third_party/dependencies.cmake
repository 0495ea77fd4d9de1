# Every dependency is a Debian package that tools/setup.sh installs; nothing is copied into this repository.
#   nlohmann-json3-dev  JSON                         libcli11-dev       command lines
#   libstb-dev          PNG/BMP/PNM/GIF, fallback    libturbojpeg0-dev  JPEG with PIL's settings
#   libdnnl-dev         convolution and matmul       doctest-dev        tests
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(libjpeg-turbo QUIET)
find_package(dnnl QUIET)
if(DGSAM_TESTS)
  find_package(doctest REQUIRED)
endif()

find_path(DGSAM_STB_INCLUDE stb/stb_image.h REQUIRED)
add_library(dgsam_stb INTERFACE)
target_include_directories(dgsam_stb SYSTEM INTERFACE ${DGSAM_STB_INCLUDE})
