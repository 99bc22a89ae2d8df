#include "daemon/backends/opencl/jail_profile.h"

namespace sluice::backend::opencl {
namespace {

// Vendors install below /opt; PoCL runs the linker, which lies in /usr.
constexpr const char* readable[] = {"/opt", "/etc/OpenCL"};

constexpr const char* devices[] = {"/dev/dri",
                                   "/dev/kfd",
                                   "/dev/nvidiactl",
                                   "/dev/nvidia-uvm",
                                   "/dev/nvidia-uvm-tools",
                                   "/dev/nvidia-modeset",
                                   "/dev/nvidia-caps",
                                   "/dev/nvidia0",
                                   "/dev/nvidia1",
                                   "/dev/nvidia2",
                                   "/dev/nvidia3",
                                   "/dev/nvidia4",
                                   "/dev/nvidia5",
                                   "/dev/nvidia6",
                                   "/dev/nvidia7"};

// Drivers of cards find them through these. Of a machine without cards nothing of it is shown.
constexpr const char* device_files[] = {"/sys/devices", "/sys/class", "/sys/bus", "/sys/dev/char", "/sys/module"};

// Drivers place the memory of their threads.
constexpr const char* system_calls[] = {"mbind", "set_mempolicy"};

// 'd' DRM, 'K' KFD, 'F' NVIDIA; nvidia-uvm's have no type.
constexpr std::uint8_t ioctl_types[] = {'d', 'K', 'F', 0};

constexpr JailProfile profile{"opencl", readable, devices, device_files, system_calls, ioctl_types};

}  // namespace

const JailProfile& jail_profile() { return profile; }

}  // namespace sluice::backend::opencl
