// One spelling for what oneDNN 2 and oneDNN 3 write differently; the only file that asks for the version.
#pragma once

#include <dnnl.hpp>

#if DNNL_VERSION_MAJOR < 2 || (DNNL_VERSION_MAJOR == 2 && DNNL_VERSION_MINOR < 5) || DNNL_VERSION_MAJOR > 3
#error "oneDNN 2.5 to 2.7 or 3.x is needed; configure with -DDGSAM_ONEDNN=OFF to do without"
#endif

namespace dgsam::onednn {

using Format = dnnl::memory::desc;

#if DNNL_VERSION_MAJOR >= 3

inline dnnl::memory::dims dims(const Format& format) { return format.get_dims(); }
inline dnnl::memory::data_type data_type(const Format& format) { return format.get_data_type(); }
inline void append_relu(dnnl::post_ops& operations) {
  operations.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
}
/// Winograd's convolution was taken out of oneDNN 3 for x86-64.
inline constexpr bool kHasWinograd = false;

#else

inline dnnl::memory::dims dims(const Format& format) { return format.dims(); }
inline dnnl::memory::data_type data_type(const Format& format) { return format.data_type(); }
inline void append_relu(dnnl::post_ops& operations) {
  operations.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
}
inline constexpr bool kHasWinograd = true;

#endif

/// A convolution as oneDNN is asked for it: formats of images, filter and outputs, and the algorithm.
struct Convolution {
  dnnl::algorithm method;
  Format x, w, y;
  dnnl::memory::dims strides, padding;
};

using Forward = dnnl::convolution_forward;
using DataGrad = dnnl::convolution_backward_data;
using WeightGrad = dnnl::convolution_backward_weights;

// How each primitive is to be computed. The result is empty where oneDNN has no code for the request.

/// `bias` may be empty.
inline Forward::primitive_desc describe_forward(const dnnl::engine& engine, const Convolution& c, const Format& bias,
                                                const dnnl::primitive_attr& attributes) {
  constexpr auto kKind = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kKind, c.method, c.x, c.w, bias, c.y, c.strides, c.padding, c.padding, attributes, true};
#else
  const Forward::desc description(kKind, c.method, c.x, c.w, bias, c.y, c.strides, c.padding, c.padding);
  return {description, attributes, engine, true};
#endif
}

inline DataGrad::primitive_desc describe_data_grad(const dnnl::engine& engine, const Convolution& c,
                                                   const dnnl::primitive_attr& attributes,
                                                   const Forward::primitive_desc& hint) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, c.method, c.x, c.w, c.y, c.strides, c.padding, c.padding, hint, attributes, true};
#else
  const DataGrad::desc description(c.method, c.x, c.w, c.y, c.strides, c.padding, c.padding);
  return {description, attributes, engine, hint, true};
#endif
}

inline WeightGrad::primitive_desc describe_weight_grad(const dnnl::engine& engine, const Convolution& c,
                                                       const dnnl::primitive_attr& attributes,
                                                       const Forward::primitive_desc& hint) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, c.method, c.x, c.w, c.y, c.strides, c.padding, c.padding, hint, attributes, true};
#else
  const WeightGrad::desc description(c.method, c.x, c.w, c.y, c.strides, c.padding, c.padding);
  return {description, attributes, engine, hint, true};
#endif
}

/// dst = src · weights + bias; `bias` may be empty.
inline dnnl::matmul::primitive_desc describe_product(const dnnl::engine& engine, const Format& src,
                                                     const Format& weights, const Format& bias, const Format& dst,
                                                     const dnnl::primitive_attr& attributes) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, src, weights, bias, dst, attributes, true};
#else
  return {{src, weights, bias, dst}, attributes, engine, true};
#endif
}

}  // namespace dgsam::onednn
