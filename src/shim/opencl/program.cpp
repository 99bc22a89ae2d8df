#include "shim/opencl/program.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "shim/opencl/error.h"
#include "shim/opencl/info.h"
#include "shim/opencl/platform.h"

namespace sluice::opencl {
namespace {

// Room for a binary in the first ask. Address space only: pages that hold no answer are never touched.
constexpr std::size_t binary_room_bytes = std::size_t{8} << 20;

cl_int fetch_binary(const Build& build, std::shared_ptr<const std::string>& bytes) {
  wire::ProgramBinary command;
  command.id = build.id;
  const shim::Answer answer = build.session.call(command, binary_room_bytes);
  if (answer.outcome != wire::Outcome::ok) return error_of(answer.outcome);
  bytes = std::make_shared<const std::string>(reinterpret_cast<const char*>(answer.data.data()), answer.data.size());
  return CL_SUCCESS;
}

}  // namespace

Build::~Build() {
  if (session.lost()) return;
  wire::ObjectRelease command;
  command.id = id;
  session.post(command);
}

cl_int Build::error() const { return error_of(reply.outcome); }

}  // namespace sluice::opencl

using namespace sluice::opencl;

_cl_program::_cl_program(_cl_context& context, DeviceRefs devices, ProgramOrigin origin, std::string text)
    : context_(&context), devices_(std::move(devices)), origin_(origin), text_(std::move(text)) {}

cl_int _cl_program::begin_build() {
  std::lock_guard lock(mutex_);
  if (building_ || kernels_.load(std::memory_order_relaxed) != 0) return CL_INVALID_OPERATION;
  building_ = true;
  return CL_SUCCESS;
}

void _cl_program::end_build(BuildRef build) {
  std::lock_guard lock(mutex_);
  building_ = false;
  build_ = std::move(build);
  binary_.reset();
}

BuildRef _cl_program::last_build(cl_build_status* status) const {
  std::lock_guard lock(mutex_);
  if (status != nullptr) {
    *status = building_           ? CL_BUILD_IN_PROGRESS
              : build_ == nullptr ? CL_BUILD_NONE
              : build_->ok()      ? CL_BUILD_SUCCESS
                                  : CL_BUILD_ERROR;
  }
  return building_ ? nullptr : build_;
}

cl_int _cl_program::binary(std::shared_ptr<const std::string>& bytes) {
  BuildRef build;
  {
    std::lock_guard lock(mutex_);
    build = building_ ? nullptr : build_;
    bytes = binary_;
  }
  if (bytes != nullptr) return CL_SUCCESS;
  if (build == nullptr || !build->ok()) {
    bytes = std::make_shared<const std::string>(origin_ == ProgramOrigin::binary ? text_ : std::string());
    return CL_SUCCESS;
  }
  if (const cl_int error = fetch_binary(*build, bytes); error != CL_SUCCESS) return error;
  std::lock_guard lock(mutex_);
  if (build_ == build) binary_ = bytes;
  return CL_SUCCESS;
}

void _cl_program::drop_binary() {
  std::lock_guard lock(mutex_);
  binary_.reset();
}

namespace sluice::opencl {
namespace {

cl_int join_sources(cl_uint count, const char** strings, const size_t* lengths, std::string& text) {
  if (count == 0 || strings == nullptr) return CL_INVALID_VALUE;
  for (cl_uint i = 0; i < count; ++i) {
    if (strings[i] == nullptr) return CL_INVALID_VALUE;
    const bool terminated = lengths == nullptr || lengths[i] == 0;
    text.append(strings[i], terminated ? std::strlen(strings[i]) : lengths[i]);
  }
  return CL_SUCCESS;
}

// Whether it is a binary of this pool at all; whether it is whole and fits the device is found when it is built.
cl_int binary_status_of(const unsigned char* binary, size_t length) {
  if (binary == nullptr || length == 0) return CL_INVALID_VALUE;
  const std::string_view bytes(reinterpret_cast<const char*>(binary), length);
  return bytes.starts_with(wire::program_binary_magic) ? CL_SUCCESS : CL_INVALID_BINARY;
}

cl_program make_program(cl_context context, DeviceRefs devices, ProgramOrigin origin, std::string text,
                        cl_int* errcode_ret) {
  set_error(errcode_ret, CL_SUCCESS);
  return new _cl_program(*context, std::move(devices), origin, std::move(text));
}

// CL_PROGRAM_BINARIES: an array of one pointer per device, each to room for that device's binary, or null to skip it.
cl_int copy_binaries(_cl_program& program, const InfoReply& reply) {
  unsigned char** destinations = nullptr;
  const std::size_t count = program.devices().size();
  if (const cl_int error = reply.in_place<unsigned char*>(count, destinations); error != CL_SUCCESS) return error;
  if (destinations == nullptr) return CL_SUCCESS;
  const std::span wanted(destinations, count);
  if (std::all_of(wanted.begin(), wanted.end(), [](const auto* room) { return room == nullptr; })) return CL_SUCCESS;
  std::shared_ptr<const std::string> bytes;
  if (const cl_int error = program.binary(bytes); error != CL_SUCCESS) return error;
  for (unsigned char* room : wanted)
    if (room != nullptr) bytes->copy(reinterpret_cast<char*>(room), bytes->size());
  program.drop_binary();
  return CL_SUCCESS;
}

cl_int binary_sizes(_cl_program& program, const InfoReply& reply) {
  std::shared_ptr<const std::string> bytes;
  if (const cl_int error = program.binary(bytes); error != CL_SUCCESS) return error;
  return reply.array<size_t>(std::vector<size_t>(program.devices().size(), bytes->size()));
}

cl_int kernels_info(const _cl_program& program, cl_program_info name, const InfoReply& reply) {
  const BuildRef build = program.last_build();
  if (build == nullptr || !build->executable()) return CL_INVALID_PROGRAM_EXECUTABLE;
  if (name == CL_PROGRAM_NUM_KERNELS) return reply.value<size_t>(build->reply.kernels.size());
  std::string names;
  for (const wire::KernelTraits& kernel : build->reply.kernels) {
    if (!names.empty()) names += ';';
    names += kernel.name;
  }
  return reply.string(names);
}

cl_int program_info(_cl_program& program, cl_program_info name, const InfoReply& reply) {
  switch (name) {
    case CL_PROGRAM_REFERENCE_COUNT: return reply.value<cl_uint>(program.references());
    case CL_PROGRAM_CONTEXT: return reply.value<cl_context>(&program.context());
    case CL_PROGRAM_NUM_DEVICES: return reply.value<cl_uint>(static_cast<cl_uint>(program.devices().size()));
    case CL_PROGRAM_DEVICES: return devices_info(program.devices(), reply);
    case CL_PROGRAM_SOURCE:
      return reply.string(program.origin() == ProgramOrigin::source ? std::string_view(program.text()) : "");
    case CL_PROGRAM_IL: return reply.bytes(nullptr, 0);
    case CL_PROGRAM_BINARY_SIZES: return binary_sizes(program, reply);
    case CL_PROGRAM_BINARIES: return copy_binaries(program, reply);
    case CL_PROGRAM_NUM_KERNELS:
    case CL_PROGRAM_KERNEL_NAMES: return kernels_info(program, name, reply);
    case CL_PROGRAM_SCOPE_GLOBAL_CTORS_PRESENT:
    case CL_PROGRAM_SCOPE_GLOBAL_DTORS_PRESENT: return reply.value<cl_bool>(CL_FALSE);
    default: return CL_INVALID_VALUE;
  }
}

// Of the last attempt; before the first one, what the binary was that the program made it from.
wire::BinaryKind binary_kind(const _cl_program& program, const Build* build, cl_build_status status) {
  if (status == CL_BUILD_NONE && program.origin() == ProgramOrigin::binary) return wire::kind_of_binary(program.text());
  return build != nullptr && build->ok() ? build->reply.binary_kind : wire::BinaryKind::none;
}

cl_program_binary_type binary_type(wire::BinaryKind kind) {
  switch (kind) {
    case wire::BinaryKind::none: return CL_PROGRAM_BINARY_TYPE_NONE;
    case wire::BinaryKind::compiled_object: return CL_PROGRAM_BINARY_TYPE_COMPILED_OBJECT;
    case wire::BinaryKind::library: return CL_PROGRAM_BINARY_TYPE_LIBRARY;
    case wire::BinaryKind::executable: return CL_PROGRAM_BINARY_TYPE_EXECUTABLE;
  }
  return CL_PROGRAM_BINARY_TYPE_NONE;
}

}  // namespace
}  // namespace sluice::opencl

cl_program clCreateProgramWithSource(cl_context context, cl_uint count, const char** strings, const size_t* lengths,
                                     cl_int* errcode_ret) {
  if (!checked(context)) return failed(errcode_ret, CL_INVALID_CONTEXT);
  return guarded(errcode_ret, [&]() -> cl_program {
    std::string text;
    if (const cl_int error = join_sources(count, strings, lengths, text); error != CL_SUCCESS)
      return failed(errcode_ret, error);
    return make_program(context, context->devices(), ProgramOrigin::source, std::move(text), errcode_ret);
  });
}

cl_program clCreateProgramWithBinary(cl_context context, cl_uint num_devices, const cl_device_id* device_list,
                                     const size_t* lengths, const unsigned char** binaries, cl_int* binary_status,
                                     cl_int* errcode_ret) {
  if (!checked(context)) return failed(errcode_ret, CL_INVALID_CONTEXT);
  if (num_devices == 0 || device_list == nullptr || lengths == nullptr || binaries == nullptr)
    return failed(errcode_ret, CL_INVALID_VALUE);
  if (!holds_devices(context->devices(), num_devices, device_list)) return failed(errcode_ret, CL_INVALID_DEVICE);
  for (cl_uint i = 0; i < num_devices; ++i) {
    const cl_int status = binary_status_of(binaries[i], lengths[i]);
    if (binary_status != nullptr) binary_status[i] = status;
    if (status != CL_SUCCESS) return failed(errcode_ret, status);
  }
  return guarded(errcode_ret, [&] {
    // One for all: it is of the whole device, whichever of its parts it was asked for.
    std::string container(reinterpret_cast<const char*>(binaries[0]), lengths[0]);
    return make_program(context, take_devices(num_devices, device_list), ProgramOrigin::binary, std::move(container),
                        errcode_ret);
  });
}

cl_int clRetainProgram(cl_program program) {
  if (!checked(program)) return CL_INVALID_PROGRAM;
  program->retain();
  return CL_SUCCESS;
}

cl_int clReleaseProgram(cl_program program) {
  if (!checked(program)) return CL_INVALID_PROGRAM;
  program->release();
  return CL_SUCCESS;
}

cl_int clGetProgramInfo(cl_program program, cl_program_info param_name, size_t param_value_size, void* param_value,
                        size_t* param_value_size_ret) {
  if (!checked(program)) return CL_INVALID_PROGRAM;
  return guarded([&] {
    return program_info(*program, param_name, InfoReply(param_value_size, param_value, param_value_size_ret));
  });
}

cl_int clGetProgramBuildInfo(cl_program program, cl_device_id device, cl_program_build_info param_name,
                             size_t param_value_size, void* param_value, size_t* param_value_size_ret) {
  if (!checked(program)) return CL_INVALID_PROGRAM;
  if (!holds_device(program->devices(), device)) return CL_INVALID_DEVICE;
  const InfoReply reply(param_value_size, param_value, param_value_size_ret);
  cl_build_status status = CL_BUILD_NONE;
  const BuildRef build = program->last_build(&status);
  switch (param_name) {
    case CL_PROGRAM_BUILD_STATUS: return reply.value<cl_build_status>(status);
    case CL_PROGRAM_BUILD_OPTIONS: return reply.string(build != nullptr ? std::string_view(build->options) : "");
    case CL_PROGRAM_BUILD_LOG: return reply.string(build != nullptr ? std::string_view(build->reply.log) : "");
    case CL_PROGRAM_BINARY_TYPE:
      return reply.value<cl_program_binary_type>(binary_type(binary_kind(*program, build.get(), status)));
    case CL_PROGRAM_BUILD_GLOBAL_VARIABLE_TOTAL_SIZE: return reply.value<size_t>(0);
    default: return CL_INVALID_VALUE;
  }
}

// The compiler lives in the worker, whose driver keeps it loaded for its next use.
cl_int clUnloadCompiler() { return CL_SUCCESS; }

cl_int clUnloadPlatformCompiler(cl_platform_id platform) {
  return checked(platform) ? CL_SUCCESS : CL_INVALID_PLATFORM;
}
