# cuDNN and cuBLASLt: from the CUDA toolkit's folders, NVIDIA's and Debian's packages (the system's folders), a conda
# environment, or Python's packages (nvidia-cudnn, nvidia-cublas). Where both are found, the target
# dgsam_cuda_libraries is; where not, the CUDA backend makes do with its own kernels.
set(cudnn_needed 9.8)  # plans without a device, which the tests build
set(cuda_library_folders $ENV{CUDNN_ROOT} $ENV{CUDNN_PATH} ${CUDAToolkit_TARGET_DIR} ${CUDAToolkit_LIBRARY_ROOT}
    /usr/local/cuda)
if(DEFINED ENV{CONDA_PREFIX})
  list(APPEND cuda_library_folders $ENV{CONDA_PREFIX} $ENV{CONDA_PREFIX}/targets/${CMAKE_SYSTEM_PROCESSOR}-linux)
endif()
foreach(folder IN LISTS python_nvidia)
  list(APPEND cuda_library_folders ${folder}/cudnn ${folder}/cublas ${folder}/cu${CUDAToolkit_VERSION_MAJOR})
endforeach()
find_path(DGSAM_CUDNN_INCLUDE cudnn_graph.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${cuda_library_folders}
          PATH_SUFFIXES include)
find_library(DGSAM_CUDNN NAMES cudnn libcudnn.so.9 HINTS ${CUDAToolkit_LIBRARY_DIR} ${cuda_library_folders}
             PATH_SUFFIXES lib lib64)
find_path(DGSAM_CUBLASLT_INCLUDE cublasLt.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${cuda_library_folders}
          PATH_SUFFIXES include)
set(cublaslt_soname libcublasLt.so.${CUDAToolkit_VERSION_MAJOR})
find_library(DGSAM_CUBLASLT NAMES ${cublaslt_soname} HINTS ${CUDAToolkit_LIBRARY_DIR} ${cuda_library_folders}
             PATH_SUFFIXES lib lib64)

set(cudnn_version 0)
if(DGSAM_CUDNN AND EXISTS "${DGSAM_CUDNN_INCLUDE}/cudnn_version.h")
  file(STRINGS ${DGSAM_CUDNN_INCLUDE}/cudnn_version.h cudnn_defines REGEX "define CUDNN_(MAJOR|MINOR) ")
  string(REGEX REPLACE "[^0-9]+([0-9]+)[^0-9]+([0-9]+).*" "\\1.\\2" cudnn_version "${cudnn_defines}")
endif()
if(cudnn_version VERSION_GREATER_EQUAL cudnn_needed)
  dgsam_found(cuDNN "${cudnn_version}  ${DGSAM_CUDNN}")
else()
  if(cudnn_version)
    set(cudnn_state "${cudnn_version} is too old, ${cudnn_needed} is needed")
  else()
    set(cudnn_state "not found")
  endif()
  dgsam_found(cuDNN "${cudnn_state}: convolutions will be slow. pip install nvidia-cudnn-cu${CUDAToolkit_VERSION_MAJOR}\
 (any python3 on the PATH), or NVIDIA's package cudnn9-cuda-${CUDAToolkit_VERSION_MAJOR}. CUDNN_ROOT names a folder")
endif()
if(DGSAM_CUBLASLT AND DGSAM_CUBLASLT_INCLUDE)
  dgsam_found(cuBLASLt "${DGSAM_CUBLASLT}")
else()
  dgsam_found(cuBLASLt "not found: part of the toolkit. apt-get install libcublas-dev-\
${CUDAToolkit_VERSION_MAJOR}-${CUDAToolkit_VERSION_MINOR} (NVIDIA's repository)")
endif()

if(cudnn_version VERSION_GREATER_EQUAL cudnn_needed AND DGSAM_CUBLASLT AND DGSAM_CUBLASLT_INCLUDE)
  add_library(dgsam_cuda_libraries INTERFACE)
  target_include_directories(dgsam_cuda_libraries SYSTEM INTERFACE ${DGSAM_CUDNN_INCLUDE} ${DGSAM_CUBLASLT_INCLUDE})
  # cuDNN loads its parts at their first use. cuBLASLt is one library of half a gigabyte, and the loader needs 70 ms for
  # it: engine/cuda/library/cublas_load.cpp does that at its first use.
  get_filename_component(cublaslt_folder ${DGSAM_CUBLASLT} DIRECTORY)
  target_compile_definitions(dgsam_cuda_libraries INTERFACE DGSAM_CUBLASLT="${cublaslt_soname}")
  target_link_libraries(dgsam_cuda_libraries INTERFACE ${DGSAM_CUDNN} ${CMAKE_DL_LIBS} -Wl,-rpath,${cublaslt_folder})
endif()
