// InfoReply: the answer of a clGet*Info call, with the size rules that all of them share (OpenCL 3.0, section 4.1):
// the size is reported if asked for, the value is written if there is room, and too little room is CL_INVALID_VALUE.
#pragma once

#include <CL/cl.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace sluice::opencl {

class InfoReply {
 public:
  InfoReply(size_t room_bytes, void* value, size_t* size_ret)
      : room_bytes_(room_bytes), value_(value), size_ret_(size_ret) {}

  // Each returns what the API call returns.
  cl_int bytes(const void* from, size_t size) const {
    if (value_ != nullptr && room_bytes_ < size) return CL_INVALID_VALUE;
    if (value_ != nullptr && size != 0) std::memcpy(value_, from, size);
    if (size_ret_ != nullptr) *size_ret_ = size;
    return CL_SUCCESS;
  }
  // T is spelled out by the caller, so that the type is the one that the standard's table names.
  template <typename T>
  cl_int value(std::type_identity_t<T> answer) const {
    return bytes(&answer, sizeof answer);
  }
  template <typename T>
  cl_int array(std::type_identity_t<std::span<const T>> answer) const {
    return bytes(answer.data(), answer.size_bytes());
  }
  // With a terminating NUL.
  cl_int string(std::string_view answer) const {
    if (value_ != nullptr && room_bytes_ < answer.size() + 1) return CL_INVALID_VALUE;
    if (value_ != nullptr) {
      answer.copy(static_cast<char*>(value_), answer.size());
      static_cast<char*>(value_)[answer.size()] = '\0';
    }
    if (size_ret_ != nullptr) *size_ret_ = answer.size() + 1;
    return CL_SUCCESS;
  }
  // For an answer that the caller writes itself, such as CL_PROGRAM_BINARIES: checks the room and reports the size.
  // `into` is null if only the size was asked for.
  template <typename T>
  cl_int in_place(size_t count, T*& into) const {
    if (value_ != nullptr && room_bytes_ < count * sizeof(T)) return CL_INVALID_VALUE;
    into = static_cast<T*>(value_);
    if (size_ret_ != nullptr) *size_ret_ = count * sizeof(T);
    return CL_SUCCESS;
  }

 private:
  size_t room_bytes_;
  void* value_;
  size_t* size_ret_;
};

}  // namespace sluice::opencl
