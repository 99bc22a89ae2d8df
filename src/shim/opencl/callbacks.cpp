#include "shim/opencl/callbacks.h"

#include <memory>

#include "shim/callback_thread.h"

namespace sluice::opencl {
namespace {

class EventWatch final : public shim::PendingCallback {
 public:
  EventWatch(_cl_event& event, cl_int trigger, EventCallback callback, void* user_data)
      : event_(&event), trigger_(trigger), callback_(callback), user_data_(user_data) {}

  bool due() const override { return event_->status() <= trigger_; }
  void call() override {
    const cl_int status = event_->status();
    callback_(event_.get(), status < CL_COMPLETE ? status : trigger_, user_data_);
  }
  Place place() const override { return {event_->state().in_order_lane(), event_->state().sequence()}; }

 private:
  const Ref<_cl_event> event_;
  const cl_int trigger_;
  const EventCallback callback_;
  void* const user_data_;
};

class ReleaseWatch final : public shim::PendingCallback {
 public:
  using Callbacks = std::vector<std::pair<MemoryDestructor, void*>>;
  ReleaseWatch(shim::Session& session, shim::Fence fence, cl_mem memory, Callbacks callbacks)
      : session_(session), fence_(std::move(fence)), memory_(memory), callbacks_(std::move(callbacks)) {}

  bool due() const override { return session_.lost() || fence_.passed(); }
  void call() override {
    for (const auto& [callback, user_data] : callbacks_) callback(memory_, user_data);
  }

 private:
  shim::Session& session_;
  const shim::Fence fence_;
  const cl_mem memory_;
  const Callbacks callbacks_;
};

}  // namespace

bool watch_event(_cl_event& event, cl_int trigger, EventCallback callback, void* user_data) {
  return event.session().callbacks().add(std::make_unique<EventWatch>(event, trigger, callback, user_data));
}

void watch_release(shim::Session& session, shim::Fence fence, cl_mem memory,
                   std::vector<std::pair<MemoryDestructor, void*>> callbacks) {
  std::unique_ptr<shim::PendingCallback> watch =
      std::make_unique<ReleaseWatch>(session, std::move(fence), memory, std::move(callbacks));
  // Too early is better than never: the program waits to free memory.
  if (!session.callbacks().add(std::move(watch))) watch->call();
}

}  // namespace sluice::opencl
