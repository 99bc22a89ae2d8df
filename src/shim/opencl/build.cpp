// clBuildProgram, clCompileProgram, clLinkProgram.
//
// Without a callback they wait for the worker in the caller's thread. With one they return at once, a thread waits,
// and the callback runs on it (OpenCL 3.0, section 5.8.2).
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstring>
#include <functional>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "shim/opencl/build_options.h"
#include "shim/opencl/device.h"
#include "shim/opencl/error.h"
#include "shim/opencl/include_files.h"
#include "shim/opencl/program.h"
#include "shim/progress.h"

namespace sluice::opencl {
namespace {

using wire::BuildReply;
using wire::BuildRequest;
using wire::BuildVerb;
using wire::Outcome;

// Room for log and kernel traits in the first ask, so that no build is ever asked for twice. Address space only.
constexpr std::size_t reply_room_bytes = std::size_t{4} << 20;

std::string current_folder() {
  char path[PATH_MAX];
  return getcwd(path, sizeof path) != nullptr ? path : "";
}

// The request's bytes, in the arena for as long as this lives.
class RequestBlob {
 public:
  RequestBlob(shim::Session& session, const BuildRequest& request) : session_(session) {
    wire::Encoder encoder;
    encode(encoder, request);
    bytes_ = encoder.bytes().size();
    at_ = session_.arena().allocate_in_turn(bytes_);
    if (at_) std::memcpy(session_.arena().at(*at_), encoder.bytes().data(), bytes_);
  }
  RequestBlob(const RequestBlob&) = delete;
  RequestBlob& operator=(const RequestBlob&) = delete;
  ~RequestBlob() {
    if (at_) session_.arena().release(*at_);
  }
  std::optional<std::uint64_t> at() const { return at_; }
  std::size_t bytes() const { return bytes_; }

 private:
  shim::Session& session_;
  std::optional<std::uint64_t> at_;
  std::size_t bytes_ = 0;
};

BuildReply ask_worker(shim::Session& session, wire::ObjectId id, const BuildRequest& request) {
  BuildReply reply;
  const RequestBlob blob(session, request);
  if (!blob.at()) {
    reply.outcome = Outcome::out_of_resources;
    return reply;
  }
  wire::ProgramBuild command;
  command.id = id;
  command.request_at = *blob.at();
  command.request_bytes = blob.bytes();
  const shim::Answer answer = session.call(command, reply_room_bytes);
  wire::Decoder decoder(answer.data);
  reply = decode_build_reply(decoder);
  if (!decoder.ok()) reply = BuildReply{};
  if (answer.outcome != Outcome::ok) reply.outcome = answer.outcome;
  return reply;
}

// Never null: a lost worker is an attempt that failed.
std::shared_ptr<Build> attempt(shim::Session& session, const BuildRequest& request) {
  auto build = std::make_shared<Build>(session, session.mint());
  build->reply = ask_worker(session, build->id, request);
  return build;
}

// A build, compile or link that passed its checks. Holds everything that the attempt needs.
struct Order {
  Ref<_cl_program> program;
  std::string options;  // as the program gave them
  BuildRequest request;
  std::vector<BuildRef> inputs;  // of a link: kept alive until the worker is done with them
  bool argument_info_asked = false;
  bool uniform_work_groups = true;
  bool may_print = false;
};

bool may_print(std::string_view source) { return source.find("printf") != std::string_view::npos; }

cl_int carry_out(const Order& order) {
  _cl_program& program = *order.program;
  std::shared_ptr<Build> build;
  if (order.may_print) program.session().progress().expect_output();
  const cl_int error = guarded([&] {
    build = attempt(program.session(), order.request);
    build->options = order.options;
    build->argument_info_asked = order.argument_info_asked;
    build->uniform_work_groups = order.uniform_work_groups;
    return build->error();
  });
  program.end_build(std::move(build));
  return program.session().lost() ? program.context().report_lost() : error;
}

// Runs `work` on a thread of its own that takes none of the program's signals; on the caller's if there can be none.
template <typename Work>
void run_apart(Work work) {
  const auto shared = std::make_shared<Work>(std::move(work));
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    std::thread([shared] { (*shared)(); }).detach();
  } catch (const std::system_error&) {
    started = false;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!started) (*shared)();
}

using Notify = void(CL_CALLBACK*)(cl_program program, void* user_data);

// Carries the order out here, or apart if the program gave a callback.
cl_int dispatch(Order order, Notify notify, void* user_data) {
  if (notify == nullptr) return carry_out(order);
  run_apart([order = std::move(order), notify, user_data] {
    carry_out(order);
    notify(order.program.get(), user_data);
  });
  return CL_SUCCESS;
}

cl_int check_build_arguments(const DeviceRefs& devices, cl_uint device_count, const cl_device_id* device_list,
                             Notify notify, void* user_data) {
  if ((device_count == 0) != (device_list == nullptr)) return CL_INVALID_VALUE;
  if (notify == nullptr && user_data != nullptr) return CL_INVALID_VALUE;
  return holds_devices(devices, device_count, device_list) ? CL_SUCCESS : CL_INVALID_DEVICE;
}

Order order_for(_cl_program& program, BuildVerb verb, const char* options) {
  Order order;
  order.program = Ref<_cl_program>(&program);
  order.request.verb = verb;
  order.options = options != nullptr ? options : "";
  order.request.options = with_absolute_folders(order.options, current_folder());
  const bool from_source = program.origin() == ProgramOrigin::source;
  if (from_source) order.request.headers = find_headers(program.text(), include_folders(order.request.options));
  order.request.source = from_source ? with_names_of(order.request.headers, program.text()) : program.text();
  order.argument_info_asked = !from_source || has_option(order.options, "-cl-kernel-arg-info");
  order.uniform_work_groups = from_source && !allows_uneven_groups(order.options);
  order.may_print = program.origin() == ProgramOrigin::binary || may_print(program.text());  // a binary does not tell
  for (const wire::BuildHeader& header : order.request.headers) order.may_print |= may_print(header.source);
  return order;
}

cl_int add_headers(Order& order, cl_uint count, const cl_program* headers, const char** names) {
  if ((count == 0) != (headers == nullptr) || (count == 0) != (names == nullptr)) return CL_INVALID_VALUE;
  for (cl_uint i = 0; i < count; ++i) {
    if (!checked(headers[i])) return CL_INVALID_PROGRAM;
    if (names[i] == nullptr) return CL_INVALID_VALUE;
    if (headers[i]->origin() != ProgramOrigin::source) return CL_INVALID_OPERATION;
    auto& known = order.request.headers;  // the program's word counts for more than a file's
    std::erase_if(known, [&](const wire::BuildHeader& header) { return header.include_name == names[i]; });
    known.push_back({names[i], headers[i]->text()});
    order.may_print |= may_print(headers[i]->text());
  }
  return CL_SUCCESS;
}

// A binary that was never built is known to the worker only once it has been loaded there.
BuildRef loaded(_cl_program& program) {
  BuildRef build = program.last_build();
  if (build != nullptr || program.origin() != ProgramOrigin::binary) return build;
  if (program.begin_build() != CL_SUCCESS) return nullptr;
  carry_out(order_for(program, BuildVerb::build_binary, nullptr));
  return program.last_build();
}

cl_int add_inputs(Order& order, cl_context context, cl_uint count, const cl_program* programs) {
  if (count == 0 || programs == nullptr) return CL_INVALID_VALUE;
  order.argument_info_asked = true;
  for (cl_uint i = 0; i < count; ++i) {
    if (!checked(programs[i])) return CL_INVALID_PROGRAM;
    if (&programs[i]->context() != context) return CL_INVALID_CONTEXT;
    BuildRef build = loaded(*programs[i]);
    if (build == nullptr || !build->ok() || build->reply.binary_kind == wire::BinaryKind::executable)
      return CL_INVALID_OPERATION;
    order.argument_info_asked &= build->argument_info_asked;
    order.uniform_work_groups |= build->uniform_work_groups;
    order.request.inputs.push_back(build->id);
    order.inputs.push_back(std::move(build));
  }
  return CL_SUCCESS;
}

}  // namespace

}  // namespace sluice::opencl

using namespace sluice::opencl;

cl_int clBuildProgram(cl_program program, cl_uint num_devices, const cl_device_id* device_list, const char* options,
                      void(CL_CALLBACK* pfn_notify)(cl_program, void*), void* user_data) {
  if (!checked(program)) return CL_INVALID_PROGRAM;
  if (const cl_int error = check_build_arguments(program->devices(), num_devices, device_list, pfn_notify, user_data))
    return error;
  if (program->origin() == ProgramOrigin::linked) return CL_INVALID_OPERATION;
  const bool binary = program->origin() == ProgramOrigin::binary;
  return guarded([&] {
    Order order = order_for(*program, binary ? BuildVerb::build_binary : BuildVerb::build_source, options);
    if (const cl_int error = program->begin_build()) return error;
    return dispatch(std::move(order), pfn_notify, user_data);
  });
}

cl_int clCompileProgram(cl_program program, cl_uint num_devices, const cl_device_id* device_list, const char* options,
                        cl_uint num_input_headers, const cl_program* input_headers, const char** header_include_names,
                        void(CL_CALLBACK* pfn_notify)(cl_program, void*), void* user_data) {
  if (!checked(program)) return CL_INVALID_PROGRAM;
  if (const cl_int error = check_build_arguments(program->devices(), num_devices, device_list, pfn_notify, user_data))
    return error;
  if (program->origin() != ProgramOrigin::source) return CL_INVALID_OPERATION;
  return guarded([&] {
    Order order = order_for(*program, BuildVerb::compile, options);
    if (const cl_int error = add_headers(order, num_input_headers, input_headers, header_include_names)) return error;
    if (const cl_int error = program->begin_build()) return error;
    return dispatch(std::move(order), pfn_notify, user_data);
  });
}

cl_program clLinkProgram(cl_context context, cl_uint num_devices, const cl_device_id* device_list, const char* options,
                         cl_uint num_input_programs, const cl_program* input_programs,
                         void(CL_CALLBACK* pfn_notify)(cl_program, void*), void* user_data, cl_int* errcode_ret) {
  if (!checked(context)) return failed(errcode_ret, CL_INVALID_CONTEXT);
  if (const cl_int error = check_build_arguments(context->devices(), num_devices, device_list, pfn_notify, user_data))
    return failed(errcode_ret, error);
  return guarded(errcode_ret, [&]() -> cl_program {
    auto devices = num_devices != 0 ? take_devices(num_devices, device_list) : context->devices();
    auto program = Ref<_cl_program>::adopt(new _cl_program(*context, std::move(devices), ProgramOrigin::linked, ""));
    Order order = order_for(*program, BuildVerb::link, options);
    if (const cl_int error = add_inputs(order, context, num_input_programs, input_programs))
      return failed(errcode_ret, error);
    program->begin_build();  // no other thread has the program yet: this cannot be refused
    const cl_int error = dispatch(std::move(order), pfn_notify, user_data);
    set_error(errcode_ret, error);
    // A link that began has a program to ask for its log, even if it failed.
    return error == CL_SUCCESS || error == CL_LINK_PROGRAM_FAILURE ? program.leak() : nullptr;
  });
}
