// Programs: source, binary, compile and link, build information (OpenCL 3.0, section 5.8).
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "program_rig.h"

namespace conformance {

TEST("program: options reach the compiler") {
  EXPECT(run_f(build(fine, "-DVALUE=42")) == 42);
  EXPECT(run_f(build(fine, "-D VALUE=43 -cl-fast-relaxed-math -cl-mad-enable -w")) == 43);
  EXPECT(run_f(build(fine, "-DVALUE=44 -cl-std=CL1.2 -cl-opt-disable")) == 44);
}

TEST("program: sources in pieces, with and without lengths") {
  const char* pieces[] = {"kernel void f(global int* v) ", "{ v[0] = 5; }garbage"};
  const std::size_t lengths[] = {0, 13};
  cl_int code = CL_SUCCESS;
  Program program = clCreateProgramWithSource(rig().context, 2, pieces, lengths, &code);
  EXPECT_OK(code);
  EXPECT_OK(build_code(program));
  EXPECT(run_f(program) == 5);
  EXPECT(text_info(clGetProgramInfo, program, CL_PROGRAM_SOURCE) == "kernel void f(global int* v) { v[0] = 5; }");
}

TEST("program: wrong sources are refused") {
  not_on_bare_pocl("crashes");
  cl_int code = CL_SUCCESS;
  const char* nothing = nullptr;
  const char* text = "";
  EXPECT(clCreateProgramWithSource(rig().context, 0, &text, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
  EXPECT(clCreateProgramWithSource(rig().context, 1, nullptr, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
  EXPECT(clCreateProgramWithSource(rig().context, 1, &nothing, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
  EXPECT(clCreateProgramWithSource(nullptr, 1, &text, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_CONTEXT);
}

TEST("program: a failed build says so and has a log that names the cause") {
  Program program = from_source("kernel void f(global int* v) { v[0] = undeclared_name; }");
  EXPECT_CODE(build_code(program), CL_BUILD_PROGRAM_FAILURE);
  EXPECT(build_info<cl_build_status>(program, CL_PROGRAM_BUILD_STATUS) == CL_BUILD_ERROR);
  EXPECT(build_text(program, CL_PROGRAM_BUILD_LOG).find("undeclared_name") != std::string::npos);
  cl_int code = CL_SUCCESS;
  EXPECT(clCreateKernel(program, "f", &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_PROGRAM_EXECUTABLE);
}

TEST("program: a failed build can be repaired by other options") {
  Program program = from_source(fine);
  EXPECT_CODE(build_code(program, "-DVALUE=nonsense_here"), CL_BUILD_PROGRAM_FAILURE);
  EXPECT_OK(build_code(program, "-DVALUE=3"));
  EXPECT(run_f(program) == 3);
}

TEST("program: wrong options are refused") {
  Program program = from_source(fine);
  EXPECT_CODE(build_code(program, "-cl-no-such-option"), CL_INVALID_BUILD_OPTIONS);
}

TEST("program: build information before, and after") {
  Program program = from_source(fine);
  EXPECT(build_info<cl_build_status>(program, CL_PROGRAM_BUILD_STATUS) == CL_BUILD_NONE);
  EXPECT(build_info<cl_program_binary_type>(program, CL_PROGRAM_BINARY_TYPE) == CL_PROGRAM_BINARY_TYPE_NONE);
  EXPECT_OK(build_code(program, "-DVALUE=1"));
  EXPECT(build_info<cl_build_status>(program, CL_PROGRAM_BUILD_STATUS) == CL_BUILD_SUCCESS);
  EXPECT(build_info<cl_program_binary_type>(program, CL_PROGRAM_BINARY_TYPE) == CL_PROGRAM_BINARY_TYPE_EXECUTABLE);
  EXPECT(build_text(program, CL_PROGRAM_BUILD_OPTIONS) == "-DVALUE=1");
}

TEST("program: its queries answer") {
  Program program = build(fine, "-DVALUE=1");
  EXPECT(info<cl_uint>(clGetProgramInfo, program, CL_PROGRAM_REFERENCE_COUNT) == 1);
  EXPECT(info<cl_context>(clGetProgramInfo, program, CL_PROGRAM_CONTEXT) == rig().context);
  EXPECT(info<cl_uint>(clGetProgramInfo, program, CL_PROGRAM_NUM_DEVICES) == 1);
  EXPECT(info<cl_device_id>(clGetProgramInfo, program, CL_PROGRAM_DEVICES) == rig().device);
  EXPECT(info<std::size_t>(clGetProgramInfo, program, CL_PROGRAM_NUM_KERNELS) == 2);
  EXPECT(text_info(clGetProgramInfo, program, CL_PROGRAM_SOURCE) == fine);
  const auto names = text_info(clGetProgramInfo, program, CL_PROGRAM_KERNEL_NAMES);
  EXPECT(names == "f;g" || names == "g;f");
}

TEST("program: kernel queries need an executable") {
  Program program = from_source(fine);
  std::size_t count = 0;
  EXPECT_CODE(clGetProgramInfo(program, CL_PROGRAM_NUM_KERNELS, sizeof count, &count, nullptr),
              CL_INVALID_PROGRAM_EXECUTABLE);
}

TEST("program: kernels by name, all at once, and the wrong name") {
  Program program = build(fine, "-DVALUE=6");
  cl_uint count = 0;
  EXPECT_OK(clCreateKernelsInProgram(program, 0, nullptr, &count));
  EXPECT(count == 2);
  cl_kernel kernels[2] = {};
  EXPECT_CODE(clCreateKernelsInProgram(program, 1, kernels, nullptr), CL_INVALID_VALUE);
  EXPECT_OK(clCreateKernelsInProgram(program, 2, kernels, &count));
  EXPECT(text_info(clGetKernelInfo, kernels[0], CL_KERNEL_FUNCTION_NAME) !=
         text_info(clGetKernelInfo, kernels[1], CL_KERNEL_FUNCTION_NAME));
  for (cl_kernel kernel : kernels) clReleaseKernel(kernel);
  cl_int code = CL_SUCCESS;
  EXPECT(clCreateKernel(program, "nobody", &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_KERNEL_NAME);
  EXPECT(clCreateKernel(program, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
  EXPECT(clCreateKernel(nullptr, "f", &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_PROGRAM);
}

TEST("program: no kernel before the build") {
  Program program = from_source(fine);
  cl_int code = CL_SUCCESS;
  EXPECT(clCreateKernel(program, "f", &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_PROGRAM_EXECUTABLE);
}

TEST("program: no build while kernels exist, again once they are gone") {
  Program program = build(fine, "-DVALUE=6");
  {
    Kernel kernel = make_kernel(program, "f");
    EXPECT_CODE(build_code(program, "-DVALUE=7"), CL_INVALID_OPERATION);
  }
  EXPECT_OK(build_code(program, "-DVALUE=7"));
  EXPECT(run_f(program) == 7);
}

TEST("program: a build with a callback tells when it is done") {
  static std::atomic<int> calls;
  calls = 0;
  Program program = from_source(fine);
  EXPECT_OK(clBuildProgram(
      program, 1, &rig().device, "-DVALUE=8", [](cl_program, void* user) { calls += *static_cast<int*>(user); },
      [] {
        static int one = 1;
        return &one;
      }()));
  EXPECT(eventually([] { return calls == 1; }, 20'000));
  EXPECT(build_info<cl_build_status>(program, CL_PROGRAM_BUILD_STATUS) == CL_BUILD_SUCCESS);
  EXPECT(run_f(program) == 8);
}

TEST("program: wrong builds are refused") {
  Program program = from_source(fine);
  int user = 0;
  EXPECT_CODE(clBuildProgram(nullptr, 1, &rig().device, "", nullptr, nullptr), CL_INVALID_PROGRAM);
  EXPECT_CODE(clBuildProgram(program, 1, nullptr, "", nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clBuildProgram(program, 0, &rig().device, "", nullptr, nullptr), CL_INVALID_VALUE);
  EXPECT_CODE(clBuildProgram(program, 1, &rig().device, "", nullptr, &user), CL_INVALID_VALUE);
}

TEST("program: for all devices when none is named") {
  Program program = from_source(fine);
  EXPECT_OK(clBuildProgram(program, 0, nullptr, "-DVALUE=9", nullptr, nullptr));
  EXPECT(run_f(program) == 9);
}

TEST("program: a binary makes the same program again") {
  Program program = build(fine, "-DVALUE=77");
  const auto binary = binary_of(program);
  EXPECT(!binary.empty());
  const unsigned char* pointer = binary.data();
  const std::size_t bytes = binary.size();
  cl_int code = CL_SUCCESS, status = -1;
  Program again = clCreateProgramWithBinary(rig().context, 1, &rig().device, &bytes, &pointer, &status, &code);
  EXPECT_OK(code);
  EXPECT_OK(status);
  EXPECT_OK(build_code(again));
  EXPECT(run_f(again) == 77);
  EXPECT(info<std::size_t>(clGetProgramInfo, again, CL_PROGRAM_NUM_KERNELS) == 2);
  EXPECT(build_info<cl_program_binary_type>(again, CL_PROGRAM_BINARY_TYPE) == CL_PROGRAM_BINARY_TYPE_EXECUTABLE);
  EXPECT(!binary_of(again).empty());
}

TEST("program: a program from a binary has no source") {
  Program program = build(fine, "-DVALUE=78");
  const auto binary = binary_of(program);
  const unsigned char* pointer = binary.data();
  const std::size_t bytes = binary.size();
  cl_int code = CL_SUCCESS;
  Program again = clCreateProgramWithBinary(rig().context, 1, &rig().device, &bytes, &pointer, nullptr, &code);
  EXPECT_OK(code);
  EXPECT(text_info(clGetProgramInfo, again, CL_PROGRAM_SOURCE).empty());
}

TEST("program: wrong binaries are refused") {
  not_on_bare_pocl("crashes");
  unsigned char garbage[512];
  std::memset(garbage, 0x5A, sizeof garbage);
  const unsigned char* pointer = garbage;
  const unsigned char* nothing = nullptr;
  std::size_t bytes = sizeof garbage, zero = 0;
  cl_int code = CL_SUCCESS, status = 0;
  const auto create = [&](const std::size_t* length, const unsigned char** data) {
    EXPECT(clCreateProgramWithBinary(rig().context, 1, &rig().device, length, data, &status, &code) == nullptr);
    return code;
  };
  EXPECT_CODE(create(&bytes, &pointer), CL_INVALID_BINARY);
  EXPECT_CODE(status, CL_INVALID_BINARY);
  EXPECT_CODE(create(&zero, &pointer), CL_INVALID_VALUE);
  EXPECT_CODE(create(&bytes, &nothing), CL_INVALID_VALUE);
  EXPECT_CODE(create(nullptr, &pointer), CL_INVALID_VALUE);
  EXPECT_CODE(create(&bytes, nullptr), CL_INVALID_VALUE);
}

TEST("program: a cut or changed binary never crashes the program") {
  not_on_bare_pocl("aborts");
  Program program = build(fine, "-DVALUE=79");
  const auto whole = binary_of(program);
  for (std::size_t keep : {std::size_t{1}, std::size_t{16}, whole.size() / 2, whole.size() - 1}) {
    const unsigned char* pointer = whole.data();
    cl_int code = CL_SUCCESS;
    Program cut = clCreateProgramWithBinary(rig().context, 1, &rig().device, &keep, &pointer, nullptr, &code);
    EXPECT((cut == nullptr) == (code != CL_SUCCESS));
    if (cut != nullptr) EXPECT(build_code(cut) != CL_SUCCESS);
  }
  auto changed = whole;
  for (std::size_t at = changed.size() / 3; at < changed.size(); at += 997) changed[at] ^= 0x40;
  const unsigned char* pointer = changed.data();
  const std::size_t bytes = changed.size();
  cl_int code = CL_SUCCESS;
  Program odd = clCreateProgramWithBinary(rig().context, 1, &rig().device, &bytes, &pointer, nullptr, &code);
  if (odd != nullptr) EXPECT(build_code(odd) != CL_SUCCESS);
  EXPECT(run_f(program) == 79);
}

TEST("program: compile and link") {
  Program a = compile("int helper(int x); kernel void f(global int* v) { v[0] = helper(20); }");
  Program b = compile("int helper(int x) { return x * 2 + 1; }");
  EXPECT(build_info<cl_program_binary_type>(a, CL_PROGRAM_BINARY_TYPE) == CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT);
  Program linked = link({a, b});
  EXPECT(build_info<cl_program_binary_type>(linked, CL_PROGRAM_BINARY_TYPE) == CL_PROGRAM_BINARY_TYPE_EXECUTABLE);
  EXPECT(run_f(linked) == 41);
}

TEST("program: compile with headers") {
  Program header = from_source("#define AMOUNT 31\n"), nested = from_source("#include \"inner/header.h\"\n");
  Program a = compile("#include \"outer.h\"\nkernel void f(global int* v) { v[0] = AMOUNT; }", {header, nested},
                      {"inner/header.h", "outer.h"});
  EXPECT(run_f(link({a})) == 31);
}

TEST("program: libraries are linked into executables") {
  Program helper = compile("int helper(int x) { return x + 100; }");
  Program library = link({helper}, "-create-library");
  EXPECT(build_info<cl_program_binary_type>(library, CL_PROGRAM_BINARY_TYPE) == CL_PROGRAM_BINARY_TYPE_LIBRARY);
  Program a = compile("int helper(int x); kernel void f(global int* v) { v[0] = helper(1); }");
  EXPECT(run_f(link({a, library})) == 101);
}

TEST("program: a failed compile and a failed link say so") {
  Program broken = from_source("kernel void f(global int* v) { v[0] = ; }");
  EXPECT_CODE(clCompileProgram(broken, 1, &rig().device, "", 0, nullptr, nullptr, nullptr, nullptr),
              CL_COMPILE_PROGRAM_FAILURE);
  Program uncompiled = from_source(fine);
  const cl_program input = uncompiled;
  cl_int code = CL_SUCCESS;
  EXPECT(clLinkProgram(rig().context, 1, &rig().device, "", 1, &input, nullptr, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_OPERATION);
  EXPECT(clLinkProgram(rig().context, 1, &rig().device, "", 0, nullptr, nullptr, nullptr, &code) == nullptr);
  EXPECT_CODE(code, CL_INVALID_VALUE);
}

TEST("program: includes are found in a folder named absolutely") {
  char folder[] = "/tmp/sluice-include-XXXXXX";
  EXPECT(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/amount.h";
  std::ofstream(path) << "#define AMOUNT 12\n";
  Program program = from_source("#include <amount.h>\nkernel void f(global int* v) { v[0] = AMOUNT; }");
  const cl_int code = build_code(program, (std::string("-I ") + folder).c_str());
  std::remove(path.c_str());
  rmdir(folder);
  EXPECT_OK(code);
  EXPECT(run_f(program) == 12);
}

TEST("program: includes are found in a folder named from where the program is") {
  char folder[] = "sluice-include-XXXXXX";
  EXPECT(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/amount.h";
  std::ofstream(path) << "#define AMOUNT 13\n";
  Program program = from_source("#include \"amount.h\"\nkernel void f(global int* v) { v[0] = AMOUNT; }");
  const cl_int code = build_code(program, (std::string("-I") + folder).c_str());
  std::remove(path.c_str());
  rmdir(folder);
  EXPECT_OK(code);
  EXPECT(run_f(program) == 13);
}

TEST("program: files named absolutely are included, and what they include beside them") {
  char folder[] = "/tmp/sluice-include-XXXXXX";
  EXPECT(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/amount.h", beside = std::string(folder) + "/more.h";
  std::ofstream(path) << "#include \"more.h\"\n#define AMOUNT (13 + MORE)\n";
  std::ofstream(beside) << "#define MORE 1\n";
  const std::string text = "#include \"" + path + "\"\nkernel void f(global int* v) { v[0] = AMOUNT; }";
  Program program = from_source(text.c_str());
  const cl_int code = build_code(program);
  std::remove(path.c_str());
  std::remove(beside.c_str());
  rmdir(folder);
  EXPECT_OK(code);
  EXPECT(run_f(program) == 14);
  EXPECT(text_info(clGetProgramInfo, program, CL_PROGRAM_SOURCE) == text);
}

TEST("program: a large source builds") {
  std::string source = "kernel void f(global int* v) { int x = 1;\n";
  for (int i = 0; i < 20000; ++i) source += "// a line of comment to make it long\n";
  source += "v[0] = x + 1; }";
  EXPECT(run_f(build(source)) == 2);
}

TEST("program: retain and release count") {
  Program program = from_source(fine);
  EXPECT_OK(clRetainProgram(program));
  EXPECT(info<cl_uint>(clGetProgramInfo, program, CL_PROGRAM_REFERENCE_COUNT) == 2);
  EXPECT_OK(clReleaseProgram(program));
  EXPECT_CODE(clReleaseProgram(nullptr), CL_INVALID_PROGRAM);
}

TEST("program: the compiler may be unloaded") {
  EXPECT_OK(clUnloadPlatformCompiler(rig().platform));
  EXPECT(run_f(build(fine, "-DVALUE=15")) == 15);
}

}  // namespace conformance
