#include "shim/arguments.h"

#include <catch2/catch.hpp>
#include <cstring>

namespace sluice::shim {
namespace {

using wire::ArgumentKind;
using wire::ArgumentValue;

struct Record {
  ArgumentValue value;
  std::vector<std::byte> data;
  friend bool operator==(const Record&, const Record&) = default;
};

// Reads records as a worker does.
std::vector<Record> decoded(const KernelArguments& arguments) {
  std::vector<Record> records;
  for (auto rest = arguments.records(); !rest.empty();) {
    wire::KernelArgument head;
    REQUIRE(rest.size() >= sizeof head);
    std::memcpy(&head, rest.data(), sizeof head);
    rest = rest.subspan(sizeof head);
    const std::size_t bytes = head.value == ArgumentValue::local ? 0 : head.bytes;
    REQUIRE(rest.size() >= wire::round_up_8(bytes));
    records.push_back({head.value, {rest.begin(), rest.begin() + bytes}});
    rest = rest.subspan(wire::round_up_8(bytes));
  }
  return records;
}

wire::KernelTraits kernel_with(std::initializer_list<wire::ArgumentTraits> arguments) {
  wire::KernelTraits traits;
  traits.arguments = arguments;
  return traits;
}

wire::ArgumentTraits argument(ArgumentKind kind, std::uint32_t size_bytes = 0) {
  wire::ArgumentTraits traits;
  traits.kind = kind;
  traits.size_bytes = size_bytes;
  return traits;
}

std::vector<std::byte> filled(std::size_t bytes, int value) {
  return std::vector<std::byte>(bytes, static_cast<std::byte>(value));
}

std::vector<std::byte> id_bytes(wire::ObjectId id) {
  std::vector<std::byte> bytes(sizeof id);
  std::memcpy(bytes.data(), &id, sizeof id);
  return bytes;
}

TEST_CASE("a kernel without arguments has all of them set") {
  const KernelArguments arguments(kernel_with({}));
  CHECK(arguments.all_set());
  CHECK(arguments.records().empty());
}

TEST_CASE("arguments set in any order are sent in the kernel's order") {
  KernelArguments arguments(
      kernel_with({argument(ArgumentKind::memory), argument(ArgumentKind::bytes, 4), argument(ArgumentKind::local)}));
  CHECK(arguments.set_local(2, 64));
  CHECK(arguments.set_bytes(1, filled(4, 5)));
  CHECK_FALSE(arguments.all_set());
  CHECK(arguments.set_object(0, 7));
  CHECK(arguments.all_set());
  CHECK(arguments.count() == 3);
  CHECK(decoded(arguments) == std::vector<Record>{{ArgumentValue::object, id_bytes(7)},
                                                  {ArgumentValue::bytes, filled(4, 5)},
                                                  {ArgumentValue::local, {}}});
}

TEST_CASE("a pointer takes the place of an object") {
  KernelArguments arguments(kernel_with({argument(ArgumentKind::memory)}));
  CHECK(arguments.set_object(0, 7));
  CHECK(arguments.set_pointer(0, 4096));
  CHECK(decoded(arguments) == std::vector<Record>{{ArgumentValue::pointer, id_bytes(4096)}});
}

TEST_CASE("setting an argument again replaces its value alone") {
  KernelArguments arguments(kernel_with({argument(ArgumentKind::bytes, 8), argument(ArgumentKind::bytes, 8)}));
  CHECK(arguments.set_bytes(0, filled(8, 1)));
  CHECK(arguments.set_bytes(0, filled(8, 2)));
  CHECK_FALSE(arguments.all_set());
  CHECK(arguments.set_bytes(1, filled(8, 3)));
  CHECK(decoded(arguments) ==
        std::vector<Record>{{ArgumentValue::bytes, filled(8, 2)}, {ArgumentValue::bytes, filled(8, 3)}});
}

TEST_CASE("an argument of unknown size moves those behind it and leaves their values") {
  KernelArguments arguments(
      kernel_with({argument(ArgumentKind::memory), argument(ArgumentKind::bytes), argument(ArgumentKind::bytes, 3)}));
  CHECK(arguments.set_object(0, 9));
  CHECK(arguments.set_bytes(2, filled(3, 4)));
  for (const std::size_t bytes : {64, 1, 17}) {
    CHECK(arguments.set_bytes(1, filled(bytes, 6)));
    CHECK(decoded(arguments) == std::vector<Record>{{ArgumentValue::object, id_bytes(9)},
                                                    {ArgumentValue::bytes, filled(bytes, 6)},
                                                    {ArgumentValue::bytes, filled(3, 4)}});
  }
}

TEST_CASE("the padding of a shorter value is zero") {
  KernelArguments arguments(kernel_with({argument(ArgumentKind::unknown)}));
  CHECK(arguments.set_bytes(0, filled(16, 255)));
  CHECK(arguments.set_bytes(0, filled(1, 255)));
  const auto records = arguments.records();
  REQUIRE(records.size() == 16);
  for (std::size_t i = 9; i < 16; ++i) CHECK(records[i] == std::byte{0});
}

TEST_CASE("local memory of arguments is counted once however often it is set") {
  KernelArguments arguments(kernel_with({argument(ArgumentKind::local), argument(ArgumentKind::unknown)}));
  CHECK(arguments.set_local(0, 100));
  CHECK(arguments.set_local(0, 40));
  CHECK(arguments.set_local(1, 2));
  CHECK(arguments.local_bytes() == 42);
  CHECK(arguments.set_object(1, 3));
  CHECK(arguments.local_bytes() == 40);
}

TEST_CASE("arguments that no launch could carry are refused and change nothing") {
  KernelArguments arguments(kernel_with({argument(ArgumentKind::unknown), argument(ArgumentKind::unknown)}));
  CHECK(arguments.set_object(0, 1));
  CHECK(arguments.set_object(1, 2));
  CHECK_FALSE(arguments.set_bytes(0, filled(argument_bytes_max, 1)));
  CHECK(decoded(arguments) ==
        std::vector<Record>{{ArgumentValue::object, id_bytes(1)}, {ArgumentValue::object, id_bytes(2)}});
}

}  // namespace
}  // namespace sluice::shim
