// Devices: the virtual GPU that is this session's slice, and parts that the program cuts from it. The virtual GPU is a
// static handle, never freed: every answer comes from the session's traits. It is a root device, so retaining it has no
// effect. A part is counted like any object, and has a run of the slice's compute units.
#pragma once

#include <vector>

#include "shim/opencl/info.h"
#include "shim/opencl/object.h"
#include "shim/opencl/partition.h"
#include "shim/session.h"

struct _cl_device_id final : public sluice::opencl::ObjectOf<_cl_device_id, sluice::opencl::Kind::device> {
 public:
  using Scheme = std::vector<cl_device_partition_property>;

  _cl_device_id() = default;  // the root
  // `scheme`: the list that cut it from its parent, with its zero.
  _cl_device_id(_cl_device_id& parent, sluice::opencl::UnitRange units, Scheme scheme)
      : parent_(&parent), units_(units), scheme_(std::move(scheme)) {}

  bool is_root() const { return !parent_; }
  cl_device_id parent() const { return parent_.get(); }
  // Its compute units; the root's count is the traits'.
  sluice::opencl::UnitRange units(const sluice::wire::DeviceTraits& traits) const {
    return is_root() ? sluice::opencl::UnitRange{0, traits.compute_units} : units_;
  }
  const Scheme& scheme() const { return scheme_; }

 private:
  const sluice::opencl::Ref<_cl_device_id> parent_{};
  const sluice::opencl::UnitRange units_{};
  const Scheme scheme_{};
};

namespace sluice::opencl {

using DeviceRefs = std::vector<Ref<_cl_device_id>>;

cl_device_id the_device();

// Whether the list is one that clCreateContext and its like take: devices, one at least.
bool valid_device_list(cl_uint device_count, const cl_device_id* device_list);
// The devices of such a list, each once.
DeviceRefs take_devices(cl_uint device_count, const cl_device_id* device_list);
bool holds_device(const DeviceRefs& devices, cl_device_id device);
// For calls on some of an object's devices, where an empty null list stands for all of them.
bool holds_devices(const DeviceRefs& devices, cl_uint device_count, const cl_device_id* device_list);
// The answer to CL_CONTEXT_DEVICES and its like.
cl_int devices_info(const DeviceRefs& devices, const InfoReply& reply);

// Whether a cl_device_type is one at all, and whether a virtual GPU is among what it asks for.
bool valid_device_type(cl_device_type type);
bool matches_device_type(cl_device_type type);

// Answers clGetDeviceInfo from the traits of the slice (OpenCL 3.0, section 4.2, table 5).
cl_int device_info(const _cl_device_id& device, const wire::DeviceTraits& traits, cl_device_info name,
                   const InfoReply& reply);

// What of a device's extensions and OpenCL C features the front end passes on: those that need nothing from it.
bool offered_extension(std::string_view name);
bool offered_c_feature(std::string_view name);

}  // namespace sluice::opencl
