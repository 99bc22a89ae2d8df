// Shared virtual memory of a context, by address.
#include "shim/opencl/svm_allocations.h"

#include "shim/opencl/memory.h"
#include "tests/shim/opencl_fixture.h"

using namespace sluice::test;
using sluice::opencl::Ref;
using sluice::opencl::SvmAllocations;

namespace {

Ref<_cl_mem> allocate(Program& program, std::size_t bytes) { return Ref<_cl_mem>::adopt(program.make_buffer(bytes)); }

}  // namespace

TEST_CASE("an allocation is found by every range inside it, and by none that leaves it") {
  Program program;
  SvmAllocations all;
  auto* const first = static_cast<std::byte*>(all.add(allocate(program, 4096)));
  auto* const second = static_cast<std::byte*>(all.add(allocate(program, 4096)));
  for (std::byte* place : {first, second}) {
    const auto inside = all.find(place + 100, 3996);
    REQUIRE(inside);
    CHECK(inside->offset == 100);
    CHECK(inside->buffer->contents() == place);
    CHECK_FALSE(all.find(place + 100, 3997));
  }
  CHECK_FALSE(all.find(std::min(first, second) - 1, 1));
  CHECK_FALSE(all.find(nullptr, 0));
}

TEST_CASE("an allocation is taken by its first byte alone, once") {
  Program program;
  SvmAllocations all;
  auto* const place = static_cast<std::byte*>(all.add(allocate(program, 4096)));
  CHECK_FALSE(all.take(place + 1));
  CHECK(all.take(place));
  CHECK_FALSE(all.take(place));
  CHECK_FALSE(all.find(place, 1));
}

TEST_CASE("a context finds its own allocations, and no other's") {
  Program program;
  cl_context other = clCreateContext(nullptr, 1, &program.device, nullptr, nullptr, &program.error);
  REQUIRE(other != nullptr);
  void* const place = program.context->svm().add(allocate(program, 4096));
  CHECK(program.context->svm().find(place, 4096));
  CHECK_FALSE(other->svm().find(place, 1));
  clSVMFree(other, place);
  CHECK(program.context->svm().find(place, 4096));
  clSVMFree(program.context, place);
  CHECK_FALSE(program.context->svm().find(place, 1));
  clReleaseContext(other);
}

TEST_CASE("an allocation keeps its context until it is freed") {
  Program program;
  cl_context context = clCreateContext(nullptr, 1, &program.device, nullptr, nullptr, &program.error);
  bool gone = false;
  REQUIRE(clSetContextDestructorCallback(
              context, [](cl_context, void* flag) { *static_cast<bool*>(flag) = true; }, &gone) == CL_SUCCESS);
  auto buffer = Ref<_cl_mem>::adopt(clCreateBuffer(context, CL_MEM_READ_WRITE, 4096, nullptr, &program.error));
  void* const place = context->svm().add(std::move(buffer));
  REQUIRE(clReleaseContext(context) == CL_SUCCESS);
  CHECK_FALSE(gone);
  clSVMFree(context, place);
  CHECK(gone);
}
