#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "shim/opencl/device.h"

namespace sluice::opencl {
namespace {

wire::DeviceTraits some_traits() {
  wire::DeviceTraits traits;
  traits.name = "Backing Device 9000";
  traits.vendor = "Some Vendor";
  traits.kind = wire::DeviceKind::cpu;
  traits.compute_units = 3;
  traits.global_memory_bytes = 1 << 30;
  traits.sub_groups_max = 8;
  traits.extensions = {{"cl_khr_fp64", CL_MAKE_VERSION(1, 0, 0)},
                       {"cl_khr_spir", CL_MAKE_VERSION(1, 0, 0)},
                       {"cl_khr_byte_addressable_store", CL_MAKE_VERSION(1, 0, 1)}};
  traits.c_features = {{"__opencl_c_fp64", 0}, {"__opencl_c_pipes", 0}, {"__opencl_c_device_enqueue", 0}};
  return traits;
}

std::string text_of(cl_device_info name, const wire::DeviceTraits& traits = some_traits()) {
  size_t size = 0;
  REQUIRE(device_info(*the_device(), traits, name, InfoReply(0, nullptr, &size)) == CL_SUCCESS);
  std::string text(size, '?');
  REQUIRE(device_info(*the_device(), traits, name, InfoReply(size, text.data(), nullptr)) == CL_SUCCESS);
  REQUIRE(text.back() == '\0');
  text.pop_back();
  return text;
}

template <typename T>
T value_of(cl_device_info name) {
  T value{};
  size_t size = 0;
  REQUIRE(device_info(*the_device(), some_traits(), name, InfoReply(sizeof value, &value, &size)) == CL_SUCCESS);
  CHECK(size == sizeof value);
  return value;
}

template <typename T>
std::vector<T> list_of(cl_device_info name) {
  size_t size = 0;
  REQUIRE(device_info(*the_device(), some_traits(), name, InfoReply(0, nullptr, &size)) == CL_SUCCESS);
  std::vector<T> list(size / sizeof(T));
  REQUIRE(device_info(*the_device(), some_traits(), name, InfoReply(size, list.data(), nullptr)) == CL_SUCCESS);
  return list;
}

TEST_CASE("every device query of OpenCL 1.0 to 3.0 has an answer") {
  // The numbers between that name nothing.
  const auto unassigned = [](cl_device_info name) { return name == 0x105F || (name > 0x1069 && name < 0x106F); };
  for (cl_device_info name = CL_DEVICE_TYPE; name <= CL_DEVICE_LATEST_CONFORMANCE_VERSION_PASSED; ++name) {
    INFO("query " << std::hex << name);
    size_t size = 0;
    const cl_int expected = unassigned(name) ? CL_INVALID_VALUE : CL_SUCCESS;
    CHECK(device_info(*the_device(), some_traits(), name, InfoReply(0, nullptr, &size)) == expected);
  }
}

TEST_CASE("queries of extensions that are not offered are refused") {
  constexpr cl_device_info pci_bus_id_nv = 0x4008, topology_amd = 0x4037, board_name_amd = 0x4038;
  for (const cl_device_info name : {pci_bus_id_nv, topology_amd, board_name_amd})
    CHECK(device_info(*the_device(), some_traits(), name, InfoReply(0, nullptr, nullptr)) == CL_INVALID_VALUE);
}

TEST_CASE("the virtual device is a GPU whatever backs it, and says what that is") {
  CHECK(value_of<cl_device_type>(CL_DEVICE_TYPE) == CL_DEVICE_TYPE_GPU);
  CHECK(text_of(CL_DEVICE_NAME) == "Sluice vGPU (Backing Device 9000)");
  CHECK(text_of(CL_DEVICE_VENDOR) == "Some Vendor");
}

TEST_CASE("the virtual device has the sizes of the slice") {
  CHECK(value_of<cl_uint>(CL_DEVICE_MAX_COMPUTE_UNITS) == 3);
  CHECK(value_of<cl_ulong>(CL_DEVICE_GLOBAL_MEM_SIZE) == 1 << 30);
}

TEST_CASE("local memory is shown as no larger than a GPU's") {
  wire::DeviceTraits traits = some_traits();
  for (const auto& [real, shown] : {std::pair<cl_ulong, cl_ulong>{1 << 20, 64 * 1024}, {48 * 1024, 48 * 1024}}) {
    traits.local_memory_bytes = real;
    cl_ulong value = 0;
    REQUIRE(device_info(*the_device(), traits, CL_DEVICE_LOCAL_MEM_SIZE, InfoReply(sizeof value, &value, nullptr)) ==
            CL_SUCCESS);
    CHECK(value == shown);
  }
}

TEST_CASE("extensions that need the front end's help are not passed on") {
  CHECK(text_of(CL_DEVICE_EXTENSIONS) == "cl_khr_fp64 cl_khr_byte_addressable_store");
  const auto versions = list_of<cl_name_version>(CL_DEVICE_EXTENSIONS_WITH_VERSION);
  REQUIRE(versions.size() == 2);
  CHECK(std::string(versions[1].name) == "cl_khr_byte_addressable_store");
  CHECK(versions[1].version == CL_MAKE_VERSION(1, 0, 1));
  const auto features = list_of<cl_name_version>(CL_DEVICE_OPENCL_C_FEATURES);
  REQUIRE(features.size() == 1);
  CHECK(std::string(features[0].name) == "__opencl_c_fp64");
}

TEST_CASE("what a virtual device does not offer is absent, whatever the device behind it can do") {
  CHECK(value_of<cl_device_svm_capabilities>(CL_DEVICE_SVM_CAPABILITIES) == 0);
  CHECK(value_of<cl_bool>(CL_DEVICE_PIPE_SUPPORT) == CL_FALSE);
  CHECK(value_of<cl_uint>(CL_DEVICE_MAX_NUM_SUB_GROUPS) == 0);
  CHECK(value_of<cl_uint>(CL_DEVICE_PARTITION_MAX_SUB_DEVICES) == 0);
  CHECK(value_of<cl_device_partition_property>(CL_DEVICE_PARTITION_PROPERTIES) == 0);
  CHECK(value_of<cl_device_exec_capabilities>(CL_DEVICE_EXECUTION_CAPABILITIES) == CL_EXEC_KERNEL);
  CHECK(list_of<cl_name_version>(CL_DEVICE_ILS_WITH_VERSION).empty());
  CHECK(text_of(CL_DEVICE_IL_VERSION).empty());
}

TEST_CASE("device types that name a GPU find the virtual device, others do not") {
  for (const cl_device_type type :
       {cl_device_type{CL_DEVICE_TYPE_GPU}, cl_device_type{CL_DEVICE_TYPE_DEFAULT}, cl_device_type{CL_DEVICE_TYPE_ALL},
        cl_device_type{CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_GPU}}) {
    CHECK(valid_device_type(type));
    CHECK(matches_device_type(type));
  }
  CHECK(valid_device_type(CL_DEVICE_TYPE_CPU));
  CHECK_FALSE(matches_device_type(CL_DEVICE_TYPE_CPU));
  CHECK_FALSE(valid_device_type(0));
  CHECK_FALSE(valid_device_type(1 << 10));
}

}  // namespace
}  // namespace sluice::opencl
