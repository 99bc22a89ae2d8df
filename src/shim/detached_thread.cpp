#include "shim/detached_thread.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>

namespace sluice::shim {
namespace {

// For a program with much thread-local storage, which lies on the stacks.
constexpr std::size_t larger = 16;

int try_to_start(void* (*entry)(void*), void* argument, std::size_t stack_bytes) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (stack_bytes != 0) pthread_attr_setstacksize(&attributes, stack_bytes);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, entry, argument);
  pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

Status start_detached_thread(void* (*entry)(void*), void* argument, std::size_t stack_bytes) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = try_to_start(entry, argument, stack_bytes);
  if (error == EINVAL && stack_bytes != 0) error = try_to_start(entry, argument, larger * stack_bytes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error == 0 ? Status() : errno_status("start a thread", error);
}

}  // namespace sluice::shim
