// Launching kernels and what kernels print (OpenCL 3.0, section 5.10; OpenCL C, section 6.15.14).
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>

#include "rig.h"

namespace conformance {
namespace {

constexpr const char* launch_source = R"CL(
typedef struct { int a; float b; } Small;
typedef struct { char c; float3 v; int tail[3]; } Mixed;
kernel void three(global float* out, float3 v, char3 c, int3 i) {
  out[0] = v.x + v.y + v.z; out[1] = c.x + c.y * 10 + c.z * 100; out[2] = i.x + i.y * 10 + i.z * 100;
}
kernel void wide(global int* out, uchar16 c, ushort8 s, long4 l, float16 f, ulong2 u) {
  out[0] = c.sf; out[1] = s.s7; out[2] = (int)l.w; out[3] = (int)f.sf; out[4] = (int)u.y;
}
kernel void structures(global float* out, Small small_, Mixed mixed) {
  out[0] = small_.a; out[1] = small_.b; out[2] = mixed.c; out[3] = mixed.v.z; out[4] = mixed.tail[2];
}
kernel void structure_in_memory(global Mixed* values) {
  values[get_global_id(0)].tail[1] = values[get_global_id(0)].c; values[get_global_id(0)].v.y = 5;
}
kernel void locals(global int* out, local int* a, local float4* b, local char* c) {
  size_t at = get_local_id(0);
  a[at] = at; b[at] = (float4)(at); c[at] = at;
  barrier(CLK_LOCAL_MEM_FENCE);
  size_t other = get_local_size(0) - 1 - at;
  out[get_global_id(0)] = a[other] + (int)b[other].w * 100 + c[other] * 10000;
}
kernel __attribute__((reqd_work_group_size(8, 4, 2))) void required(global int* out) {
  if (get_global_id(0) + get_global_id(1) + get_global_id(2) == 0)
    out[0] = get_local_size(0) * 100 + get_local_size(1) * 10 + get_local_size(2);
}
kernel __attribute__((work_group_size_hint(4, 1, 1))) void hinted(global int* out) { out[get_global_id(0)] = 1; }
kernel void count(global int* total) { atomic_inc(total); }
kernel void group_size(global int* out) { if (get_global_id(0) == 0) out[0] = get_local_size(0); }
kernel void described(global const float* restrict in, constant int* table, local short* near, volatile global uint* out,
                      float4 by_value, read_only image2d_t picture, sampler_t how, const int fixed) {
  out[0] = 0;
}
kernel void say(int number) { printf("number %d\n", number); }
kernel void say_all(float f, int4 v, local int* unused) {
  printf("%5.2f|%v4hld|%s|%c|%%|%x|%08u|%-4d|%+d|%ld|%hd\n", f, v, "text", 'c', 255, 42u, 7, 5, 1234567890123L, (short)-3);
  printf("%v2hlf|%e|%g|%o\n", (float2)(1.5f, -2.0f), 12345.678f, 0.5f, 8);
}
kernel void say_each() { printf("item %d\n", (int)get_global_id(0)); }
)CL";

cl_program launches() {
  static Program* program = new Program(build(launch_source, "-cl-kernel-arg-info"));
  return *program;
}

// What `work` and all that it leaves to be flushed writes to the standard output.
std::string printed(const std::function<void()>& work) {
  std::fflush(stdout);
  char name[] = "printed-XXXXXX";
  const int file = mkstemp(name), kept = dup(STDOUT_FILENO);
  EXPECT(file >= 0 && kept >= 0);
  unlink(name);
  dup2(file, STDOUT_FILENO);
  std::string failure;
  try {
    work();
  } catch (const Failure& failed) {
    failure = failed.what;
  }
  std::fflush(stdout);
  dup2(kept, STDOUT_FILENO);
  std::string text(static_cast<std::size_t>(lseek(file, 0, SEEK_END)), '\0');
  const auto bytes = pread(file, text.data(), text.size(), 0);
  close(file);
  close(kept);
  if (!failure.empty()) throw Failure{failure};
  EXPECT(bytes == static_cast<ssize_t>(text.size()));
  return text;
}

}  // namespace

TEST("5.9.2 vectors of three take four components' room") {
  Memory out = make_buffer(12);
  Kernel kernel = make_kernel(launches(), "three");
  EXPECT_OK(set_arg(kernel, 0, out));
  CHECK_CODE(clSetKernelArg(kernel, 1, 12, "xxxxxxxxxxxxxxxx"), CL_INVALID_ARG_SIZE);
  EXPECT_OK(set_arg(kernel, 1, cl_float3{{1, 2, 3, 0}}));
  EXPECT_OK(set_arg(kernel, 2, cl_char3{{1, 2, 3, 0}}));
  EXPECT_OK(set_arg(kernel, 3, cl_int3{{4, 5, 6, 0}}));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<float>(out, 3) == std::vector<float>({6, 321, 654}));
}

TEST("5.9.2 wide vectors are passed whole") {
  Memory out = make_buffer(20);
  Kernel kernel = make_kernel(launches(), "wide");
  cl_uchar16 c{};
  cl_ushort8 s{};
  cl_long4 l{};
  cl_float16 f{};
  cl_ulong2 u{};
  c.s[15] = 1, s.s[7] = 2, l.s[3] = 3, f.s[15] = 4, u.s[1] = 5;
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(set_arg(kernel, 1, c));
  EXPECT_OK(set_arg(kernel, 2, s));
  EXPECT_OK(set_arg(kernel, 3, l));
  EXPECT_OK(set_arg(kernel, 4, f));
  EXPECT_OK(set_arg(kernel, 5, u));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<int>(out, 5) == std::vector<int>({1, 2, 3, 4, 5}));
}

TEST("5.9.2 structures are passed by value and lie in memory as in C") {
  struct Small {
    int a;
    float b;
  };
  struct alignas(16) Mixed {
    char c;
    alignas(16) float v[4];
    int tail[3];
  };
  Memory out = make_buffer(20);
  Kernel kernel = make_kernel(launches(), "structures"), in_memory = make_kernel(launches(), "structure_in_memory");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(set_arg(kernel, 1, Small{3, 2.5f}));
  EXPECT_OK(set_arg(kernel, 2, Mixed{'A', {1, 2, 3, 0}, {7, 8, 9}}));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<float>(out, 5) == std::vector<float>({3, 2.5f, 65, 3, 9}));
  std::vector<Mixed> values(10, Mixed{'B', {1, 2, 3, 0}, {7, 8, 9}});
  Memory buffer = buffer_of(values);
  EXPECT_OK(set_arg(in_memory, 0, buffer));
  EXPECT_OK(launch(rig().queue, in_memory, 10));
  for (const auto& value : contents<Mixed>(buffer, 10))
    EXPECT(value.tail[1] == 'B' && value.v[1] == 5 && value.tail[2] == 9);
}

TEST("5.9.2 three local arguments of three types lie apart") {
  Memory out = make_buffer(64 * 4);
  Kernel kernel = make_kernel(launches(), "locals");
  EXPECT_OK(set_arg(kernel, 0, out));
  const std::size_t global = 64, local = 16;
  EXPECT_OK(clSetKernelArg(kernel, 1, 16 * 4, nullptr));
  EXPECT_OK(clSetKernelArg(kernel, 2, 16 * 16, nullptr));
  EXPECT_OK(clSetKernelArg(kernel, 3, 16, nullptr));
  EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, kernel, 1, nullptr, &global, &local, 0, nullptr, nullptr));
  const auto got = contents<int>(out, 64);
  for (int i = 0; i < 64; ++i) EXPECT(got[static_cast<std::size_t>(i)] == (15 - i % 16) * 10101);
}

TEST("5.9.2 clSetKernelArg refuses each wrong argument") {
  Memory out = make_buffer(64);
  Kernel kernel = make_kernel(launches(), "three"), locals = make_kernel(launches(), "locals");
  const int number = 5;
  void* garbage = nullptr;
  CHECK_CODE(clSetKernelArg(nullptr, 0, 8, out.address()), CL_INVALID_KERNEL);
  CHECK_CODE(clSetKernelArg(kernel, 4, 4, &number), CL_INVALID_ARG_INDEX);
  CHECK_CODE(clSetKernelArg(kernel, 0, 4, out.address()), CL_INVALID_ARG_SIZE);
  CHECK_CODE(clSetKernelArg(kernel, 1, 4, &number), CL_INVALID_ARG_SIZE);
  CHECK_CODE(clSetKernelArg(kernel, 1, 16, nullptr), CL_INVALID_ARG_VALUE);
  CHECK_CODE(clSetKernelArg(locals, 1, 0, nullptr), CL_INVALID_ARG_SIZE);
  CHECK_CODE(clSetKernelArg(locals, 1, 4, &number), CL_INVALID_ARG_VALUE);
  CHECK_CODE(clSetKernelArg(kernel, 0, sizeof garbage, &garbage), CL_SUCCESS);
  CHECK_CODE(clSetKernelArg(kernel, 0, sizeof(cl_mem), nullptr), CL_SUCCESS);
}

TEST("5.9.4 kernel queries refuse each wrong argument and follow the rules of sizes") {
  Kernel kernel = make_kernel(launches(), "described");
  std::size_t bytes = 0;
  char room[256];
  for (const cl_kernel_info what : {CL_KERNEL_FUNCTION_NAME, CL_KERNEL_NUM_ARGS, CL_KERNEL_REFERENCE_COUNT,
                                    CL_KERNEL_CONTEXT, CL_KERNEL_PROGRAM, CL_KERNEL_ATTRIBUTES}) {
    CHECK_CODE(clGetKernelInfo(kernel, what, 0, nullptr, &bytes), CL_SUCCESS);
    CHECK_CODE(clGetKernelInfo(kernel, what, bytes, room, nullptr), CL_SUCCESS);
    CHECK_CODE(clGetKernelInfo(kernel, what, bytes - 1, room, nullptr), CL_INVALID_VALUE);
  }
  CHECK_CODE(clGetKernelInfo(kernel, 0x9999, 0, nullptr, &bytes), CL_INVALID_VALUE);
  CHECK_CODE(clGetKernelInfo(nullptr, CL_KERNEL_NUM_ARGS, 0, nullptr, &bytes), CL_INVALID_KERNEL);
  for (const cl_kernel_work_group_info what :
       {CL_KERNEL_WORK_GROUP_SIZE, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, CL_KERNEL_LOCAL_MEM_SIZE,
        CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE, CL_KERNEL_PRIVATE_MEM_SIZE}) {
    CHECK_CODE(clGetKernelWorkGroupInfo(kernel, rig().device, what, 0, nullptr, &bytes), CL_SUCCESS);
    CHECK_CODE(clGetKernelWorkGroupInfo(kernel, rig().device, what, bytes, room, nullptr), CL_SUCCESS);
    CHECK_CODE(clGetKernelWorkGroupInfo(kernel, rig().device, what, bytes - 1, room, nullptr), CL_INVALID_VALUE);
  }
  CHECK_CODE(clGetKernelWorkGroupInfo(kernel, rig().device, CL_KERNEL_GLOBAL_WORK_SIZE, 0, nullptr, &bytes),
             CL_INVALID_VALUE);
  CHECK_CODE(clGetKernelWorkGroupInfo(kernel, rig().device, 0x9999, 0, nullptr, &bytes), CL_INVALID_VALUE);
  CHECK_CODE(clGetKernelWorkGroupInfo(nullptr, rig().device, CL_KERNEL_WORK_GROUP_SIZE, 0, nullptr, &bytes),
             CL_INVALID_KERNEL);
  CHECK_CODE(clRetainKernel(nullptr), CL_INVALID_KERNEL);
}

TEST("5.9.4 every argument of a kernel describes itself") {
  Kernel kernel = make_kernel(launches(), "described");
  const auto text = [&](cl_uint index, cl_kernel_arg_info what) {
    std::size_t bytes = 0;
    EXPECT_OK(clGetKernelArgInfo(kernel, index, what, 0, nullptr, &bytes));
    std::string got(bytes, '\0');
    EXPECT_OK(clGetKernelArgInfo(kernel, index, what, bytes, got.data(), nullptr));
    return std::string(got.c_str());
  };
  const auto number = [&](cl_uint index, cl_kernel_arg_info what) {
    cl_ulong value = 0;
    std::size_t bytes = 0;
    EXPECT_OK(clGetKernelArgInfo(kernel, index, what, sizeof value, &value, &bytes));
    return value;
  };
  struct Wanted {
    const char *name, *type;
    cl_ulong address, access, qualifiers;
  };
  const Wanted wanted[] = {
      {"in", "float*", CL_KERNEL_ARG_ADDRESS_GLOBAL, CL_KERNEL_ARG_ACCESS_NONE,
       CL_KERNEL_ARG_TYPE_CONST | CL_KERNEL_ARG_TYPE_RESTRICT},
      {"table", "int*", CL_KERNEL_ARG_ADDRESS_CONSTANT, CL_KERNEL_ARG_ACCESS_NONE, CL_KERNEL_ARG_TYPE_CONST},
      {"near", "short*", CL_KERNEL_ARG_ADDRESS_LOCAL, CL_KERNEL_ARG_ACCESS_NONE, CL_KERNEL_ARG_TYPE_NONE},
      {"out", "uint*", CL_KERNEL_ARG_ADDRESS_GLOBAL, CL_KERNEL_ARG_ACCESS_NONE, CL_KERNEL_ARG_TYPE_VOLATILE},
      {"by_value", "float4", CL_KERNEL_ARG_ADDRESS_PRIVATE, CL_KERNEL_ARG_ACCESS_NONE, CL_KERNEL_ARG_TYPE_NONE},
      {"picture", "image2d_t", CL_KERNEL_ARG_ADDRESS_GLOBAL, CL_KERNEL_ARG_ACCESS_READ_ONLY, CL_KERNEL_ARG_TYPE_NONE},
      {"how", "sampler_t", CL_KERNEL_ARG_ADDRESS_PRIVATE, CL_KERNEL_ARG_ACCESS_NONE, CL_KERNEL_ARG_TYPE_NONE},
      {"fixed", "int", CL_KERNEL_ARG_ADDRESS_PRIVATE, CL_KERNEL_ARG_ACCESS_NONE, CL_KERNEL_ARG_TYPE_NONE},
  };
  for (cl_uint i = 0; i < 8; ++i) {
    CHECK(text(i, CL_KERNEL_ARG_NAME) == wanted[i].name);
    CHECK(text(i, CL_KERNEL_ARG_TYPE_NAME) == wanted[i].type);
    CHECK(number(i, CL_KERNEL_ARG_ADDRESS_QUALIFIER) == wanted[i].address);
    CHECK(number(i, CL_KERNEL_ARG_ACCESS_QUALIFIER) == wanted[i].access);
    CHECK(number(i, CL_KERNEL_ARG_TYPE_QUALIFIER) == wanted[i].qualifiers);
  }
  char room[1];
  CHECK_CODE(clGetKernelArgInfo(kernel, 8, CL_KERNEL_ARG_NAME, 0, nullptr, nullptr), CL_INVALID_ARG_INDEX);
  CHECK_CODE(clGetKernelArgInfo(kernel, 0, 0x9999, 0, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clGetKernelArgInfo(kernel, 0, CL_KERNEL_ARG_NAME, 1, room, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clGetKernelArgInfo(nullptr, 0, CL_KERNEL_ARG_NAME, 0, nullptr, nullptr), CL_INVALID_KERNEL);
}

TEST("5.9.4 attributes and the required size are told") {
  Kernel required = make_kernel(launches(), "required"), hinted = make_kernel(launches(), "hinted");
  Kernel plain = make_kernel(launches(), "count");
  std::size_t sizes[3] = {};
  EXPECT_OK(clGetKernelWorkGroupInfo(required, rig().device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof sizes, sizes,
                                     nullptr));
  CHECK(sizes[0] == 8 && sizes[1] == 4 && sizes[2] == 2);
  CHECK(text_info(clGetKernelInfo, required, CL_KERNEL_ATTRIBUTES).find("reqd_work_group_size(8") != std::string::npos);
  CHECK(text_info(clGetKernelInfo, hinted, CL_KERNEL_ATTRIBUTES).find("work_group_size_hint(4") != std::string::npos);
  CHECK(text_info(clGetKernelInfo, plain, CL_KERNEL_ATTRIBUTES).empty());
  EXPECT_OK(
      clGetKernelWorkGroupInfo(plain, rig().device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof sizes, sizes, nullptr));
  CHECK(sizes[0] == 0 && sizes[1] == 0 && sizes[2] == 0);
}

TEST("5.10 clEnqueueNDRangeKernel refuses each wrong argument") {
  Memory out = make_buffer(4096);
  Kernel kernel = make_kernel(launches(), "count"), required = make_kernel(launches(), "required");
  Kernel unset = make_kernel(launches(), "count");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(set_arg(required, 0, out));
  const std::size_t max_group = info<std::size_t>(clGetDeviceInfo, rig().device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
  const std::size_t items[3] = {16, 16, 16}, fits[3] = {8, 4, 2}, other[3] = {4, 4, 2}, none[3] = {0, 1, 1},
                    many[3] = {max_group * 2, 1, 1}, far[3] = {std::numeric_limits<std::size_t>::max(), 0, 0};
  const auto enqueue = [&](cl_command_queue queue, cl_kernel which, cl_uint dimensions, const std::size_t* offset,
                           const std::size_t* global, const std::size_t* local, cl_uint waits = 0,
                           const cl_event* list = nullptr) {
    return clEnqueueNDRangeKernel(queue, which, dimensions, offset, global, local, waits, list, nullptr);
  };
  const cl_command_queue queue = rig().queue;
  const cl_event nothing = nullptr;
  cl_int code = CL_SUCCESS;
  Context context = clCreateContext(nullptr, 1, &rig().device, nullptr, nullptr, &code);
  EXPECT_OK(code);
  Queue foreign = clCreateCommandQueue(context, rig().device, 0, &code);
  EXPECT_OK(code);
  CHECK_CODE(enqueue(nullptr, kernel, 1, nullptr, items, nullptr), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE_IN_POOL(enqueue(queue, nullptr, 1, nullptr, items, nullptr), CL_INVALID_KERNEL);
  CHECK_CODE(enqueue(foreign, kernel, 1, nullptr, items, nullptr), CL_INVALID_CONTEXT);
  CHECK_CODE(enqueue(queue, unset, 1, nullptr, items, nullptr), CL_INVALID_KERNEL_ARGS);
  CHECK_CODE(enqueue(queue, kernel, 0, nullptr, items, nullptr), CL_INVALID_WORK_DIMENSION);
  CHECK_CODE(enqueue(queue, kernel, 4, nullptr, items, nullptr), CL_INVALID_WORK_DIMENSION);
  CHECK_CODE(enqueue(queue, kernel, 1, far, items, nullptr), CL_INVALID_GLOBAL_OFFSET);
  CHECK_CODE(enqueue(queue, required, 3, nullptr, items, other), CL_INVALID_WORK_GROUP_SIZE);
  CHECK_CODE(enqueue(queue, required, 3, nullptr, items, fits), CL_SUCCESS);
  CHECK_CODE(enqueue(queue, required, 3, nullptr, items, nullptr), CL_SUCCESS);
  CHECK_CODE(enqueue(queue, kernel, 1, nullptr, items, none), CL_INVALID_WORK_GROUP_SIZE);
  CHECK_CODE(enqueue(queue, kernel, 1, nullptr, many, many), CL_INVALID_WORK_GROUP_SIZE);
  CHECK_CODE_IN_POOL(enqueue(queue, kernel, 1, nullptr, items, nullptr, 1, nullptr), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(enqueue(queue, kernel, 1, nullptr, items, nullptr, 1, &nothing), CL_INVALID_EVENT_WAIT_LIST);
  CHECK_CODE(clEnqueueTask(nullptr, kernel, 0, nullptr, nullptr), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE_IN_POOL(clEnqueueTask(queue, nullptr, 0, nullptr, nullptr), CL_INVALID_KERNEL);
  CHECK_CODE(clEnqueueTask(queue, unset, 0, nullptr, nullptr), CL_INVALID_KERNEL_ARGS);
  EXPECT_OK(clFinish(queue));
}

TEST("5.10 every global size from 1 to 300 runs each item once, in groups of the device's choice") {
  Memory total = buffer_of(std::vector<int>{0});
  Kernel kernel = make_kernel(launches(), "count");
  EXPECT_OK(set_arg(kernel, 0, total));
  int wanted = 0;
  for (std::size_t size = 1; size <= 300; size += size < 40 ? 1 : 13) {
    EXPECT_OK(launch(rig().queue, kernel, size));
    wanted += static_cast<int>(size);
  }
  EXPECT(contents<int>(total, 1)[0] == wanted);
}

TEST("5.10 the largest group that the kernel allows runs") {
  Memory out = make_buffer(4);
  Kernel kernel = make_kernel(launches(), "group_size");
  EXPECT_OK(set_arg(kernel, 0, out));
  std::size_t largest = 0;
  EXPECT_OK(
      clGetKernelWorkGroupInfo(kernel, rig().device, CL_KERNEL_WORK_GROUP_SIZE, sizeof largest, &largest, nullptr));
  EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, kernel, 1, nullptr, &largest, &largest, 0, nullptr, nullptr));
  EXPECT(contents<int>(out, 1)[0] == static_cast<int>(largest));
}

TEST("5.10 native kernels refuse each wrong argument, or are not offered") {
  const auto can = info<cl_device_exec_capabilities>(clGetDeviceInfo, rig().device, CL_DEVICE_EXECUTION_CAPABILITIES);
  if ((can & CL_EXEC_NATIVE_KERNEL) == 0) skip("no native kernels");
  static int seen;
  seen = 0;
  int value = 42;
  Memory buffer = buffer_of(std::vector<int>{1, 2, 3, 4});
  const cl_command_queue queue = rig().queue;
  const auto body = [](void* arguments) { std::memcpy(&seen, arguments, sizeof seen); };
  EXPECT_OK(clEnqueueNativeKernel(queue, body, &value, sizeof value, 0, nullptr, nullptr, 0, nullptr, nullptr));
  EXPECT_OK(clFinish(queue));
  CHECK(seen == 42);
  struct Arguments {
    int* memory;
    int amount;
  } arguments{nullptr, 5};
  const void* place = &arguments.memory;
  EXPECT_OK(clEnqueueNativeKernel(
      queue,
      [](void* raw) {
        const auto* given = static_cast<Arguments*>(raw);
        for (int i = 0; i < 4; ++i) given->memory[i] += given->amount;
      },
      &arguments, sizeof arguments, 1, buffer.address(), &place, 0, nullptr, nullptr));
  CHECK(contents<int>(buffer, 4) == std::vector<int>({6, 7, 8, 9}));
  CHECK_CODE(clEnqueueNativeKernel(nullptr, body, &value, 4, 0, nullptr, nullptr, 0, nullptr, nullptr),
             CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(clEnqueueNativeKernel(queue, nullptr, &value, 4, 0, nullptr, nullptr, 0, nullptr, nullptr),
             CL_INVALID_VALUE);
  CHECK_CODE(clEnqueueNativeKernel(queue, body, nullptr, 4, 0, nullptr, nullptr, 0, nullptr, nullptr),
             CL_INVALID_VALUE);
  CHECK_CODE(clEnqueueNativeKernel(queue, body, nullptr, 0, 1, buffer.address(), &place, 0, nullptr, nullptr),
             CL_INVALID_VALUE);
  CHECK_CODE(clEnqueueNativeKernel(queue, body, &value, 0, 0, nullptr, nullptr, 0, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clEnqueueNativeKernel(queue, body, &value, 4, 1, nullptr, &place, 0, nullptr, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(clEnqueueNativeKernel(queue, body, &value, 4, 1, buffer.address(), nullptr, 0, nullptr, nullptr),
             CL_INVALID_VALUE);
  CHECK_CODE(clEnqueueNativeKernel(queue, body, &value, 4, 0, buffer.address(), nullptr, 0, nullptr, nullptr),
             CL_INVALID_VALUE);
}

TEST("5.10 native kernels run in their queue's order, and wait for their wait list") {
  const auto can = info<cl_device_exec_capabilities>(clGetDeviceInfo, rig().device, CL_DEVICE_EXECUTION_CAPABILITIES);
  if ((can & CL_EXEC_NATIVE_KERNEL) == 0) skip("no native kernels");
  struct Arguments {
    int* memory;
    int factor;
  };
  const auto multiply = [](void* raw) {
    const auto* given = static_cast<Arguments*>(raw);
    for (int i = 0; i < 1000; ++i) given->memory[i] *= given->factor;
  };
  for (const cl_command_queue_properties properties : {0, CL_QUEUE_PROFILING_ENABLE}) {
    const Queue queue = make_queue(properties), other = make_queue();
    Memory buffer = buffer_of(std::vector<int>(1000, 1));
    Kernel add = adder(buffer, 1);
    Event gate = user_event(), added, native, last;
    EXPECT_OK(launch(other, add, 1000, added.out(), {gate}));
    Arguments arguments{nullptr, 10};
    const void* place = &arguments.memory;
    EXPECT_OK(clEnqueueNativeKernel(queue, multiply, &arguments, sizeof arguments, 1, buffer.address(), &place, 1,
                                    added.address(), native.out()));
    arguments.factor = 0;  // it has been copied
    EXPECT_OK(launch(queue, add, 1000, last.out()));
    EXPECT_OK(clFlush(queue));
    EXPECT_OK(clFlush(other));
    EXPECT(status_of(native) > CL_COMPLETE);
    EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
    EXPECT_OK(clFinish(queue));
    EXPECT(status_of(native) == CL_COMPLETE);
    EXPECT(info<cl_command_type>(clGetEventInfo, native, CL_EVENT_COMMAND_TYPE) == CL_COMMAND_NATIVE_KERNEL);
    EXPECT(contents<int>(buffer, 1000) == std::vector<int>(1000, 21));
    if (properties == 0) continue;
    EXPECT(profile(native, CL_PROFILING_COMMAND_START) <= profile(native, CL_PROFILING_COMMAND_END));
    EXPECT(profile(last, CL_PROFILING_COMMAND_START) >= profile(native, CL_PROFILING_COMMAND_START));
  }
}

TEST("C 6.15.14 what kernels print reaches the standard output, in the queue's order") {
  Kernel kernel = make_kernel(launches(), "say");
  const Queue queue = make_queue();
  std::string wanted;
  const auto text = printed([&] {
    for (int i = 0; i < 20; ++i) {
      EXPECT_OK(set_arg(kernel, 0, i));
      EXPECT_OK(launch(queue, kernel, 1));
      wanted += "number " + std::to_string(i) + "\n";
    }
    EXPECT_OK(clFinish(queue));
  });
  EXPECT(text == wanted);
}

TEST("C 6.15.14 the conversions of printf") {
  Kernel kernel = make_kernel(launches(), "say_all");
  EXPECT_OK(set_arg(kernel, 0, 3.14159f));
  EXPECT_OK(set_arg(kernel, 1, cl_int4{{1, 2, 3, 4}}));
  EXPECT_OK(clSetKernelArg(kernel, 2, 4, nullptr));
  const Queue queue = make_queue();
  const auto text = printed([&] {
    EXPECT_OK(launch(queue, kernel, 1));
    EXPECT_OK(clFinish(queue));
  });
  CHECK(text.find(" 3.14|1,2,3,4|text|c|%|ff|00000042|7   |+5|1234567890123|-3\n") == 0);
  CHECK(text.find("1.500000,-2.000000|1.234568e+04|0.5|10\n") != std::string::npos);
}

TEST("C 6.15.14 every item's line is printed whole") {
  Kernel kernel = make_kernel(launches(), "say_each");
  const Queue queue = make_queue();
  const auto text = printed([&] {
    EXPECT_OK(launch(queue, kernel, 200));
    EXPECT_OK(clFinish(queue));
  });
  EXPECT(std::count(text.begin(), text.end(), '\n') == 200);
  for (int i = 0; i < 200; ++i) EXPECT(("\n" + text).find("\nitem " + std::to_string(i) + "\n") != std::string::npos);
}

}  // namespace conformance
