// CLBlast's routines of all three levels on small whole numbers, whose results are exact: prints sums to compare.
#include <clblast.h>

#include <string>
#include <vector>

#include "simple.h"

namespace {

simple::Device device;

std::vector<float> numbers(std::size_t count, unsigned seed) {
  std::vector<float> values(count);
  for (auto& value : values) value = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 28);
  return values;
}

cl_mem upload(const std::vector<float>& values) {
  cl_mem memory = simple::buffer(device, values.size() * 4);
  simple::must(
      clEnqueueWriteBuffer(device.queue, memory, CL_TRUE, 0, values.size() * 4, values.data(), 0, nullptr, nullptr),
      "the write");
  return memory;
}

void report(const char* name, clblast::StatusCode status, cl_mem memory, std::size_t count) {
  std::vector<float> values(count);
  simple::must(clFinish(device.queue), "clFinish");
  simple::must(clEnqueueReadBuffer(device.queue, memory, CL_TRUE, 0, count * 4, values.data(), 0, nullptr, nullptr),
               "the read");
  double sum = 0, weighted = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += values[i];
    weighted += values[i] * static_cast<double>(i % 17);
  }
  std::printf("%s: status %d, sum %.0f, weighted %.0f\n", name, static_cast<int>(status), sum, weighted);
}

void level_one() {
  constexpr std::size_t n = 10'000;
  cl_mem x = upload(numbers(n, 1)), y = upload(numbers(n, 2)), out = upload(std::vector<float>(1));
  report("saxpy", clblast::Axpy(n, 3.0f, x, 0, 1, y, 0, 1, &device.queue), y, n);
  report("sscal", clblast::Scal(n, 2.0f, x, 0, 1, &device.queue), x, n);
  report("sswap", clblast::Swap<float>(n, x, 0, 1, y, 0, 1, &device.queue), x, n);
  report("sdot", clblast::Dot<float>(n, out, 0, x, 0, 1, y, 0, 1, &device.queue), out, 1);
  report("sasum", clblast::Asum<float>(n, out, 0, x, 0, 1, &device.queue), out, 1);
}

void level_two() {
  constexpr std::size_t m = 200, n = 150;
  cl_mem a = upload(numbers(m * n, 3)), x = upload(numbers(n, 4)), y = upload(numbers(m, 5));
  report("sgemv",
         clblast::Gemv(clblast::Layout::kRowMajor, clblast::Transpose::kNo, m, n, 1.0f, a, 0, n, x, 0, 1, 2.0f, y, 0, 1,
                       &device.queue),
         y, m);
  report("sger", clblast::Ger(clblast::Layout::kRowMajor, m, n, 1.0f, y, 0, 1, x, 0, 1, a, 0, n, &device.queue), a,
         m * n);
}

void level_three() {
  for (const std::size_t n : {32u, 100u, 256u}) {
    cl_mem a = upload(numbers(n * n, 6)), b = upload(numbers(n * n, 7)), c = upload(numbers(n * n, 8));
    report(("sgemm " + std::to_string(n)).c_str(),
           clblast::Gemm(clblast::Layout::kRowMajor, clblast::Transpose::kNo, clblast::Transpose::kYes, n, n, n, 1.0f,
                         a, 0, n, b, 0, n, 1.0f, c, 0, n, &device.queue),
           c, n * n);
  }
}

}  // namespace

int main() {
  device = simple::open();
  level_one();
  level_two();
  level_three();
  return 0;
}
