// What the compiler defines, finds and says (OpenCL 3.0, section 5.8.6; OpenCL C, section 6.12), and building from many
// threads.
#include <atomic>
#include <cstring>
#include <thread>

#include "rig.h"

namespace conformance {
namespace {

Program from_text(const std::string& text) {
  cl_int code = CL_SUCCESS;
  const char* source = text.c_str();
  Program program = clCreateProgramWithSource(rig().context, 1, &source, nullptr, &code);
  EXPECT_OK(code);
  return program;
}

cl_int build_with(cl_program program, const std::string& options) {
  return clBuildProgram(program, 1, &rig().device, options.c_str(), nullptr, nullptr);
}

// What a kernel "f" of the program writes into an int for each of `count` items.
std::vector<int> run(cl_program program, std::size_t count = 1) {
  Memory out = buffer_of(std::vector<int>(count, -77));
  Kernel kernel = make_kernel(program, "f");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  return contents<int>(out, count);
}

std::string log_of(cl_program program) {
  std::size_t bytes = 0;
  EXPECT_OK(clGetProgramBuildInfo(program, rig().device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &bytes));
  std::string text(bytes, '\0');
  EXPECT_OK(clGetProgramBuildInfo(program, rig().device, CL_PROGRAM_BUILD_LOG, bytes, text.data(), nullptr));
  return text;
}

std::vector<cl_name_version> named(cl_device_info what) {
  std::size_t bytes = 0;
  EXPECT_OK(clGetDeviceInfo(rig().device, what, 0, nullptr, &bytes));
  std::vector<cl_name_version> list(bytes / sizeof(cl_name_version));
  EXPECT_OK(clGetDeviceInfo(rig().device, what, bytes, list.data(), nullptr));
  return list;
}

// Which of the macros are defined when compiled with these options.
std::vector<int> defined(const std::vector<std::string>& macros, const std::string& options) {
  std::string text = "kernel void f(global int* out) {\n";
  for (std::size_t i = 0; i < macros.size(); ++i) {
    text += "#ifdef " + macros[i] + "\n out[" + std::to_string(i) + "] = 1;\n#else\n out[" + std::to_string(i) +
            "] = 0;\n#endif\n";
  }
  return run(build(text + "}\n", options), macros.size());
}

}  // namespace

TEST("C 6.12 every extension that the device lists has its macro, and others have none") {
  const std::vector<std::string> names = {"cl_khr_byte_addressable_store",
                                          "cl_khr_global_int32_base_atomics",
                                          "cl_khr_global_int32_extended_atomics",
                                          "cl_khr_local_int32_base_atomics",
                                          "cl_khr_local_int32_extended_atomics",
                                          "cl_khr_int64_base_atomics",
                                          "cl_khr_int64_extended_atomics",
                                          "cl_khr_3d_image_writes",
                                          "cl_khr_fp16",
                                          "cl_khr_fp64",
                                          "cl_khr_depth_images",
                                          "cl_khr_gl_msaa_sharing",
                                          "cl_khr_subgroups",
                                          "cl_khr_mipmap_image",
                                          "cl_khr_srgb_image_writes"};
  const std::string listed = text_info(clGetDeviceInfo, rig().device, CL_DEVICE_EXTENSIONS) + " ";
  const auto found = defined(names, "");
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK_FOR(names[i], (found[i] == 1) == (listed.find(names[i] + " ") != std::string::npos));
  }
}

TEST("C 6.2.1 every feature that the device lists has its macro in OpenCL C 3.0, and others have none") {
  bool has_3_0 = false;
  for (const auto& version : named(CL_DEVICE_OPENCL_C_ALL_VERSIONS)) has_3_0 |= CL_VERSION_MAJOR(version.version) >= 3;
  if (!has_3_0) skip("no OpenCL C 3.0");
  std::vector<std::string> names = {"__opencl_c_3d_image_writes",
                                    "__opencl_c_atomic_order_acq_rel",
                                    "__opencl_c_atomic_order_seq_cst",
                                    "__opencl_c_atomic_scope_device",
                                    "__opencl_c_atomic_scope_all_devices",
                                    "__opencl_c_device_enqueue",
                                    "__opencl_c_generic_address_space",
                                    "__opencl_c_fp64",
                                    "__opencl_c_images",
                                    "__opencl_c_int64",
                                    "__opencl_c_pipes",
                                    "__opencl_c_program_scope_global_variables",
                                    "__opencl_c_read_write_images",
                                    "__opencl_c_subgroups",
                                    "__opencl_c_work_group_collective_functions"};
  const auto listed = named(CL_DEVICE_OPENCL_C_FEATURES);
  const auto found = defined(names, "-cl-std=CL3.0");
  for (std::size_t i = 0; i < names.size(); ++i) {
    bool offered = false;
    for (const auto& feature : listed) offered |= feature.name == names[i];
    CHECK_FOR(names[i], (found[i] == 1) == offered);
  }
}

TEST("5.8.6 macros are defined, given values and taken back on the command line") {
  const std::string text =
      "#ifdef GONE\n#define GONE_VALUE 1\n#else\n#define GONE_VALUE 0\n#endif\n"
      "kernel void f(global int* out) { out[0] = ONE; out[1] = FIVE; out[2] = GONE_VALUE; out[3] = ADD(2, 3); }\n";
  const Program program = from_text(text);
  EXPECT_OK(build_with(program, "-DONE -D FIVE=5 -DGONE=1 -UGONE -D'ADD(a,b)=((a)+(b))'") == CL_SUCCESS
                ? CL_SUCCESS
                : build_with(program, "-DONE -D FIVE=5 -DADD(a,b)=((a)+(b))"));
  EXPECT(run(program, 4) == std::vector<int>({1, 5, 0, 5}));
}

TEST("5.8.6 the last build's options count, and a program is built again and again") {
  const Program program = from_text("kernel void f(global int* out) { out[0] = VALUE; }");
  for (int value = 0; value < 5; ++value) {
    EXPECT_OK(build_with(program, "-DVALUE=" + std::to_string(value % 3)));
    EXPECT(run(program)[0] == value % 3);
  }
}

TEST("5.8.7 the log of a failed build names the line") {
  const Program program =
      from_text("kernel void f(global int* out) {\n  out[0] = 1;\n  out[1] = undeclared_name;\n}\n");
  CHECK_CODE(build_with(program, ""), CL_BUILD_PROGRAM_FAILURE);
  const std::string log = log_of(program);
  CHECK(log.find("undeclared_name") != std::string::npos);
  CHECK(log.find("3") != std::string::npos);
  const Program directive = from_text("#error \"stop here\"\nkernel void f() {}\n");
  CHECK_CODE(build_with(directive, ""), CL_BUILD_PROGRAM_FAILURE);
  CHECK(log_of(directive).find("stop here") != std::string::npos);
}

TEST("C 6.12 pragmas, line directives and predefined names") {
  const Program program = build(
      "#pragma OPENCL EXTENSION all : disable\n#pragma nobody_knows_this\n"
      "#line 100 \"elsewhere.cl\"\n"
      "kernel void f(global int* out) { out[0] = __LINE__; out[1] = sizeof(__FILE__) > 1; out[2] = __kernel_exec_is; "
      "}\n",
      "-D__kernel_exec_is=3");
  EXPECT(run(program, 3) == std::vector<int>({100, 1, 3}));
}

TEST("5.8.4 headers may include headers, and names may have folders") {
  const Program inner = from_text("#define INNER 20\n"),
                outer = from_text("#include \"deep/inner.h\"\n#define OUTER 22\n");
  const Program program =
      from_text("#include \"outer.h\"\nkernel void f(global int* out) { out[0] = INNER + OUTER; }\n");
  const cl_program headers[] = {inner, outer};
  const char* names[] = {"deep/inner.h", "outer.h"};
  EXPECT_OK(clCompileProgram(program, 1, &rig().device, "", 2, headers, names, nullptr, nullptr));
  const cl_program inputs[] = {program};
  cl_int code = CL_SUCCESS;
  const Program linked = clLinkProgram(rig().context, 1, &rig().device, "", 1, inputs, nullptr, nullptr, &code);
  EXPECT_OK(code);
  EXPECT(run(linked)[0] == 42);
}

TEST("5.8.5 many objects are linked, and constants and helpers are found across them") {
  std::vector<Program> parts;
  std::vector<cl_program> inputs;
  std::string sum;
  std::string declarations;
  for (int i = 0; i < 8; ++i) {
    const std::string helper = "helper" + std::to_string(i);
    parts.push_back(from_text("int " + helper + "(int x) { return x + " + std::to_string(i) + "; }\n"));
    declarations += "int " + helper + "(int x);\n";
    sum += " + " + helper + "(1)";
  }
  parts.push_back(from_text(declarations + "kernel void f(global int* out) { out[0] = 0" + sum + "; }\n"));
  for (const Program& part : parts) {
    EXPECT_OK(clCompileProgram(part, 1, &rig().device, "", 0, nullptr, nullptr, nullptr, nullptr));
    inputs.push_back(part);
  }
  cl_int code = CL_SUCCESS;
  const Program linked = clLinkProgram(rig().context, 1, &rig().device, "", static_cast<cl_uint>(inputs.size()),
                                       inputs.data(), nullptr, nullptr, &code);
  EXPECT_OK(code);
  EXPECT(run(linked)[0] == 8 + 28);
  const cl_program without[] = {inputs.back()};
  const Program broken = clLinkProgram(rig().context, 1, &rig().device, "", 1, without, nullptr, nullptr, &code);
  CHECK_CODE(code, CL_LINK_PROGRAM_FAILURE);
}

TEST("5.8.5 compiling and linking tell a callback when they are done") {
  static std::atomic<int> compiled, linked;
  compiled = linked = 0;
  const Program program = from_text("kernel void f(global int* out) { out[0] = 9; }");
  EXPECT_OK(clCompileProgram(
      program, 1, &rig().device, "", 0, nullptr, nullptr,
      [](cl_program, void* count) { ++*static_cast<std::atomic<int>*>(count); }, &compiled));
  EXPECT(eventually([] { return compiled == 1; }, 20000));
  const cl_program inputs[] = {program};
  cl_int code = CL_SUCCESS;
  const Program executable = clLinkProgram(
      rig().context, 1, &rig().device, "", 1, inputs,
      [](cl_program, void* count) { ++*static_cast<std::atomic<int>*>(count); }, &linked, &code);
  EXPECT_OK(code);
  EXPECT(eventually([] { return linked == 1; }, 20000));
  EXPECT(run(executable)[0] == 9);
}

TEST("5.8.6 threads build, run and unload the compiler at once") {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      try {
        for (int i = 0; i < 5; ++i) {
          const Queue queue = make_queue();
          const Program program =
              build("kernel void f(global int* out) { out[0] = VALUE; }", "-DVALUE=" + std::to_string(t * 10 + i));
          clUnloadPlatformCompiler(rig().platform);
          Memory out = buffer_of(std::vector<int>{-1});
          Kernel kernel = make_kernel(program, "f");
          EXPECT_OK(set_arg(kernel, 0, out));
          EXPECT_OK(launch(queue, kernel, 1));
          int got = 0;
          EXPECT_OK(clEnqueueReadBuffer(queue, out, CL_TRUE, 0, 4, &got, 0, nullptr, nullptr));
          if (got != t * 10 + i) ++wrong;
        }
      } catch (const Failure&) {
        ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT(wrong == 0);
}

TEST("4.4 two contexts on one device compute side by side") {
  struct Side {
    Context context;
    Queue queue;
    Program program;
    Kernel kernel;
    Memory buffer;
  };
  std::vector<Side> sides;
  const char* text = "kernel void f(global int* out, int value) { out[get_global_id(0)] += value; }";
  std::vector<int> zeroes(1000, 0);
  for (int i = 0; i < 3; ++i) {
    cl_int code = CL_SUCCESS;
    Side side;
    side.context = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
    EXPECT_OK(code);
    side.queue = clCreateCommandQueue(side.context, rig().device, 0, &code);
    EXPECT_OK(code);
    side.program = clCreateProgramWithSource(side.context, 1, &text, nullptr, &code);
    EXPECT_OK(code);
    EXPECT_OK(clBuildProgram(side.program, 0, nullptr, "", nullptr, nullptr));
    side.kernel = clCreateKernel(side.program, "f", &code);
    EXPECT_OK(code);
    side.buffer = clCreateBuffer(side.context, CL_MEM_COPY_HOST_PTR, 4000, zeroes.data(), &code);
    EXPECT_OK(code);
    EXPECT_OK(set_arg(side.kernel, 0, side.buffer));
    sides.push_back(std::move(side));
  }
  for (int round = 1; round <= 10; ++round) {
    for (std::size_t i = 0; i < sides.size(); ++i) {
      EXPECT_OK(set_arg(sides[i].kernel, 1, static_cast<int>(i) + round));
      EXPECT_OK(launch(sides[i].queue, sides[i].kernel, 1000));
    }
  }
  for (std::size_t i = 0; i < sides.size(); ++i) {
    std::vector<int> got(1000);
    EXPECT_OK(clEnqueueReadBuffer(sides[i].queue, sides[i].buffer, CL_TRUE, 0, 4000, got.data(), 0, nullptr, nullptr));
    EXPECT(got == std::vector<int>(1000, static_cast<int>(i) * 10 + 55));
  }
  // A kernel of one context takes no memory of another.
  CHECK_CODE(set_arg(sides[0].kernel, 0, sides[1].buffer), CL_INVALID_MEM_OBJECT);
}

}  // namespace conformance
