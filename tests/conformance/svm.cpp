// Shared virtual memory: section 5.6 (allocation, commands), 5.9.2 (arguments).
#include <atomic>
#include <cstring>
#include <functional>
#include <numeric>

#include "rig.h"

namespace conformance {
namespace {

cl_device_svm_capabilities capabilities() {
  return info<cl_device_svm_capabilities>(clGetDeviceInfo, rig().device, CL_DEVICE_SVM_CAPABILITIES);
}

void needs(cl_device_svm_capabilities wanted) {
  if ((capabilities() & wanted) != wanted) skip("the device does not share memory in this way");
}

// Memory for `count` values, freed at the end.
template <typename T>
class Shared {
 public:
  explicit Shared(std::size_t count, cl_svm_mem_flags flags = CL_MEM_READ_WRITE)
      : bytes_(count * sizeof(T)), values_(static_cast<T*>(clSVMAlloc(rig().context, flags, bytes_, 0))) {
    EXPECT(values_ != nullptr);
  }
  ~Shared() { clSVMFree(rig().context, values_); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T* get() const { return values_; }
  T& operator[](std::size_t i) const { return values_[i]; }
  std::size_t bytes() const { return bytes_; }
  void map(cl_map_flags flags) const {
    EXPECT_OK(clEnqueueSVMMap(rig().queue, CL_TRUE, flags, values_, bytes_, 0, nullptr, nullptr));
  }
  void unmap() const { EXPECT_OK(clEnqueueSVMUnmap(rig().queue, values_, 0, nullptr, nullptr)); }

 private:
  std::size_t bytes_;
  T* values_;
};

constexpr char source[] = R"(
  typedef struct Node { global struct Node* next; int value; } Node;
  kernel void twice(global int* a) { a[get_global_id(0)] *= 2; }
  kernel void walk(global Node* first, global int* sum) {
    int total = 0;
    for (global Node* at = first; at; at = at->next) { total += at->value; at->value = -1; }
    *sum = total;
  }
  kernel void count(volatile global int* a) { atomic_inc(a); }
  kernel void pass(global const int* from, global int* to) { to[get_global_id(0)] = from[get_global_id(0)] + 1; }
)";

cl_program program() {
  static const Program built = build(source, "-cl-std=CL2.0");
  return built;
}

cl_int run(cl_kernel kernel, std::size_t items) {
  const cl_int code = launch(rig().queue, kernel, items);
  return code == CL_SUCCESS ? clFinish(rig().queue) : code;
}

}  // namespace

TEST("5.6.1 svm: a kernel writes where the program reads") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  const Shared<cl_int> numbers(1000);
  numbers.map(CL_MAP_WRITE_INVALIDATE_REGION);
  std::iota(numbers.get(), numbers.get() + 1000, 0);
  numbers.unmap();
  const Kernel twice = make_kernel(program(), "twice");
  EXPECT_OK(clSetKernelArgSVMPointer(twice, 0, numbers.get()));
  EXPECT_OK(run(twice, 1000));
  numbers.map(CL_MAP_READ);
  for (int i = 0; i < 1000; ++i) EXPECT(numbers[static_cast<std::size_t>(i)] == 2 * i);
  numbers.unmap();
}

TEST("5.6 svm: a pointer inside shared memory means the same to program and kernel") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  struct Node {
    Node* next;
    cl_int value;
  };
  const Shared<Node> nodes(64), others(64);
  const Shared<cl_int> sum(1);
  nodes.map(CL_MAP_WRITE), others.map(CL_MAP_WRITE);
  for (std::size_t i = 0; i < 64; ++i) {  // to and fro between two allocations
    nodes[i] = {&others[i], static_cast<cl_int>(i)};
    others[i] = {i + 1 < 64 ? &nodes[i + 1] : nullptr, 1000};
  }
  nodes.unmap(), others.unmap();
  const Kernel walk = make_kernel(program(), "walk");
  void* const reached[] = {nodes.get(), others.get()};
  EXPECT_OK(clSetKernelExecInfo(walk, CL_KERNEL_EXEC_INFO_SVM_PTRS, sizeof reached, reached));
  EXPECT_OK(clSetKernelArgSVMPointer(walk, 0, nodes.get()));
  EXPECT_OK(clSetKernelArgSVMPointer(walk, 1, sum.get()));
  EXPECT_OK(run(walk, 1));
  sum.map(CL_MAP_READ), others.map(CL_MAP_READ);
  EXPECT(sum[0] == 63 * 64 / 2 + 64 * 1000);
  EXPECT(others[63].value == -1);
  sum.unmap(), others.unmap();
}

TEST("5.6 svm: fine-grained memory needs no map") {
  needs(CL_DEVICE_SVM_FINE_GRAIN_BUFFER);
  const Shared<cl_int> numbers(256, CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER);
  std::fill_n(numbers.get(), 256, 21);
  const Kernel twice = make_kernel(program(), "twice");
  EXPECT_OK(clSetKernelArgSVMPointer(twice, 0, numbers.get() + 128));  // from the middle on
  EXPECT_OK(run(twice, 128));
  EXPECT(numbers[127] == 21 && numbers[128] == 42 && numbers[255] == 42);
}

TEST("5.6 svm: atomics of program and kernel meet in one counter") {
  needs(CL_DEVICE_SVM_FINE_GRAIN_BUFFER | CL_DEVICE_SVM_ATOMICS);
  const Shared<cl_int> counter(1, CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER | CL_MEM_SVM_ATOMICS);
  counter[0] = 0;
  const Kernel count = make_kernel(program(), "count");
  EXPECT_OK(clSetKernelArgSVMPointer(count, 0, counter.get()));
  EXPECT_OK(launch(rig().queue, count, 20000));
  EXPECT_OK(clFlush(rig().queue));
  for (int i = 0; i < 20000; ++i) std::atomic_ref(counter[0]).fetch_add(1);
  EXPECT_OK(clFinish(rig().queue));
  EXPECT(counter[0] == 40000);
}

TEST("5.6.1 svm: what cannot be allocated gives null") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  const auto largest = info<cl_ulong>(clGetDeviceInfo, rig().device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  const auto none = [](cl_svm_mem_flags flags, std::size_t bytes, cl_uint alignment) {
    return clSVMAlloc(rig().context, flags, bytes, alignment) == nullptr;
  };
  EXPECT(none(CL_MEM_READ_WRITE, 0, 0));
  EXPECT(none(CL_MEM_READ_WRITE, largest + 1, 0));
  EXPECT(none(CL_MEM_READ_WRITE, 64, 3));
  EXPECT(none(CL_MEM_READ_WRITE | CL_MEM_READ_ONLY, 64, 0));
  EXPECT(none(CL_MEM_SVM_ATOMICS, 64, 0));
  EXPECT(none(CL_MEM_USE_HOST_PTR, 64, 0));
  EXPECT(clSVMAlloc(nullptr, CL_MEM_READ_WRITE, 64, 0) == nullptr);
  for (const cl_uint alignment : {0u, 1u, 16u, 64u, 128u}) {
    void* memory = clSVMAlloc(rig().context, 0, 100, alignment);
    EXPECT(memory != nullptr);
    EXPECT(reinterpret_cast<std::uintptr_t>(memory) % (alignment == 0 ? 128 : alignment) == 0);
    clSVMFree(rig().context, memory);
  }
  clSVMFree(rig().context, nullptr);
}

TEST("5.6.2 svm: copies go in, out and between") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  const auto data = pattern(10000, 3);
  std::vector<std::uint8_t> back(10000);
  const Shared<std::uint8_t> a(10000), b(10000);
  Event in;
  EXPECT_OK(clEnqueueSVMMemcpy(rig().queue, CL_FALSE, a.get(), data.data(), 10000, 0, nullptr, in.out()));
  EXPECT_OK(clEnqueueSVMMemcpy(rig().queue, CL_FALSE, b.get() + 100, a.get(), 9900, 1, in.address(), nullptr));
  EXPECT_OK(clEnqueueSVMMemcpy(rig().queue, CL_TRUE, back.data(), b.get() + 100, 9900, 0, nullptr, nullptr));
  EXPECT(std::equal(data.begin(), data.begin() + 9900, back.begin()));
  EXPECT(info<cl_command_type>(clGetEventInfo, static_cast<cl_event>(in), CL_EVENT_COMMAND_TYPE) ==
         CL_COMMAND_SVM_MEMCPY);
  EXPECT_CODE(clEnqueueSVMMemcpy(rig().queue, CL_TRUE, a.get(), a.get() + 5, 10, 0, nullptr, nullptr),
              CL_MEM_COPY_OVERLAP);
  EXPECT_CODE(clEnqueueSVMMemcpy(rig().queue, CL_TRUE, nullptr, a.get(), 10, 0, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clEnqueueSVMMemcpy(rig().queue, CL_TRUE, a.get(), nullptr, 10, 0, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clEnqueueSVMMemcpy(nullptr, CL_TRUE, a.get(), b.get(), 10, 0, nullptr, nullptr),
              CL_INVALID_COMMAND_QUEUE);
}

TEST("5.6.2 svm: fills of every size of pattern") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  not_on_bare_pocl("crashes");
  const Shared<std::uint8_t> memory(1024);
  const auto bytes = pattern(128, 5);
  for (std::size_t size = 1; size <= 128; size *= 2) {
    EXPECT_OK(clEnqueueSVMMemFill(rig().queue, memory.get() + 256, bytes.data(), size, 512, 0, nullptr, nullptr));
    memory.map(CL_MAP_READ);
    for (std::size_t i = 0; i < 512; ++i) EXPECT(memory[256 + i] == bytes[i % size]);
    memory.unmap();
  }
  EXPECT_CODE(clEnqueueSVMMemFill(rig().queue, memory.get(), bytes.data(), 3, 12, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
  EXPECT_CODE(clEnqueueSVMMemFill(rig().queue, memory.get() + 1, bytes.data(), 4, 16, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
  EXPECT_CODE(clEnqueueSVMMemFill(rig().queue, memory.get(), bytes.data(), 4, 18, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
  EXPECT_CODE(clEnqueueSVMMemFill(rig().queue, memory.get(), nullptr, 4, 16, 0, nullptr, nullptr), CL_INVALID_VALUE);
}

TEST("5.6.2 svm: wrong maps and migrations are refused") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  const Shared<cl_int> memory(16);
  EXPECT_CODE(clEnqueueSVMMap(rig().queue, CL_TRUE, CL_MAP_READ, nullptr, 4, 0, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clEnqueueSVMMap(rig().queue, CL_TRUE, CL_MAP_READ, memory.get(), 0, 0, nullptr, nullptr),
              CL_INVALID_VALUE);
  EXPECT_CODE(clEnqueueSVMUnmap(rig().queue, nullptr, 0, nullptr, nullptr), CL_INVALID_VALUE);
  const void* whole[] = {memory.get()};
  EXPECT_OK(clEnqueueSVMMigrateMem(rig().queue, 1, whole, nullptr, 0, 0, nullptr, nullptr));
  EXPECT_CODE(clEnqueueSVMMigrateMem(rig().queue, 0, whole, nullptr, 0, 0, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clEnqueueSVMMigrateMem(rig().queue, 1, nullptr, nullptr, 0, 0, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_OK(clFinish(rig().queue));
}

namespace {

struct Freed {
  std::atomic<int> calls{0};
  std::atomic<unsigned> pointers{0};
};

void CL_CALLBACK free_all(cl_command_queue, cl_uint count, void* pointers[], void* freed) {
  for (cl_uint i = 0; i < count; ++i) clSVMFree(rig().context, pointers[i]);
  static_cast<Freed*>(freed)->pointers += count;
  ++static_cast<Freed*>(freed)->calls;
}

}  // namespace

TEST("5.6.1 svm: memory is freed in the queue's turn, by the program's own function if it gives one") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  void* both[] = {clSVMAlloc(rig().context, CL_MEM_READ_WRITE, 64, 0),
                  clSVMAlloc(rig().context, CL_MEM_READ_WRITE, 64, 0)};
  Freed freed;
  const Event gate = user_event();
  Event done;
  EXPECT_OK(clEnqueueSVMFree(rig().queue, 2, both, free_all, &freed, 1, gate.address(), done.out()));
  EXPECT(freed.calls == 0);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clWaitForEvents(1, done.address()));
  while (freed.calls == 0) std::atomic_thread_fence(std::memory_order_seq_cst);
  EXPECT(freed.calls == 1 && freed.pointers == 2);
  EXPECT(info<cl_command_type>(clGetEventInfo, static_cast<cl_event>(done), CL_EVENT_COMMAND_TYPE) ==
         CL_COMMAND_SVM_FREE);
  void* one[] = {clSVMAlloc(rig().context, CL_MEM_READ_WRITE, 64, 0)};
  EXPECT_OK(clEnqueueSVMFree(rig().queue, 1, one, nullptr, nullptr, 0, nullptr, nullptr));
  EXPECT_CODE(clEnqueueSVMFree(rig().queue, 0, one, nullptr, nullptr, 0, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clEnqueueSVMFree(rig().queue, 1, nullptr, nullptr, nullptr, 0, nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_OK(clFinish(rig().queue));
}

TEST("5.9.2 svm: arguments that take no pointer refuse one") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  const Shared<cl_int> memory(16);
  const Kernel twice = make_kernel(program(), "twice");
  EXPECT_CODE(clSetKernelArgSVMPointer(twice, 1, memory.get()), CL_INVALID_ARG_INDEX);
  EXPECT_CODE(clSetKernelArgSVMPointer(nullptr, 0, memory.get()), CL_INVALID_KERNEL);
  EXPECT_CODE(clSetKernelExecInfo(nullptr, CL_KERNEL_EXEC_INFO_SVM_PTRS, 8, &memory), CL_INVALID_KERNEL);
  EXPECT_CODE(clSetKernelExecInfo(twice, CL_KERNEL_EXEC_INFO_SVM_PTRS, 8, nullptr), CL_INVALID_VALUE);
}

TEST("5.2.1 svm: a buffer over shared memory is that memory") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  const Shared<cl_int> memory(1024);
  memory.map(CL_MAP_WRITE);
  std::iota(memory.get(), memory.get() + 1024, 0);
  memory.unmap();
  const Memory over = make_buffer(memory.bytes(), CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, memory.get());
  const Memory plain = make_buffer(memory.bytes());
  EXPECT(info<cl_bool>(clGetMemObjectInfo, static_cast<cl_mem>(over), CL_MEM_USES_SVM_POINTER) == CL_TRUE);
  EXPECT(info<cl_bool>(clGetMemObjectInfo, static_cast<cl_mem>(plain), CL_MEM_USES_SVM_POINTER) == CL_FALSE);
  EXPECT(info<void*>(clGetMemObjectInfo, static_cast<cl_mem>(over), CL_MEM_HOST_PTR) == memory.get());
  EXPECT(info<cl_mem>(clGetMemObjectInfo, static_cast<cl_mem>(over), CL_MEM_ASSOCIATED_MEMOBJECT) == nullptr);
  const Kernel pass = make_kernel(program(), "pass");
  EXPECT_OK(set_arg(pass, 0, over));
  EXPECT_OK(set_arg(pass, 1, over));
  EXPECT_OK(run(pass, 1024));
  memory.map(CL_MAP_READ);
  EXPECT(memory[0] == 1 && memory[1023] == 1024);
  memory.unmap();
}

TEST("5.2.1 svm: a part of a buffer over shared memory is that memory too") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  const Shared<cl_int> memory(1024);
  memory.map(CL_MAP_WRITE);
  std::fill_n(memory.get(), 1024, 5);
  memory.unmap();
  const Memory over = make_buffer(memory.bytes() / 2, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, memory.get() + 512);
  const cl_buffer_region region{1024, 512};
  cl_int code = CL_SUCCESS;
  const Memory part = clCreateSubBuffer(over, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
  EXPECT_OK(code);
  EXPECT(info<void*>(clGetMemObjectInfo, static_cast<cl_mem>(part), CL_MEM_HOST_PTR) == memory.get() + 512 + 256);
  EXPECT(info<cl_mem>(clGetMemObjectInfo, static_cast<cl_mem>(part), CL_MEM_ASSOCIATED_MEMOBJECT) == over);
  EXPECT(info<std::size_t>(clGetMemObjectInfo, static_cast<cl_mem>(part), CL_MEM_OFFSET) == 1024);
  const Kernel twice = make_kernel(program(), "twice");
  EXPECT_OK(set_arg(twice, 0, part));
  EXPECT_OK(run(twice, 128));
  memory.map(CL_MAP_READ);
  EXPECT(memory[767] == 5 && memory[768] == 10 && memory[895] == 10 && memory[896] == 5);
  memory.unmap();
}

TEST("5.2.2 svm: transfers between buffers and shared memory keep their order with the kernels that use it") {
  needs(CL_DEVICE_SVM_FINE_GRAIN_BUFFER);
  constexpr std::size_t count = 1 << 20;
  const Shared<cl_int> memory(count, CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER);
  const Memory buffer = make_buffer(memory.bytes());
  const Kernel twice = make_kernel(program(), "twice");
  EXPECT_OK(clSetKernelArgSVMPointer(twice, 0, memory.get()));
  std::iota(memory.get(), memory.get() + count, 0);
  const cl_command_queue queue = rig().queue;
  // Doubled, written to the buffer; doubled, read back; doubled; a small part written once more.
  EXPECT_OK(launch(queue, twice, count));
  EXPECT_OK(clEnqueueWriteBuffer(queue, buffer, CL_FALSE, 0, memory.bytes(), memory.get(), 0, nullptr, nullptr));
  EXPECT_OK(launch(queue, twice, count));
  EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, memory.bytes(), memory.get(), 0, nullptr, nullptr));
  EXPECT_OK(launch(queue, twice, count));
  EXPECT_OK(clEnqueueWriteBuffer(queue, buffer, CL_FALSE, 4, 4, memory.get() + 1, 0, nullptr, nullptr));
  EXPECT_OK(clFinish(queue));
  for (std::size_t i = 0; i < count; ++i) EXPECT(memory[i] == static_cast<cl_int>(4 * i));
  const auto got = contents<cl_int>(buffer, count);
  EXPECT(got[1] == 4 && got[2] == 4 && got[count - 1] == static_cast<cl_int>(2 * (count - 1)));
}

TEST("5.2.2 svm: rectangles and images too, packed or with room between their rows") {
  needs(CL_DEVICE_SVM_FINE_GRAIN_BUFFER);
  constexpr std::size_t side = 512, count = side * side;
  const Shared<cl_int> memory(count, CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER);
  const Memory buffer = make_buffer(memory.bytes());
  const Kernel twice = make_kernel(program(), "twice");
  EXPECT_OK(clSetKernelArgSVMPointer(twice, 0, memory.get()));
  const cl_command_queue queue = rig().queue;
  const std::size_t origin[] = {0, 0, 0};
  // Doubled, written, doubled, read back, doubled: what lies in the box is doubled twice in all, the rest three times.
  const auto check = [&](std::size_t width, const std::function<cl_int(bool)>& transfer) {
    std::iota(memory.get(), memory.get() + count, 0);
    EXPECT_OK(launch(queue, twice, count));
    EXPECT_OK(transfer(true));
    EXPECT_OK(launch(queue, twice, count));
    EXPECT_OK(transfer(false));
    EXPECT_OK(launch(queue, twice, count));
    EXPECT_OK(clFinish(queue));
    for (std::size_t i = 0; i < count; ++i) EXPECT(memory[i] == static_cast<cl_int>((i % side < width ? 4 : 8) * i));
  };
  for (const std::size_t width : {side, side - 3}) {
    const std::size_t bytes[] = {width * 4, side, 1};
    check(width, [&](bool write) {
      return write ? clEnqueueWriteBufferRect(queue, buffer, CL_FALSE, origin, origin, bytes, 0, 0, side * 4, 0,
                                              memory.get(), 0, nullptr, nullptr)
                   : clEnqueueReadBufferRect(queue, buffer, CL_FALSE, origin, origin, bytes, 0, 0, side * 4, 0,
                                             memory.get(), 0, nullptr, nullptr);
    });
  }
  if (info<cl_bool>(clGetDeviceInfo, rig().device, CL_DEVICE_IMAGE_SUPPORT) == CL_FALSE) return;
  const cl_image_format format{CL_R, CL_SIGNED_INT32};
  cl_image_desc desc{};
  desc.image_type = CL_MEM_OBJECT_IMAGE2D, desc.image_width = side, desc.image_height = side;
  cl_int code = CL_SUCCESS;
  const Memory image = clCreateImage(rig().context, CL_MEM_READ_WRITE, &format, &desc, nullptr, &code);
  EXPECT_OK(code);
  for (const std::size_t width : {side, side - 3}) {
    const std::size_t pixels[] = {width, side, 1};
    check(width, [&](bool write) {
      return write ? clEnqueueWriteImage(queue, image, CL_FALSE, origin, pixels, side * 4, 0, memory.get(), 0, nullptr,
                                         nullptr)
                   : clEnqueueReadImage(queue, image, CL_FALSE, origin, pixels, side * 4, 0, memory.get(), 0, nullptr,
                                        nullptr);
    });
  }
}

TEST("5.2.1 svm: a buffer larger than the shared memory below it is refused") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  const Shared<cl_int> memory(256);
  cl_int code = CL_SUCCESS;
  Memory over = clCreateBuffer(rig().context, CL_MEM_USE_HOST_PTR, 2 * memory.bytes(), memory.get(), &code);
  EXPECT(code == CL_INVALID_BUFFER_SIZE && over == nullptr);
  over = clCreateBuffer(rig().context, CL_MEM_USE_HOST_PTR, memory.bytes(), memory.get(), &code);
  EXPECT_OK(code);
}

TEST("5.6.1 svm: a free that waits in vain frees nothing") {
  needs(CL_DEVICE_SVM_COARSE_GRAIN_BUFFER);
  not_on_bare_pocl("waits for ever");
  void* one[] = {clSVMAlloc(rig().context, CL_MEM_READ_WRITE, 64, 0)};
  Freed freed;
  const Event gate = user_event();
  Event done, next;
  const Queue queue = make_queue();
  EXPECT_OK(clEnqueueSVMFree(queue, 1, one, free_all, &freed, 1, gate.address(), done.out()));
  EXPECT_OK(clSetUserEventStatus(gate, -5));
  EXPECT(clWaitForEvents(1, done.address()) != CL_SUCCESS);
  // By the time that a later callback has come, an earlier one would have.
  void* other[] = {clSVMAlloc(rig().context, CL_MEM_READ_WRITE, 64, 0)};
  Freed later;
  EXPECT_OK(clEnqueueSVMFree(queue, 1, other, free_all, &later, 0, nullptr, next.out()));
  EXPECT_OK(clWaitForEvents(1, next.address()));
  while (later.calls == 0) std::atomic_thread_fence(std::memory_order_seq_cst);
  EXPECT(freed.calls == 0);
  clSVMFree(rig().context, one[0]);
}

}  // namespace conformance
