// Random walks over images and rectangles of buffers, against a plain model in host memory (OpenCL 3.0, sections 5.2.2
// and 5.3.3 to 5.3.7). Every command waits for the one before it, whatever its queue. Each walk replays from its seed.
#include <cstring>
#include <memory>
#include <random>

#include "image_rig.h"

namespace conformance {
namespace {

using Pixels = std::vector<std::uint32_t>;

// Boxes in a model: where they start, and each of their rows.
template <typename Use>
void each_row(const Three& size, const Three& origin, const Three& region, Use use) {
  for (std::size_t z = 0; z < region[2]; ++z)
    for (std::size_t y = 0; y < region[1]; ++y)
      use(((z + origin[2]) * size[1] + y + origin[1]) * size[0] + origin[0], (z * region[1] + y) * region[0]);
}

class ImageWalk {
 public:
  ImageWalk(unsigned seed, const cl_image_desc& desc, Three size)
      : random_(seed), size_(size), first_(make_queue()), second_(make_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)) {
    for (int i = 0; i < 2; ++i) {
      model_.push_back(noise(size[0] * size[1] * size[2]));
      images_.push_back(make_image({CL_RGBA, CL_UNSIGNED_INT8}, desc));
      write_image(images_.back(), {0, 0, 0}, size, model_.back().data());
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    EXPECT_OK(clFinish(first_));
    EXPECT_OK(clFinish(second_));
    for (const auto& [got, wanted] : reads_) EXPECT(*got == wanted);
    for (std::size_t i = 0; i < images_.size(); ++i) {
      const auto got = read_image(images_[i], {0, 0, 0}, size_);
      EXPECT(std::memcmp(got.data(), model_[i].data(), got.size()) == 0);
    }
  }

 private:
  std::size_t pick(std::size_t below) { return random_() % below; }
  Pixels noise(std::size_t count) {
    Pixels pixels(count);
    for (auto& pixel : pixels) pixel = static_cast<std::uint32_t>(random_());
    return pixels;
  }
  Pixels part(std::size_t which, const Three& origin, const Three& region) const {
    Pixels pixels(region[0] * region[1] * region[2]);
    each_row(size_, origin, region,
             [&](std::size_t at, std::size_t row) { std::memcpy(&pixels[row], &model_[which][at], region[0] * 4); });
    return pixels;
  }
  void put(std::size_t which, const Three& origin, const Three& region, const Pixels& pixels) {
    each_row(size_, origin, region,
             [&](std::size_t at, std::size_t row) { std::memcpy(&model_[which][at], &pixels[row], region[0] * 4); });
  }

  void step() {
    Three origin, region;
    for (int i = 0; i < 3; ++i) {
      region[i] = 1 + pick(size_[i]);
      origin[i] = pick(size_[i] - region[i] + 1);
    }
    const std::size_t which = pick(2);
    const cl_command_queue queue = pick(2) == 0 ? first_ : second_;
    const cl_bool blocking = pick(3) == 0 ? CL_TRUE : CL_FALSE;
    const cl_uint waits = last_ ? 1 : 0;
    const cl_event* list = last_ ? last_.address() : nullptr;
    Event done;
    switch (pick(5)) {
      case 0: {
        sources_.push_back(noise(region[0] * region[1] * region[2]));
        put(which, origin, region, sources_.back());
        EXPECT_OK(clEnqueueWriteImage(queue, images_[which], blocking, origin.data(), region.data(), 0, 0,
                                      sources_.back().data(), waits, list, done.out()));
        break;
      }
      case 1: {
        reads_.emplace_back(std::make_unique<Pixels>(region[0] * region[1] * region[2]), part(which, origin, region));
        EXPECT_OK(clEnqueueReadImage(queue, images_[which], blocking, origin.data(), region.data(), 0, 0,
                                     reads_.back().first->data(), waits, list, done.out()));
        break;
      }
      case 2: {
        put(1 - which, origin, region, part(which, origin, region));
        EXPECT_OK(clEnqueueCopyImage(queue, images_[which], images_[1 - which], origin.data(), origin.data(),
                                     region.data(), waits, list, done.out()));
        break;
      }
      case 3: {
        const cl_uint color[4] = {static_cast<cl_uint>(pick(256)), 1, 2, 3};
        put(which, origin, region,
            Pixels(region[0] * region[1] * region[2], color[0] | color[1] << 8 | color[2] << 16 | color[3] << 24));
        EXPECT_OK(
            clEnqueueFillImage(queue, images_[which], color, origin.data(), region.data(), waits, list, done.out()));
        break;
      }
      default: map(queue, which, origin, region, waits, list, done);
    }
    last_ = std::move(done);
  }

  void map(cl_command_queue queue, std::size_t which, const Three& origin, const Three& region, cl_uint waits,
           const cl_event* list, Event& done) {
    std::size_t row = 0, slice = 0;
    cl_int code = CL_SUCCESS;
    Event mapped;
    auto* pixels = static_cast<std::byte*>(clEnqueueMapImage(queue, images_[which], CL_FALSE,
                                                             CL_MAP_READ | CL_MAP_WRITE, origin.data(), region.data(),
                                                             &row, &slice, waits, list, mapped.out(), &code));
    EXPECT_OK(code);
    EXPECT_OK(clFlush(first_));
    EXPECT_OK(clFlush(second_));
    EXPECT_OK(clWaitForEvents(1, mapped.address()));
    const Pixels fresh = noise(region[0] * region[1] * region[2]);
    bool same = true;
    each_row(size_, origin, region, [&](std::size_t at, std::size_t from) {
      const std::size_t y = from / region[0] % region[1], z = from / region[0] / region[1];
      std::byte* line = pixels + z * slice + y * row;
      same &= std::memcmp(line, &model_[which][at], region[0] * 4) == 0;
      std::memcpy(line, &fresh[from], region[0] * 4);
    });
    EXPECT(same);
    put(which, origin, region, fresh);
    EXPECT_OK(clEnqueueUnmapMemObject(queue, images_[which], pixels, 0, nullptr, done.out()));
  }

  std::mt19937 random_;
  Three size_;
  Queue first_, second_;
  std::vector<Pixels> model_;
  std::vector<Memory> images_;
  std::vector<std::pair<std::unique_ptr<Pixels>, Pixels>> reads_;
  std::vector<Pixels> sources_;
  Event last_;
};

void walk(const cl_image_desc& desc, Three size) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    try {
      ImageWalk(seed, desc, size).run(40);
    } catch (const Failure& failure) {
      throw Failure{"seed " + std::to_string(seed) + ": " + failure.what};
    }
  }
}

}  // namespace

TEST("5.3 a walk over 1D images") { walk(desc_of(CL_MEM_OBJECT_IMAGE1D, 200), {200, 1, 1}); }

TEST("5.3 a walk over 2D images") { walk(flat(33, 17), {33, 17, 1}); }

TEST("5.3 a walk over 3D images") { walk(desc_of(CL_MEM_OBJECT_IMAGE3D, 11, 9, 7), {11, 9, 7}); }

TEST("5.3 a walk over arrays of 2D images") { walk(desc_of(CL_MEM_OBJECT_IMAGE2D_ARRAY, 12, 10, 0, 5), {12, 10, 5}); }

TEST("5.2.2 random rectangles of buffers are written, copied and read") {
  std::mt19937 random(11);
  const auto pick = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  const Three size{24, 14, 6};
  const std::size_t row = 29, slice = row * 16, bytes = slice * size[2];
  for (int round = 0; round < 60; ++round) {
    auto model = pattern(bytes, static_cast<unsigned>(round)),
         host = pattern(bytes, 1000 + static_cast<unsigned>(round));
    Memory from = buffer_of(host), to = buffer_of(model);
    Three region, at, host_at;
    for (int i = 0; i < 3; ++i) {
      region[i] = 1 + pick(size[i]);
      at[i] = pick(size[i] - region[i] + 1);
      host_at[i] = pick(size[i] - region[i] + 1);
    }
    if (pick(2) == 0) {
      EXPECT_OK(clEnqueueWriteBufferRect(rig().queue, to, pick(2) == 0 ? CL_TRUE : CL_FALSE, at.data(), host_at.data(),
                                         region.data(), row, slice, row, slice, host.data(), 0, nullptr, nullptr));
    } else {
      EXPECT_OK(clEnqueueCopyBufferRect(rig().queue, from, to, host_at.data(), at.data(), region.data(), row, slice,
                                        row, slice, 0, nullptr, nullptr));
    }
    const auto place = [&](const Three& origin, std::size_t y, std::size_t z) {
      return (origin[2] + z) * slice + (origin[1] + y) * row + origin[0];
    };
    for (std::size_t z = 0; z < region[2]; ++z)
      for (std::size_t y = 0; y < region[1]; ++y)
        std::memcpy(&model[place(at, y, z)], &host[place(host_at, y, z)], region[0]);
    EXPECT_OK(clFinish(rig().queue));
    EXPECT(contents<std::uint8_t>(to, bytes) == model);
    std::vector<std::uint8_t> back(bytes, 0xAB), wanted = back;
    EXPECT_OK(clEnqueueReadBufferRect(rig().queue, to, CL_TRUE, at.data(), host_at.data(), region.data(), row, slice,
                                      row, slice, back.data(), 0, nullptr, nullptr));
    for (std::size_t z = 0; z < region[2]; ++z)
      for (std::size_t y = 0; y < region[1]; ++y)
        std::memcpy(&wanted[place(host_at, y, z)], &model[place(at, y, z)], region[0]);
    EXPECT(back == wanted);
  }
}

TEST("5.3.3 gated image commands keep their order, and events of every one are profiled") {
  const Queue queue = make_queue(CL_QUEUE_PROFILING_ENABLE);
  Memory image = make_image(rgba8, flat(16, 16)), other = make_image(rgba8, flat(16, 16)), buffer = make_buffer(1024);
  const auto data = pattern(1024);
  std::vector<std::uint8_t> got(1024);
  const Three zero{0, 0, 0}, whole{16, 16, 1};
  const cl_uint color[4] = {1, 2, 3, 4};
  Event gate = user_event();
  std::vector<Event> events(6);
  EXPECT_OK(clEnqueueFillImage(queue, image, color, zero.data(), whole.data(), 1, gate.address(), events[0].out()));
  EXPECT_OK(clEnqueueWriteImage(queue, image, CL_FALSE, zero.data(), whole.data(), 0, 0, data.data(), 0, nullptr,
                                events[1].out()));
  EXPECT_OK(
      clEnqueueCopyImage(queue, image, other, zero.data(), zero.data(), whole.data(), 0, nullptr, events[2].out()));
  EXPECT_OK(
      clEnqueueCopyImageToBuffer(queue, other, buffer, zero.data(), whole.data(), 0, 0, nullptr, events[3].out()));
  EXPECT_OK(
      clEnqueueCopyBufferToImage(queue, buffer, image, 0, zero.data(), whole.data(), 0, nullptr, events[4].out()));
  EXPECT_OK(clEnqueueReadImage(queue, image, CL_FALSE, zero.data(), whole.data(), 0, 0, got.data(), 0, nullptr,
                               events[5].out()));
  EXPECT_OK(clFlush(queue));
  EXPECT(status_of(events[5]) > CL_COMPLETE);
  EXPECT_OK(clSetUserEventStatus(gate, CL_COMPLETE));
  EXPECT_OK(clFinish(queue));
  EXPECT(got == data);
  cl_ulong last = 0;
  for (const Event& event : events) {
    EXPECT(profile(event, CL_PROFILING_COMMAND_QUEUED) <= profile(event, CL_PROFILING_COMMAND_SUBMIT));
    EXPECT(profile(event, CL_PROFILING_COMMAND_SUBMIT) <= profile(event, CL_PROFILING_COMMAND_START));
    EXPECT(profile(event, CL_PROFILING_COMMAND_START) <= profile(event, CL_PROFILING_COMMAND_END));
    EXPECT(profile(event, CL_PROFILING_COMMAND_START) >= last);
    last = profile(event, CL_PROFILING_COMMAND_START);
  }
}

}  // namespace conformance
