// The drivers that tests open, by the files that name them to the OpenCL loader: what else is installed changes
// nothing.
#pragma once

namespace sluice::test {

inline constexpr char pocl_icd[] = "/etc/OpenCL/vendors/pocl.icd";
inline constexpr char rusticl_icd[] = "/etc/OpenCL/vendors/rusticl.icd";
// rusticl offers no device that is not asked for by name.
inline constexpr char rusticl_variable[] = "RUSTICL_ENABLE", rusticl_devices[] = "llvmpipe";

}  // namespace sluice::test
