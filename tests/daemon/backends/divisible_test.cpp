#include "daemon/backends/opencl/divisible.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace sluice::backend::opencl {
namespace {

constexpr auto never = Divisible::never, always = Divisible::always, if_local = Divisible::if_local_size_given;

Division division_of(const wire::BuildRequest& request, const std::string& kernel = "k") {
  return divisions_of(text_of(request), std::span(&kernel, 1)).at(kernel);
}

Divisible judge(const std::string& source, const std::string& kernel = "k", const std::string& options = "",
                const std::vector<wire::BuildHeader>& headers = {}) {
  wire::BuildRequest request;
  request.source = source;
  request.options = options;
  request.headers = headers;
  const Division division = division_of(request, kernel);
  INFO(describe(division));
  return division.divisible;
}

// A kernel k with this body, and functions before it.
Divisible body(const std::string& text, const std::string& before = "") {
  return judge(before + "\nkernel void k(global int* a, global int* b) {" + text + "}");
}

TEST_CASE("a kernel that only asks for its own global id may be cut") {
  CHECK(body("a[get_global_id(0)] = get_global_id(1) + get_work_dim();") == always);
  CHECK(judge("__kernel __attribute__((vec_type_hint(int))) void k(__global int* a) { *a = 1; }") == always);
}

TEST_CASE("a kernel that asks for its launch's shape is never cut") {
  for (const char* name :
       {"get_group_id", "get_num_groups", "get_global_size", "get_global_offset", "get_global_linear_id"})
    CHECK(body("a[0] = " + std::string(name) + "(0);") == never);
  CHECK(body("a[0] = __builtin_amdgcn_workgroup_id_x();") == never);
  CHECK(body("asm volatile (\"mov.u32 %0, %ctaid.x;\" : \"=r\"(a[0]));") == never);
  CHECK(body("a[0] = _Z12get_group_idj(0);") == never);
}

TEST_CASE("a kernel that enqueues kernels or uses pipes is never cut") {
  CHECK(body("enqueue_kernel(get_default_queue(), 0, r, ^{ a[0] = 1; });") == never);
  CHECK(judge("kernel void k(read_only pipe int p) { int x; read_pipe(p, &x); }") == never);
}

TEST_CASE("a kernel that can see its work-group is cut only if the program says its size") {
  for (const char* text : {"a[0] = get_local_id(0);", "a[0] = get_local_size(0);", "barrier(CLK_GLOBAL_MEM_FENCE);",
                           "local int x[4];", "__local int x[4];", "a[0] = sub_group_reduce_add(b[0]);",
                           "a[0] = work_group_any(b[0]);", "a[0] = get_enqueued_local_size(0);"})
    CHECK(body(text) == if_local);
  CHECK(judge("kernel void k(__local float* a) { }") == if_local);
}

TEST_CASE("what comments and strings say does not count") {
  CHECK(body("a[0] = 1; // get_group_id(0)\n/* get_num_groups(0) \n */ b[0] = 2;") == always);
  CHECK(body("printf(\"get_group_id %d\\n\", a[0]);") == always);
}

TEST_CASE("a function that a kernel calls is judged with it, through others too") {
  const std::string chain = "int deep(int x) { return get_num_groups(x); }\nint mid(int x) { return deep(x) + 1; }";
  CHECK(body("a[0] = mid(0);", chain) == never);
  CHECK(body("a[0] = 0;", chain) == always);
  CHECK(body("a[0] = f(0);", "int f(int);\nint f(int x)\n{ if (x) { return f(x - 1); } return get_local_id(0); }") ==
        if_local);
  CHECK(
      judge("kernel void k(global int* a) { other(a); }\nkernel void other(global int* a) { *a = get_group_id(0); }") ==
      never);
}

TEST_CASE("a function that only other kernels call does not count") {
  const std::string source =
      "int helper(void) { return get_group_id(0); }\n"
      "kernel void k(global int* a) { *a = get_global_id(0); }\n"
      "kernel void other(global int* a) { *a = helper(); }\n";
  CHECK(judge(source) == always);
  CHECK(judge(source, "other") == never);
}

TEST_CASE("macros are looked through, from the options too") {
  CHECK(body("a[0] = GROUP;", "#define GROUP get_group_id(0)") == never);
  CHECK(body("a[0] = G(0);", "#define I(d) get_group_id(d)\n#define G(x) \\\n  I(x)") == never);
  CHECK(body("a[0] = G(get_group_id);", "#define G(f) f(0)") == never);
  CHECK(body("a[0] = get_global_id(0);", "#define get_global_id(d) get_group_id(d)") == never);
  CHECK(judge("kernel void k(global int* a) { *a = G; }", "k", "-DG=get_group_id(0)") == never);
  CHECK(judge("kernel void k(global int* a) { *a = G; }", "k", "-w -D \"G=get_group_id(0) + 1\"") == never);
  CHECK(judge("kernel void k(global int* a) { *a = G; }", "k", "-D G=1 -DH=get_group_id(0)") == always);
}

TEST_CASE("of several definitions under an #if all count") {
  CHECK(body("a[0] = G;", "#ifdef X\n#define G 1\n#else\n#define G get_group_id(0)\n#endif") == never);
  CHECK(body("a[0] = f();", "#if X\nint f() { return 1; }\n#else\nint f() { return get_group_id(0); }\n#endif") ==
        never);
  const std::string two_heads =
      "#ifdef X\nkernel void k(global int* a) {\n#else\nkernel void k(global int* a, int b) {\n#endif\n";
  CHECK(judge(two_heads + "*a = 1; }") == always);
  CHECK(judge(two_heads + "*a = get_group_id(0); }\nint unused() { return 0; }") == never);
  const std::string two_loops = "\n#ifdef X\nfor (;;) {\n#else\nwhile (1) {\n#endif\na[0] = 1; }\n";
  CHECK(body(two_loops, "int unused() { return get_group_id(0); }") == always);
}

TEST_CASE("where braces do not add up, every word of the program counts") {
  const std::string open = "#define BEGIN {\n#define END }\nint other() { return get_group_id(0); }\n";
  CHECK(judge(open + "kernel void k(global int* a) BEGIN *a = 1; END") == never);
  CHECK(body("if (a[0]) BEGIN a[0] = 1; }", "#define BEGIN {") == always);
  CHECK(body("if (a[0]) BEGIN a[0] = 1; }", open) == never);
}

TEST_CASE("where macros make functions, every word of the program counts") {
  const std::string make = "#define MAKE(name, what) kernel void name(global int* a) { *a = what; }\n";
  CHECK(judge(make + "MAKE(k, get_global_id(0))") == always);
  CHECK(judge(make + "MAKE(k, get_global_id(0))\nMAKE(other, get_group_id(0))") == never);
  const std::string helper = "#define HELPER(name) int name(int x) { return WHERE(x); }\nHELPER(f)\n";
  CHECK(body("a[0] = f(0);", "#define WHERE get_group_id\n" + helper) == never);
  CHECK(body("a[0] = f(0);", "#define WHERE get_global_id\n" + helper) == always);
}

TEST_CASE("a function whose name a macro makes may be any that is called") {
  const std::string tells = "{ return get_group_id(x); }\n", harmless = "{ return x; }\n";
  for (const std::string head : {"#define f g\nint f(int x) ", "#define FN(x) x##_of_int\nint FN(g)(int x) "}) {
    CHECK(body("a[0] = g(0) + g_of_int(0);", head + tells) == never);
    CHECK(body("a[0] = g(0) + g_of_int(0);", head + harmless) == always);
  }
  CHECK(body("a[0] = 1;", "#define GROUP(n) __attribute__((reqd_work_group_size(n, 1, 1)))\nGROUP(8) int f(int x) " +
                              tells) == always);
  CHECK(
      body("a[0] = 1;",
           "#ifdef IS_CUDA\nbool operator != (const u32x a, const u32 b) { return a.s0 != b; }\n#endif\nint f(int x) " +
               tells) == always);
  CHECK(body("a[0] = g(0);", "#define HEAD g(int x)\nint HEAD " + tells) == never);
  CHECK(body("a[0] = g(0);",
             "struct point { int x; };\nconstant int table[] = { 1, 2 };\nint unused(int x) " + tells) == always);
}

TEST_CASE("a name that may be pasted together counts as named") {
  const std::string paste = "#define CAT(a, b) a##b\n";
  CHECK(body("a[0] = CAT(get_group, _id)(0);", paste) == never);
  CHECK(body("a[0] = CAT(get_, group_id)(0);", paste) == never);
  CHECK(body("a[0] = G(group)(0);", "#define G(what) get_ ## what ## _id\n") == never);
  CHECK(body("CAT(float, 4) x = convert_float4(a[0]);", paste + "int unused() { return get_group_id(0); }") == always);
  const std::string impl =
      "#define CALL(n) impl_##n\nint impl_one() { return get_group_id(0); }\nint impl_two() { return 2; }\n";
  CHECK(body("a[0] = CALL(one)();", impl) == never);
  CHECK(body("a[0] = impl_two();", impl) == always);
}

TEST_CASE("headers that came along are read, and one that is nowhere is not taken") {
  const std::string source = "#include \"g.h\"\nkernel void k(global int* a) { *a = G; }\n";
  CHECK(judge(source, "k", "", {{"g.h", "#define G get_group_id(0)\n"}}) == never);
  CHECK(judge(source, "k", "", {{"sub/g.h", "#define G get_global_id(0)\n"}}) == always);
  CHECK(judge(source) == always);
  const std::string unused = "int unused() { return get_group_id(0); }";
  CHECK(judge("#if 0\n#include <metal_stdlib>\n#endif\nkernel void k(global int* a) { *a = 1; }" + unused) == always);
  CHECK(judge("#include NAME_OF(g) \nkernel void k(global int* a) { *a = 1; }" + unused) == always);
  CHECK(judge("#include NAME\nkernel void k(global int* a) { *a = 1; }") == never);
  CHECK(judge("#define NAME <g.h>\n#include NAME\nkernel void k(global int* a) { *a = G; }", "k", "",
              {{"g.h", "#define G get_group_id(0)\n"}}) == never);
  CHECK(judge("kernel void k(global int* a) {\n#include \"g.h\"\n}\n", "k", "", {{"g.h", "*a = get_group_id(0);"}}) ==
        never);
  CHECK(judge("kernel void k(global int* a) {\n#include \"g.h\"\n}\n", "k", "", {{"g.h", "*a = 1;"}}) == always);
}

TEST_CASE("headers are read from the folders of the options, by a name that a macro makes too") {
  std::string folder = (std::filesystem::temp_directory_path() / "sluice-text-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  std::filesystem::create_directory(folder + "/deep");
  std::ofstream(folder + "/deep/g.h") << "#include \"beside.h\"\n";
  std::ofstream(folder + "/deep/beside.h") << "#define G get_group_id(0)\n";
  const std::string kernel = "\nkernel void k(global int* a) { *a = G; }\n";
  CHECK(judge("#include <deep/g.h>" + kernel, "k", "-I " + folder) == never);
  CHECK(judge("#include M2S(INCLUDE_PATH/deep/g.h)" + kernel, "k", "-D M2S(x)=#x -D INCLUDE_PATH=" + folder) == never);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a text with names that cannot be read is never cut") {
  CHECK(body("a[0] = get\\u005fgroup_id(0);") == never);
  CHECK(body("a[0] = 1; ?\?<") == never);
}

TEST_CASE("a kernel written with hashcat's macros may be cut") {
  const std::string source =
      "#define IS_OPENCL\n#if defined IS_CUDA\n#define KERNEL_FQ extern \"C\" __global__\n#else\n"
      "#define KERNEL_FQ __kernel\n#endif\n#define DECLSPEC inline static\n"
      "#define hc_atomic_inc(p) atomic_inc (p)\n#define KERN_ATTR_RULES() __global int* pws, const uint GID_CNT\n"
      "DECLSPEC void mark (__global volatile uint* n) { if (hc_atomic_inc (n) == 0) { n[1] = 1; } }\n"
      "KERNEL_FQ void m00000_m04 (KERN_ATTR_RULES ())\n{\n  const uint gid = get_global_id (0);\n"
      "  if (gid >= GID_CNT) return;\n  for (int i = 0; i < 8; i++) mark (pws);\n}\n";
  CHECK(judge(source, "m00000_m04") == always);
}

TEST_CASE("a loop that waits for what others write is never cut") {
  CHECK(body("while (atomic_load((atomic_int*)a) == 0);") == never);
  CHECK(body("while (atomic_or(a, 0) == 0) { }") == never);
  CHECK(body("do { } while (atom_add(&a[1], 0u) < 5);") == never);
  CHECK(body("while (atomic_fetch_add_explicit(a, 0, memory_order_relaxed) < 5) ;") == never);
  CHECK(body("while (*(volatile global int*)a == 0);") == never);
  CHECK(body("volatile global int* flag = a; for (;;) { if (flag[0]) break; }") == never);
  CHECK(body("while (a[0] == 0) mem_fence(CLK_GLOBAL_MEM_FENCE);") == never);
  CHECK(body("again: if (atomic_load(a) == 0) goto again;") == never);
  CHECK(body("while (!ready(a));", "bool ready(global int* a) { return atomic_load(a) != 0; }") == never);
  CHECK(body("WAIT(atomic_load(a));", "#define WAIT(c) while (!(c))") == never);
  CHECK(body("WAIT(a)", "#define WAIT(p) do { while (!atomic_load(p)); } while (0)\n") == never);
}

TEST_CASE("atomic operations that never wait do not count") {
  CHECK(body("for (int i = 0; i < 9; ++i) atomic_inc(&a[i]);") == always);
  CHECK(body("for (int i = 0; i < 9; ++i) { atomic_add(a + i, b[i]); atomic_min(a, 4); atomic_max(b, 7); }") == always);
  CHECK(body("for (;;) count(a);", "void count(volatile global int* n) { atomic_inc(n); }") == always);
  CHECK(body("int x = atomic_load(a); for (int i = 0; i < x; ++i) b[i] = i;") == always);
  CHECK(judge("kernel void k(volatile global int* h) { for (int i = 0; i < 9; ++i) atomic_add(&h[i], 1); }") == always);
  const std::string add =
      "void add(volatile global float* to, float x) { union { uint i; float f; } old, sum;\n"
      "do { old.f = *to; sum.f = old.f + x; } while (atomic_cmpxchg((volatile global uint*)to, old.i, sum.i) != "
      "old.i); }";
  CHECK(body("for (int i = 0; i < 9; ++i) add((global float*)a, 1);", add) == always);
}

TEST_CASE("what stands in the way is told") {
  wire::BuildRequest request;
  request.source = "kernel void k(global int* a) { *a = get_num_groups(0) + get_local_id(0); }";
  CHECK(describe(division_of(request)) == "never (uses get_num_groups)");
  request.source = "kernel void k(global int* a) { *a = get_local_id(0); }";
  CHECK(describe(division_of(request)) == "if a local size is given (uses get_local_id)");
  request.source = "kernel void k(global int* a) { while (atomic_load(a)); }";
  CHECK(describe(division_of(request)) == "never (may wait for other work-groups, with atomic_load)");
  request.source = "kernel void k(global int* a) { *a = 1; }";
  CHECK(describe(division_of(request)) == "always");
  CHECK(describe(Division{}) == "never (its text is not known)");
}

TEST_CASE("any bytes are read to their end") {
  std::uint32_t state = 12345;
  const std::string_view alphabet = "{}()#\n\\\"'/*;^<>%:=?, \tdefine if else for while do k a 0";
  for (int round = 0; round < 2000; ++round) {
    std::string source;
    for (int i = 0; i < 60; ++i)
      source.push_back(alphabet[(state = state * 1664525 + 1013904223) / 65536 % alphabet.size()]);
    judge(source);
  }
}

}  // namespace
}  // namespace sluice::backend::opencl
