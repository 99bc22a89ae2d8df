// BinaryContainer: a driver's program binary, wrapped so that it can be trusted to be whole and to fit.
//
// It is what a program gets as CL_PROGRAM_BINARIES and what the build cache keeps in files. Drivers are known to crash
// on binaries that are cut short or made by another version, so nothing reaches the driver before the container's
// checksum and make have been compared. Programs keep what they get (hashcat does, for one, and gives up if it is
// refused later), so earlier versions are still read: version 1 has no attributes.
//
//   offset  bytes
//        0      8   "SLUICEBN"
//        8      4   version
//       12      4   wire::BinaryKind
//       16     32   make: SHA-256 over platform, device and driver version
//       48      8   length of the build log
//       56      8   length of the native binary
//       64          build log, native binary, attributes (of each kernel that has any: its name, NUL, the text, NUL)
//      end     32   SHA-256 of everything before
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/backends/opencl/digest.h"
#include "wire/kernel_traits.h"

namespace sluice::backend::opencl {

struct BinaryContainer {
  wire::BinaryKind kind = wire::BinaryKind::none;
  Digest make{};
  std::string log;
  std::string native;
  std::map<std::string, std::string> attributes = {};  // of kernels, by name: PoCL 3.1's binaries do not keep them
};

std::string pack(const BinaryContainer& container);
// Nothing: not a whole container of a known version, or not of this make.
std::optional<BinaryContainer> unpack(std::string_view bytes, const Digest& make);

}  // namespace sluice::backend::opencl
