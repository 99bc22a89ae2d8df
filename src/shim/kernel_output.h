// KernelOutput: what kernels print, on its way to the program's stdout.
//
// Kernels print into a pipe, whose end is here. The session's thread copies what comes out of it to the program's
// stdout, and a call that reports a completion first copies what kernels have printed before it, so that the program
// sees its output in the same order as with a driver of its own. Both use the stdout that the process has at that
// moment. All methods are thread-safe but close().
#pragma once

#include <mutex>
#include <span>

#include "base/unique_fd.h"

namespace sluice::shim {

class KernelOutput {
 public:
  // `pipe`: its read end; reading it does not block.
  explicit KernelOutput(UniqueFd pipe) : pipe_(std::move(pipe)) {}

  // Copies what is there now. Blocks only as a write to stdout does.
  void show();
  // Copies one step of it. False: nothing was there.
  bool show_some();
  // For poll(2).
  int fd() const { return pipe_.get(); }
  // In a forked child: what kernels print is its parent's.
  void close() { pipe_.reset(); }

 private:
  std::mutex mutex_;  // held from a read of the pipe until what came is written
  UniqueFd pipe_;
};

// What one step of show_some writes at most. A pipe or terminal that is ready to be written takes as much without
// blocking, if no other process writes meanwhile.
inline constexpr std::size_t output_step_bytes_max = 4096;

// Is the descriptor ready to be written? Also true if a write fails at once, as to a pipe that no process reads.
bool takes_output_now(int fd);
// Writes all of it, waiting for a descriptor that does not block. Drops what a closed descriptor does not take.
void write_whole(int fd, std::span<const char> bytes);

}  // namespace sluice::shim
