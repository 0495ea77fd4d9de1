# The CUDA toolkit: nvcc from the PATH, /usr/local/cuda, a conda environment or Python's packages.
set(cuda_needed 12.4)

execute_process(COMMAND python3 -c "import nvidia; print(';'.join(nvidia.__path__))"
                OUTPUT_VARIABLE python_nvidia OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  set(nvcc_hints $ENV{CUDA_PATH} $ENV{CUDA_HOME} $ENV{CONDA_PREFIX} /usr/local/cuda)
  foreach(folder IN LISTS python_nvidia)
    list(APPEND nvcc_hints ${folder}/cuda_nvcc ${folder}/cu13)
  endforeach()
  find_program(DGSAM_NVCC nvcc PATHS ${nvcc_hints} PATH_SUFFIXES bin)
  if(DGSAM_NVCC)
    set(CMAKE_CUDA_COMPILER ${DGSAM_NVCC})
  endif()
elseif(NOT CMAKE_CUDA_COMPILER)
  set(CMAKE_CUDA_COMPILER $ENV{CUDACXX})
endif()

if(NOT CMAKE_CUDA_COMPILER)
  dgsam_found(CUDA "no nvcc: CPU only. https://developer.nvidia.com/cuda-downloads (${cuda_needed} or newer), then\
 -DCMAKE_CUDA_COMPILER=/usr/local/cuda/bin/nvcc")
  return()
endif()

# Asked before CMake tries the compiler, whose own errors do not say which version was wanted.
execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --version OUTPUT_VARIABLE nvcc_text ERROR_QUIET)
string(REGEX MATCH "release ([0-9]+[.][0-9]+)" matched "${nvcc_text}")
set(nvcc_version "${CMAKE_MATCH_1}")
if(NOT nvcc_version)
  message(FATAL_ERROR "${CMAKE_CUDA_COMPILER} --version names no release; is it NVIDIA's nvcc? -DDGSAM_CUDA=OFF builds "
    "without CUDA")
endif()
if(nvcc_version VERSION_LESS cuda_needed)
  message(FATAL_ERROR "${CMAKE_CUDA_COMPILER} is CUDA ${nvcc_version}; dgsam needs ${cuda_needed} or newer "
    "(-DCMAKE_CUDA_COMPILER=/usr/local/cuda-12.4/bin/nvcc), or -DDGSAM_CUDA=OFF")
endif()
# The newest GCC that each release of nvcc takes as its host compiler, from NVIDIA's installation guides.
set(newest_gcc 13)
if(nvcc_version VERSION_GREATER_EQUAL 12.8)
  set(newest_gcc 14)
endif()
if(nvcc_version VERSION_GREATER_EQUAL 13.0)
  set(newest_gcc 15)
endif()
if(NOT CMAKE_CUDA_HOST_COMPILER AND NOT DEFINED ENV{CUDAHOSTCXX} AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  string(REGEX MATCH "^[0-9]+" gcc_major ${CMAKE_CXX_COMPILER_VERSION})
  if(gcc_major GREATER newest_gcc)
    message(FATAL_ERROR "CUDA ${nvcc_version} takes g++ up to ${newest_gcc}, and this is ${CMAKE_CXX_COMPILER_VERSION}: "
      "apt-get install g++-${newest_gcc} and add -DCMAKE_CUDA_HOST_COMPILER=g++-${newest_gcc}, or -DDGSAM_CUDA=OFF")
  endif()
  set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
endif()

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  # This machine's GPUs; where there is none, that of an H100.
  execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
                  OUTPUT_VARIABLE capabilities RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(CMAKE_CUDA_ARCHITECTURES 90)
  if(failed EQUAL 0 AND capabilities MATCHES "^[0-9]+[.][0-9]")
    string(REGEX MATCHALL "[0-9]+[.][0-9]" capabilities "${capabilities}")
    string(REPLACE "." "" CMAKE_CUDA_ARCHITECTURES "${capabilities}")
    list(REMOVE_DUPLICATES CMAKE_CUDA_ARCHITECTURES)
  endif()
  set(CMAKE_CUDA_ARCHITECTURES ${CMAKE_CUDA_ARCHITECTURES} CACHE STRING "GPUs to compile for: 80 is A100, 90 is H100")
endif()
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know that nvcc speaks C++20
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
endif()
find_package(CUDAToolkit REQUIRED)
string(REPLACE ";" " " architectures "${CMAKE_CUDA_ARCHITECTURES}")
dgsam_found(CUDA "${CUDAToolkit_VERSION}  ${CMAKE_CUDA_COMPILER}, for sm_ ${architectures} (CMAKE_CUDA_ARCHITECTURES)")
include(third_party/cuda_libraries.cmake)
