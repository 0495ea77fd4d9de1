// cuBLASLt's functions, looked up in the library when they are first called: linking the library would cost every start
// of the program 70 ms, on the CPU too. cublasLt.h declares them; a line here for each that is called somewhere.
#include <cublasLt.h>
#include <dlfcn.h>

#include "engine/core/check.h"

namespace {

void* function_named(const char* name) {
  static void* const library = dlopen(DGSAM_CUBLASLT, RTLD_NOW | RTLD_LOCAL);
  dgsam::require(library != nullptr, DGSAM_CUBLASLT,
                 " of the CUDA toolkit cannot be loaded; put its folder into LD_LIBRARY_PATH, or use --device cpu");
  void* const function = dlsym(library, name);
  dgsam::require(function != nullptr, DGSAM_CUBLASLT, " has no function ", name);
  return function;
}

/// Calls the library's kFunction.
template <auto* kFunction, class... Arguments>
auto call(const char* name, Arguments... arguments) {
  static auto* const function = reinterpret_cast<decltype(kFunction)>(function_named(name));
  return function(arguments...);
}

}  // namespace

extern "C" {

using Status = cublasStatus_t;

std::size_t cublasLtGetVersion() { return call<cublasLtGetVersion>("cublasLtGetVersion"); }

const char* cublasLtGetStatusString(Status status) {
  return call<cublasLtGetStatusString>("cublasLtGetStatusString", status);
}

Status cublasLtCreate(cublasLtHandle_t* handle) { return call<cublasLtCreate>("cublasLtCreate", handle); }

Status cublasLtDestroy(cublasLtHandle_t handle) { return call<cublasLtDestroy>("cublasLtDestroy", handle); }

Status cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t matmul, const void* alpha, const void* a,
                      cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                      const void* c, cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                      const cublasLtMatmulAlgo_t* algo, void* workspace, std::size_t bytes, cudaStream_t stream) {
  return call<cublasLtMatmul>("cublasLtMatmul", handle, matmul, alpha, a, a_layout, b, b_layout, beta, c, c_layout, d,
                              d_layout, algo, workspace, bytes, stream);
}

Status cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* matmul, cublasComputeType_t compute, cudaDataType_t scale) {
  return call<cublasLtMatmulDescCreate>("cublasLtMatmulDescCreate", matmul, compute, scale);
}

Status cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t matmul) {
  return call<cublasLtMatmulDescDestroy>("cublasLtMatmulDescDestroy", matmul);
}

Status cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t matmul, cublasLtMatmulDescAttributes_t attribute,
                                      const void* value, std::size_t bytes) {
  return call<cublasLtMatmulDescSetAttribute>("cublasLtMatmulDescSetAttribute", matmul, attribute, value, bytes);
}

Status cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, std::uint64_t rows,
                                  std::uint64_t columns, std::int64_t stride) {
  return call<cublasLtMatrixLayoutCreate>("cublasLtMatrixLayoutCreate", layout, type, rows, columns, stride);
}

Status cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return call<cublasLtMatrixLayoutDestroy>("cublasLtMatrixLayoutDestroy", layout);
}

Status cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return call<cublasLtMatmulPreferenceCreate>("cublasLtMatmulPreferenceCreate", preference);
}

Status cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return call<cublasLtMatmulPreferenceDestroy>("cublasLtMatmulPreferenceDestroy", preference);
}

Status cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                            cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                            std::size_t bytes) {
  return call<cublasLtMatmulPreferenceSetAttribute>("cublasLtMatmulPreferenceSetAttribute", preference, attribute,
                                                    value, bytes);
}

Status cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t matmul, cublasLtMatrixLayout_t a,
                                      cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                      cublasLtMatmulPreference_t preference, int wanted,
                                      cublasLtMatmulHeuristicResult_t* results, int* found) {
  return call<cublasLtMatmulAlgoGetHeuristic>("cublasLtMatmulAlgoGetHeuristic", handle, matmul, a, b, c, d, preference,
                                              wanted, results, found);
}

Status cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t matmul, cublasLtMatrixLayout_t a,
                               cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                               const cublasLtMatmulAlgo_t* algo, cublasLtMatmulHeuristicResult_t* result) {
  return call<cublasLtMatmulAlgoCheck>("cublasLtMatmulAlgoCheck", handle, matmul, a, b, c, d, algo, result);
}

Status cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t* algo,
                                            cublasLtMatmulAlgoConfigAttributes_t attribute, void* value,
                                            std::size_t bytes, std::size_t* written) {
  return call<cublasLtMatmulAlgoConfigGetAttribute>("cublasLtMatmulAlgoConfigGetAttribute", algo, attribute, value,
                                                    bytes, written);
}

}  // extern "C"
