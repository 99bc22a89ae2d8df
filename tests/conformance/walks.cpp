// Long random walks over buffers, against a plain model in host memory: what the queue's order promises must hold for
// every mixture of blocking and non-blocking commands. Each walk replays from its seed.
#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <string>

#include "rig.h"

namespace conformance {
namespace {

constexpr std::size_t buffers = 4;
constexpr std::size_t bytes_max = 96 * 1024;

class Walk {
 public:
  Walk(unsigned seed, bool out_of_order)
      : random_(seed),
        queue_(make_queue(out_of_order ? CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE : 0)),
        other_(make_queue()) {
    for (std::size_t i = 0; i < buffers; ++i) {
      model_.push_back(pattern(bytes_max, seed + static_cast<unsigned>(i)));
      memory_.push_back(buffer_of(model_.back()));
    }
    add_ = make_kernel(kit(), "add");
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    finish();
    for (std::size_t i = 0; i < buffers; ++i) EXPECT(contents<std::uint8_t>(memory_[i], bytes_max) == model_[i]);
  }

 private:
  struct PendingRead {
    std::vector<std::uint8_t> got, wanted;
    std::string what;
  };

  std::size_t pick(std::size_t below) { return random_() % below; }
  cl_command_queue queue() { return pick(3) == 0 ? other_ : queue_; }
  // Every command waits for the one before it, so the order is one chain whatever the queues.
  std::vector<cl_event> after() { return last_ ? std::vector<cl_event>{last_} : std::vector<cl_event>{}; }
  static const cl_event* list(const std::vector<cl_event>& events) { return events.empty() ? nullptr : events.data(); }

  void step() {
    ++steps_;
    const std::size_t size = 1 + (pick(2) == 0 ? pick(64) : pick(bytes_max / 4));
    const std::size_t at = pick(bytes_max - size), which = pick(buffers);
    const cl_bool blocking = pick(4) == 0 ? CL_TRUE : CL_FALSE;
    switch (pick(9)) {
      case 0:
      case 1: return write(which, at, size, blocking);
      case 2:
      case 3: return read(which, at, size, blocking);
      case 4: return copy(which, at, size);
      case 5: return fill(which, at, size);
      case 6: return kernel(which);
      case 7: return map(which, at, size);
      case 8: return pick(6) == 0 ? replace(which) : pick(4) == 0 ? finish() : kernel(which);
    }
  }

  void write(std::size_t which, std::size_t at, std::size_t size, cl_bool blocking) {
    sources_.push_back(pattern(size, static_cast<unsigned>(random_())));
    const auto waits = after();
    Event event;
    EXPECT_OK(clEnqueueWriteBuffer(queue(), memory_[which], blocking, at, size, sources_.back().data(),
                                   static_cast<cl_uint>(waits.size()), list(waits), event.out()));
    std::copy(sources_.back().begin(), sources_.back().end(), model_[which].begin() + static_cast<long>(at));
    last_ = std::move(event);
  }

  void read(std::size_t which, std::size_t at, std::size_t size, cl_bool blocking) {
    const auto from = model_[which].begin() + static_cast<long>(at);
    const cl_command_queue on = queue();
    reads_.push_back({std::vector<std::uint8_t>(size, 0xEE),
                      {from, from + static_cast<long>(size)},
                      std::string(blocking == CL_TRUE ? "blocking, " : "") + "step " + std::to_string(steps_) +
                          (on == other_ ? ", second queue" : "") + ", at " + std::to_string(at)});
    const auto waits = after();
    Event event;
    EXPECT_OK(clEnqueueReadBuffer(on, memory_[which], blocking, at, size, reads_.back().got.data(),
                                  static_cast<cl_uint>(waits.size()), list(waits), event.out()));
    if (blocking == CL_TRUE) compare(reads_.size() - 1);
    last_ = std::move(event);
  }

  void copy(std::size_t which, std::size_t at, std::size_t size) {
    const std::size_t to = (which + 1) % buffers, to_at = pick(bytes_max - size);
    const auto waits = after();
    Event event;
    EXPECT_OK(clEnqueueCopyBuffer(queue(), memory_[which], memory_[to], at, to_at, size,
                                  static_cast<cl_uint>(waits.size()), list(waits), event.out()));
    std::copy_n(model_[which].begin() + static_cast<long>(at), size, model_[to].begin() + static_cast<long>(to_at));
    last_ = std::move(event);
  }

  void fill(std::size_t which, std::size_t at, std::size_t size) {
    const std::size_t unit = std::size_t{1} << pick(5);
    at = at / unit * unit;
    size = std::max(unit, size / unit * unit);
    const auto piece = pattern(unit, static_cast<unsigned>(random_()));
    const auto waits = after();
    Event event;
    EXPECT_OK(clEnqueueFillBuffer(queue(), memory_[which], piece.data(), unit, at, size,
                                  static_cast<cl_uint>(waits.size()), list(waits), event.out()));
    for (std::size_t i = 0; i < size; ++i) model_[which][at + i] = piece[i % unit];
    last_ = std::move(event);
  }

  void kernel(std::size_t which) {
    const int amount = static_cast<int>(pick(1000));
    const std::size_t count = bytes_max / 4;
    EXPECT_OK(set_arg(add_, 0, memory_[which]));
    EXPECT_OK(set_arg(add_, 1, amount));
    Event event;
    EXPECT_OK(launch(queue(), add_, count, event.out(), after()));
    for (std::size_t i = 0; i < count; ++i) {
      std::uint32_t value = 0;
      std::memcpy(&value, &model_[which][i * 4], 4);
      value += static_cast<std::uint32_t>(amount);
      std::memcpy(&model_[which][i * 4], &value, 4);
    }
    last_ = std::move(event);
  }

  void map(std::size_t which, std::size_t at, std::size_t size) {
    const bool write = pick(2) == 0;
    const auto waits = after();
    cl_int code = CL_SUCCESS;
    Event event;
    auto* mapped = static_cast<std::uint8_t*>(clEnqueueMapBuffer(
        queue_, memory_[which], pick(2) == 0 ? CL_TRUE : CL_FALSE, write ? CL_MAP_READ | CL_MAP_WRITE : CL_MAP_READ, at,
        size, static_cast<cl_uint>(waits.size()), list(waits), event.out(), &code));
    EXPECT_OK(code);
    EXPECT_OK(clWaitForEvents(1, event.address()));
    EXPECT(std::memcmp(mapped, &model_[which][at], size) == 0);
    if (write) {
      const auto piece = pattern(size, static_cast<unsigned>(random_()));
      std::memcpy(mapped, piece.data(), size);
      std::memcpy(&model_[which][at], piece.data(), size);
    }
    EXPECT_OK(clEnqueueUnmapMemObject(queue_, memory_[which], mapped, 0, nullptr, event.out()));
    last_ = std::move(event);
  }

  // A fresh buffer takes the place of one that commands may still be using.
  void replace(std::size_t which) {
    model_[which] = pattern(bytes_max, static_cast<unsigned>(random_()));
    memory_[which] = buffer_of(model_[which]);
  }

  void finish() {
    EXPECT_OK(clFinish(queue_));
    EXPECT_OK(clFinish(other_));
    for (std::size_t i = 0; i < reads_.size(); ++i) compare(i);
    reads_.clear();
    sources_.clear();
  }

  void compare(std::size_t number) const {
    const auto& [got, wanted, what] = reads_[number];
    if (got == wanted) return;
    const auto [at, other] = std::mismatch(got.begin(), got.end(), wanted.begin());
    const auto wrong = std::inner_product(got.begin(), got.end(), wanted.begin(), std::size_t{0}, std::plus<>(),
                                          std::not_equal_to<>());
    throw Failure{"read " + std::to_string(number) + " of " + std::to_string(reads_.size()) + " (" + what + "): " +
                  std::to_string(wrong) + " of " + std::to_string(got.size()) + " bytes are wrong, the first at " +
                  std::to_string(at - got.begin()) + ": " + std::to_string(*at) + ", not " + std::to_string(*other)};
  }

  std::mt19937 random_;
  Queue queue_, other_;
  std::vector<std::vector<std::uint8_t>> model_;
  std::vector<Memory> memory_;
  Kernel add_;
  std::vector<PendingRead> reads_;
  std::vector<std::vector<std::uint8_t>> sources_;
  Event last_;
  int steps_ = 0;
};

void walk(unsigned seed, bool out_of_order, int steps) {
  try {
    Walk(seed, out_of_order).run(steps);
  } catch (const Failure& failure) {
    throw Failure{"seed " + std::to_string(seed) + ": " + failure.what};
  }
}

}  // namespace

TEST("walk: an in-order and a second queue, short") {
  for (unsigned seed = 1; seed <= 40; ++seed) walk(seed, false, 25);
}

TEST("walk: an in-order and a second queue, long") {
  for (unsigned seed = 100; seed <= 104; ++seed) walk(seed, false, 400);
}

TEST("walk: an out-of-order queue") {
  for (unsigned seed = 200; seed <= 215; ++seed) walk(seed, true, 100);
}

TEST("walk: one in-order queue without a single event") {
  const Queue queue = make_queue();
  std::mt19937 random(7);
  std::vector<int> model(5000, 0);
  Memory buffer = buffer_of(model);
  Kernel add = make_kernel(kit(), "add");
  EXPECT_OK(set_arg(add, 0, buffer));
  std::vector<std::vector<int>> got, wanted, sources;
  for (int i = 0; i < 300; ++i) {
    const int amount = static_cast<int>(random() % 100);
    switch (random() % 3) {
      case 0:
        EXPECT_OK(set_arg(add, 1, amount));
        EXPECT_OK(launch(queue, add, model.size()));
        for (int& value : model) value += amount;
        break;
      case 1:
        sources.emplace_back(model.size(), amount);
        model = sources.back();
        EXPECT_OK(clEnqueueWriteBuffer(queue, buffer, CL_FALSE, 0, model.size() * 4, sources.back().data(), 0, nullptr,
                                       nullptr));
        break;
      default:
        got.emplace_back(model.size());
        wanted.push_back(model);
        EXPECT_OK(
            clEnqueueReadBuffer(queue, buffer, CL_FALSE, 0, model.size() * 4, got.back().data(), 0, nullptr, nullptr));
    }
  }
  EXPECT_OK(clFinish(queue));
  EXPECT(got == wanted);
}

}  // namespace conformance
