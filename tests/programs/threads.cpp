// Many threads, one queue for each:   threads one|each|own [THREADS] [ROUNDS]
//   one           all queues in one context, one program for all, a kernel object for each thread
//   each          the same, and each thread builds a program of its own
//   own           each thread opens the device for itself: a context, a queue, a program
// Every round's results are compared with what the host works out; prints one checksum a thread.
#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "simple.h"

namespace {

using simple::must;

constexpr std::size_t words = 2048, group = 32, groups = words / group;

// scramble mixes every word with the next one of its group; the sums are of the groups' words after it.
constexpr const char* source = R"(
kernel void scramble(global uint* words, uint key) {
  local uint shared[32];
  const size_t here = get_local_id(0), all = get_local_size(0);
  uint word = words[get_global_id(0)] ^ key;
  word ^= word << 13; word ^= word >> 17; word ^= word << 5;
  shared[here] = word;
  barrier(CLK_LOCAL_MEM_FENCE);
  words[get_global_id(0)] = word + shared[(here + 1) % all];
}
kernel void sum_groups(global const uint* words, global uint* sums) {
  uint sum = 0;
  for (uint i = 0; i < 32; ++i) sum = sum * 31 + words[get_global_id(0) * 32 + i];
  sums[get_global_id(0)] = sum;
}
)";

using Words = std::vector<std::uint32_t>;

void scramble_on_host(Words& all, std::uint32_t key) {
  for (std::uint32_t& word : all) {
    word ^= key;
    word ^= word << 13;
    word ^= word >> 17;
    word ^= word << 5;
  }
  for (std::size_t first = 0; first < all.size(); first += group) {
    const std::uint32_t head = all[first];
    for (std::size_t i = 0; i < group; ++i) all[first + i] += i + 1 < group ? all[first + i + 1] : head;
  }
}

Words sums_on_host(const Words& all) {
  Words sums(all.size() / group);
  for (std::size_t i = 0; i < all.size(); ++i) sums[i / group] = sums[i / group] * 31 + all[i];
  return sums;
}

cl_program build(const simple::Device& on) {
  cl_int code = CL_SUCCESS;
  cl_program program = clCreateProgramWithSource(on.context, 1, const_cast<const char**>(&source), nullptr, &code);
  must(code, "clCreateProgramWithSource");
  must(clBuildProgram(program, 1, &on.device, "", nullptr, nullptr), "clBuildProgram");
  return program;
}

cl_kernel kernel_of(cl_program program, const char* name) {
  cl_int code = CL_SUCCESS;
  cl_kernel kernel = clCreateKernel(program, name, &code);
  must(code, "clCreateKernel");
  return kernel;
}

template <typename... Values>
void set(cl_kernel kernel, const Values&... values) {
  cl_uint index = 0;
  (must(clSetKernelArg(kernel, index++, sizeof values, &values), "clSetKernelArg"), ...);
}

// One thread's work on its own queue; nothing waits but the thread itself, once a round.
class Worker {
 public:
  Worker(const simple::Device& on, cl_program program, std::uint32_t number)
      : on_(on),
        number_(number),
        scramble_(kernel_of(program, "scramble")),
        sums_(kernel_of(program, "sum_groups")),
        memory_(simple::buffer(on, words * 4)),
        totals_(simple::buffer(on, groups * 4)),
        wanted_(words) {
    for (std::size_t i = 0; i < words; ++i) wanted_[i] = static_cast<std::uint32_t>(i * 2654435761u + number * 40503u);
    Words start = wanted_;
    must(clEnqueueWriteBuffer(on_.queue, memory_, CL_TRUE, 0, words * 4, start.data(), 0, nullptr, nullptr),
         "clEnqueueWriteBuffer");
  }

  ~Worker() {
    clReleaseKernel(scramble_);
    clReleaseKernel(sums_);
    clReleaseMemObject(memory_);
    clReleaseMemObject(totals_);
  }

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  std::uint32_t run(unsigned rounds) {
    std::uint32_t digest = number_;
    for (unsigned round = 0; round < rounds; ++round) {
      const Words got = round_on_device(round);
      scramble_on_host(wanted_, number_ * 7919u + round);
      if (got != sums_on_host(wanted_)) {
        std::fprintf(stderr, "thread %u, round %u: not what the host works out\n", number_, round);
        std::exit(1);
      }
      for (const std::uint32_t sum : got) digest = digest * 16777619u ^ sum;
    }
    Words all(words);
    must(clEnqueueReadBuffer(on_.queue, memory_, CL_TRUE, 0, words * 4, all.data(), 0, nullptr, nullptr), "the read");
    return all == wanted_ ? digest : 0;
  }

 private:
  Words round_on_device(unsigned round) {
    const cl_uint key = number_ * 7919u + round;
    set(scramble_, memory_, key);
    set(sums_, memory_, totals_);
    must(clEnqueueNDRangeKernel(on_.queue, scramble_, 1, nullptr, &words, &group, 0, nullptr, nullptr),
         "the first kernel");
    must(clEnqueueNDRangeKernel(on_.queue, sums_, 1, nullptr, &groups, nullptr, 0, nullptr, nullptr), "the second");
    Words got(groups);
    cl_event read = nullptr;
    must(clEnqueueReadBuffer(on_.queue, totals_, CL_FALSE, 0, groups * 4, got.data(), 0, nullptr, &read), "the read");
    must(clFlush(on_.queue), "clFlush");
    must(clWaitForEvents(1, &read), "clWaitForEvents");
    must(clReleaseEvent(read), "clReleaseEvent");
    return got;
  }

  const simple::Device& on_;
  const std::uint32_t number_;
  cl_kernel scramble_, sums_;
  cl_mem memory_, totals_;
  Words wanted_;
};

std::uint32_t work(const std::string& mode, simple::Device on, cl_program shared, std::uint32_t number,
                   unsigned rounds) {
  cl_int code = CL_SUCCESS;
  if (mode == "own") on = simple::open();
  else on.queue = clCreateCommandQueue(on.context, on.device, 0, &code);
  must(code, "clCreateCommandQueue");
  cl_program program = mode == "one" ? shared : build(on);
  const std::uint32_t digest = Worker(on, program, number).run(rounds);
  if (program != shared) clReleaseProgram(program);
  clReleaseCommandQueue(on.queue);
  if (mode == "own") clReleaseContext(on.context);
  return digest;
}

unsigned number(int argc, char** argv, int index, unsigned otherwise) {
  return argc > index ? static_cast<unsigned>(std::strtoul(argv[index], nullptr, 10)) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "one";
  const unsigned count = number(argc, argv, 2, 32), rounds = number(argc, argv, 3, 100);
  const simple::Device device = simple::open();
  cl_program shared = build(device);
  Words digests(count);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i)
    threads.emplace_back([&, i] { digests[i] = work(mode, device, shared, i, rounds); });
  for (std::thread& thread : threads) thread.join();
  for (unsigned i = 0; i < count; ++i) std::printf("thread %u: %08x\n", i, digests[i]);
  clReleaseProgram(shared);
  clReleaseCommandQueue(device.queue);
  clReleaseContext(device.context);
  return std::count(digests.begin(), digests.end(), 0u) == 0 ? 0 : 1;
}
