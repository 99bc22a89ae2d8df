// What tests of programs share: sources, builds, and what they tell.
#pragma once

#include <string>
#include <vector>

#include "rig.h"

namespace conformance {

inline constexpr const char* fine = "kernel void f(global int* v) { v[0] = VALUE; } kernel void g(global int* v) {}";

inline Program from_source(const char* text) {
  cl_int code = CL_SUCCESS;
  Program program = clCreateProgramWithSource(rig().context, 1, &text, nullptr, &code);
  EXPECT_OK(code);
  return program;
}

inline cl_int build_code(cl_program program, const char* options = "") {
  return clBuildProgram(program, 1, &rig().device, options, nullptr, nullptr);
}

template <typename T>
T build_info(cl_program program, cl_program_build_info what) {
  T value{};
  EXPECT_OK(clGetProgramBuildInfo(program, rig().device, what, sizeof value, &value, nullptr));
  return value;
}

inline std::string build_text(cl_program program, cl_program_build_info what) {
  std::size_t bytes = 0;
  EXPECT_OK(clGetProgramBuildInfo(program, rig().device, what, 0, nullptr, &bytes));
  std::string text(bytes, '\0');
  EXPECT_OK(clGetProgramBuildInfo(program, rig().device, what, bytes, text.data(), nullptr));
  if (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

inline std::vector<unsigned char> binary_of(cl_program program) {
  const auto bytes = info<std::size_t>(clGetProgramInfo, program, CL_PROGRAM_BINARY_SIZES);
  std::vector<unsigned char> binary(bytes);
  unsigned char* pointer = binary.data();
  EXPECT_OK(clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof pointer, &pointer, nullptr));
  return binary;
}

inline int run_f(cl_program program) {
  Memory out = buffer_of(std::vector<int>{-1});
  Kernel kernel = make_kernel(program, "f");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  return contents<int>(out, 1)[0];
}

inline Program compile(const char* text, std::vector<cl_program> headers = {}, std::vector<const char*> names = {}) {
  Program program = from_source(text);
  EXPECT_OK(clCompileProgram(program, 1, &rig().device, "", static_cast<cl_uint>(headers.size()),
                             headers.empty() ? nullptr : headers.data(), names.empty() ? nullptr : names.data(),
                             nullptr, nullptr));
  return program;
}

inline Program link(std::vector<cl_program> inputs, const char* options = "") {
  cl_int code = CL_SUCCESS;
  Program program = clLinkProgram(rig().context, 1, &rig().device, options, static_cast<cl_uint>(inputs.size()),
                                  inputs.data(), nullptr, nullptr, &code);
  EXPECT_OK(code);
  return program;
}

}  // namespace conformance
