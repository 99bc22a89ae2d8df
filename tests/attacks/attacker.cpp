// A tenant's program whose kernel attacks: builds OpenCL C files into one program and launches one kernel of it.
//
//   attacker ENTRY FILE... -- WORD...
//
// The kernel gets the words, each ended by a zero, and a table of result_count longs that starts with zeros. Results
// lie in memory that is mapped while the kernel runs, so that they can be read from a kernel that never ends. Lines
// out:
//   launched              the kernel was handed over
//   result N N ...        it has ended, or a line has come in before it did: the first shown_count results
//   error N               it ended with an OpenCL error
// Lines in: an empty line asks for the results now, end of input ends the program at once.
#include <CL/cl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/programs/simple.h"

namespace {

constexpr std::size_t result_count = 4096, shown_count = 64;
constexpr std::size_t words_bytes = 65536;

std::mutex output;

struct Command {
  std::string entry, source, words;
};

std::string content_of(const char* path) {
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path);
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

Command parse(int argc, char** argv) {
  Command command;
  if (argc > 1) command.entry = argv[1];
  int at = 2;
  for (; at < argc && std::strcmp(argv[at], "--") != 0; ++at) command.source += content_of(argv[at]) + "\n";
  for (++at; at < argc; ++at) command.words += std::string(argv[at]) + '\0';
  command.words.resize(words_bytes, '\0');
  return command;
}

void show(const long* results) {
  const std::lock_guard lock(output);
  std::printf("result");
  for (std::size_t i = 0; i < shown_count; ++i) std::printf(" %ld", results[i]);
  std::printf("\n");
  std::fflush(stdout);
}

void say(const char* text, int number) {
  const std::lock_guard lock(output);
  std::printf(text, number);
  std::fflush(stdout);
}

void* mapped(const simple::Device& on, cl_mem memory, std::size_t bytes) {
  cl_int code = CL_SUCCESS;
  void* at =
      clEnqueueMapBuffer(on.queue, memory, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, bytes, 0, nullptr, nullptr, &code);
  simple::must(code, "clEnqueueMapBuffer");
  return at;
}

}  // namespace

int main(int argc, char** argv) {
  const Command command = parse(argc, argv);
  const simple::Device device = simple::open();
  cl_kernel kernel = simple::build(device, command.source.c_str(), command.entry.c_str());
  cl_mem words = simple::buffer(device, words_bytes);
  cl_mem results = simple::buffer(device, result_count * sizeof(long));
  std::memcpy(mapped(device, words, words_bytes), command.words.data(), words_bytes);
  auto* const shared = static_cast<long*>(mapped(device, results, result_count * sizeof(long)));
  std::memset(shared, 0, result_count * sizeof(long));
  simple::must(clSetKernelArg(kernel, 0, sizeof words, &words), "clSetKernelArg");
  simple::must(clSetKernelArg(kernel, 1, sizeof results, &results), "clSetKernelArg");
  const std::size_t items = 1;
  simple::must(clEnqueueNDRangeKernel(device.queue, kernel, 1, nullptr, &items, &items, 0, nullptr, nullptr),
               "the launch");
  simple::must(clFlush(device.queue), "clFlush");
  say("launched\n", 0);
  std::thread([&] {
    const cl_int code = clFinish(device.queue);
    if (code == CL_SUCCESS) show(shared);
    else say("error %d\n", code);
  }).detach();
  for (std::string line; std::getline(std::cin, line);) show(shared);
  _exit(0);
}
