// Memory to the byte. `quota LIMIT`: takes LIMIT bytes in pieces, is refused one more, gives a piece back, takes it
// again; as buffers, as sub-buffers (which cost nothing) and over and over. `quota LIMIT hold BYTES`: takes BYTES, says
// "held", keeps them until a line comes on stdin, and ends.
#include <cstring>
#include <string>
#include <vector>

#include "simple.h"

namespace {

bool refused_for_memory(cl_int code) { return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES; }

class Hoard {
 public:
  explicit Hoard(const simple::Device& device) : device_(device) {
    cl_ulong most = 0;
    clGetDeviceInfo(device.device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof most, &most, nullptr);
    piece_bytes_max_ = most;
  }

  // The error of the first piece that was refused.
  cl_int take(std::size_t bytes) {
    while (bytes > 0) {
      const std::size_t piece = bytes < piece_bytes_max_ ? bytes : piece_bytes_max_;
      cl_int code = CL_SUCCESS;
      cl_mem memory = clCreateBuffer(device_.context, CL_MEM_READ_WRITE, piece, nullptr, &code);
      if (code == CL_SUCCESS) code = touch(memory);
      if (code != CL_SUCCESS) return code;
      pieces_.push_back(memory);
      bytes -= piece;
    }
    return CL_SUCCESS;
  }

  void drop_all() {
    for (cl_mem memory : pieces_) simple::must(clReleaseMemObject(memory), "clReleaseMemObject");
    pieces_.clear();
  }

  cl_mem last() const { return pieces_.back(); }

 private:
  // A driver may put allocation off until the first use.
  cl_int touch(cl_mem memory) {
    const char zero = 0;
    return clEnqueueWriteBuffer(device_.queue, memory, CL_TRUE, 0, 1, &zero, 0, nullptr, nullptr);
  }

  const simple::Device& device_;
  std::size_t piece_bytes_max_ = 0;
  std::vector<cl_mem> pieces_;
};

void expect(bool holds, const char* what) {
  std::printf("%s %s\n", holds ? "ok" : "FAIL", what);
  std::fflush(stdout);
}

int fill_exactly(const simple::Device& device, std::size_t limit) {
  Hoard hoard(device), more(device);
  for (int round = 0; round < 20; ++round) {
    const bool first = round == 0;
    if (hoard.take(limit) != CL_SUCCESS) {
      expect(false, "the whole limit can be taken");
      return 1;
    }
    const cl_int code = more.take(1);
    if (first) {
      expect(true, "the whole limit can be taken");
      expect(refused_for_memory(code), "one byte more is refused with the error of memory");
      const cl_buffer_region region{0, 1};
      cl_int sub_code = CL_SUCCESS;
      cl_mem sub = clCreateSubBuffer(hoard.last(), 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &sub_code);
      expect(sub_code == CL_SUCCESS, "a sub-buffer costs nothing");
      clReleaseMemObject(sub);
    } else if (!refused_for_memory(code)) {
      expect(false, "one byte more is refused again");
      return 1;
    }
    hoard.drop_all();
    more.drop_all();
  }
  expect(true, "what was given back can be taken again, twenty times");
  if (limit >= 400) expect(simple::squares(device) == 328350, "kernels run after all that");
  return 0;
}

int hold(const simple::Device& device, std::size_t bytes) {
  Hoard hoard(device);
  const cl_int code = hoard.take(bytes);
  std::printf("%s\n", code == CL_SUCCESS ? "held" : refused_for_memory(code) ? "refused" : "odd");
  std::fflush(stdout);
  char line[16];
  while (std::fgets(line, sizeof line, stdin) != nullptr && line[0] == '+') {
    const cl_int again = hoard.take(std::strtoull(line + 1, nullptr, 10));
    std::printf("%s\n", again == CL_SUCCESS ? "held" : refused_for_memory(again) ? "refused" : "odd");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const simple::Device device = simple::open();
  cl_ulong limit = std::strtoull(argv[1], nullptr, 10), seen = 0;
  clGetDeviceInfo(device.device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof seen, &seen, nullptr);
  if (argc > 3 && std::strcmp(argv[2], "hold") == 0) return hold(device, std::strtoull(argv[3], nullptr, 10));
  expect(seen == limit, "the device says that it has the limit");
  return fill_exactly(device, limit);
}
