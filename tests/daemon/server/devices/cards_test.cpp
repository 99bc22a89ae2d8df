#include "daemon/server/devices/cards.h"

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::server;

namespace {

const CpuSet four = CpuSet::parse("0-3").value();

wire::DeviceTraits device(const std::string& name, wire::DeviceKind kind = wire::DeviceKind::cpu) {
  wire::DeviceTraits traits;
  traits.name = name;
  traits.kind = kind;
  traits.uuid[0] = static_cast<std::uint8_t>(name.size());
  return traits;
}

DeviceRule split(const std::string& name, std::uint32_t cards) {
  DeviceRule rule;
  rule.name = name;
  rule.cards = cards;
  rule.where = "sluiced.toml:1";
  return rule;
}

DeviceRule bind(const std::string& name, std::initializer_list<const char*> lists) {
  DeviceRule rule = split(name, 1);
  rule.cards.reset();
  for (const char* list : lists) rule.cpus.push_back(CpuSet::parse(list).value());
  return rule;
}

std::string refusal(const std::vector<wire::DeviceTraits>& found, const DeviceRule& rule) {
  const auto cards = split_into_cards(found, {&rule, 1}, four);
  CHECK(cards.status().code() == Code::invalid_argument);
  return cards.status().message();
}

}  // namespace

TEST_CASE("without rules about cards every device is whole, and runs everywhere") {
  DeviceRule other;
  other.name = "*";
  other.enabled = false;
  const auto found = split_into_cards({device("a"), device("b")}, {&other, 1}, four).take();
  REQUIRE(found.size() == 2);
  CHECK(found[1].driver_index == 1);
  CHECK(found[1].cards == 1);
  CHECK(found[1].cpus.empty());
  CHECK(label_of(found[1]) == "b");
}

TEST_CASE("cards divide the allowed CPUs evenly, or have those that the rule names") {
  const std::vector<DeviceRule> rules{split("a", 3), bind("b", {"3", "0-1"})};
  const auto found = split_into_cards({device("a"), device("b"), device("c")}, rules, four).take();
  REQUIRE(found.size() == 6);
  const char* const cpus[] = {"0-1", "2", "3", "3", "0-1", ""};
  const std::uint32_t drivers[] = {0, 0, 0, 1, 1, 2}, cards[] = {0, 1, 2, 0, 1, 0};
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].cpus.to_string() == cpus[i]);
    CHECK(found[i].driver_index == drivers[i]);
    CHECK(found[i].card == cards[i]);
  }
  CHECK(label_of(found[1]) == "a #1");
}

TEST_CASE("one card with CPUs is bound to them; one without takes back what a rule before it split") {
  const DeviceRule one = bind("a", {"2-3"});
  const auto bound = split_into_cards({device("a")}, {&one, 1}, four).take();
  REQUIRE(bound.size() == 1);
  CHECK(bound[0].cpus.to_string() == "2-3");
  CHECK(label_of(bound[0]) == "a");
  const std::vector<DeviceRule> rules{split("*", 2), split("a", 1)};
  const auto whole = split_into_cards({device("a")}, rules, four).take();
  REQUIRE(whole.size() == 1);
  CHECK(whole[0].cpus.empty());
}

TEST_CASE("an index counts devices as they were found, not cards") {
  DeviceRule second = split("", 2);
  second.index = 1;
  const std::vector<DeviceRule> rules{split("a", 2), second};
  CHECK(split_into_cards({device("a"), device("b")}, rules, four).value().size() == 4);
}

TEST_CASE("a device that does not compute on CPUs cannot be split") {
  const auto said = refusal({device("cpu"), device("A100", wire::DeviceKind::gpu)}, split("*", 2));
  CHECK(said == "sluiced.toml:1: only a CPU device can be split into cards, and 'A100' (device 1) is none");
}

TEST_CASE("a card needs a CPU, and one that the daemon may use") {
  CHECK_THAT(refusal({device("a")}, split("a", 5)),
             Catch::Contains("cannot be split into 5 cards") && Catch::Contains("only the CPUs 0-3"));
  CHECK_THAT(refusal({device("a")}, bind("a", {"0", "4"})), Catch::Contains("to have the CPUs 4"));
}

TEST_CASE("a card is another one with another driver, number, count or other CPUs") {
  const auto identity = [](const DeviceRule& rule, std::size_t card, const char* name = "a") {
    return identity_of(split_into_cards({device(name)}, {&rule, 1}, four).value()[card]);
  };
  const DeviceIdentity first = identity(split("*", 2), 0);
  CHECK(identity(bind("*", {"0-1", "2-3"}), 0) == first);
  CHECK_FALSE(identity(split("*", 2), 1) == first);
  CHECK_FALSE(identity(split("*", 4), 0) == first);
  CHECK_FALSE(identity(split("*", 1), 0) == first);
  CHECK_FALSE(identity(bind("*", {"0", "2-3"}), 0) == first);
  CHECK_FALSE(identity(split("*", 2), 0, "another") == first);
}
