// The subcommands of sluice-sim. Each prints its result on standard output.
#pragma once

#include "base/status.h"
#include "tools/sim/options.h"

namespace sluice::sim {

// `known`: the forecast is known in advance, not learnt.
Status run_static(const Options& options, bool known);
// Requests of the trace come and go. `loads`: one table row for each.
Status run_churn(const Options& options, const std::vector<double>& loads);
// The same on `devices` plain ones with requests such as "1/10:70,1/5:30": a share and how many of all have it.
Status run_mix(const Options& options, const std::vector<double>& loads, const std::string& mix, std::size_t devices);

}  // namespace sluice::sim
