#include "shim/opencl/partition.h"

#include "catch2/catch.hpp"

using namespace sluice::opencl;

namespace {

using Property = cl_device_partition_property;
constexpr Property equally = CL_DEVICE_PARTITION_EQUALLY, by_counts = CL_DEVICE_PARTITION_BY_COUNTS;
constexpr Property end = CL_DEVICE_PARTITION_BY_COUNTS_LIST_END;

std::vector<std::pair<cl_uint, cl_uint>> parts_of(UnitRange whole, std::vector<Property> list) {
  const Partition made = cut(whole, list.data());
  REQUIRE(made.error == CL_SUCCESS);
  CHECK(made.scheme == list);
  std::vector<std::pair<cl_uint, cl_uint>> parts;
  for (const UnitRange& part : made.parts) parts.emplace_back(part.first, part.count);
  return parts;
}

cl_int error_of(UnitRange whole, std::vector<Property> list) {
  const Partition made = cut(whole, list.data());
  CHECK(made.parts.empty());
  return made.error;
}

}  // namespace

TEST_CASE("equal parts lie one behind the other, and what is left over is nobody's") {
  CHECK(parts_of({0, 8}, {equally, 3, 0}) == std::vector<std::pair<cl_uint, cl_uint>>{{0, 3}, {3, 3}});
  CHECK(parts_of({0, 2}, {equally, 2, 0}) == std::vector<std::pair<cl_uint, cl_uint>>{{0, 2}});
}

TEST_CASE("a part of a part lies within it") {
  CHECK(parts_of({4, 3}, {equally, 1, 0}) == std::vector<std::pair<cl_uint, cl_uint>>{{4, 1}, {5, 1}, {6, 1}});
  CHECK(parts_of({4, 3}, {by_counts, 1, 2, end, 0}) == std::vector<std::pair<cl_uint, cl_uint>>{{4, 1}, {5, 2}});
}

TEST_CASE("parts by counts may leave units unused, but not take more than there are") {
  CHECK(parts_of({0, 8}, {by_counts, 2, 1, end, 0}) == std::vector<std::pair<cl_uint, cl_uint>>{{0, 2}, {2, 1}});
  CHECK(error_of({0, 8}, {by_counts, 5, 4, end, 0}) == CL_INVALID_DEVICE_PARTITION_COUNT);
  CHECK(error_of({0, 8}, {by_counts, -1, end, 0}) == CL_INVALID_DEVICE_PARTITION_COUNT);
  CHECK(error_of({0, 2}, {by_counts, 1, 1, 1, end, 0}) == CL_INVALID_DEVICE_PARTITION_COUNT);
  CHECK(error_of({0, 2}, {by_counts, Property{1} << 40, end, 0}) == CL_INVALID_DEVICE_PARTITION_COUNT);
}

TEST_CASE("a list that is none of the two, or has nothing in it, is refused") {
  CHECK(cut({0, 8}, nullptr).error == CL_INVALID_VALUE);
  CHECK(error_of({0, 8}, {0}) == CL_INVALID_VALUE);
  CHECK(error_of({0, 8}, {CL_DEVICE_PARTITION_BY_AFFINITY_DOMAIN, CL_DEVICE_AFFINITY_DOMAIN_NUMA, 0}) ==
        CL_INVALID_VALUE);
  CHECK(error_of({0, 8}, {equally, 0, 0}) == CL_INVALID_VALUE);
  CHECK(error_of({0, 8}, {equally, 9, 0}) == CL_INVALID_VALUE);
  CHECK(error_of({0, 8}, {equally, -2, 0}) == CL_INVALID_VALUE);
  CHECK(error_of({0, 8}, {equally, 2, by_counts, 1, end, 0}) == CL_INVALID_VALUE);
  CHECK(error_of({0, 8}, {by_counts, end, 0}) == CL_INVALID_VALUE);
  CHECK(error_of({0, 8}, {by_counts, 1, end, equally, 1, 0}) == CL_INVALID_VALUE);
}

TEST_CASE("a single unit cannot be divided") {
  CHECK(error_of({3, 1}, {equally, 1, 0}) == CL_DEVICE_PARTITION_FAILED);
  CHECK(error_of({3, 1}, {by_counts, 1, end, 0}) == CL_DEVICE_PARTITION_FAILED);
}
