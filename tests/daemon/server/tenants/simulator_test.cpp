// The daemon and sluice-sim decide alike: the same requests, resizes and releases through the daemon's books
// (DevicePool and SliceTable) and through the simulator's, compared step by step.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "daemon/server/tenants/slice_table.h"
#include "tests/allocator/random_pool.h"
#include "tools/sim/simulated_daemon.h"

using namespace sluice;
using namespace sluice::server;
using allocator::Policy;
using test::Draw;

namespace {

constexpr std::uint64_t mib = 1ull << 20, gib = 1ull << 30;
constexpr std::uint64_t host_bytes = 32 * gib;

struct Card {
  std::string name;
  std::uint64_t memory_bytes;  // that the pool offers
  bool on_host = false;
};

const std::vector<Card> cards{
    {"A100", 40 * gib}, {"A100", 40 * gib}, {"T4", 16 * gib}, {"cpu", host_bytes / 4 * 3, true}};

std::vector<wire::DeviceTraits> found_devices() {
  std::vector<wire::DeviceTraits> found;
  for (const Card& card : cards) {
    wire::DeviceTraits traits;
    traits.name = card.name;
    traits.global_memory_bytes = card.on_host ? host_bytes : card.memory_bytes;
    traits.buffers_in_arena = card.on_host;
    found.push_back(traits);
  }
  return found;
}

// The same machine, as sluice-sim would be told of it.
std::vector<allocator::NodeSpec> simulated_machine() {
  allocator::NodeSpec machine{"machine", 0, 0, 0, {}};
  std::map<std::string, std::uint8_t> classes;
  for (const Card& card : cards) {
    allocator::DeviceSpec device;
    device.memory_bytes = card.memory_bytes;
    device.device_class = classes.emplace(card.name, static_cast<std::uint8_t>(classes.size())).first->second;
    machine.devices.push_back(device);
  }
  return {machine};
}

const std::vector<std::string> class_names{"A100", "T4", "cpu"};

struct Amounts {
  std::uint32_t gpu_milli = 0;
  std::uint64_t memory_bytes = 0;
};

// Where the slice is, or why there is none.
struct Outcome {
  std::optional<allocator::Site> site;
  std::string refusal;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return outcome.site ? out << "devices " << outcome.site->devices : out << outcome.refusal;
}

class Daemon {
 public:
  explicit Daemon(const Policy& policy)
      : pool_(split_into_cards(found_devices(), {}, {}).take(), {}, host_bytes, policy), slices_(pool_, rules()) {}

  Outcome request(std::uint64_t tenant, const Amounts& amounts) {
    const auto use = slices_.admit({tenant, 1000, "t"}, MilliGpu{amounts.gpu_milli}, amounts.memory_bytes);
    if (!use.ok()) return {std::nullopt, use.status().message()};
    uses_[tenant] = use.value();
    return {use.value().tenant->slice.site, ""};
  }

  bool resize(std::uint64_t tenant, const Amounts& amounts) {
    store::TenantRecord record;
    record.id = tenant;
    record.terms.guarantee = MilliGpu{amounts.gpu_milli};
    record.memory_bytes = amounts.memory_bytes;
    if (!slices_.check({&record, 1}).ok()) return false;
    slices_.change(record);
    return true;
  }

  void release(std::uint64_t tenant) {
    slices_.release(uses_.at(tenant));
    uses_.erase(tenant);
  }

  const allocator::Pool& pool() const { return std::as_const(pool_).pool(); }

 private:
  static AdmissionRules rules() {
    AdmissionRules rules;
    rules.sessions_max = 100'000;
    return rules;
  }

  DevicePool pool_;
  SliceTable slices_;
  std::map<std::uint64_t, SliceUse> uses_;
};

class Simulator {
 public:
  explicit Simulator(const Policy& policy) : pool_(simulated_machine()), daemon_(pool_, policy, 0, nullptr) {}

  Outcome request(std::uint64_t tenant, const Amounts& amounts) {
    allocator::Request request;
    request.tenant = tenant;
    request.gpu.value = amounts.gpu_milli;
    request.memory_bytes = amounts.memory_bytes;
    daemon_.explain(1, class_names);
    if (!daemon_.arrive(tenant, request, ++draws_)) return {std::nullopt, daemon_.reasons().back()};
    return {pool_.slices().at(tenant).site, ""};
  }

  bool resize(std::uint64_t tenant, const Amounts& amounts) {
    allocator::Request to = pool_.slices().at(tenant).request;
    to.gpu.value = amounts.gpu_milli;
    to.memory_bytes = amounts.memory_bytes;
    return daemon_.resize(tenant, to);
  }

  void release(std::uint64_t tenant) { daemon_.depart(tenant); }

  const allocator::Pool& pool() const { return pool_; }

 private:
  allocator::Pool pool_;
  sim::SimulatedDaemon daemon_;
  std::uint64_t draws_ = 0;
};

std::vector<std::pair<std::uint32_t, std::uint64_t>> free_of(const allocator::Pool& pool) {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> free;
  for (const allocator::Device& device : pool.view(0).devices) free.emplace_back(device.milli_free, device.memory_free);
  return free;
}

// Both sides, and who has a slice.
class Both {
 public:
  explicit Both(const Policy& policy) : daemon_(policy), simulator_(policy) {}

  Outcome request(std::uint64_t tenant, const Amounts& amounts) {
    const Outcome outcome = daemon_.request(tenant, amounts);
    REQUIRE(outcome == simulator_.request(tenant, amounts));
    if (outcome.site) tenants_.push_back(tenant);
    return outcome;
  }

  bool resize(std::uint64_t tenant, const Amounts& amounts) {
    const bool resized = daemon_.resize(tenant, amounts);
    REQUIRE(resized == simulator_.resize(tenant, amounts));
    return resized;
  }

  void release(std::uint64_t tenant) {
    daemon_.release(tenant);
    simulator_.release(tenant);
    std::erase(tenants_, tenant);
  }

  const std::vector<std::uint64_t>& tenants() const { return tenants_; }
  bool has(std::uint64_t tenant) const { return std::find(tenants_.begin(), tenants_.end(), tenant) != tenants_.end(); }
  allocator::Site site_of(std::uint64_t tenant) const { return daemon_.pool().slices().at(tenant).site; }
  void compare_books() const { REQUIRE(free_of(daemon_.pool()) == free_of(simulator_.pool())); }

 private:
  Daemon daemon_;
  Simulator simulator_;
  std::vector<std::uint64_t> tenants_;
};

Amounts random_amounts(Draw& draw, bool may_be_default) {
  Amounts amounts;
  amounts.gpu_milli = draw.one_in(4) ? 0 : 50 * static_cast<std::uint32_t>(draw.below(22));
  amounts.memory_bytes = may_be_default && draw.one_in(4) ? 0 : mib * (1 + draw.below(draw.one_in(4) ? 45'000 : 6000));
  return amounts;
}

struct Counts {
  std::size_t placed = 0, refused = 0, resized = 0, not_resized = 0, released = 0;
};

Counts run_random(Both& both, std::uint64_t seed, std::uint64_t steps) {
  Draw draw(seed);
  Counts counts;
  for (std::uint64_t step = 1; step <= steps; ++step) {
    INFO("step " << step);
    const std::uint64_t kind = both.tenants().empty() ? 0 : draw.below(10);
    if (kind < 5) {
      ++(both.request(step, random_amounts(draw, true)).site ? counts.placed : counts.refused);
    } else {
      const std::uint64_t some = both.tenants()[draw.below(both.tenants().size())];
      if (kind < 7) ++(both.resize(some, random_amounts(draw, false)) ? counts.resized : counts.not_resized);
      else both.release(some), ++counts.released;
    }
    both.compare_books();
  }
  return counts;
}

struct Event {
  std::string kind;
  std::uint64_t tenant = 0;
  Amounts amounts;
  std::string device;  // "-": refused
};

// second,event,tenant,gpu_milli,memory_mib,device; lines with # are comments.
// The file that SLUICE_DAY names (day_of_trace.py makes one of a cluster's trace), or the one beside this source.
std::vector<Event> recorded_day() {
  const char* named = std::getenv("SLUICE_DAY");
  std::ifstream file(named != nullptr ? named : SLUICE_SOURCE_DIR "/tests/daemon/server/tenants/day.csv");
  REQUIRE(file);
  std::vector<Event> events;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#') || line.starts_with("second")) continue;
    std::istringstream cells(line);
    std::array<std::string, 6> cell;
    for (std::string& text : cell) std::getline(cells, text, ',');
    events.push_back({cell[1],
                      std::stoull(cell[2]),
                      {static_cast<std::uint32_t>(std::stoul(cell[3])), std::stoull(cell[4]) * mib},
                      cell[5]});
  }
  return events;
}

}  // namespace

TEST_CASE("daemon and simulator decide alike on 10,000 requests, resizes and releases") {
  Both both(allocator::default_machine_policy());
  const Counts counts = run_random(both, 1, 10'000);
  CHECK(counts.placed > 1500);
  CHECK(counts.refused > 1000);
  CHECK(counts.resized > 500);
  CHECK(counts.not_resized > 500);
  CHECK(counts.released > 1500);
}

TEST_CASE("so they do by every other policy") {
  for (const Policy& policy : allocator::policies()) {
    INFO(policy.name);
    Both both(policy);
    run_random(both, 2, 1500);
  }
}

namespace {

void check_recorded(const Both& both, const Event& event, bool done) {
  REQUIRE(done == (event.device != "-"));
  if (done) REQUIRE(both.site_of(event.tenant) == site_on(static_cast<std::uint32_t>(std::stoul(event.device))));
}

}  // namespace

TEST_CASE("daemon and simulator decide a recorded day alike, and as it was recorded") {
  Both both(allocator::default_machine_policy());
  const std::vector<Event> events = recorded_day();
  CHECK(events.size() > 600);
  for (const Event& event : events) {
    INFO(event.kind << " " << event.tenant << ": " << event.amounts.gpu_milli << "m, " << event.amounts.memory_bytes);
    if (event.kind == "release") {
      if (both.has(event.tenant)) both.release(event.tenant);
    } else {
      const bool done = event.kind == "request" ? both.request(event.tenant, event.amounts).site.has_value()
                                                : both.resize(event.tenant, event.amounts);
      if (event.device != "?") check_recorded(both, event, done);
    }
    both.compare_books();
  }
}
