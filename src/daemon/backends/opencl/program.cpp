#include <algorithm>
#include <cctype>

#include "base/log.h"
#include "daemon/backends/opencl/describe.h"
#include "daemon/backends/opencl/device.h"
#include "daemon/backends/opencl/include_lines.h"

namespace sluice::backend::opencl {
namespace {

using wire::BuildReply;
using wire::BuildRequest;
using wire::BuildVerb;

constexpr std::size_t log_bytes_max = 1 << 20;
// Always given, so that the kinds of a kernel's arguments are known; programs may ask for them or not.
constexpr char always_options[] = " -cl-kernel-arg-info";

ProgramHandle source_program(cl_context context, const std::string& source, cl_int& error) {
  const char* text = source.data();
  const std::size_t bytes = source.size();
  return ProgramHandle(clCreateProgramWithSource(context, 1, &text, &bytes, &error));
}

std::string build_log(cl_program program, cl_device_id device) {
  std::string log = text_of(asking(clGetProgramBuildInfo, program, device), CL_PROGRAM_BUILD_LOG);
  if (log.size() > log_bytes_max) log.resize(log_bytes_max);
  return log;
}

// Does the text take in files, whose contents the cache's key cannot know?
bool includes_files(const std::string& source) {
  for (std::size_t at = source.find("include"); at != std::string::npos; at = source.find("include", at + 1)) {
    std::size_t before = at;
    while (before > 0 && (source[before - 1] == ' ' || source[before - 1] == '\t')) --before;
    if (before > 0 && (source[before - 1] == '#' || source[before - 1] == ':')) return true;  // "#" or "%:"
  }
  return false;
}

BuildReply failed(Outcome outcome, std::string log = {}) {
  BuildReply reply;
  reply.outcome = outcome;
  reply.log = std::move(log);
  return reply;
}

std::map<std::string, KernelNotes> notes_of(const ProgramObject& program) {
  std::map<std::string, KernelNotes> notes;
  for (const wire::KernelTraits& kernel : program.kernels) notes[kernel.name].attributes = kernel.attributes;
  for (const auto& [kernel, division] : program.divisions) notes[kernel].division = division;
  return notes;
}

Divisions divisions_of(const ProgramText& text, const std::vector<wire::KernelTraits>& kernels) {
  std::vector<std::string> names;
  for (const wire::KernelTraits& kernel : kernels) names.push_back(kernel.name);
  return divisions_of(text, names);
}

// Of all that is linked together; nothing if some of it is not known.
std::optional<ProgramText> text_of(std::span<Program* const> inputs) {
  ProgramText all;
  for (Program* input : inputs) {
    const auto& text = static_cast<ProgramObject*>(input)->text;
    if (!text) return std::nullopt;
    all.parts.insert(all.parts.end(), text->parts.begin(), text->parts.end());
    all.complete &= text->complete;
  }
  return all;
}

void log_divisions(const Divisions& divisions) {
  for (const auto& [kernel, division] : divisions) log::debug("kernel {} may be cut: {}", kernel, describe(division));
}

// Counts as activity while it lives, and the end as the latest.
class Busy {
 public:
  explicit Busy(Activity& activity) : activity_(activity) { activity_.in_flight.fetch_add(1); }
  ~Busy() {
    activity_.last_ended_ns.store(now_ns());
    activity_.in_flight.fetch_sub(1);
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  Activity& activity_;
};

}  // namespace

BuildReply OpenClDevice::build(const BuildRequest& request, std::span<Program* const> inputs,
                               std::unique_ptr<Program>& program) {
  const Busy busy(activity_);
  if (request.options.find('\0') != std::string::npos) return failed(Outcome::invalid_build_options);
  auto built = std::make_unique<ProgramObject>();
  BuildReply reply;
  switch (request.verb) {
    case BuildVerb::build_source: reply = build_source(request, *built); break;
    case BuildVerb::build_binary: reply = build_binary(request, *built); break;
    case BuildVerb::compile: reply = compile(request, *built); break;
    case BuildVerb::link: reply = link(request, inputs, *built); break;
  }
  if (reply.outcome != Outcome::ok) return reply;
  log_divisions(built->divisions);
  program = std::move(built);
  return reply;
}

// Reads off the driver how a build ended, and what it made.
BuildReply OpenClDevice::describe(ProgramObject& program, cl_int error, Outcome if_failed) const {
  BuildReply reply;
  if (program.handle) reply.log = build_log(program.handle.get(), device_);
  reply.outcome = outcome_of(error);
  if (error == CL_BUILD_PROGRAM_FAILURE) reply.outcome = if_failed;  // some drivers say it of every verb
  if (reply.outcome != Outcome::ok) return reply;
  program.kind = binary_kind_of(program.handle.get(), device_);
  reply.binary_kind = program.kind;
  if (program.kind == wire::BinaryKind::executable) program.kernels = describe_kernels(program.handle.get(), device_);
  for (wire::KernelTraits& kernel : program.kernels) {
    if (quirks_.large_work_groups) kernel.work_group_size_max = traits_.work_group_size_max;
    if (quirks_.local_bytes_doubled) kernel.local_bytes /= 2;
  }
  reply.kernels = program.kernels;
  return reply;
}

Digest OpenClDevice::build_key(const BuildRequest& request) const {
  Hasher hasher;
  hasher.add(std::as_bytes(std::span(make_)));
  hasher.add(std::as_bytes(std::span(&container_version, 1)));
  hasher.add_field(request.source);
  hasher.add_field(request.options);
  return hasher.finish();
}

bool OpenClDevice::load_binary(const std::string& native, const std::string& options, ProgramObject& program) const {
  cl_int error = CL_SUCCESS, status = CL_SUCCESS;
  const auto* bytes = reinterpret_cast<const unsigned char*>(native.data());
  const std::size_t size = native.size();
  program.handle =
      ProgramHandle(clCreateProgramWithBinary(context_.get(), 1, &device_, &size, &bytes, &status, &error));
  if (error != CL_SUCCESS || status != CL_SUCCESS) return false;
  return clBuildProgram(program.handle.get(), 1, &device_, (options + always_options).c_str(), nullptr, nullptr) ==
         CL_SUCCESS;
}

BuildReply OpenClDevice::load(BinaryContainer container, const std::string& options, ProgramObject& program) const {
  if (!load_binary(container.native, options, program)) return failed(Outcome::invalid_binary);
  BuildReply reply = describe(program, CL_SUCCESS, Outcome::invalid_binary);
  for (wire::KernelTraits& kernel : program.kernels) {
    const KernelNotes& notes = container.kernels[kernel.name];
    if (kernel.attributes.empty()) kernel.attributes = notes.attributes;
    program.divisions[kernel.name] = notes.division;
  }
  reply.kernels = program.kernels;
  return reply;
}

BuildReply OpenClDevice::build_source(const BuildRequest& request, ProgramObject& program) {
  if (includes_files(request.source)) return build_anew(request, program);
  const Digest key = build_key(request);
  return build_once(key, program, [&] {
    return cache_.is_open() ? build_cached(request, key, program) : build_anew(request, program);
  });
}

template <typename Build>
BuildReply OpenClDevice::build_once(const Digest& key, ProgramObject& program, Build build) {
  if (traits_.global_variable_bytes_max != 0) return build();
  if (auto recent = recent_builds_.find(key)) {
    program.handle = std::move(recent->program);
    program.kind = recent->reply.binary_kind;
    program.kernels = recent->reply.kernels;
    program.divisions = std::move(recent->divisions);
    return recent->reply;
  }
  BuildReply reply = build();
  if (reply.outcome == Outcome::ok) recent_builds_.keep(key, program.handle.get(), reply, program.divisions);
  return reply;
}

BuildReply OpenClDevice::build_cached(const BuildRequest& request, const Digest& key, ProgramObject& program) {
  if (auto cached = cache_.find(key, make_)) {
    std::string log = cached->log;
    const BuildCache::LoadMark mark = cache_.mark_loading(key);
    BuildReply reply = load(std::move(*cached), request.options, program);
    reply.log = std::move(log);
    if (reply.outcome == Outcome::ok) return reply;
  }
  BuildReply reply = build_anew(request, program);
  if (reply.outcome == Outcome::ok && clRetainProgram(program.handle.get()) == CL_SUCCESS)
    saver_->add({ProgramHandle(program.handle.get()),
                 key,
                 {program.kind, make_, reply.log, {}, notes_of(program)},
                 program.kernels.size()});
  return reply;
}

BuildReply OpenClDevice::build_anew(const BuildRequest& request, ProgramObject& program) {
  // Headers that the jail hides from the compiler came with the request, and only a compile takes such.
  if (!request.headers.empty()) return build_with_headers(request, program);
  cl_int error = CL_SUCCESS;
  program.handle = source_program(context_.get(), request.source, error);
  if (error != CL_SUCCESS) return failed(outcome_of(error));
  error =
      clBuildProgram(program.handle.get(), 1, &device_, (request.options + always_options).c_str(), nullptr, nullptr);
  BuildReply reply = describe(program, error, Outcome::build_failed);
  if (reply.outcome == Outcome::ok) program.divisions = divisions_of(text_of(request), program.kernels);
  return reply;
}

BuildReply OpenClDevice::build_with_headers(const BuildRequest& request, ProgramObject& program) {
  ProgramObject compiled;
  BuildReply reply = compile(request, compiled);
  if (reply.outcome == Outcome::compile_failed) reply.outcome = Outcome::build_failed;
  if (reply.outcome == Outcome::invalid_compiler_options) reply.outcome = Outcome::invalid_build_options;
  if (reply.outcome != Outcome::ok) return reply;
  Program* const inputs[] = {&compiled};
  std::string log = std::move(reply.log);
  reply = link({}, inputs, program);
  if (reply.outcome == Outcome::link_failed) reply.outcome = Outcome::build_failed;
  reply.log.insert(0, log);
  return reply;
}

BuildReply OpenClDevice::build_binary(const BuildRequest& request, ProgramObject& program) {
  auto container = unpack(request.source, make_);
  if (!container) return failed(Outcome::invalid_binary);
  if (container->kind == wire::BinaryKind::executable)
    return build_once(build_key(request), program,
                      [&] { return load(std::move(*container), request.options, program); });
  // A compiled object or a library: food for a later link, nothing to build.
  cl_int error = CL_SUCCESS, status = CL_SUCCESS;
  const auto* bytes = reinterpret_cast<const unsigned char*>(container->native.data());
  const std::size_t size = container->native.size();
  program.handle =
      ProgramHandle(clCreateProgramWithBinary(context_.get(), 1, &device_, &size, &bytes, &status, &error));
  if (error != CL_SUCCESS || status != CL_SUCCESS) return failed(Outcome::invalid_binary);
  program.kind = container->kind;
  BuildReply reply;
  reply.outcome = Outcome::ok;
  reply.binary_kind = program.kind;
  return reply;
}

BuildReply OpenClDevice::compile(const BuildRequest& request, ProgramObject& program) {
  cl_int error = CL_SUCCESS;
  const auto text_of_source = [&](const std::string& source) {
    return quirks_.quote_headers ? quote_includes(source, request.headers) : source;
  };
  program.handle = source_program(context_.get(), text_of_source(request.source), error);
  if (error != CL_SUCCESS) return failed(outcome_of(error));
  std::vector<ProgramHandle> headers;
  std::vector<cl_program> natives;
  std::vector<const char*> names;
  for (const wire::BuildHeader& header : request.headers) {
    headers.push_back(source_program(context_.get(), text_of_source(header.source), error));
    if (error != CL_SUCCESS) return failed(outcome_of(error));
    natives.push_back(headers.back().get());
    names.push_back(header.include_name.c_str());
  }
  error = clCompileProgram(program.handle.get(), 1, &device_, (request.options + always_options).c_str(),
                           static_cast<cl_uint>(natives.size()), natives.empty() ? nullptr : natives.data(),
                           names.empty() ? nullptr : names.data(), nullptr, nullptr);
  BuildReply reply = describe(program, error, Outcome::compile_failed);
  if (reply.outcome == Outcome::ok) program.text = text_of(request);
  return reply;
}

BuildReply OpenClDevice::link(const BuildRequest& request, std::span<Program* const> inputs, ProgramObject& program) {
  if (inputs.empty()) return failed(Outcome::invalid_value);
  std::vector<cl_program> natives;
  for (Program* input : inputs) natives.push_back(static_cast<ProgramObject*>(input)->handle.get());
  cl_int error = CL_SUCCESS;
  program.handle =
      ProgramHandle(clLinkProgram(context_.get(), 1, &device_, request.options.c_str(),
                                  static_cast<cl_uint>(natives.size()), natives.data(), nullptr, nullptr, &error));
  BuildReply reply = describe(program, error, Outcome::link_failed);
  if (reply.outcome != Outcome::ok) return reply;
  std::optional<ProgramText> text = text_of(inputs);
  if (text) program.divisions = divisions_of(*text, program.kernels);
  if (program.kind != wire::BinaryKind::executable) program.text = std::move(text);
  return reply;
}

Outcome OpenClDevice::binary(Program& program, std::string& bytes) {
  const Busy busy(activity_);
  auto& object = static_cast<ProgramObject&>(program);
  std::string native = native_binary(object.handle.get());
  if (native.empty()) return Outcome::invalid_program_executable;
  bytes = pack({object.kind, make_, {}, std::move(native), notes_of(object)});
  return Outcome::ok;
}

void OpenClDevice::save_builds(Nanoseconds deadline_ns) { saver_->drain(deadline_ns); }

}  // namespace sluice::backend::opencl
