// What of one program's memory can another read? `leftovers fill`: fills all the device memory that it gets, an image
// and the device's local memory with one pattern, says "filled", keeps them until a line comes on stdin, and ends.
// `leftovers look`: reads as much from fresh objects that it has not written, and prints for each kind how many words
// it read, how many hold the pattern and how many are not zero. `leftovers both`: the one after the other.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "simple.h"

namespace {

constexpr cl_uint pattern = 0x51ce0ff5;
constexpr std::size_t piece_bytes = std::size_t{4} << 20, image_side = 512;

constexpr const char* source =
    "kernel void fill(local volatile uint* scratch, uint words, uint pattern) {\n"
    "  for (uint i = get_local_id(0); i < words; i += get_local_size(0)) scratch[i] = pattern; }\n"
    "kernel void look(local volatile uint* scratch, uint words, global uint* out) {\n"
    "  for (uint i = get_local_id(0); i < words; i += get_local_size(0))\n"
    "    out[get_group_id(0) * words + i] = scratch[i]; }\n";
constexpr std::size_t groups = 64, group_items = 8;

struct Seen {
  std::size_t words = 0, of_pattern = 0, not_zero = 0;
  void add(const std::vector<cl_uint>& read) {
    words += read.size();
    of_pattern += static_cast<std::size_t>(std::count(read.begin(), read.end(), pattern));
    not_zero += read.size() - static_cast<std::size_t>(std::count(read.begin(), read.end(), 0u));
  }
  void print(const char* kind) const {
    std::printf("%s: %zu words, %zu of the pattern, %zu not zero\n", kind, words, of_pattern, not_zero);
  }
};

template <typename Value>
Value device_info(const simple::Device& on, cl_device_info what) {
  Value value{};
  simple::must(clGetDeviceInfo(on.device, what, sizeof value, &value, nullptr), "clGetDeviceInfo");
  return value;
}

cl_mem image(const simple::Device& on) {
  const cl_image_format format{CL_RGBA, CL_UNSIGNED_INT32};
  cl_image_desc shape{};
  shape.image_type = CL_MEM_OBJECT_IMAGE2D;
  shape.image_width = shape.image_height = image_side;
  cl_int code = CL_SUCCESS;
  cl_mem made = clCreateImage(on.context, CL_MEM_READ_WRITE, &format, &shape, nullptr, &code);
  simple::must(code, "clCreateImage");
  return made;
}

constexpr std::size_t origin[3] = {0, 0, 0}, region[3] = {image_side, image_side, 1};

// Until the device has no more; natively, where it may have all of the machine's, no more than would fill a quota.
template <typename Use>
std::vector<cl_mem> all_memory(const simple::Device& on, Use use) {
  const std::size_t most = std::min<std::size_t>(device_info<cl_ulong>(on, CL_DEVICE_GLOBAL_MEM_SIZE), 256 << 20);
  std::vector<cl_mem> pieces;
  for (std::size_t taken = 0; taken < most; taken += piece_bytes) {
    cl_int code = CL_SUCCESS;
    cl_mem memory = clCreateBuffer(on.context, CL_MEM_READ_WRITE, piece_bytes, nullptr, &code);
    if (code == CL_SUCCESS) code = use(memory);
    if (code != CL_SUCCESS) break;
    pieces.push_back(memory);
  }
  return pieces;
}

void run_groups(const simple::Device& on, cl_kernel kernel) {
  const std::size_t items = groups * group_items;
  simple::must(clEnqueueNDRangeKernel(on.queue, kernel, 1, nullptr, &items, &group_items, 0, nullptr, nullptr),
               "the launch");
  simple::must(clFinish(on.queue), "clFinish");
}

cl_uint local_words(const simple::Device& on) {
  return static_cast<cl_uint>(device_info<cl_ulong>(on, CL_DEVICE_LOCAL_MEM_SIZE) / 2 / sizeof(cl_uint));
}

std::vector<cl_mem> fill(const simple::Device& on) {
  cl_kernel kernel = simple::build(on, source, "fill");
  const cl_uint words = local_words(on);
  simple::must(clSetKernelArg(kernel, 0, words * sizeof(cl_uint), nullptr), "clSetKernelArg");
  simple::must(clSetKernelArg(kernel, 1, sizeof words, &words), "clSetKernelArg");
  simple::must(clSetKernelArg(kernel, 2, sizeof pattern, &pattern), "clSetKernelArg");
  run_groups(on, kernel);
  std::vector<cl_mem> held;
  if (device_info<cl_bool>(on, CL_DEVICE_IMAGE_SUPPORT)) {
    const cl_uint4 colour{{pattern, pattern, pattern, pattern}};
    held.push_back(image(on));
    simple::must(clEnqueueFillImage(on.queue, held[0], &colour, origin, region, 0, nullptr, nullptr), "the fill");
  }
  const auto fill_one = [&](cl_mem memory) {
    const cl_int code =
        clEnqueueFillBuffer(on.queue, memory, &pattern, sizeof pattern, 0, piece_bytes, 0, nullptr, nullptr);
    return code != CL_SUCCESS ? code : clFinish(on.queue);
  };
  for (cl_mem memory : all_memory(on, fill_one)) held.push_back(memory);
  return held;
}

void look_at_local(const simple::Device& on) {
  cl_kernel kernel = simple::build(on, source, "look");
  const cl_uint words = local_words(on);
  cl_mem out = simple::buffer(on, groups * words * sizeof(cl_uint));
  simple::must(clSetKernelArg(kernel, 0, words * sizeof(cl_uint), nullptr), "clSetKernelArg");
  simple::must(clSetKernelArg(kernel, 1, sizeof words, &words), "clSetKernelArg");
  simple::must(clSetKernelArg(kernel, 2, sizeof out, &out), "clSetKernelArg");
  run_groups(on, kernel);
  std::vector<cl_uint> read(groups * words);
  simple::must(
      clEnqueueReadBuffer(on.queue, out, CL_TRUE, 0, read.size() * sizeof(cl_uint), read.data(), 0, nullptr, nullptr),
      "the read");
  clReleaseMemObject(out);
  Seen seen;
  seen.add(read);
  seen.print("local memory");
}

void look(const simple::Device& on) {
  look_at_local(on);
  Seen image_seen, buffers_seen;
  if (device_info<cl_bool>(on, CL_DEVICE_IMAGE_SUPPORT)) {
    cl_mem fresh = image(on);
    std::vector<cl_uint> read(image_side * image_side * 4);
    simple::must(clEnqueueReadImage(on.queue, fresh, CL_TRUE, origin, region, 0, 0, read.data(), 0, nullptr, nullptr),
                 "the read");
    image_seen.add(read);
    clReleaseMemObject(fresh);
  }
  std::vector<cl_uint> read(piece_bytes / sizeof(cl_uint));
  const auto look_one = [&](cl_mem memory) {
    const cl_int code =
        clEnqueueReadBuffer(on.queue, memory, CL_TRUE, 0, piece_bytes, read.data(), 0, nullptr, nullptr);
    if (code == CL_SUCCESS) buffers_seen.add(read);
    return code;
  };
  for (cl_mem memory : all_memory(on, look_one)) clReleaseMemObject(memory);
  image_seen.print("images");
  buffers_seen.print("buffers");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  if (what != "fill" && what != "look" && what != "both") return 2;
  const simple::Device on = simple::open();
  if (what != "look") {
    const std::vector<cl_mem> held = fill(on);
    std::printf("filled %zu objects\n", held.size());
    std::fflush(stdout);
    if (what == "fill") (void)std::getchar();
    for (cl_mem memory : held) clReleaseMemObject(memory);
    simple::must(clFinish(on.queue), "clFinish");
  }
  if (what != "fill") look(on);
  return 0;
}
