// What each call on programs refuses, argument by argument, and what its queries answer (OpenCL 3.0, sections 5.8 and
// 5.9.1).
#include <cstring>

#include "program_rig.h"

namespace conformance {

TEST("5.8.1 creating a program refuses each wrong argument") {
  const char* text = "kernel void f() {}";
  const char* nothing = nullptr;
  const unsigned char bytes[] = "not a binary at all";
  const unsigned char *binary = bytes, *no_binary = nullptr;
  const std::size_t length = sizeof bytes, none = 0;
  cl_int code = CL_SUCCESS, status = 1;
  const auto from_text = [&](cl_context context, cl_uint count, const char** strings) {
    const Program made = clCreateProgramWithSource(context, count, strings, nullptr, &code);
    return code;
  };
  const auto from_binary = [&](cl_context context, cl_uint count, const cl_device_id* devices,
                               const std::size_t* lengths, const unsigned char** binaries) {
    const Program made = clCreateProgramWithBinary(context, count, devices, lengths, binaries, &status, &code);
    return code;
  };
  const cl_context context = rig().context;
  const cl_device_id* device = &rig().device;
  CHECK_CODE(from_text(nullptr, 1, &text), CL_INVALID_CONTEXT);
  CHECK_CODE(from_text(context, 0, &text), CL_INVALID_VALUE);
  CHECK_CODE_IN_POOL(from_text(context, 1, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(from_text(context, 1, &nothing), CL_INVALID_VALUE);
  CHECK_CODE(from_binary(nullptr, 1, device, &length, &binary), CL_INVALID_CONTEXT);
  CHECK_CODE(from_binary(context, 0, device, &length, &binary), CL_INVALID_VALUE);
  CHECK_CODE(from_binary(context, 1, nullptr, &length, &binary), CL_INVALID_VALUE);
  CHECK_CODE(from_binary(context, 1, device, nullptr, &binary), CL_INVALID_VALUE);
  CHECK_CODE_IN_POOL(from_binary(context, 1, device, &length, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(from_binary(context, 1, device, &none, &binary), CL_INVALID_VALUE);
  CHECK_CODE(from_binary(context, 1, device, &length, &no_binary), CL_INVALID_VALUE);
  CHECK_CODE(from_binary(context, 1, device, &length, &binary), CL_INVALID_BINARY);
  CHECK(status == CL_INVALID_BINARY);
  const Program built_in = clCreateProgramWithBuiltInKernels(context, 1, device, "no such kernel", &code);
  CHECK_CODE(code, CL_INVALID_VALUE);
  const Program none_named = clCreateProgramWithBuiltInKernels(context, 1, device, nullptr, &code);
  CHECK_CODE(code, CL_INVALID_VALUE);
  CHECK_CODE(clRetainProgram(nullptr), CL_INVALID_PROGRAM);
  CHECK_CODE(clReleaseProgram(nullptr), CL_INVALID_PROGRAM);
}

TEST("5.8.1 intermediate language follows the device's word") {
  if (!text_info(clGetDeviceInfo, rig().device, CL_DEVICE_IL_VERSION).empty()) skip("the device takes it");
  cl_int code = CL_SUCCESS;
  const char bytes[20] = {};
  const Program made = clCreateProgramWithIL(rig().context, bytes, sizeof bytes, &code);
  CHECK_CODE(code, CL_INVALID_OPERATION);
}

TEST("5.8.2 building refuses each wrong argument") {
  Program program = from_source(fine);
  const cl_device_id nothing = nullptr;
  int user = 0;
  const auto attempt = [&](cl_program of, cl_uint count, const cl_device_id* devices, const char* options, void* data) {
    return clBuildProgram(of, count, devices, options, nullptr, data);
  };
  CHECK_CODE(attempt(nullptr, 1, &rig().device, "", nullptr), CL_INVALID_PROGRAM);
  CHECK_CODE(attempt(program, 0, &rig().device, "", nullptr), CL_INVALID_VALUE);
  CHECK_CODE(attempt(program, 1, nullptr, "", nullptr), CL_INVALID_VALUE);
  CHECK_CODE_IN_POOL(attempt(program, 1, &nothing, "", nullptr), CL_INVALID_DEVICE);
  CHECK_CODE(attempt(program, 1, &rig().device, "-cl-no-such-option", nullptr), CL_INVALID_BUILD_OPTIONS);
  CHECK_CODE(attempt(program, 1, &rig().device, "", &user), CL_INVALID_VALUE);
  CHECK_CODE(attempt(program, 1, &rig().device, "-DVALUE=1", nullptr), CL_SUCCESS);
}

TEST("5.8.3 every option of the compiler is taken") {
  for (const char* option :
       {"-cl-single-precision-constant", "-cl-denorms-are-zero", "-cl-opt-disable", "-cl-strict-aliasing",
        "-cl-mad-enable", "-cl-no-signed-zeros", "-cl-unsafe-math-optimizations", "-cl-finite-math-only",
        "-cl-fast-relaxed-math", "-w", "-Werror", "-cl-std=CL1.1", "-cl-std=CL1.2", "-cl-kernel-arg-info",
        "-DNAME -D OTHER=2", "-cl-fp32-correctly-rounded-divide-sqrt", "-cl-uniform-work-group-size"}) {
    Program program = from_source(fine);
    const std::string options = std::string("-DVALUE=3 ") + option;
    CHECK_CODE(build_code(program, options.c_str()), CL_SUCCESS);
    CHECK(build_text(program, CL_PROGRAM_BUILD_OPTIONS) == options);
    CHECK(run_f(program) == 3);
  }
}

TEST("5.8.4 compiling and linking refuse each wrong argument") {
  Program program = from_source("kernel void f(global int* v) { v[0] = 1; }"), header = from_source("#define X 1\n");
  Program raw = from_source("kernel void f() {}"), built = build("kernel void f() {}");
  const cl_program headers[] = {header};
  const cl_device_id nothing = nullptr;
  const char* name = "x.h";
  const cl_device_id* device = &rig().device;
  const auto compiled = [&](cl_program of, cl_uint count, const cl_device_id* devices, const char* options, cl_uint n,
                            const cl_program* inputs, const char** names) {
    return clCompileProgram(of, count, devices, options, n, inputs, names, nullptr, nullptr);
  };
  CHECK_CODE(compiled(nullptr, 1, device, "", 0, nullptr, nullptr), CL_INVALID_PROGRAM);
  CHECK_CODE(compiled(program, 0, device, "", 0, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(compiled(program, 1, nullptr, "", 0, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE_IN_POOL(compiled(program, 1, &nothing, "", 0, nullptr, nullptr), CL_INVALID_DEVICE);
  CHECK_CODE_IN_POOL(compiled(program, 1, device, "", 1, nullptr, &name), CL_INVALID_VALUE);
  CHECK_CODE_IN_POOL(compiled(program, 1, device, "", 1, headers, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(compiled(program, 1, device, "", 0, headers, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(compiled(program, 1, device, "-cl-no-such-option", 0, nullptr, nullptr), CL_INVALID_COMPILER_OPTIONS);
  CHECK_CODE(compiled(program, 1, device, "", 1, headers, &name), CL_SUCCESS);
  const cl_program fit[] = {program}, uncompiled[] = {raw}, none[] = {nullptr};
  cl_int code = CL_SUCCESS;
  const auto linked = [&](cl_context context, cl_uint count, const cl_device_id* devices, const char* options,
                          cl_uint n, const cl_program* inputs) {
    const Program made = clLinkProgram(context, count, devices, options, n, inputs, nullptr, nullptr, &code);
    return code;
  };
  CHECK_CODE(linked(rig().context, 1, device, "", 1, fit), CL_SUCCESS);
  CHECK_CODE(linked(nullptr, 1, device, "", 1, fit), CL_INVALID_CONTEXT);
  CHECK_CODE(linked(rig().context, 0, device, "", 1, fit), CL_INVALID_VALUE);
  CHECK_CODE(linked(rig().context, 1, nullptr, "", 1, fit), CL_INVALID_VALUE);
  CHECK_CODE(linked(rig().context, 1, device, "", 0, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(linked(rig().context, 1, device, "", 1, nullptr), CL_INVALID_VALUE);
  CHECK_CODE_IN_POOL(linked(rig().context, 1, device, "", 1, none), CL_INVALID_PROGRAM);
  CHECK_CODE(linked(rig().context, 1, device, "", 1, uncompiled), CL_INVALID_OPERATION);
  CHECK_CODE(linked(rig().context, 1, device, "-cl-no-such-option", 1, fit), CL_INVALID_LINKER_OPTIONS);
}

TEST("5.8.7 every query of a program answers by the rules of sizes") {
  Program program = build("kernel void f() {} kernel void g() {}");
  for (const cl_program_info what :
       {CL_PROGRAM_REFERENCE_COUNT, CL_PROGRAM_CONTEXT, CL_PROGRAM_NUM_DEVICES, CL_PROGRAM_DEVICES, CL_PROGRAM_SOURCE,
        CL_PROGRAM_BINARY_SIZES, CL_PROGRAM_NUM_KERNELS, CL_PROGRAM_KERNEL_NAMES, CL_PROGRAM_SCOPE_GLOBAL_CTORS_PRESENT,
        CL_PROGRAM_SCOPE_GLOBAL_DTORS_PRESENT}) {
    std::size_t bytes = 0;
    char room[256];
    CHECK_CODE(clGetProgramInfo(program, what, 0, nullptr, &bytes), CL_SUCCESS);
    CHECK_CODE(clGetProgramInfo(program, what, bytes, room, nullptr), CL_SUCCESS);
    CHECK_CODE(clGetProgramInfo(program, what, bytes - 1, room, nullptr), CL_INVALID_VALUE);
  }
  std::size_t bytes = 1;
  char room[256];
  CHECK_CODE(clGetProgramInfo(program, CL_PROGRAM_BINARIES, 0, nullptr, &bytes), CL_SUCCESS);
  CHECK(bytes == sizeof(void*));
  CHECK_CODE(clGetProgramInfo(program, CL_PROGRAM_IL, 0, nullptr, &bytes), CL_SUCCESS);
  CHECK(bytes == 0);
  CHECK_CODE(clGetProgramInfo(program, 0x9999, 0, nullptr, &bytes), CL_INVALID_VALUE);
  CHECK_CODE(clGetProgramInfo(nullptr, CL_PROGRAM_SOURCE, 0, nullptr, &bytes), CL_INVALID_PROGRAM);
  for (const cl_program_build_info what : {CL_PROGRAM_BUILD_STATUS, CL_PROGRAM_BUILD_OPTIONS, CL_PROGRAM_BUILD_LOG,
                                           CL_PROGRAM_BINARY_TYPE, CL_PROGRAM_BUILD_GLOBAL_VARIABLE_TOTAL_SIZE}) {
    CHECK_CODE(clGetProgramBuildInfo(program, rig().device, what, 0, nullptr, &bytes), CL_SUCCESS);
    CHECK_CODE(clGetProgramBuildInfo(program, rig().device, what, bytes, room, nullptr), CL_SUCCESS);
    if (bytes > 0)
      CHECK_CODE(clGetProgramBuildInfo(program, rig().device, what, bytes - 1, room, nullptr), CL_INVALID_VALUE);
  }
  CHECK_CODE(clGetProgramBuildInfo(program, rig().device, 0x9999, 0, nullptr, &bytes), CL_INVALID_VALUE);
  CHECK_CODE(clGetProgramBuildInfo(program, nullptr, CL_PROGRAM_BUILD_LOG, 0, nullptr, &bytes), CL_INVALID_DEVICE);
  CHECK_CODE(clGetProgramBuildInfo(nullptr, rig().device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &bytes),
             CL_INVALID_PROGRAM);
}

TEST("5.8.7 the kind of a program's binary is told at every stage") {
  Program program = from_source("kernel void f(global int* v) { v[0] = 1; }");
  const auto type = [](cl_program of) { return build_info<cl_program_binary_type>(of, CL_PROGRAM_BINARY_TYPE); };
  CHECK(type(program) == CL_PROGRAM_BINARY_TYPE_NONE);
  EXPECT_OK(clCompileProgram(program, 1, &rig().device, "", 0, nullptr, nullptr, nullptr, nullptr));
  CHECK(type(program) == CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT);
  cl_int code = CL_SUCCESS;
  const cl_program inputs[] = {program};
  Program library =
      clLinkProgram(rig().context, 1, &rig().device, "-create-library", 1, inputs, nullptr, nullptr, &code);
  EXPECT_OK(code);
  CHECK(type(library) == CL_PROGRAM_BINARY_TYPE_LIBRARY);
  Program executable = clLinkProgram(rig().context, 1, &rig().device, "", 1, inputs, nullptr, nullptr, &code);
  EXPECT_OK(code);
  CHECK(type(executable) == CL_PROGRAM_BINARY_TYPE_EXECUTABLE);
  CHECK(run_f(executable) == 1);
}

TEST("5.8.7 the kind of a program's binary is told before it is built again") {
  const auto loaded = [](cl_program from) {
    const auto binary = binary_of(from);
    const unsigned char* bytes = binary.data();
    const std::size_t length = binary.size();
    cl_int code = CL_SUCCESS;
    Program made = clCreateProgramWithBinary(rig().context, 1, &rig().device, &length, &bytes, nullptr, &code);
    EXPECT_OK(code);
    CHECK(build_info<cl_build_status>(made, CL_PROGRAM_BUILD_STATUS) == CL_BUILD_NONE);
    return build_info<cl_program_binary_type>(made, CL_PROGRAM_BINARY_TYPE);
  };
  Program object = compile("kernel void f(global int* v) { v[0] = 2; }");
  CHECK(loaded(object) == CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT);
  CHECK(loaded(link({object}, "-create-library")) == CL_PROGRAM_BINARY_TYPE_LIBRARY);
  CHECK(loaded(link({object})) == CL_PROGRAM_BINARY_TYPE_EXECUTABLE);
}

TEST("5.8.4 a library is linked with an object that calls it, and goes through its binary") {
  Program callee = compile("int twice(int x) { return x * 2; }");
  Program caller = compile("int twice(int x); kernel void f(global int* v) { v[0] = twice(21); }");
  cl_int code = CL_SUCCESS;
  const cl_program to_library[] = {callee};
  Program library =
      clLinkProgram(rig().context, 1, &rig().device, "-create-library", 1, to_library, nullptr, nullptr, &code);
  EXPECT_OK(code);
  const auto binary = binary_of(library);
  const unsigned char* bytes = binary.data();
  const std::size_t length = binary.size();
  Program loaded = clCreateProgramWithBinary(rig().context, 1, &rig().device, &length, &bytes, nullptr, &code);
  EXPECT_OK(code);
  const cl_program direct[] = {caller, library}, through[] = {caller, loaded};
  Program first = clLinkProgram(rig().context, 1, &rig().device, "", 2, direct, nullptr, nullptr, &code);
  CHECK_CODE(code, CL_SUCCESS);
  if (code == CL_SUCCESS) CHECK(run_f(first) == 42);
  Program second = clLinkProgram(rig().context, 1, &rig().device, "", 2, through, nullptr, nullptr, &code);
  CHECK_CODE(code, CL_SUCCESS);
  if (code == CL_SUCCESS) CHECK(run_f(second) == 42);
}

TEST("5.9.1 creating kernels refuses each wrong argument") {
  Program program = build("kernel void f(global int* v) {} kernel void g() {} void h() {}"), raw = from_source(fine);
  cl_int code = CL_SUCCESS;
  const auto create = [&](cl_program of, const char* name) {
    const Kernel made = clCreateKernel(of, name, &code);
    return code;
  };
  CHECK_CODE(create(nullptr, "f"), CL_INVALID_PROGRAM);
  CHECK_CODE(create(raw, "f"), CL_INVALID_PROGRAM_EXECUTABLE);
  CHECK_CODE(create(program, "h"), CL_INVALID_KERNEL_NAME);
  CHECK_CODE(create(program, ""), CL_INVALID_KERNEL_NAME);
  CHECK_CODE(create(program, nullptr), CL_INVALID_VALUE);
  cl_kernel kernels[4] = {};
  cl_uint count = 0;
  CHECK_CODE(clCreateKernelsInProgram(nullptr, 4, kernels, &count), CL_INVALID_PROGRAM);
  CHECK_CODE(clCreateKernelsInProgram(raw, 4, kernels, &count), CL_INVALID_PROGRAM_EXECUTABLE);
  CHECK_CODE(clCreateKernelsInProgram(program, 1, kernels, &count), CL_INVALID_VALUE);
  CHECK_CODE(clCreateKernelsInProgram(program, 0, nullptr, &count), CL_SUCCESS);
  CHECK(count == 2);
  CHECK_CODE(clCreateKernelsInProgram(program, 4, kernels, nullptr), CL_SUCCESS);
  for (int i = 0; i < 2; ++i) CHECK_CODE(clReleaseKernel(kernels[i]), CL_SUCCESS);
  const Kernel clone = clCloneKernel(nullptr, &code);
  CHECK_CODE(code, CL_INVALID_KERNEL);
}

}  // namespace conformance
