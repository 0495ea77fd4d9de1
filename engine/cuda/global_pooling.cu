// y[n,c] = mean over h,w of x, and dx = dy/(H·W) everywhere. Bytes per f32 element of x: 4 each way.
#include "engine/cuda/cuda_kernel_backend.h"
#include "engine/cuda/images.h"

namespace dgsam {
namespace {

template <class T>
struct StoreAverage {
  double pixels;
  std::int64_t channels;
  T* y;

  __device__ void operator()(std::int64_t n, std::int64_t c, const double (&sum)[1]) const {
    y[n * channels + c] = static_cast<T>(static_cast<Master<T>>(sum[0] / pixels));
  }
};

template <class T>
struct Spread {
  const T* dy;
  std::int64_t channels;
  Master<T> share;
  T* dx;

  template <int kLanes>
  __device__ void at(std::int64_t offset, std::int64_t n, std::int64_t c) const {
    Vector<T, kLanes> v = load<kLanes>(dy + n * channels + c);
    for (T& value : v.lane) value = static_cast<T>(static_cast<Master<T>>(value) * share);
    store(dx + offset, v);
  }
};

}  // namespace

void CudaKernelBackend::global_avg_pool(ConstTensor x, Tensor y) {
  check_dense_image("global_avg_pool", "x", x);
  check("global_avg_pool", "y", y, {x.dtype(), {x.shape()[0], x.shape()[3]}});
  with_type(x.dtype(), "global_avg_pool", [&]<class T>() {
    using S = Master<T>;
    const T* from = x.as<T>();
    const Columns columns = rows_of_images(x, words_at(from));
    column_sums<kWordLanes<T>, 1, S>(queue(), "global_avg_pool", columns, scratch(column_sums_bytes<S>(columns, 1)),
                                     PlainSum<T>{from},
                                     StoreAverage<T>{static_cast<double>(columns.rows), columns.columns, y.as<T>()});
  });
}

void CudaKernelBackend::global_avg_pool_grad(ConstTensor dy, Tensor dx) {
  check_dense_image("global_avg_pool_grad", "dx", dx);
  check("global_avg_pool_grad", "dy", dy, {dx.dtype(), {dx.shape()[0], dx.shape()[3]}});
  with_type(dx.dtype(), "global_avg_pool_grad", [&]<class T>() {
    const Columns columns = rows_of_images(dx, words_at(dy.as<T>(), dx.as<T>()));
    const Master<T> share = 1 / static_cast<Master<T>>(columns.rows);
    column_map<kWordLanes<T>>(queue(), "global_avg_pool_grad", columns,
                              Spread<T>{dy.as<T>(), columns.columns, share, dx.as<T>()});
  });
}

}  // namespace dgsam
