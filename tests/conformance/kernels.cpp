// Kernels: arguments, launches and queries (OpenCL 3.0, sections 5.9 and 5.10).
#include <cstring>

#include "rig.h"

namespace conformance {
namespace {

constexpr const char* argument_source = R"CL(
typedef struct { int a; float b; char c; double d; int tail[3]; } Mixed;
typedef struct { int values[64]; } Large;

kernel void scalars(global double* out, char c, uchar uc, short s, ushort us, int i, uint ui, long l, ulong ul,
                    float f, double d) {
  out[0] = c; out[1] = uc; out[2] = s; out[3] = us; out[4] = i; out[5] = ui; out[6] = l; out[7] = ul; out[8] = f;
  out[9] = d;
}
kernel void vectors(global float* out, float2 two, float3 three, float4 four, int8 eight, char16 sixteen) {
  out[0] = two.x + two.y * 10; out[1] = three.x + three.y * 10 + three.z * 100;
  out[2] = four.x + four.y * 10 + four.z * 100 + four.w * 1000;
  out[3] = eight.s0 + eight.s7 * 10; out[4] = sixteen.s0 + sixteen.sf * 10;
}
kernel void mixed(global double* out, Mixed m) {
  out[0] = m.a; out[1] = m.b; out[2] = m.c; out[3] = m.d; out[4] = m.tail[2];
}
kernel void large(global int* out, Large l) { out[get_global_id(0)] = l.values[get_global_id(0)]; }
kernel void with_local(global int* out, local int* scratch, int factor) {
  size_t at = get_local_id(0), n = get_local_size(0);
  scratch[at] = get_global_id(0) * factor;
  barrier(CLK_LOCAL_MEM_FENCE);
  out[get_global_id(0)] = scratch[n - 1 - at];
}
kernel void two_locals(global int* out, local int* a, local char* b) {
  a[get_local_id(0)] = get_local_id(0);
  b[get_local_id(0)] = get_local_id(0) * 2;
  barrier(CLK_LOCAL_MEM_FENCE);
  size_t other = get_local_size(0) - 1 - get_local_id(0);
  out[get_global_id(0)] = a[other] * 1000 + b[other];
}
kernel void maybe(global int* out, global const int* in) { out[get_global_id(0)] = in ? in[get_global_id(0)] : -1; }
kernel void from_constant(global int* out, constant int* table) { out[get_global_id(0)] = table[get_global_id(0) % 4]; }
kernel __attribute__((reqd_work_group_size(4, 2, 1))) void shaped(global int* out) {
  out[get_global_id(1) * get_global_size(0) + get_global_id(0)] = get_local_size(0) * 10 + get_local_size(1);
}
kernel void own_local(global int* out) {
  local int scratch[256];
  scratch[get_local_id(0)] = get_local_id(0);
  barrier(CLK_LOCAL_MEM_FENCE);
  out[get_global_id(0)] = scratch[get_local_size(0) - 1 - get_local_id(0)];
}
kernel void many(global int* o, int a0, int a1, int a2, int a3, int a4, int a5, int a6, int a7, int a8, int a9, int b0,
                 int b1, int b2, int b3, int b4, int b5, int b6, int b7, int b8, int b9) {
  o[0] = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9; o[1] = b0 + b1 + b2 + b3 + b4 + b5 + b6 + b7 + b8 + b9;
}
kernel void count(global int* total) { atomic_inc(total); }
)CL";

cl_program arguments() {
  static Program* program = new Program(build(argument_source));
  return *program;
}

struct Mixed {
  cl_int a;
  cl_float b;
  cl_char c;
  cl_double d;
  cl_int tail[3];
};

cl_int launch_nd(cl_kernel kernel, cl_uint dimensions, std::vector<std::size_t> global,
                 std::vector<std::size_t> local = {}, std::vector<std::size_t> offset = {}) {
  return clEnqueueNDRangeKernel(rig().queue, kernel, dimensions, offset.empty() ? nullptr : offset.data(),
                                global.empty() ? nullptr : global.data(), local.empty() ? nullptr : local.data(), 0,
                                nullptr, nullptr);
}

}  // namespace

TEST("kernel: scalar arguments of every type") {
  Memory out = make_buffer(10 * 8);
  Kernel kernel = make_kernel(arguments(), "scalars");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(set_arg(kernel, 1, cl_char{-1}));
  EXPECT_OK(set_arg(kernel, 2, cl_uchar{200}));
  EXPECT_OK(set_arg(kernel, 3, cl_short{-300}));
  EXPECT_OK(set_arg(kernel, 4, cl_ushort{60000}));
  EXPECT_OK(set_arg(kernel, 5, cl_int{-70000}));
  EXPECT_OK(set_arg(kernel, 6, cl_uint{4000000000u}));
  EXPECT_OK(set_arg(kernel, 7, cl_long{-5000000000}));
  EXPECT_OK(set_arg(kernel, 8, cl_ulong{1} << 52));
  EXPECT_OK(set_arg(kernel, 9, 0.5f));
  EXPECT_OK(set_arg(kernel, 10, 0.25));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<double>(out, 10) ==
         std::vector<double>({-1, 200, -300, 60000, -70000, 4e9, -5e9, 4503599627370496.0, 0.5, 0.25}));
}

TEST("kernel: vector arguments") {
  Memory out = make_buffer(5 * 4);
  Kernel kernel = make_kernel(arguments(), "vectors");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(set_arg(kernel, 1, cl_float2{{1, 2}}));
  EXPECT_OK(set_arg(kernel, 2, cl_float3{{1, 2, 3}}));
  EXPECT_OK(set_arg(kernel, 3, cl_float4{{1, 2, 3, 4}}));
  EXPECT_OK(set_arg(kernel, 4, cl_int8{{1, 0, 0, 0, 0, 0, 0, 8}}));
  EXPECT_OK(set_arg(kernel, 5, cl_char16{{3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}}));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<float>(out, 5) == std::vector<float>({21, 321, 4321, 81, 53}));
}

TEST("kernel: structures by value") {
  Memory out = make_buffer(64 * 8);
  Kernel mixed = make_kernel(arguments(), "mixed"), large = make_kernel(arguments(), "large");
  EXPECT_OK(set_arg(mixed, 0, out));
  EXPECT_OK(set_arg(mixed, 1, Mixed{7, 1.5f, 'x', -2.25, {1, 2, 3}}));
  EXPECT_OK(launch(rig().queue, mixed, 1));
  EXPECT(contents<double>(out, 5) == std::vector<double>({7, 1.5, 'x', -2.25, 3}));
  std::vector<cl_int> values(64);
  for (int i = 0; i < 64; ++i) values[i] = i * i;
  EXPECT_OK(set_arg(large, 0, out));
  EXPECT_OK(clSetKernelArg(large, 1, 256, values.data()));
  EXPECT_OK(launch(rig().queue, large, 64));
  EXPECT(contents<cl_int>(out, 64) == values);
}

TEST("kernel: many arguments") {
  Memory out = make_buffer(8);
  Kernel kernel = make_kernel(arguments(), "many");
  EXPECT_OK(set_arg(kernel, 0, out));
  for (cl_uint i = 1; i <= 20; ++i) EXPECT_OK(set_arg(kernel, i, static_cast<int>(i)));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<int>(out, 2) == std::vector<int>({55, 155}));
}

TEST("kernel: local memory as an argument, of changing size") {
  Memory out = make_buffer(64 * 4);
  Kernel kernel = make_kernel(arguments(), "with_local");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(set_arg(kernel, 2, 3));
  for (const std::size_t local : {1u, 4u, 16u, 64u}) {
    EXPECT_OK(clSetKernelArg(kernel, 1, local * 4, nullptr));
    EXPECT_OK(launch_nd(kernel, 1, {64}, {local}));
    const auto got = contents<int>(out, 64);
    for (std::size_t i = 0; i < 64; ++i) {
      EXPECT(got[i] == static_cast<int>((i / local * local + local - 1 - i % local) * 3));
    }
  }
}

TEST("kernel: two local arguments do not overlap, and local variables work") {
  Memory out = make_buffer(32 * 4);
  Kernel kernel = make_kernel(arguments(), "two_locals"), own = make_kernel(arguments(), "own_local");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(clSetKernelArg(kernel, 1, 32 * 4, nullptr));
  EXPECT_OK(clSetKernelArg(kernel, 2, 32, nullptr));
  EXPECT_OK(launch_nd(kernel, 1, {32}, {32}));
  auto got = contents<int>(out, 32);
  EXPECT(got[0] == 31 * 1000 + 62 && got[31] == 0);
  EXPECT_OK(set_arg(own, 0, out));
  EXPECT_OK(launch_nd(own, 1, {32}, {16}));
  got = contents<int>(out, 32);
  EXPECT(got[0] == 15 && got[31] == 0);
}

TEST("kernel: null buffers, given as a null handle or a null pointer") {
  Memory out = make_buffer(16), in = buffer_of(std::vector<int>{1, 2, 3, 4});
  Kernel kernel = make_kernel(arguments(), "maybe");
  const cl_mem nothing = nullptr;
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(clSetKernelArg(kernel, 1, sizeof(cl_mem), &nothing));
  EXPECT_OK(launch(rig().queue, kernel, 4));
  EXPECT(contents<int>(out, 4) == std::vector<int>(4, -1));
  EXPECT_OK(set_arg(kernel, 1, in));
  EXPECT_OK(launch(rig().queue, kernel, 4));
  EXPECT(contents<int>(out, 4) == std::vector<int>({1, 2, 3, 4}));
  EXPECT_OK(clSetKernelArg(kernel, 1, sizeof(cl_mem), nullptr));
  EXPECT_OK(launch(rig().queue, kernel, 4));
  EXPECT(contents<int>(out, 4) == std::vector<int>(4, -1));
}

TEST("kernel: constant buffers") {
  Memory out = make_buffer(32), table = buffer_of(std::vector<int>{9, 8, 7, 6}, CL_MEM_READ_ONLY);
  Kernel kernel = make_kernel(arguments(), "from_constant");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(set_arg(kernel, 1, table));
  EXPECT_OK(launch(rig().queue, kernel, 8));
  EXPECT(contents<int>(out, 8) == std::vector<int>({9, 8, 7, 6, 9, 8, 7, 6}));
}

TEST("kernel: a launch takes the arguments as they are at the call") {
  Memory buffer = buffer_of(std::vector<int>(8, 0));
  const Queue queue = make_queue();
  Kernel kernel = make_kernel(kit(), "add");
  Event gate = user_event();
  EXPECT_OK(set_arg(kernel, 0, buffer));
  EXPECT_OK(set_arg(kernel, 1, 1));
  EXPECT_OK(launch(queue, kernel, 8, nullptr, {gate}));
  EXPECT_OK(set_arg(kernel, 1, 100));
  EXPECT_OK(launch(queue, kernel, 8));
  EXPECT_OK(set_arg(kernel, 1, 10000));
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  EXPECT(contents<int>(buffer, 8) == std::vector<int>(8, 101));
}

TEST("kernel: kernel, program and buffers may be released once enqueued") {
  std::vector<int> got(16);
  const Queue queue = make_queue();
  Event gate = user_event();
  {
    Memory buffer = buffer_of(std::vector<int>(16, 1));
    Program program = build("kernel void twice(global int* v) { v[get_global_id(0)] *= 2; }");
    Kernel kernel = make_kernel(program, "twice");
    EXPECT_OK(set_arg(kernel, 0, buffer));
    EXPECT_OK(launch(queue, kernel, 16, nullptr, {gate}));
    EXPECT_OK(clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, 64, got.data(), 0, nullptr, nullptr));
  }
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  EXPECT(got == std::vector<int>(16, 2));
}

TEST("kernel: wrong arguments are refused") {
  Memory buffer = make_buffer(64);
  Kernel kernel = make_kernel(arguments(), "with_local"), scalars = make_kernel(arguments(), "scalars");
  const int value = 1;
  EXPECT_CODE(clSetKernelArg(kernel, 3, 4, &value), CL_INVALID_ARG_INDEX);
  EXPECT_CODE(clSetKernelArg(kernel, 2, 8, &value), CL_INVALID_ARG_SIZE);
  EXPECT_CODE(clSetKernelArg(kernel, 2, 4, nullptr), CL_INVALID_ARG_VALUE);
  EXPECT_CODE(clSetKernelArg(kernel, 0, 4, &value), CL_INVALID_ARG_SIZE);
  EXPECT_CODE(clSetKernelArg(kernel, 1, 0, nullptr), CL_INVALID_ARG_SIZE);
  EXPECT_CODE(clSetKernelArg(kernel, 1, 16, &value), CL_INVALID_ARG_VALUE);
  EXPECT_CODE(clSetKernelArg(scalars, 10, 4, &value), CL_INVALID_ARG_SIZE);
  EXPECT_CODE(clSetKernelArg(scalars, 1, 4, &value), CL_INVALID_ARG_SIZE);
  EXPECT_CODE(clSetKernelArg(nullptr, 0, 4, &value), CL_INVALID_KERNEL);
}

TEST("kernel: a structure of the wrong size is refused") {
  Kernel kernel = make_kernel(arguments(), "mixed");
  char bytes[64] = {};
  EXPECT_CODE(clSetKernelArg(kernel, 1, sizeof(Mixed) - 8, bytes), CL_INVALID_ARG_SIZE);
  EXPECT_OK(clSetKernelArg(kernel, 1, sizeof(Mixed), bytes));
}

TEST("kernel: a launch needs all its arguments") {
  Memory buffer = make_buffer(64);
  Kernel kernel = make_kernel(kit(), "add");
  EXPECT_CODE(launch(rig().queue, kernel, 1), CL_INVALID_KERNEL_ARGS);
  EXPECT_OK(set_arg(kernel, 0, buffer));
  EXPECT_CODE(launch(rig().queue, kernel, 1), CL_INVALID_KERNEL_ARGS);
  EXPECT_OK(set_arg(kernel, 1, 1));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT_OK(clFinish(rig().queue));
}

TEST("kernel: two kernels of one name have their own arguments") {
  Memory a = buffer_of(std::vector<int>(4, 0)), b = buffer_of(std::vector<int>(4, 0));
  Kernel first = make_kernel(kit(), "add"), second = make_kernel(kit(), "add");
  EXPECT_OK(set_arg(first, 0, a));
  EXPECT_OK(set_arg(first, 1, 1));
  EXPECT_OK(set_arg(second, 0, b));
  EXPECT_OK(set_arg(second, 1, 2));
  EXPECT_OK(launch(rig().queue, first, 4));
  EXPECT_OK(launch(rig().queue, second, 4));
  EXPECT(contents<int>(a, 4) == std::vector<int>(4, 1) && contents<int>(b, 4) == std::vector<int>(4, 2));
}

TEST("kernel: a clone takes the arguments along and goes its own way") {
  Memory a = buffer_of(std::vector<int>(4, 0));
  Kernel first = make_kernel(kit(), "add");
  EXPECT_OK(set_arg(first, 0, a));
  EXPECT_OK(set_arg(first, 1, 1));
  cl_int code = CL_SUCCESS;
  Kernel clone = clCloneKernel(first, &code);
  EXPECT_OK(code);
  EXPECT_OK(set_arg(first, 1, 50));
  EXPECT_OK(launch(rig().queue, clone, 4));
  EXPECT(contents<int>(a, 4) == std::vector<int>(4, 1));
}

TEST("kernel: ids, offsets and local sizes in one, two and three dimensions") {
  Memory out = make_buffer(24 * 16);
  Kernel kernel = make_kernel(kit(), "ids");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(launch_nd(kernel, 1, {24}, {8}, {5}));
  auto got = contents<cl_int4>(out, 24);
  EXPECT(got[23].s[0] == 28 && got[23].s[1] == 0 && got[23].s[3] == 801);
  EXPECT_OK(launch_nd(kernel, 2, {6, 4}, {3, 2}, {100, 10}));
  got = contents<cl_int4>(out, 24);
  EXPECT(got[23].s[0] == 105 && got[23].s[1] == 13 && got[23].s[3] == 302);
  EXPECT_OK(launch_nd(kernel, 3, {2, 3, 4}, {2, 1, 2}, {1, 2, 3}));
  got = contents<cl_int4>(out, 24);
  EXPECT(got[23].s[0] == 2 && got[23].s[1] == 4 && got[23].s[2] == 6 && got[23].s[3] == 203);
  EXPECT(got[0].s[0] == 1 && got[0].s[1] == 2 && got[0].s[2] == 3);
}

TEST("kernel: every work-item runs exactly once") {
  for (const std::size_t items : {1u, 7u, 1000u, 100'003u}) {
    Memory total = buffer_of(std::vector<int>{0});
    Kernel kernel = make_kernel(arguments(), "count");
    EXPECT_OK(set_arg(kernel, 0, total));
    EXPECT_OK(launch(rig().queue, kernel, items));
    EXPECT(contents<int>(total, 1)[0] == static_cast<int>(items));
  }
}

TEST("kernel: a task is one work-item") {
  Memory total = buffer_of(std::vector<int>{0});
  Kernel kernel = make_kernel(arguments(), "count");
  EXPECT_OK(set_arg(kernel, 0, total));
  EXPECT_OK(clEnqueueTask(rig().queue, kernel, 0, nullptr, nullptr));
  EXPECT(contents<int>(total, 1)[0] == 1);
}

TEST("kernel: a required work-group size is kept to") {
  Memory out = make_buffer(64 * 4);
  Kernel kernel = make_kernel(arguments(), "shaped");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(launch_nd(kernel, 2, {8, 4}, {4, 2}));
  EXPECT(contents<int>(out, 32) == std::vector<int>(32, 42));
  EXPECT_CODE(launch_nd(kernel, 2, {8, 4}, {2, 2}), CL_INVALID_WORK_GROUP_SIZE);
  std::size_t size[3] = {};
  EXPECT_OK(
      clGetKernelWorkGroupInfo(kernel, rig().device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof size, size, nullptr));
  EXPECT(size[0] == 4 && size[1] == 2 && size[2] == 1);
}

TEST("kernel: wrong launches are refused") {
  Kernel kernel = make_kernel(kit(), "empty");
  const auto items_max = info<std::size_t>(clGetDeviceInfo, rig().device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
  EXPECT_CODE(launch_nd(kernel, 0, {1}), CL_INVALID_WORK_DIMENSION);
  EXPECT_CODE(launch_nd(kernel, 4, {1, 1, 1, 1}), CL_INVALID_WORK_DIMENSION);
  EXPECT_CODE(launch_nd(kernel, 1, {items_max * 2}, {items_max * 2}), CL_INVALID_WORK_GROUP_SIZE);
  EXPECT_CODE(clEnqueueNDRangeKernel(nullptr, kernel, 1, nullptr, &items_max, nullptr, 0, nullptr, nullptr),
              CL_INVALID_COMMAND_QUEUE);
}

TEST("kernel: launching none is refused") {
  not_on_bare_pocl("crashes");
  const std::size_t items = 1;
  EXPECT_CODE(clEnqueueNDRangeKernel(rig().queue, nullptr, 1, nullptr, &items, nullptr, 0, nullptr, nullptr),
              CL_INVALID_KERNEL);
}

TEST("kernel: a local size that does not divide the global size follows the device's word") {
  const auto uniform_only =
      info<cl_bool>(clGetDeviceInfo, rig().device, CL_DEVICE_NON_UNIFORM_WORK_GROUP_SUPPORT) == CL_FALSE;
  Kernel kernel = make_kernel(kit(), "empty");
  EXPECT_CODE(launch_nd(kernel, 1, {10}, {4}), uniform_only ? CL_INVALID_WORK_GROUP_SIZE : CL_SUCCESS);
  EXPECT_OK(clFinish(rig().queue));
}

TEST("kernel: launches without a global size") {
  Kernel kernel = make_kernel(kit(), "empty");
  EXPECT_EITHER(launch_nd(kernel, 1, {}), CL_INVALID_GLOBAL_WORK_SIZE, CL_SUCCESS);
  EXPECT_EITHER(launch_nd(kernel, 1, {0}), CL_INVALID_GLOBAL_WORK_SIZE, CL_SUCCESS);
}

TEST("kernel: its queries answer") {
  Kernel kernel = make_kernel(kit(), "add");
  EXPECT(text_info(clGetKernelInfo, kernel, CL_KERNEL_FUNCTION_NAME) == "add");
  EXPECT(info<cl_uint>(clGetKernelInfo, kernel, CL_KERNEL_NUM_ARGS) == 2);
  EXPECT(info<cl_uint>(clGetKernelInfo, kernel, CL_KERNEL_REFERENCE_COUNT) == 1);
  EXPECT(info<cl_context>(clGetKernelInfo, kernel, CL_KERNEL_CONTEXT) == rig().context);
  EXPECT(info<cl_program>(clGetKernelInfo, kernel, CL_KERNEL_PROGRAM) == kit());
  Kernel shaped = make_kernel(arguments(), "shaped");
  const auto attributes = text_info(clGetKernelInfo, shaped, CL_KERNEL_ATTRIBUTES);
  EXPECT(attributes.find("reqd_work_group_size") != std::string::npos || attributes.empty());
}

TEST("kernel: argument queries answer when the program was built for them") {
  Program program = build(
      "kernel void f(global const float* restrict source, local int* scratch, int4 amount,"
      " constant uchar* table) {}",
      "-cl-kernel-arg-info");
  Kernel kernel = make_kernel(program, "f");
  const auto text = [&](cl_uint index, cl_kernel_arg_info what) {
    char value[64] = {};
    EXPECT_OK(clGetKernelArgInfo(kernel, index, what, sizeof value, value, nullptr));
    return std::string(value);
  };
  EXPECT(text(0, CL_KERNEL_ARG_NAME) == "source" && text(0, CL_KERNEL_ARG_TYPE_NAME) == "float*");
  EXPECT(text(2, CL_KERNEL_ARG_NAME) == "amount" && text(2, CL_KERNEL_ARG_TYPE_NAME) == "int4");
  const auto space = [&](cl_uint index) {
    cl_kernel_arg_address_qualifier value = 0;
    EXPECT_OK(clGetKernelArgInfo(kernel, index, CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof value, &value, nullptr));
    return value;
  };
  EXPECT(space(0) == CL_KERNEL_ARG_ADDRESS_GLOBAL && space(1) == CL_KERNEL_ARG_ADDRESS_LOCAL);
  EXPECT(space(2) == CL_KERNEL_ARG_ADDRESS_PRIVATE && space(3) == CL_KERNEL_ARG_ADDRESS_CONSTANT);
  cl_kernel_arg_type_qualifier type = 0;
  EXPECT_OK(clGetKernelArgInfo(kernel, 0, CL_KERNEL_ARG_TYPE_QUALIFIER, sizeof type, &type, nullptr));
  EXPECT(type == (CL_KERNEL_ARG_TYPE_CONST | CL_KERNEL_ARG_TYPE_RESTRICT));
  cl_kernel_arg_access_qualifier access = 0;
  EXPECT_OK(clGetKernelArgInfo(kernel, 0, CL_KERNEL_ARG_ACCESS_QUALIFIER, sizeof access, &access, nullptr));
  EXPECT(access == CL_KERNEL_ARG_ACCESS_NONE);
  EXPECT_CODE(clGetKernelArgInfo(kernel, 4, CL_KERNEL_ARG_NAME, 0, nullptr, nullptr), CL_INVALID_ARG_INDEX);
}

TEST("kernel: work-group queries answer") {
  Kernel kernel = make_kernel(arguments(), "own_local");
  std::size_t size = 0, multiple = 0;
  cl_ulong local = 0, private_bytes = 1 << 30;
  const auto ask = [&](cl_kernel_work_group_info what, std::size_t bytes, void* value) {
    return clGetKernelWorkGroupInfo(kernel, rig().device, what, bytes, value, nullptr);
  };
  EXPECT_OK(ask(CL_KERNEL_WORK_GROUP_SIZE, sizeof size, &size));
  EXPECT_OK(ask(CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE, sizeof multiple, &multiple));
  EXPECT_OK(ask(CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local));
  EXPECT_OK(ask(CL_KERNEL_PRIVATE_MEM_SIZE, sizeof private_bytes, &private_bytes));
  EXPECT(size >= 1 && multiple >= 1 && local >= 1024 && private_bytes < 1 << 30);
  EXPECT_CODE(ask(0x7777, sizeof size, &size), CL_INVALID_VALUE);
  EXPECT_CODE(ask(CL_KERNEL_WORK_GROUP_SIZE, 1, &size), CL_INVALID_VALUE);
}

TEST("kernel: the work-group query needs no device when there is one only") {
  Kernel kernel = make_kernel(kit(), "add");
  std::size_t size = 0;
  EXPECT_OK(clGetKernelWorkGroupInfo(kernel, nullptr, CL_KERNEL_WORK_GROUP_SIZE, sizeof size, &size, nullptr));
  EXPECT(size >= 1);
}

TEST("kernel: local memory arguments count in the query") {
  Kernel kernel = make_kernel(arguments(), "with_local");
  EXPECT_OK(clSetKernelArg(kernel, 1, 4096, nullptr));
  cl_ulong local = 0;
  EXPECT_OK(clGetKernelWorkGroupInfo(kernel, rig().device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local, nullptr));
  EXPECT(local >= 4096);
}

TEST("kernel: native kernels follow the device's word") {
  const auto can = info<cl_device_exec_capabilities>(clGetDeviceInfo, rig().device, CL_DEVICE_EXECUTION_CAPABILITIES);
  static int seen;
  seen = 0;
  int argument = 7;
  const auto native = [](void* given) { seen = *static_cast<int*>(given); };
  const cl_int code =
      clEnqueueNativeKernel(rig().queue, native, &argument, sizeof argument, 0, nullptr, nullptr, 0, nullptr, nullptr);
  if ((can & CL_EXEC_NATIVE_KERNEL) == 0) {
    EXPECT_CODE(code, CL_INVALID_OPERATION);
  } else {
    EXPECT_OK(code);
    EXPECT_OK(clFinish(rig().queue));
    EXPECT(seen == 7);
  }
}

}  // namespace conformance
