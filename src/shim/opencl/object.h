// The object model: what a cl_context, cl_mem ... handle points at.
//
// Every handle starts with the ICD dispatch table, so that a program's own ICD loader can call through it, then a
// magic number per kind, so that a wrong or stale handle is told apart without a crash (OpenCL 3.0, section 2.1), and
// the API's reference count (section 2.2). Objects hold references to what they need (a queue to its context, a
// kernel to its program) as `Ref`.
//
// Life: made with one reference for the program. clRetain*/clRelease* move the count; at zero the object's destructor
// runs, which posts ObjectRelease where the worker knows the object. Nothing is freed at exit.
#pragma once

#include <CL/cl.h>
#include <CL/cl_icd.h>

#include <atomic>
#include <cstdint>
#include <utility>

namespace sluice::opencl {

enum class Kind : std::uint32_t {
  platform = 0x534C4301,
  device,
  context,
  queue,
  memory,
  sampler,
  program,
  kernel,
  event,
  dead = 0x534C43FF,
};

// The table of all entry points; filled in dispatch.cpp.
extern const cl_icd_dispatch dispatch_table;

// The front of every object. No virtual functions: the ABI wants the dispatch pointer to be the first word.
class Object {
 public:
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  Kind kind() const { return kind_.load(std::memory_order_relaxed); }
  // The count that CL_*_REFERENCE_COUNT reports.
  cl_uint references() const { return references_.load(std::memory_order_relaxed); }
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  // Destroys the object when the last reference goes.
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy_(this);
  }

 protected:
  using Destroy = void (*)(Object*);
  Object(Kind kind, Destroy destroy) : kind_(kind), destroy_(destroy) {}
  ~Object() { kind_.store(Kind::dead, std::memory_order_relaxed); }

 private:
  [[maybe_unused]] const cl_icd_dispatch* dispatch_ = &dispatch_table;  // must stay first: the ICD loader reads it
  std::atomic<Kind> kind_;
  std::atomic<cl_uint> references_{1};
  Destroy destroy_;
};

// Base of `struct _cl_mem final : ObjectOf<_cl_mem, Kind::memory>` and its like.
template <typename T, Kind K>
class ObjectOf : public Object {
 public:
  static constexpr Kind kind_of = K;

 protected:
  ObjectOf() : Object(K, [](Object* object) { delete static_cast<T*>(object); }) {}
};

// The object behind a handle that a program passed, or null if it is null, of another kind, or already destroyed.
template <typename T>
T* checked(T* handle) {
  return handle != nullptr && handle->kind() == T::kind_of ? handle : nullptr;
}

// A counted reference from one object to another.
template <typename T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->retain();
  }
  // Takes over a reference that the caller owns.
  static Ref adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  T* leak() { return std::exchange(object_, nullptr); }

 private:
  T* object_ = nullptr;
};

}  // namespace sluice::opencl
