// OpenCL C: what kernels may say, run on a few values each. One program holds all kernels, so that it is built once.
#include <cmath>
#include <cstring>
#include <numeric>

#include "rig.h"

namespace conformance {
namespace {

constexpr const char* language_source = R"CL(
#pragma OPENCL EXTENSION cl_khr_global_int32_base_atomics : enable

kernel void places(global uint* out) {
  size_t at = (get_global_id(2) - get_global_offset(2)) * get_global_size(1) * get_global_size(0) +
              (get_global_id(1) - get_global_offset(1)) * get_global_size(0) + get_global_id(0) - get_global_offset(0);
  global uint* mine = out + at * 20;
  mine[0] = get_work_dim();
  for (int d = 0; d < 3; ++d) {
    mine[1 + d] = get_global_id(d); mine[4 + d] = get_local_id(d); mine[7 + d] = get_group_id(d);
    mine[10 + d] = get_local_size(d); mine[13 + d] = get_num_groups(d); mine[16 + d] = get_global_offset(d);
  }
  mine[19] = get_global_size(3) * 100 + get_local_size(3) * 10 + get_num_groups(3) + get_global_id(3) +
             get_local_id(3) + get_group_id(3) + get_global_offset(3);
}

kernel void loads(global const float* in, global float* out) {
  float2 two = vload2(1, in); float3 three = vload3(1, in); float4 four = vload4(1, in);
  float8 eight = vload8(1, in); float16 sixteen = vload16(1, in);
  vstore2(two, 0, out); vstore3(three, 0, out + 2); vstore4(four, 0, out + 5);
  vstore8(eight, 0, out + 9); vstore16(sixteen, 0, out + 17);
}
kernel void halves(global half* values, global float* out) {
  vstore_half(1.5f, 0, values); vstore_half4_rte((float4)(1, 2, 3, 4), 1, values);
  out[0] = vload_half(0, values);
  vstore4(vload_half4(1, values), 0, out + 1);
}
kernel void components(global int* out) {
  int4 a = (int4)(1, 2, 3, 4);
  int8 b = (int8)(a, a.wzyx);
  int3 c = a.zyx;
  a.xz = (int2)(9, 8);
  out[0] = a.x; out[1] = a.y; out[2] = a.z; out[3] = a.w; out[4] = b.s7; out[5] = b.hi.x; out[6] = b.even.y;
  out[7] = c.x + c.y * 10 + c.z * 100; out[8] = b.odd.w; out[9] = vec_step(c); out[10] = sizeof(int3);
  out[11] = (b.lo == a).x; out[12] = shuffle(a, (uint4)(3, 2, 1, 0)).x;
  out[13] = shuffle2(a, b.hi, (uint4)(0, 4, 1, 5)).y;
}
kernel void reinterpret(global uint* out) {
  out[0] = as_uint(1.0f); out[1] = as_int((uchar4)(1, 2, 3, 4)); out[2] = as_uint(as_float(0x40490fdbu));
  out[3] = as_ushort2(0x12345678).x; out[4] = as_uint4((float4)(0, 1, 2, -0.0f)).w;
}
kernel void convert(global int* out) {
  out[0] = convert_int(2.7f); out[1] = convert_int_rte(2.5f); out[2] = convert_int_rtp(2.1f);
  out[3] = convert_int_rtn(-2.1f); out[4] = convert_uchar_sat(300); out[5] = convert_char_sat(-300);
  out[6] = convert_int4((float4)(1.9f, -1.9f, 0, 7)).y; out[7] = convert_uchar_sat(-5); out[8] = (int)(char)200;
  out[9] = convert_short_sat(70000L); out[10] = convert_int_sat_rte(3.5f);
}
kernel void integers(global int* out) {
  out[0] = abs(-5); out[1] = abs_diff(-5, 7); out[2] = add_sat((char)120, (char)20); out[3] = hadd(7, 4);
  out[4] = rhadd(7, 4); out[5] = clz(1); out[6] = clamp(17, 0, 9); out[7] = mad_hi(1 << 30, 8, 5);
  out[8] = mad_sat((char)100, (char)2, (char)5); out[9] = max(3, 9); out[10] = min(3, 9); out[11] = mul_hi(1 << 30, 8);
  out[12] = rotate(0x80000001u, 1u); out[13] = sub_sat((uchar)5, (uchar)9); out[14] = upsample((short)1, (ushort)2);
  out[15] = popcount(0xF0F0); out[16] = mul24(1000, 1000); out[17] = mad24(1000, 1000, 1); out[18] = clz((uchar)1);
  out[19] = max((int4)(1, 5, 2, 8), 4).y;
}
kernel void common_ones(global float* out) {
  out[0] = clamp(5.f, 0.f, 1.f); out[1] = degrees(M_PI_F); out[2] = max(1.f, 2.f); out[3] = min(1.f, 2.f);
  out[4] = mix(0.f, 10.f, 0.25f); out[5] = radians(180.f); out[6] = step(1.f, 2.f); out[7] = smoothstep(0.f, 1.f, 0.5f);
  out[8] = sign(-3.f);
}
kernel void geometry(global float* out) {
  float4 a = (float4)(1, 2, 2, 0), b = (float4)(0, 3, 4, 0);
  float4 c = cross(a, b);
  out[0] = dot(a, b); out[1] = length(a); out[2] = distance(a, b); out[3] = normalize(b).y; out[4] = c.x;
  out[5] = c.y; out[6] = c.z; out[7] = fast_length(a); out[8] = dot((float3)(1, 2, 3), (float3)(4, 5, 6));
  out[9] = cross((float3)(1, 0, 0), (float3)(0, 1, 0)).z;
}
kernel void relations(global int* out) {
  float nan_ = as_float(0x7fc00000);
  out[0] = isequal(1.f, 1.f); out[1] = isnotequal(1.f, nan_); out[2] = isgreater(2.f, 1.f); out[3] = isless(nan_, 1.f);
  out[4] = isfinite(INFINITY); out[5] = isinf(INFINITY); out[6] = isnan(nan_); out[7] = isnormal(1.f);
  out[8] = isordered(1.f, nan_); out[9] = isunordered(1.f, nan_); out[10] = signbit(-1.f);
  out[11] = any((int4)(0, 0, -1, 0)); out[12] = all((int4)(-1, -1, 0, -1)); out[13] = bitselect(0xF0, 0x0F, 0x33);
  out[14] = select(1, 2, 1); out[15] = select((int4)(1), (int4)(2), (int4)(0, -1, 0, -1)).y;
  out[16] = isequal((float2)(1, 2), (float2)(1, 3)).x; out[17] = select((char)1, (char)2, (uchar)0);
  out[18] = isgreaterequal((float4)(1, 2, 3, 4), (float4)(2)).z; out[19] = islessgreater(1.f, 2.f);
}
kernel void mathematics(global float* out) {
  float whole; int exponent; int quotient; float cosine;
  out[0] = sqrt(2.f); out[1] = pow(2.f, 10.f); out[2] = fma(2.f, 3.f, 4.f); out[3] = floor(-1.5f); out[4] = rint(2.5f);
  out[5] = round(2.5f); out[6] = trunc(-1.5f); out[7] = fract(1.25f, &whole); out[8] = whole;
  out[9] = frexp(8.f, &exponent); out[10] = exponent; out[11] = ldexp(1.f, 4); out[12] = remquo(7.f, 2.f, &quotient);
  out[13] = quotient; out[14] = sincos(0.f, &cosine); out[15] = cosine; out[16] = exp2(3.f); out[17] = log2(8.f);
  out[18] = fmod(7.f, 4.f); out[19] = hypot(3.f, 4.f); out[20] = copysign(2.f, -1.f); out[21] = nextafter(1.f, 2.f);
  out[22] = native_sqrt(16.f); out[23] = half_recip(4.f); out[24] = rsqrt(4.f); out[25] = cbrt(27.f); out[26] = ilogb(8.f);
  out[27] = fmax(1.f, as_float(0x7fc00000)); out[28] = fdim(5.f, 3.f); out[29] = mad(2.f, 3.f, 4.f);
}
kernel void doubles(global double* out) {
#ifdef cl_khr_fp64
  out[0] = sqrt(2.0); out[1] = fma(2.0, 3.0, 4.0); out[2] = convert_double(1.5f) * 2; out[3] = as_double(0x3ff0000000000000L);
  out[4] = (double4)(1, 2, 3, 4).w; out[5] = 1.0 / 3.0; out[6] = pow(2.0, 60.0); out[7] = convert_double(1L << 53);
#endif
}
kernel void old_atomics(volatile global int* out, volatile local int* near) {
  if (get_local_id(0) == 0) { near[0] = 0; near[1] = 1000; }
  barrier(CLK_LOCAL_MEM_FENCE);
  atomic_inc(near); atomic_min(near + 1, (int)get_local_id(0) + 5);
  atomic_add(out, 2); atomic_sub(out + 1, 1); atomic_inc(out + 2); atomic_dec(out + 3);
  atomic_min(out + 4, (int)get_global_id(0)); atomic_max(out + 5, (int)get_global_id(0));
  atomic_and(out + 6, ~(1 << (get_global_id(0) % 8))); atomic_or(out + 7, 1 << (get_global_id(0) % 8));
  atomic_xor(out + 8, 1 << (get_global_id(0) % 8));
  int seen;
  do { seen = out[9]; } while (atomic_cmpxchg(out + 9, seen, seen + 3) != seen);
  barrier(CLK_LOCAL_MEM_FENCE);
  if (get_local_id(0) == 0) { atomic_add(out + 10, near[0]); atomic_xchg(out + 11, near[1]); }
}
kernel void copies(global const int* in, global int* out, local int* near) {
  event_t arrived = async_work_group_copy(near, in + get_group_id(0) * 32, 32, 0);
  wait_group_events(1, &arrived);
  near[get_local_id(0)] += 1;
  barrier(CLK_LOCAL_MEM_FENCE);
  event_t left = async_work_group_copy(out + get_group_id(0) * 32, near, 32, 0);
  wait_group_events(1, &left);
}
kernel void strided(global const int* in, global int* out, local int* near) {
  event_t arrived = async_work_group_strided_copy(near, in, 16, 3, 0);
  wait_group_events(1, &arrived);
  barrier(CLK_LOCAL_MEM_FENCE);
  event_t left = async_work_group_strided_copy(out, near, 16, 2, 0);
  wait_group_events(1, &left);
  prefetch(in, 8);
}
kernel void reduce(global const int* in, global int* out, local int* near) {
  size_t at = get_local_id(0);
  near[at] = in[get_global_id(0)];
  for (size_t half_size = get_local_size(0) / 2; half_size > 0; half_size /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (at < half_size) near[at] += near[at + half_size];
  }
  if (at == 0) out[get_group_id(0)] = near[0];
}
typedef union { int i; uchar bytes[4]; } Both;
typedef struct __attribute__((packed)) { char c; int i; short s; } Packed;
typedef struct { char c; float3 three; short s; } Loose;
constant int table[4] = {10, 20, 30, 40};
int helper(int depth) { switch (depth & 3) { case 0: return 1; case 1: return 2; default: return 3; } }
kernel void layouts(global int* out) {
  Both both; both.i = 0x01020304;
  out[0] = both.bytes[0]; out[1] = sizeof(Packed); out[2] = sizeof(Loose); out[3] = table[get_global_id(0) + 2];
  out[4] = sizeof(size_t); out[5] = sizeof(half); out[6] = sizeof(long); out[7] = sizeof(float3); out[8] = helper(7);
  int total = 0;
  for (int i = 0; i < 10; ++i) { if (i == 7) break; if (i & 1) continue; total += i; }
  out[9] = total; out[10] = true ? 5 : 6; out[11] = (3 > 2) + (2 && 0); out[12] = 7 / 2 + 7 % 4; out[13] = -7 >> 1;
  out[14] = (uchar)(250 + 10); out[15] = ((int4)(1, 2, 3, 4) > 2).z;
}
kernel void pieces(global int* out) {
  local int shared_[64];
  shared_[get_local_id(0)] = get_group_id(0) * 100 + get_local_id(0);
  barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
  out[get_global_id(0)] = shared_[get_local_size(0) - 1 - get_local_id(0)];
}
kernel void macros(global int* out) {
  out[0] = __OPENCL_VERSION__ >= 120; out[1] = CL_VERSION_1_2; out[2] = __ENDIAN_LITTLE__; out[3] = CHAR_BIT;
  out[4] = INT_MAX; out[5] = FLT_DIG; out[6] = __LINE__ > 0; out[7] = NULL == 0; out[8] = __OPENCL_C_VERSION__ >= 120;
#ifdef __IMAGE_SUPPORT__
  out[9] = 1;
#endif
}
)CL";

cl_program language() {
  static Program* program = new Program(build(language_source));
  return *program;
}

template <typename T>
std::vector<T> single(const char* name, std::size_t count) {
  Memory out = buffer_of(std::vector<T>(count, T(-77)));
  Kernel kernel = make_kernel(language(), name);
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  return contents<T>(out, count);
}

using Ints = std::vector<int>;

// Row by row, so that each value is compared on its own.
template <typename T>
bool near(const std::vector<T>& got, const std::vector<T>& wanted, double slack = 1e-5) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::abs(got[i] - wanted[i]) > slack * std::max(1.0, static_cast<double>(std::abs(wanted[i])))) {
      throw Failure{"value " + std::to_string(i) + " is " + std::to_string(got[i]) + ", not " +
                    std::to_string(wanted[i])};
    }
  }
  return true;
}

void same(const Ints& got, const Ints& wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (got[i] != wanted[i])
      throw Failure{"value " + std::to_string(i) + " is " + std::to_string(got[i]) + ", not " +
                    std::to_string(wanted[i])};
  }
}

}  // namespace

TEST("C 6.15.1 work-items know their place in one to three dimensions, with offsets and groups") {
  const std::size_t global[3] = {6, 4, 4}, local[3] = {3, 2, 1}, offset[3] = {5, 7, 11};
  for (cl_uint dimensions = 1; dimensions <= 3; ++dimensions) {
    std::size_t items = 1, whole[3] = {1, 1, 1}, group[3] = {1, 1, 1}, start[3] = {0, 0, 0};
    for (cl_uint d = 0; d < dimensions; ++d) {
      items *= global[d];
      whole[d] = global[d], group[d] = local[d], start[d] = offset[d];
    }
    Memory out = make_buffer(items * 80);
    Kernel kernel = make_kernel(language(), "places");
    EXPECT_OK(set_arg(kernel, 0, out));
    EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, kernel, dimensions, offset, global, local, 0, nullptr, nullptr));
    const auto got = contents<cl_uint>(out, items * 20);
    for (std::size_t item = 0; item < items; ++item) {
      const std::size_t at[3] = {item % whole[0], item / whole[0] % whole[1], item / whole[0] / whole[1]};
      const cl_uint* mine = &got[item * 20];
      EXPECT(mine[0] == dimensions);
      CHECK(mine[19] == 111);
      for (int d = 0; d < 3; ++d) {
        EXPECT(mine[1 + d] == at[d] + start[d]);
        EXPECT(mine[4 + d] == at[d] % group[d] && mine[7 + d] == at[d] / group[d]);
        EXPECT(mine[10 + d] == group[d] && mine[13 + d] == whole[d] / group[d] && mine[16 + d] == start[d]);
      }
    }
  }
}

TEST("C 6.15.8 vector loads and stores") {
  std::vector<float> in(32);
  std::iota(in.begin(), in.end(), 0.f);
  Memory from = buffer_of(in), to = make_buffer(33 * 4);
  Kernel kernel = make_kernel(language(), "loads");
  EXPECT_OK(set_arg(kernel, 0, from));
  EXPECT_OK(set_arg(kernel, 1, to));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  std::vector<float> wanted;
  for (const std::size_t width : {2u, 3u, 4u, 8u, 16u})
    wanted.insert(wanted.end(), in.begin() + width, in.begin() + 2 * width);
  EXPECT(contents<float>(to, 33) == wanted);
}

TEST("C 6.15.8 halves are loaded and stored") {
  Memory halves = make_buffer(32), out = make_buffer(20);
  Kernel kernel = make_kernel(language(), "halves");
  EXPECT_OK(set_arg(kernel, 0, halves));
  EXPECT_OK(set_arg(kernel, 1, out));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<float>(out, 5) == std::vector<float>({1.5f, 1, 2, 3, 4}));
}

TEST("C 6.3.7 vectors are built, swizzled and compared") {
  same(single<int>("components", 14), {9, 2, 8, 4, 1, 4, 3, 123, 1, 4, 16, 0, 4, 4});
}

TEST("C 6.4.4 reinterpretation keeps the bits") {
  const auto got = single<cl_uint>("reinterpret", 5);
  EXPECT(got == std::vector<cl_uint>({0x3f800000, 0x04030201, 0x40490fdb, 0x5678, 0x80000000}));
}

TEST("C 6.4.3 conversions round and saturate") {
  same(single<int>("convert", 11), {2, 2, 3, -3, 255, -128, -1, 0, -56, 32767, 4});
}

TEST("C 6.15.3 integer functions") {
  same(single<int>("integers", 20), {5, 12, 127, 5, 6, 31, 9, 7, 127, 9, 3, 2, 3, 0, 65538, 8, 1000000, 1000001, 7, 5});
}

TEST("C 6.15.4 common functions") {
  EXPECT(near(single<float>("common_ones", 9), {1, 180, 2, 1, 2.5f, 3.14159265f, 1, 0.5f, -1}));
}

TEST("C 6.15.5 geometric functions") {
  EXPECT(near(single<float>("geometry", 10), {14, 3, 2.44948974f, 0.6f, 2, -4, 3, 3, 32, 1}));
}

TEST("C 6.15.6 relational functions") {
  same(single<int>("relations", 20), {1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0xC3, 2, 2, -1, 1, -1, 1});
}

TEST("C 6.15.2 mathematical functions") {
  EXPECT(near(single<float>("mathematics", 30),
              {1.41421356f, 1024, 10, -2, 2, 3,  -1,          0.25f, 1,     0.5f, 4, 16, -1, 4, 0,
               1,           8,    3,  3,  5, -2, 1.00000012f, 4,     0.25f, 0.5f, 3, 3,  1,  2, 10},
              1e-3));
}

TEST("C 6.15.2 double precision, where it is offered") {
  if (info<cl_device_fp_config>(clGetDeviceInfo, rig().device, CL_DEVICE_DOUBLE_FP_CONFIG) == 0) skip("no doubles");
  EXPECT(near(single<double>("doubles", 8),
              {1.4142135623730951, 10, 3, 1, 4, 1.0 / 3, 1152921504606846976.0, 9007199254740992.0}, 1e-15));
}

TEST("C 6.15.12 atomics of OpenCL 1.2, in global and local memory") {
  std::vector<int> start(12, 0);
  start[1] = 1000, start[3] = 1000, start[4] = 5000, start[5] = -5, start[6] = 0xFF;
  Memory out = buffer_of(start);
  Kernel kernel = make_kernel(language(), "old_atomics");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(clSetKernelArg(kernel, 1, 8, nullptr));
  const std::size_t global = 256, local = 32;
  EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, kernel, 1, nullptr, &global, &local, 0, nullptr, nullptr));
  same(contents<int>(out, 12), {512, 744, 256, 744, 0, 255, 0, 0xFF, 0, 768, 256, 5});
}

TEST("C 6.15.11 asynchronous copies between global and local memory") {
  std::vector<int> in(128);
  std::iota(in.begin(), in.end(), 0);
  Memory from = buffer_of(in), to = make_buffer(512);
  Kernel kernel = make_kernel(language(), "copies");
  EXPECT_OK(set_arg(kernel, 0, from));
  EXPECT_OK(set_arg(kernel, 1, to));
  EXPECT_OK(clSetKernelArg(kernel, 2, 128, nullptr));
  const std::size_t global = 128, local = 32;
  EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, kernel, 1, nullptr, &global, &local, 0, nullptr, nullptr));
  auto wanted = in;
  for (int& value : wanted) ++value;
  EXPECT(contents<int>(to, 128) == wanted);
  Memory stride_to = buffer_of(std::vector<int>(32, -1));
  Kernel strided = make_kernel(language(), "strided");
  EXPECT_OK(set_arg(strided, 0, from));
  EXPECT_OK(set_arg(strided, 1, stride_to));
  EXPECT_OK(clSetKernelArg(strided, 2, 64, nullptr));
  const std::size_t eight = 8;
  EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, strided, 1, nullptr, &eight, &eight, 0, nullptr, nullptr));
  std::vector<int> spread(32, -1);
  for (int i = 0; i < 16; ++i) spread[static_cast<std::size_t>(i) * 2] = i * 3;
  EXPECT(contents<int>(stride_to, 32) == spread);
}

TEST("C 6.15.9 barriers in a reduction over local memory") {
  std::vector<int> in(512);
  std::iota(in.begin(), in.end(), 0);
  Memory from = buffer_of(in), to = make_buffer(32);
  Kernel kernel = make_kernel(language(), "reduce");
  EXPECT_OK(set_arg(kernel, 0, from));
  EXPECT_OK(set_arg(kernel, 1, to));
  EXPECT_OK(clSetKernelArg(kernel, 2, 256, nullptr));
  const std::size_t global = 512, local = 64;
  EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, kernel, 1, nullptr, &global, &local, 0, nullptr, nullptr));
  const auto got = contents<int>(to, 8);
  for (int i = 0; i < 8; ++i) EXPECT(got[static_cast<std::size_t>(i)] == 64 * 64 * i + 63 * 32);
}

TEST("C 6.9 local variables of a kernel belong to one group each") {
  Memory out = make_buffer(256 * 4);
  Kernel kernel = make_kernel(language(), "pieces");
  EXPECT_OK(set_arg(kernel, 0, out));
  const std::size_t global = 256, local = 64;
  EXPECT_OK(clEnqueueNDRangeKernel(rig().queue, kernel, 1, nullptr, &global, &local, 0, nullptr, nullptr));
  const auto got = contents<int>(out, 256);
  for (int i = 0; i < 256; ++i) EXPECT(got[static_cast<std::size_t>(i)] == i / 64 * 100 + 63 - i % 64);
}

TEST("C 6.3 types have their sizes, and control flow its way") {
  same(single<int>("layouts", 16), {4, 7, 48, 30, 8, 2, 8, 16, 3, 12, 5, 1, 6, -4, 4, -1});
}

TEST("C 6.12 predefined macros") {
  const int images = info<cl_bool>(clGetDeviceInfo, rig().device, CL_DEVICE_IMAGE_SUPPORT) == CL_TRUE ? 1 : -77;
  same(single<int>("macros", 10), {1, 120, 1, 8, 2147483647, 6, 1, 1, 1, images});
}

TEST("C 6.15.12 atomics of OpenCL 2.0, where they are offered") {
  constexpr const char* source = R"CL(
kernel void modern(volatile global atomic_int* total, global int* out) {
  atomic_fetch_add_explicit(total, 3, memory_order_relaxed, memory_scope_device);
  atomic_fetch_max_explicit(total + 1, (int)get_global_id(0), memory_order_relaxed, memory_scope_device);
  int expected = 0;
  if (atomic_compare_exchange_strong_explicit(total + 2, &expected, 7, memory_order_relaxed, memory_order_relaxed,
                                              memory_scope_device)) atomic_fetch_add_explicit(total + 3, 1,
                                              memory_order_relaxed, memory_scope_device);
  out[0] = 1;
}
)CL";
  cl_int code = CL_SUCCESS;
  const char* text = source;
  Program program = clCreateProgramWithSource(rig().context, 1, &text, nullptr, &code);
  EXPECT_OK(code);
  if (clBuildProgram(program, 1, &rig().device, "-cl-std=CL3.0", nullptr, nullptr) != CL_SUCCESS) skip("not offered");
  Memory total = buffer_of(Ints{0, -1, 0, 0}), out = make_buffer(4);
  Kernel kernel = make_kernel(program, "modern");
  EXPECT_OK(set_arg(kernel, 0, total));
  EXPECT_OK(set_arg(kernel, 1, out));
  EXPECT_OK(launch(rig().queue, kernel, 128));
  EXPECT(contents<int>(total, 4) == Ints({384, 127, 7, 1}));
}

TEST("C 6.3 OpenCL C 2.0 and 3.0 are accepted where the device lists them") {
  std::vector<cl_name_version> versions;
  std::size_t bytes = 0;
  EXPECT_OK(clGetDeviceInfo(rig().device, CL_DEVICE_OPENCL_C_ALL_VERSIONS, 0, nullptr, &bytes));
  versions.resize(bytes / sizeof(cl_name_version));
  EXPECT_OK(clGetDeviceInfo(rig().device, CL_DEVICE_OPENCL_C_ALL_VERSIONS, bytes, versions.data(), nullptr));
  for (const auto& version : versions) {
    const std::string option = "-cl-std=CL" + std::to_string(CL_VERSION_MAJOR(version.version)) + "." +
                               std::to_string(CL_VERSION_MINOR(version.version));
    if (CL_VERSION_MAJOR(version.version) == 1 && CL_VERSION_MINOR(version.version) == 0) continue;
    Program program = build("kernel void f(global int* out) { out[0] = __OPENCL_C_VERSION__; }", option);
    Memory out = make_buffer(4);
    Kernel kernel = make_kernel(program, "f");
    EXPECT_OK(set_arg(kernel, 0, out));
    EXPECT_OK(launch(rig().queue, kernel, 1));
    CHECK(contents<int>(out, 1)[0] ==
          static_cast<int>(CL_VERSION_MAJOR(version.version) * 100 + CL_VERSION_MINOR(version.version) * 10));
  }
}

TEST("C 6.9.1 a generic pointer, where it is offered") {
  if (info<cl_bool>(clGetDeviceInfo, rig().device, CL_DEVICE_GENERIC_ADDRESS_SPACE_SUPPORT) != CL_TRUE) {
    skip("no generic address space");
  }
  Program program = build(
      "int get(int* at) { return *at; }\n"
      "kernel void f(global int* out) { local int near; int own = 5; near = 7; out[0] = get(&near) + get(&own) + "
      "get(out + 1); }",
      "-cl-std=CL3.0");
  Memory out = buffer_of(Ints{0, 9});
  Kernel kernel = make_kernel(program, "f");
  EXPECT_OK(set_arg(kernel, 0, out));
  EXPECT_OK(launch(rig().queue, kernel, 1));
  EXPECT(contents<int>(out, 1)[0] == 21);
}

}  // namespace conformance
