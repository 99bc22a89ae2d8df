// What it costs to have a device and do nothing. `footprint bare`: loads no OpenCL. `footprint device`: loads it, runs
// one kernel. Then prints its resident bytes, and sleeps until stdin closes. Not linked with OpenCL.
#include <CL/cl.h>
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

long resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  long whole = 0, resident = 0;
  if (file == nullptr || std::fscanf(file, "%ld %ld", &whole, &resident) != 2) std::exit(1);
  std::fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

void must(cl_int code, const char* what) {
  if (code == CL_SUCCESS) return;
  std::fprintf(stderr, "%s: error %d\n", what, code);
  std::exit(1);
}

void run_one_kernel() {
  void* library = dlopen("libOpenCL.so.1", RTLD_NOW);
  if (library == nullptr) std::exit(1);
#define FIND(name) reinterpret_cast<decltype(&name)>(dlsym(library, #name))
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  cl_int code = CL_SUCCESS;
  must(FIND(clGetPlatformIDs)(1, &platform, nullptr), "clGetPlatformIDs");
  must(FIND(clGetDeviceIDs)(platform, CL_DEVICE_TYPE_ALL, 1, &device, nullptr), "clGetDeviceIDs");
  cl_context context = FIND(clCreateContext)(nullptr, 1, &device, nullptr, nullptr, &code);
  must(code, "clCreateContext");
  cl_command_queue queue = FIND(clCreateCommandQueueWithProperties)(context, device, nullptr, &code);
  must(code, "clCreateCommandQueueWithProperties");
  const char* source = "kernel void empty() {}";
  cl_program program = FIND(clCreateProgramWithSource)(context, 1, &source, nullptr, &code);
  must(FIND(clBuildProgram)(program, 1, &device, "", nullptr, nullptr), "clBuildProgram");
  cl_kernel kernel = FIND(clCreateKernel)(program, "empty", &code);
  const size_t items = 1;
  must(FIND(clEnqueueNDRangeKernel)(queue, kernel, 1, nullptr, &items, nullptr, 0, nullptr, nullptr), "the launch");
  must(FIND(clFinish)(queue), "clFinish");
#undef FIND
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "device") == 0) run_one_kernel();
  std::printf("%ld\n", resident_bytes());
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
