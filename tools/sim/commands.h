// The subcommands of sluice-sim. Each prints its result on standard output.
#pragma once

#include "base/status.h"
#include "tools/sim/options.h"

namespace sluice::sim {

// `known`: which requests are typical is known beforehand, not learnt.
Status run_static(const Options& options, bool known);

}  // namespace sluice::sim
