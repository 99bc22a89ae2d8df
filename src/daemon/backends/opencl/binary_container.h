// BinaryContainer: a driver's program binary, wrapped so that it can be trusted to be whole and to fit.
//
// It is what a program gets as CL_PROGRAM_BINARIES and what the build cache keeps in files. Drivers are known to crash
// on binaries that are cut short or made by another version, so nothing reaches the driver before the container's
// checksum and make have been compared. Programs keep what they get (hashcat does, for one, and gives up if it is
// refused later), so earlier versions are still read: version 1 has no notes on kernels, version 2 their attributes
// alone.
//
//   offset  bytes
//        0      8   "SLUICEBN"
//        8      4   version
//       12      4   wire::BinaryKind
//       16     32   make: SHA-256 over platform, device and driver version
//       48      8   length of the build log
//       56      8   length of the native binary
//       64          build log, native binary, notes on kernels (of each: its name, NUL, its attributes, NUL, '0' + its
//                   Divisible, what stands in the way, NUL)
//      end     32   SHA-256 of everything before
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/backends/opencl/digest.h"
#include "daemon/backends/opencl/divisible.h"
#include "wire/kernel_traits.h"

namespace sluice::backend::opencl {

// What a driver's binary does not keep of a kernel.
struct KernelNotes {
  std::string attributes;  // PoCL 3.1 loses them
  Division division;

  bool operator==(const KernelNotes&) const = default;
};

// Goes into the key of a cached build, as older containers know less.
inline constexpr std::uint32_t container_version = 3;

struct BinaryContainer {
  wire::BinaryKind kind = wire::BinaryKind::none;
  Digest make{};
  std::string log;
  std::string native;
  std::map<std::string, KernelNotes> kernels = {};  // by name
};

std::string pack(const BinaryContainer& container);
// Nothing: not a whole container of a known version, or not of this make.
std::optional<BinaryContainer> unpack(std::string_view bytes, const Digest& make);

}  // namespace sluice::backend::opencl
