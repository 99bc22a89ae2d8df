// Many threads make random calls on one context, each thread on buffers and queues of its own, and know what must come
// of them: `storm SEED [THREADS] [CALLS] [careful]`. Everything that is read back is compared with what the thread has
// worked out itself, call by call. `careful` keeps clear of a fault of PoCL's, for runs without the pool. Prints a
// digest of all final contents, the same wherever it runs; ends with 1 at the first difference or error, and says after
// which call of which thread.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "simple.h"

namespace {

using Words = std::vector<cl_uint>;

constexpr std::size_t buffers_max = 10;
constexpr std::size_t words_min = 64, words_max = words_min + 8192;
constexpr std::size_t group = 16;  // always the same: a driver may compile a kernel for each
constexpr const char* source = R"(
  kernel void raise(global uint* a, uint n) { a[get_global_id(0)] += n; }
  kernel void blend(global uint* a, global const uint* b) { size_t i = get_global_id(0); a[i] = a[i] * 3 + b[i]; })";

struct Buffer {
  cl_mem memory = nullptr;
  Words wanted;
};

// A read or write that may still be going on: its memory stays, and what a read must bring.
struct Pending {
  std::unique_ptr<Words> memory;
  Words wanted;
};

class Thread {
 public:
  Thread(const simple::Device& on, cl_program program, unsigned seed, unsigned number)
      : on_(on), random_(seed * 1000 + number), number_(number) {
    cl_int code = CL_SUCCESS;
    for (cl_command_queue& queue : queues_) {
      queue = clCreateCommandQueue(on.context, on.device, 0, &code);
      must(code, "clCreateCommandQueue");
    }
    add_ = clCreateKernel(program, "raise", &code);
    must(code, "clCreateKernel");
    mix_ = clCreateKernel(program, "blend", &code);
    must(code, "clCreateKernel");
  }

  void run(unsigned calls) {
    using Step = void (Thread::*)();
    static constexpr Step steps[] = {&Thread::make,  &Thread::drop,    &Thread::write,  &Thread::write,
                                     &Thread::read,  &Thread::read,    &Thread::fill,   &Thread::copy,
                                     &Thread::rows,  &Thread::map,     &Thread::add,    &Thread::add,
                                     &Thread::mix,   &Thread::part,    &Thread::gate,   &Thread::settle,
                                     &Thread::query, &Thread::mistake, &Thread::events, &Thread::marker};
    for (call_ = 0; call_ < calls; ++call_) {
      if (buffers_.size() < 2) make();
      (this->*steps[below(std::size(steps))])();
    }
  }

  // Reads everything back. The digest of it all (FNV-1a).
  std::uint64_t finish() {
    settle();
    std::uint64_t digest = 0xcbf29ce484222325;
    for (Buffer& buffer : buffers_) {
      compare(whole(buffer), buffer.wanted);
      for (const cl_uint word : buffer.wanted) digest = (digest ^ word) * 0x100000001b3;
      clReleaseMemObject(buffer.memory);
    }
    if (last_ != nullptr) clReleaseEvent(last_);
    clReleaseKernel(add_), clReleaseKernel(mix_);
    for (cl_command_queue queue : queues_) clReleaseCommandQueue(queue);
    return digest;
  }

 private:
  struct Range {
    std::size_t first, count;
  };

  std::size_t below(std::size_t end) { return random_() % end; }
  Buffer& any() { return buffers_[below(buffers_.size())]; }
  Range part_of(const Buffer& buffer) {
    const std::size_t first = below(buffer.wanted.size());
    return {first, 1 + below(buffer.wanted.size() - first)};
  }
  Words noise(std::size_t count) {
    Words words(count);
    for (cl_uint& word : words) word = static_cast<cl_uint>(random_());
    return words;
  }

  void must(cl_int code, const char* what) const {
    if (code == CL_SUCCESS) return;
    std::fprintf(stderr, "thread %u, call %u: %s: error %d\n", number_, call_, what, code);
    std::_Exit(1);
  }
  void must_fail(cl_int code, cl_int wanted, const char* what) const {
    if (code != wanted) must(code == CL_SUCCESS ? CL_INVALID_OPERATION : code, what);
  }
  void compare(const Words& got, const Words& wanted) const {
    if (got == wanted) return;
    std::fprintf(stderr, "thread %u, call %u: wrong contents\n", number_, call_);
    std::_Exit(1);
  }

  // One after the other, whichever queue: each command waits for the one before it.
  template <typename Enqueue>
  void enqueue(const char* what, Enqueue call) {
    cl_event event = nullptr;
    const cl_uint waits = last_ != nullptr ? 1 : 0;
    must(call(queues_[below(2)], waits, waits != 0 ? &last_ : nullptr, &event), what);
    if (last_ != nullptr) clReleaseEvent(last_);
    last_ = event;
  }

  Words whole(const Buffer& buffer) {
    Words got(buffer.wanted.size());
    enqueue("clEnqueueReadBuffer", [&](auto queue, auto waits, auto list, auto event) {
      return clEnqueueReadBuffer(queue, buffer.memory, CL_TRUE, 0, got.size() * 4, got.data(), waits, list, event);
    });
    return got;
  }

  // ---- the calls ----

  void make() {
    if (buffers_.size() >= buffers_max) return drop();
    Buffer buffer;
    buffer.wanted = noise(words_min + below(words_max - words_min));
    const cl_mem_flags flags = CL_MEM_COPY_HOST_PTR | (below(2) == 0 ? CL_MEM_ALLOC_HOST_PTR : 0);
    cl_int code = CL_SUCCESS;
    buffer.memory = clCreateBuffer(on_.context, flags, buffer.wanted.size() * 4, buffer.wanted.data(), &code);
    must(code, "clCreateBuffer");
    buffers_.push_back(std::move(buffer));
  }

  // Commands may still be using it.
  void drop() {
    if (buffers_.size() <= 2) return;
    std::swap(any(), buffers_.back());
    must(clReleaseMemObject(buffers_.back().memory), "clReleaseMemObject");
    buffers_.pop_back();
  }

  void write() {
    Buffer& buffer = any();
    const Range range = part_of(buffer);
    auto words = std::make_unique<Words>(noise(range.count));
    const bool blocking = below(2) == 0;
    std::copy(words->begin(), words->end(), buffer.wanted.begin() + static_cast<std::ptrdiff_t>(range.first));
    enqueue("clEnqueueWriteBuffer", [&](auto queue, auto waits, auto list, auto event) {
      return clEnqueueWriteBuffer(queue, buffer.memory, blocking, range.first * 4, range.count * 4, words->data(),
                                  waits, list, event);
    });
    if (!blocking) pending_.push_back({std::move(words), {}});
    else std::fill(words->begin(), words->end(), 0u);  // the program's again
  }

  void read() {
    const Buffer& buffer = any();
    const Range range = part_of(buffer);
    auto words = std::make_unique<Words>(range.count);
    const auto first = buffer.wanted.begin() + static_cast<std::ptrdiff_t>(range.first);
    Words wanted(first, first + static_cast<std::ptrdiff_t>(range.count));
    const bool blocking = below(2) == 0;
    enqueue("clEnqueueReadBuffer", [&](auto queue, auto waits, auto list, auto event) {
      return clEnqueueReadBuffer(queue, buffer.memory, blocking, range.first * 4, range.count * 4, words->data(), waits,
                                 list, event);
    });
    if (blocking) compare(*words, wanted);
    else pending_.push_back({std::move(words), std::move(wanted)});
  }

  void fill() {
    Buffer& buffer = any();
    const Words pattern = noise(std::size_t{1} << below(4));
    const std::size_t room = buffer.wanted.size() / pattern.size(), first = below(room),
                      count = 1 + below(room - first);
    for (std::size_t i = 0; i < count * pattern.size(); ++i)
      buffer.wanted[first * pattern.size() + i] = pattern[i % pattern.size()];
    enqueue("clEnqueueFillBuffer", [&](auto queue, auto waits, auto list, auto event) {
      const std::size_t bytes = pattern.size() * 4;
      return clEnqueueFillBuffer(queue, buffer.memory, pattern.data(), bytes, first * bytes, count * bytes, waits, list,
                                 event);
    });
  }

  void copy() {
    Buffer &from = any(), &to = any();
    if (&from == &to) return;
    const Range range = part_of(from);
    const std::size_t count = std::min(range.count, to.wanted.size()), at = below(to.wanted.size() - count + 1);
    std::copy_n(from.wanted.begin() + static_cast<std::ptrdiff_t>(range.first), count,
                to.wanted.begin() + static_cast<std::ptrdiff_t>(at));
    enqueue("clEnqueueCopyBuffer", [&](auto queue, auto waits, auto list, auto event) {
      return clEnqueueCopyBuffer(queue, from.memory, to.memory, range.first * 4, at * 4, count * 4, waits, list, event);
    });
  }

  // A box of eight words' rows, written from memory that is packed.
  void rows() {
    Buffer& buffer = any();
    constexpr std::size_t pitch = 8;
    const std::size_t height = 1 + below(buffer.wanted.size() / pitch), x = below(pitch), width = 1 + below(pitch - x);
    const Words words = noise(width * height);
    for (std::size_t row = 0; row < height; ++row)
      for (std::size_t i = 0; i < width; ++i) buffer.wanted[row * pitch + x + i] = words[row * width + i];
    const std::size_t origin[3] = {x * 4, 0, 0}, zero[3] = {}, region[3] = {width * 4, height, 1};
    enqueue("clEnqueueWriteBufferRect", [&](auto queue, auto waits, auto list, auto event) {
      return clEnqueueWriteBufferRect(queue, buffer.memory, CL_TRUE, origin, zero, region, pitch * 4, 0, 0, 0,
                                      words.data(), waits, list, event);
    });
  }

  void map() {
    Buffer& buffer = any();
    const Range range = part_of(buffer);
    cl_int code = CL_SUCCESS;
    void* place = nullptr;
    enqueue("clEnqueueMapBuffer", [&](auto queue, auto waits, auto list, auto event) {
      place = clEnqueueMapBuffer(queue, buffer.memory, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, range.first * 4,
                                 range.count * 4, waits, list, event, &code);
      return code;
    });
    cl_uint* const wanted = buffer.wanted.data() + range.first;
    if (std::memcmp(place, wanted, range.count * 4) != 0) compare({}, {0});
    const Words words = noise(range.count);
    std::memcpy(place, words.data(), range.count * 4);
    std::memcpy(wanted, words.data(), range.count * 4);
    enqueue("clEnqueueUnmapMemObject", [&](auto queue, auto waits, auto list, auto event) {
      return clEnqueueUnmapMemObject(queue, buffer.memory, place, waits, list, event);
    });
  }

  void add() {
    Buffer& buffer = any();
    Range range = part_of(buffer);
    range.count = range.count / group * group;
    if (range.count == 0) return;
    const auto amount = static_cast<cl_uint>(random_());
    for (std::size_t i = 0; i < range.count; ++i) buffer.wanted[range.first + i] += amount;
    must(clSetKernelArg(add_, 0, sizeof buffer.memory, &buffer.memory), "clSetKernelArg");
    must(clSetKernelArg(add_, 1, sizeof amount, &amount), "clSetKernelArg");
    enqueue("clEnqueueNDRangeKernel", [&](auto queue, auto waits, auto list, auto event) {
      return clEnqueueNDRangeKernel(queue, add_, 1, &range.first, &range.count, &group, waits, list, event);
    });
  }

  void mix() {
    Buffer &to = any(), &from = any();
    if (&to == &from) return;
    const std::size_t count = std::min(to.wanted.size(), from.wanted.size()) / group * group;
    for (std::size_t i = 0; i < count; ++i) to.wanted[i] = to.wanted[i] * 3 + from.wanted[i];
    must(clSetKernelArg(mix_, 0, sizeof to.memory, &to.memory), "clSetKernelArg");
    must(clSetKernelArg(mix_, 1, sizeof from.memory, &from.memory), "clSetKernelArg");
    enqueue("clEnqueueNDRangeKernel", [&](auto queue, auto waits, auto list, auto event) {
      return clEnqueueNDRangeKernel(queue, mix_, 1, nullptr, &count, &group, waits, list, event);
    });
  }

  // Works on a part of a buffer through an object of its own, which goes at once.
  void part() {
    Buffer& buffer = any();
    constexpr std::size_t step = 32;  // words: no device asks for a larger alignment than 1024 bits
    const std::size_t first = below(buffer.wanted.size() / step) * step;
    const cl_buffer_region region{first * 4, (1 + below(buffer.wanted.size() - first)) * 4};
    const auto value = static_cast<cl_uint>(random_());
    cl_int code = CL_SUCCESS;
    cl_mem sub = clCreateSubBuffer(buffer.memory, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    must(code, "clCreateSubBuffer");
    std::fill_n(buffer.wanted.begin() + static_cast<std::ptrdiff_t>(first), region.size / 4, value);
    enqueue("clEnqueueFillBuffer", [&](auto queue, auto waits, auto list, auto event) {
      return clEnqueueFillBuffer(queue, sub, &value, 4, 0, region.size, waits, list, event);
    });
    must(clReleaseMemObject(sub), "clReleaseMemObject");
  }

  // A command that waits for the program.
  void gate() {
    Buffer& buffer = any();
    const auto value = static_cast<cl_uint>(random_());
    cl_int code = CL_SUCCESS;
    cl_event gate = clCreateUserEvent(on_.context, &code);
    must(code, "clCreateUserEvent");
    const cl_event both[] = {gate, last_};
    cl_event event = nullptr;
    must(clEnqueueFillBuffer(queues_[below(2)], buffer.memory, &value, 4, 0, 4, last_ != nullptr ? 2 : 1, both, &event),
         "clEnqueueFillBuffer");
    buffer.wanted[0] = value;
    if (last_ != nullptr) clReleaseEvent(last_);
    last_ = event;
    must(clSetUserEventStatus(gate, CL_COMPLETE), "clSetUserEventStatus");
    must(clReleaseEvent(gate), "clReleaseEvent");
  }

  void settle() {
    for (cl_command_queue queue : queues_) must(clFinish(queue), "clFinish");
    for (const Pending& pending : pending_)
      if (!pending.wanted.empty()) compare(*pending.memory, pending.wanted);
    pending_.clear();
  }

  void query() {
    const Buffer& buffer = any();
    std::size_t bytes = 0;
    must(clGetMemObjectInfo(buffer.memory, CL_MEM_SIZE, sizeof bytes, &bytes, nullptr), "clGetMemObjectInfo");
    if (bytes != buffer.wanted.size() * 4) must(CL_INVALID_BUFFER_SIZE, "CL_MEM_SIZE");
    cl_ulong local = 0;
    must(clGetDeviceInfo(on_.device, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local, nullptr), "clGetDeviceInfo");
  }

  void mistake() {
    const Buffer& buffer = any();
    cl_uint word = 0;
    cl_int code = CL_SUCCESS;
    must_fail(clEnqueueReadBuffer(queues_[0], buffer.memory, CL_TRUE, buffer.wanted.size() * 4, 4, &word, 0, nullptr,
                                  nullptr),
              CL_INVALID_VALUE, "a read beyond the end");
    must_fail(clSetKernelArg(add_, 2, 4, &word), CL_INVALID_ARG_INDEX, "an argument too many");
    clCreateBuffer(on_.context, CL_MEM_READ_WRITE, 0, nullptr, &code);
    must_fail(code, CL_INVALID_BUFFER_SIZE, "an empty buffer");
  }

  void events() {
    if (last_ == nullptr) return;
    must(clRetainEvent(last_), "clRetainEvent");
    cl_int status = CL_QUEUED;
    must(clGetEventInfo(last_, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr), "clGetEventInfo");
    if (status < 0) must(status, "a command");
    if (below(2) == 0) must(clWaitForEvents(1, &last_), "clWaitForEvents");
    must(clReleaseEvent(last_), "clReleaseEvent");
  }

  void marker() {
    enqueue("clEnqueueMarkerWithWaitList", [](auto queue, auto waits, auto list, auto event) {
      return clEnqueueMarkerWithWaitList(queue, waits, list, event);
    });
    must(clFlush(queues_[below(2)]), "clFlush");
  }

  const simple::Device& on_;
  std::mt19937 random_;
  const unsigned number_;
  unsigned call_ = 0;
  cl_command_queue queues_[2] = {};
  cl_kernel add_ = nullptr, mix_ = nullptr;
  cl_event last_ = nullptr;
  std::vector<Buffer> buffers_;
  std::vector<Pending> pending_;
};

cl_program build(const simple::Device& on) {
  cl_int code = CL_SUCCESS;
  const char* text = source;
  cl_program program = clCreateProgramWithSource(on.context, 1, &text, nullptr, &code);
  simple::must(code, "clCreateProgramWithSource");
  simple::must(clBuildProgram(program, 1, &on.device, "", nullptr, nullptr), "clBuildProgram");
  return program;
}

// Launches each kernel once as wide as ever, and with an offset. PoCL 3.1 compiles a kernel anew for a wider launch and
// for the first one with an offset, and loses count of who uses which of them where such a launch runs beside an older
// kind: it then aborts (pocl_release_dlhandle_cache). What is compiled for the widest launch serves all, so there is no
// other.
void compile_for_all(const simple::Device& on, cl_program program) {
  cl_int code = CL_SUCCESS;
  const std::size_t bytes = (words_max + group) * sizeof(cl_uint);
  cl_mem memory = clCreateBuffer(on.context, CL_MEM_READ_WRITE, bytes, nullptr, &code);
  simple::must(code, "clCreateBuffer");
  for (const char* name : {"raise", "blend"}) {
    cl_kernel kernel = clCreateKernel(program, name, &code);
    simple::must(code, "clCreateKernel");
    const cl_uint nothing = 0;
    simple::must(clSetKernelArg(kernel, 0, sizeof memory, &memory), "clSetKernelArg");
    simple::must(*name == 'r' ? clSetKernelArg(kernel, 1, sizeof nothing, &nothing)
                              : clSetKernelArg(kernel, 1, sizeof memory, &memory),
                 "clSetKernelArg");
    simple::must(clEnqueueNDRangeKernel(on.queue, kernel, 1, &group, &words_max, &group, 0, nullptr, nullptr),
                 "clEnqueueNDRangeKernel");
    simple::must(clFinish(on.queue), "clFinish");
    clReleaseKernel(kernel);
  }
  clReleaseMemObject(memory);
}

unsigned number(int argc, char** argv, int index, unsigned otherwise) {
  return argc > index ? static_cast<unsigned>(std::strtoul(argv[index], nullptr, 10)) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned seed = number(argc, argv, 1, 1), count = number(argc, argv, 2, 24),
                 calls = number(argc, argv, 3, 1000);
  const simple::Device device = simple::open();
  cl_program program = build(device);
  if (argc > 4 && std::strcmp(argv[4], "careful") == 0) compile_for_all(device, program);
  std::atomic<std::uint64_t> digest{0};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      Thread thread(device, program, seed, i);
      thread.run(calls);
      digest += thread.finish();
    });
  for (std::thread& thread : threads) thread.join();
  clReleaseProgram(program);
  clReleaseCommandQueue(device.queue);
  clReleaseContext(device.context);
  std::printf("digest %016llx\n", static_cast<unsigned long long>(digest.load()));
  return 0;
}
