// What kernels print must come out on the program's own stdout.
#include <unistd.h>

#include "simple.h"

int main() {
  const simple::Device device = simple::open();
  cl_kernel kernel = simple::build(device, R"CL(
kernel void speak(int number) {
  if (get_global_id(0) == 0) printf("kernel says %d, %s, %.2f, %v4hld\n", number, "word", 1.5f, (int4)(1, 2, 3, 4));
}
)CL",
                                   "speak");
  for (int number = 0; number < 5; ++number) {
    simple::must(clSetKernelArg(kernel, 0, sizeof number, &number), "clSetKernelArg");
    simple::must(simple::run(device, kernel, 64), "the kernel");
    (void)!write(STDOUT_FILENO, "program speaks\n", 15);
  }
  return 0;
}
