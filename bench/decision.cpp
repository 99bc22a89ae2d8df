// How long one decision of the arbiter takes: 1,000 tenants, 200 sessions that all want the device, each holding it for
// a turn. Prints a JSON object. Pure: no daemon, no device, and the arbiter's clock is counted, not read.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

#include "daemon/arbiter/arbiter.h"

namespace {

using namespace sluice;
using arbiter::LeaseDecision;

constexpr arbiter::TenantId tenants = 1000;
constexpr arbiter::SessionId sessions = 200;
constexpr std::size_t warm_up = 2000, rounds = 50000;
constexpr Nanoseconds turn_ns = 4 * ns_per_ms;

// Every class, some with a guarantee, some with a cap.
arbiter::ComputeTerms terms_of(arbiter::TenantId id) {
  using enum arbiter::PriorityClass;
  constexpr arbiter::PriorityClass classes[] = {standard, best_effort, latency, standard};
  return {MilliGpu{id % 2}, id % 5 == 0 ? MilliGpu{50} : whole_gpu, classes[id % 4], false};
}

class Bench {
 public:
  Bench() {
    for (arbiter::TenantId id = 0; id < tenants; ++id) arbiter_.set_tenant(id, terms_of(id), now_);
    for (arbiter::SessionId id = 0; id < sessions; ++id) {
      arbiter_.open(id, static_cast<arbiter::TenantId>(id * (tenants / sessions) + id % 5), now_);
      arbiter_.wants(id, now_);
    }
  }

  // The holder ends its turn and waits again; the decisions until the next one holds the device are timed, each.
  void turn(std::vector<double>& took_us) {
    if (arbiter_.holder()) {
      arbiter_.observe({turn_ns, 0}, now_);
      arbiter_.returned(true, now_);
    }
    while (!arbiter_.holder()) {
      const LeaseDecision decision = timed_decision(took_us);
      if (decision.kind == LeaseDecision::Kind::nothing) now_ = std::min(decision.again_ns, now_ + turn_ns);
    }
    timed_decision(took_us);
    now_ += turn_ns;
  }

 private:
  LeaseDecision timed_decision(std::vector<double>& took_us) {
    const auto start = std::chrono::steady_clock::now();
    const LeaseDecision decision = arbiter_.decide(now_);
    took_us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    return decision;
  }

  arbiter::Arbiter arbiter_;
  Nanoseconds now_ = ns_per_s;
};

double quantile(std::vector<double>& sorted, double part) {
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(part * static_cast<double>(sorted.size())))];
}

}  // namespace

int main() {
  Bench bench;
  std::vector<double> took_us;
  for (std::size_t i = 0; i < warm_up; ++i) bench.turn(took_us);
  took_us.clear();
  for (std::size_t i = 0; i < rounds; ++i) bench.turn(took_us);
  std::sort(took_us.begin(), took_us.end());
  std::printf("{\"decisions\": %zu, \"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.1f}\n", took_us.size(),
              quantile(took_us, 0.5), quantile(took_us, 0.99), took_us.back());
  return 0;
}
