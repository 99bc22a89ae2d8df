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

  filling
      ->add_option("--explain", options.reasons,
                   "say why the first N refused requests of each policy's first run had no place")
      ->type_name("N");

  std::vector<double> loads{1.0};
  const auto add_load = [&](CLI::App& command) {
    command
        .add_option("--load", loads, "what would be in use if nothing were lost, as a part of the pool; one or more")
        ->check(CLI::Range(0.01, 10.0))
        ->default_str("1");
    command
        .add_option("--background", options.background,
                    "after every 16 arrivals move at most so many slices though no request is waiting, so that "
                    "typical requests fit")
        ->check(CLI::Range(0, 1000))
        ->capture_default_str();
  };
  CLI::App* churn = app.add_subcommand("churn",
                                       "requests of a trace come (Poisson) and go (exponential lifetimes); what has "
                                       "no place on arrival is lost. '(one device)': what would be lost were "
                                       "there nothing but one large device");
  sim::add_trace_options(*churn, options);
  sim::add_common_options(*churn, options);
  add_load(*churn);

  std::string mix = "1/10:70,1/5:30";
  std::size_t devices = 1000;
  CLI::App* mixed = app.add_subcommand("mix", "the same with a few kinds of shares on equal devices");
  sim::add_common_options(*mixed, options);
  add_load(*mixed);
  mixed->add_option("--shares", mix, "shares of a device, and how often each is asked for")->capture_default_str();
  mixed->add_option("--devices", devices, "how many there are, on nodes of 8")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();

  CLI11_PARSE(app, argc, argv);
  const Status status = churn->parsed()   ? sim::run_churn(options, loads)
                        : mixed->parsed() ? sim::run_mix(options, loads, mix, devices)
                                          : sim::run_static(options, known);
  if (status.ok()) return 0;
  std::fprintf(stderr, "sluice-sim: %s\n", status.message().c_str());
  return 1;
}
