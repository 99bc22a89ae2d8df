// sluice-sim: what the allocator does with a cluster's worth of requests, without a device.
#include <cstdio>

#include "tools/sim/commands.h"

int main(int argc, char** argv) {
  using namespace sluice;
  CLI::App app(
      "Replays a trace of requests against the allocator of Sluice and prints how well each policy places them.");
  app.require_subcommand(1);
  sim::Options options;

  bool known = false;
  CLI::App* filling = app.add_subcommand(
      "static",
      "requests arrive and never leave, until 130 % of the cluster has been asked for. Without --nodes and "
      "--pods: a synthetic trace of 6,212 GPUs");
  sim::add_trace_options(*filling, options);
  sim::add_common_options(*filling, options);
  filling->add_flag("--known", known,
                    "the policies know the whole trace's typical requests beforehand, as in the paper "
                    "of fgd; otherwise they learn them from what arrives");

  CLI11_PARSE(app, argc, argv);
  const Status status = sim::run_static(options, known);
  if (status.ok()) return 0;
  std::fprintf(stderr, "sluice-sim: %s\n", status.message().c_str());
  return 1;
}
