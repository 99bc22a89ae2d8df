// The drivers that tests open, by the files that name them to the OpenCL loader: what else is installed changes
// nothing.
#pragma once

namespace sluice::test {

inline constexpr char pocl_icd[] = "/etc/OpenCL/vendors/pocl.icd";

}  // namespace sluice::test
