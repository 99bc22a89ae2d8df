// Prints how many platforms there are, and what the call said.
#include <CL/cl.h>

#include <cstdio>

int main() {
  cl_uint count = 77;
  const cl_int code = clGetPlatformIDs(0, nullptr, &count);
  std::printf("clGetPlatformIDs %d, platforms %u\n", code, count == 77 ? 0 : count);
  cl_platform_id platform = nullptr;
  std::printf("again %d\n", clGetPlatformIDs(1, &platform, nullptr));
  return 0;
}
