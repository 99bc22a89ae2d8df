// KernelTraits and the two blobs of a program build: what the shim sends, what the worker answers.
//
// Both travel through the arena (commands.h, ProgramBuild), encoded with codec.h. The answer holds all that a front
// end needs to create kernels, check arguments and answer kernel queries without asking again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.h"
#include "wire/outcome.h"

namespace sluice::wire {

enum class ArgumentKind : std::uint8_t {
  bytes,   // passed by value
  memory,  // a buffer or an image, or null
  local,   // local memory: only a size
  sampler,
  unknown,  // the driver gave no argument information: the front end goes by what the program passes
};

enum class AddressSpace : std::uint8_t { private_, local, constant, global };
enum class ArgumentAccess : std::uint8_t { none, read_only, write_only, read_write };
enum ArgumentQualifier : std::uint8_t {
  qualifier_const = 1,
  qualifier_restrict = 2,
  qualifier_volatile = 4,
  qualifier_pipe = 8
};

struct ArgumentTraits {
  ArgumentKind kind = ArgumentKind::unknown;
  AddressSpace address_space = AddressSpace::private_;
  ArgumentAccess access = ArgumentAccess::none;
  std::uint8_t qualifiers = 0;   // ArgumentQualifier bits
  std::uint32_t size_bytes = 0;  // of a by-value argument; 0: not known, ask with KernelArgumentCheck
  std::string type_name, name;   // empty where the driver does not say
};

struct KernelTraits {
  std::string name, attributes;
  std::uint64_t work_group_size_max = 0, preferred_multiple = 0;
  std::uint64_t required_work_group[3] = {0, 0, 0};  // all 0: none required
  std::uint64_t local_bytes = 0, private_bytes = 0;  // local_bytes without local arguments
  bool has_argument_info = false;
  std::vector<ArgumentTraits> arguments;
};

enum class BuildVerb : std::uint8_t { build_source, build_binary, compile, link };
enum class BinaryKind : std::uint8_t { none, compiled_object, library, executable };

// Every program binary that a backend hands out starts with this, so that a front end can refuse others at once, and
// has its BinaryKind as the byte at that place. All else in it is the backend's own.
inline constexpr std::string_view program_binary_magic = "SLUICEBN";
inline constexpr std::size_t program_binary_kind_at = 12;

// What a binary says it is; none if it is no such binary. Whether it is whole shows when it is built.
BinaryKind kind_of_binary(std::string_view bytes);

struct BuildHeader {
  std::string include_name, source;
};

struct BuildRequest {
  BuildVerb verb = BuildVerb::build_source;
  std::string source;  // build_source, compile: the text. build_binary: a container made by this pool
  std::string options;
  // compile, build_source: what the text may include. The compiler sees none of the program's files.
  std::vector<BuildHeader> headers;
  std::vector<std::uint64_t> inputs;  // link: ids of compiled programs and libraries
};

struct BuildReply {
  Outcome outcome = Outcome::internal;
  std::string log;
  BinaryKind binary_kind = BinaryKind::none;
  std::vector<KernelTraits> kernels;  // of an executable
};

void encode(Encoder& encoder, const BuildRequest& request);
BuildRequest decode_build_request(Decoder& decoder);
void encode(Encoder& encoder, const BuildReply& reply);
BuildReply decode_build_reply(Decoder& decoder);

}  // namespace sluice::wire
