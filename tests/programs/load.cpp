// Loads OpenCL by the name given, as hashcat (libOpenCL.so), gegl (libOpenCL.so.1) and others do, and runs a kernel
// through the functions found. Prints the platform's name and the sum of what the kernel wrote.
#include <CL/cl.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace {

void* library = nullptr;

template <typename Function>
Function* find(const char* name) {
  auto* found = reinterpret_cast<Function*>(dlsym(library, name));
  if (found == nullptr) {
    std::printf("no %s: %s\n", name, dlerror());
    std::exit(1);
  }
  return found;
}
#define FIND(name) find<decltype(name)>(#name)

void must(cl_int code, const char* what) {
  if (code == CL_SUCCESS) return;
  std::printf("%s: error %d\n", what, code);
  std::exit(1);
}

long sum_of_kernel(cl_device_id device) {
  cl_int code = CL_SUCCESS;
  const char* source = "kernel void f(global int* v) { v[get_global_id(0)] = get_global_id(0); }";
  cl_context context = FIND(clCreateContext)(nullptr, 1, &device, nullptr, nullptr, &code);
  must(code, "clCreateContext");
  cl_command_queue queue = FIND(clCreateCommandQueueWithProperties)(context, device, nullptr, &code);
  must(code, "clCreateCommandQueueWithProperties");
  cl_program program = FIND(clCreateProgramWithSource)(context, 1, &source, nullptr, &code);
  must(FIND(clBuildProgram)(program, 1, &device, "", nullptr, nullptr), "clBuildProgram");
  cl_kernel kernel = FIND(clCreateKernel)(program, "f", &code);
  must(code, "clCreateKernel");
  cl_mem memory = FIND(clCreateBuffer)(context, CL_MEM_READ_WRITE, 400, nullptr, &code);
  must(FIND(clSetKernelArg)(kernel, 0, sizeof memory, &memory), "clSetKernelArg");
  const size_t items = 100;
  must(FIND(clEnqueueNDRangeKernel)(queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr), "the launch");
  int values[100];
  must(FIND(clEnqueueReadBuffer)(queue, memory, CL_TRUE, 0, 400, values, 0, nullptr, nullptr), "the read");
  long sum = 0;
  for (int value : values) sum += value;
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  library = dlopen(argc > 1 ? argv[1] : "libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("dlopen: %s\n", dlerror());
    return 1;
  }
  cl_platform_id platforms[8];
  cl_uint count = 0;
  must(FIND(clGetPlatformIDs)(8, platforms, &count), "clGetPlatformIDs");
  char name[128] = {};
  cl_device_id device = nullptr;
  must(FIND(clGetPlatformInfo)(platforms[0], CL_PLATFORM_NAME, sizeof name, name, nullptr), "clGetPlatformInfo");
  must(FIND(clGetDeviceIDs)(platforms[0], CL_DEVICE_TYPE_ALL, 1, &device, nullptr), "clGetDeviceIDs");
  std::printf("platforms %u\nplatform %s\n", count, name);
  std::printf("sum %ld\n", sum_of_kernel(device));
  return 0;
}
