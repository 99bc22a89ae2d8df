#include "daemon/server/devices/lease_client.h"

#include <algorithm>

namespace sluice::server {
namespace {

// A worker may write anything.
std::uint64_t since(std::uint64_t sum, std::uint64_t before) { return sum > before ? sum - before : 0; }

}  // namespace

void LeaseClient::read(Nanoseconds now, bool holds) {
  const Nanoseconds passed_ns = since(now, reading.at_ns);
  const auto cpu_ns = evidence.cpu != nullptr ? evidence.cpu->cpu_ns() : std::nullopt;
  const Nanoseconds assumed_ns = reading.cpu_ns + (holds ? passed_ns * evidence.units : 0);
  reading.cpu_ns = std::max(reading.cpu_ns, cpu_ns.value_or(assumed_ns));
  reading.measured_ns = std::max(reading.measured_ns, meter->device_ns.load(std::memory_order_relaxed));
  reading.at_ns = now;
}

arbiter::Use LeaseClient::used() const {
  return {since(reading.measured_ns, charged_until.measured_ns),
          metering::floor_of(since(reading.cpu_ns, charged_until.cpu_ns), evidence.units)};
}

metering::Account LeaseClient::account(const arbiter::Why& why, Nanoseconds now) const {
  metering::Account account;
  account.books = {reading.measured_ns, before.charged_ns + why.charged_ns, before.build_ns + why.build_ns};
  account.cpu_ns = reading.cpu_ns;
  account.noted_ns = now;
  return account;
}

void LeaseClient::begin_books(const Evidence& of_worker, const std::optional<metering::Account>& account,
                              Nanoseconds now) {
  evidence = of_worker;
  read(now, false);
  charged_until = reading;
  if (!account) return;
  before = account->books;
  charged_until = {account->books.measured_ns, account->cpu_ns, account->noted_ns};
}

}  // namespace sluice::server
