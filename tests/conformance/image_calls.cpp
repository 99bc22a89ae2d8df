// What each call on images refuses, argument by argument, and what it does for every kind of image and every format
// that is listed (OpenCL 3.0, section 5.3).
#include <cmath>
#include <cstdio>
#include <cstring>

#include "image_shapes.h"

namespace conformance {

TEST("5.3.1 clCreateImage refuses each wrong argument") {
  need_images();
  Memory buffer = make_buffer(4096), small = make_buffer(16);
  char host[4096] = {};
  const auto create = [&](const cl_image_format* format, const cl_image_desc* desc, cl_mem_flags flags = 0,
                          void* pointer = nullptr) {
    cl_int code = CL_SUCCESS;
    const Memory made = clCreateImage(rig().context, flags, format, desc, pointer, &code);
    return code;
  };
  const auto changed = [](auto change, cl_mem_object_type type = CL_MEM_OBJECT_IMAGE2D) {
    cl_image_desc desc = desc_of(type, 8, 8, 8, 8);
    if (type == CL_MEM_OBJECT_IMAGE2D) desc = flat(8, 8);
    change(desc);
    return desc;
  };
  const cl_image_desc good = flat(8, 8);
  const auto no_width = changed([](auto& d) { d.image_width = 0; });
  const auto no_height = changed([](auto& d) { d.image_height = 0; });
  const auto no_depth = changed([](auto& d) { d.image_depth = 0; }, CL_MEM_OBJECT_IMAGE3D);
  const auto no_layers = changed([](auto& d) { d.image_array_size = 0; }, CL_MEM_OBJECT_IMAGE2D_ARRAY);
  const auto odd_type = changed([](auto& d) { d.image_type = 0x9999; });
  const auto a_buffer = changed([](auto& d) { d.image_type = CL_MEM_OBJECT_BUFFER; });
  const auto pitched = changed([](auto& d) { d.image_row_pitch = 64; });
  const auto thin = changed([](auto& d) { d.image_row_pitch = 16; });
  const auto odd_pitch = changed([](auto& d) { d.image_row_pitch = 33; });
  const auto mips = changed([](auto& d) { d.num_mip_levels = 2; });
  const auto samples = changed([](auto& d) { d.num_samples = 2; });
  const auto wide = changed([](auto& d) { d.image_width = std::size_t{1} << 30; });
  const auto high = changed([](auto& d) { d.image_height = std::size_t{1} << 30; });
  const auto deep = changed([](auto& d) { d.image_depth = std::size_t{1} << 30; }, CL_MEM_OBJECT_IMAGE3D);
  auto bufferless = desc_of(CL_MEM_OBJECT_IMAGE1D_BUFFER, 8), over = bufferless, too_long = bufferless;
  over.buffer = buffer;
  too_long.buffer = small;
  const cl_image_format odd_order{0x9999, CL_UNSIGNED_INT8}, odd_data{CL_RGBA, 0x9999},
      mixed{CL_RGBA, CL_UNORM_SHORT_565};
  CHECK_CODE(create(&rgba8, &good), CL_SUCCESS);
  CHECK_CODE(create(nullptr, &good), CL_INVALID_IMAGE_FORMAT_DESCRIPTOR);
  CHECK_CODE(create(&odd_order, &good), CL_INVALID_IMAGE_FORMAT_DESCRIPTOR);
  CHECK_CODE(create(&odd_data, &good), CL_INVALID_IMAGE_FORMAT_DESCRIPTOR);
  CHECK_CODE(create(&mixed, &good), CL_INVALID_IMAGE_FORMAT_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, nullptr), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &no_width), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &no_height), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &no_depth), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &no_layers), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &odd_type), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &a_buffer), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &pitched), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &pitched, CL_MEM_COPY_HOST_PTR, host), CL_SUCCESS);
  CHECK_CODE(create(&rgba8, &thin, CL_MEM_COPY_HOST_PTR, host), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &odd_pitch, CL_MEM_COPY_HOST_PTR, host), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE_IN_POOL(create(&rgba8, &mips), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE_IN_POOL(create(&rgba8, &samples), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &wide), CL_INVALID_IMAGE_SIZE);
  CHECK_CODE(create(&rgba8, &high), CL_INVALID_IMAGE_SIZE);
  CHECK_CODE(create(&rgba8, &deep), CL_INVALID_IMAGE_SIZE);
  CHECK_CODE(create(&rgba8, &bufferless), CL_INVALID_IMAGE_DESCRIPTOR);
  CHECK_CODE(create(&rgba8, &over), CL_SUCCESS);
  CHECK_CODE(create(&rgba8, &too_long), CL_INVALID_IMAGE_SIZE);
  CHECK_CODE(create(&rgba8, &good, CL_MEM_USE_HOST_PTR), CL_INVALID_HOST_PTR);
  CHECK_CODE(create(&rgba8, &good, CL_MEM_COPY_HOST_PTR), CL_INVALID_HOST_PTR);
  CHECK_CODE(create(&rgba8, &good, 0, host), CL_INVALID_HOST_PTR);
  CHECK_CODE(create(&rgba8, &good, CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY), CL_INVALID_VALUE);
  CHECK_CODE(create(&rgba8, &good, CL_MEM_USE_HOST_PTR | CL_MEM_COPY_HOST_PTR, host), CL_INVALID_VALUE);
  CHECK_CODE(create(&rgba8, &good, CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_NO_ACCESS), CL_INVALID_VALUE);
  CHECK_CODE(create(&rgba8, &good, cl_mem_flags{1} << 40), CL_INVALID_VALUE);
}

TEST("5.3.2 clGetSupportedImageFormats refuses each wrong argument") {
  need_images();
  cl_image_format format{};
  cl_uint count = 0;
  const auto ask = [&](cl_context context, cl_mem_flags flags, cl_mem_object_type type, cl_uint room,
                       cl_image_format* into) {
    return clGetSupportedImageFormats(context, flags, type, room, into, &count);
  };
  CHECK_CODE(ask(nullptr, CL_MEM_READ_WRITE, CL_MEM_OBJECT_IMAGE2D, 0, nullptr), CL_INVALID_CONTEXT);
  CHECK_CODE(ask(rig().context, CL_MEM_READ_WRITE, CL_MEM_OBJECT_BUFFER, 0, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(ask(rig().context, CL_MEM_READ_WRITE | CL_MEM_READ_ONLY, CL_MEM_OBJECT_IMAGE2D, 0, nullptr),
             CL_INVALID_VALUE);
  CHECK_CODE(ask(rig().context, CL_MEM_READ_WRITE, CL_MEM_OBJECT_IMAGE2D, 0, &format), CL_INVALID_VALUE);
  CHECK_CODE(ask(rig().context, CL_MEM_READ_WRITE, CL_MEM_OBJECT_IMAGE2D, 1, &format), CL_SUCCESS);
  CHECK(count >= 1);
  for (const auto& shape : shapes()) {
    for (const cl_mem_flags flags : {CL_MEM_READ_ONLY, CL_MEM_WRITE_ONLY, CL_MEM_READ_WRITE}) {
      CHECK(!formats_of(shape.desc.image_type, flags).empty());
    }
  }
}

TEST("5.3.2 the formats that every device must have are listed") {
  need_images();
  const std::vector<cl_image_format> wanted = {
      {CL_RGBA, CL_UNORM_INT8},     {CL_RGBA, CL_UNORM_INT16},    {CL_RGBA, CL_SIGNED_INT8},
      {CL_RGBA, CL_SIGNED_INT16},   {CL_RGBA, CL_SIGNED_INT32},   {CL_RGBA, CL_UNSIGNED_INT8},
      {CL_RGBA, CL_UNSIGNED_INT16}, {CL_RGBA, CL_UNSIGNED_INT32}, {CL_RGBA, CL_HALF_FLOAT},
      {CL_RGBA, CL_FLOAT},          {CL_BGRA, CL_UNORM_INT8}};
  for (const auto& shape : shapes()) {
    const auto listed = formats_of(shape.desc.image_type);
    for (const auto& format : wanted) {
      bool found = false;
      for (const auto& known : listed)
        found |= known.image_channel_order == format.image_channel_order &&
                 known.image_channel_data_type == format.image_channel_data_type;
      CHECK_FOR(shape.name + (" " + name_of(format)), found);
    }
  }
}

TEST("5.3.3 every kind of image and every format takes and gives its pixels") {
  for (const auto& shape : shapes()) {
    for (const auto& format : formats_of(shape.desc.image_type)) {
      Memory image = make_image(format, shape.desc);
      const std::size_t pixel = pixel_bytes(image);
      const auto data = pattern(pixels_of(shape.region) * pixel);
      write_image(image, {0, 0, 0}, shape.region, data.data());
      CHECK_FOR(shape.name + (" " + name_of(format)), read_image(image, {0, 0, 0}, shape.region, pixel) == data);
    }
  }
}

TEST("5.3.3 every kind of image starts with the host's pixels") {
  for (const auto& shape : shapes()) {
    for (const cl_mem_flags place :
         {CL_MEM_COPY_HOST_PTR, CL_MEM_USE_HOST_PTR, CL_MEM_COPY_HOST_PTR | CL_MEM_ALLOC_HOST_PTR}) {
      auto data = pattern(pixels_of(shape.region) * 4);
      const auto wanted = data;
      Memory image = make_image(rgba8, shape.desc, CL_MEM_READ_WRITE | place, data.data());
      CHECK(read_image(image, {0, 0, 0}, shape.region) == wanted);
    }
  }
}

TEST("5.3.3 reads and writes of images refuse each wrong argument") {
  Memory image = make_image(rgba8, flat(8, 4)), deep = make_image(rgba8, desc_of(CL_MEM_OBJECT_IMAGE3D, 8, 4, 2));
  Memory no_read = make_image(rgba8, flat(8, 4), CL_MEM_HOST_WRITE_ONLY);
  Memory no_write = make_image(rgba8, flat(8, 4), CL_MEM_HOST_READ_ONLY), buffer = make_buffer(256);
  std::vector<char> host(4096);
  const Three zero{0, 0, 0}, whole{8, 4, 1}, volume{8, 4, 2}, late{1, 0, 0}, lifted{0, 0, 1}, empty{8, 0, 1};
  const auto both = [&](cl_command_queue queue, cl_mem of, const std::size_t* at, const std::size_t* size,
                        std::size_t row, std::size_t slice, void* pointer) {
    const cl_int read = clEnqueueReadImage(queue, of, CL_TRUE, at, size, row, slice, pointer, 0, nullptr, nullptr);
    const cl_int write = clEnqueueWriteImage(queue, of, CL_TRUE, at, size, row, slice, pointer, 0, nullptr, nullptr);
    return read == write ? read : CL_INVALID_OPERATION;
  };
  const cl_command_queue queue = rig().queue;
  char* pixels = host.data();
  CHECK_CODE(both(queue, image, zero.data(), whole.data(), 0, 0, pixels), CL_SUCCESS);
  CHECK_CODE(both(queue, image, zero.data(), whole.data(), 64, 0, pixels), CL_SUCCESS);
  CHECK_CODE(both(queue, deep, zero.data(), volume.data(), 64, 512, pixels), CL_SUCCESS);
  CHECK_CODE(both(nullptr, image, zero.data(), whole.data(), 0, 0, pixels), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(both(queue, nullptr, zero.data(), whole.data(), 0, 0, pixels), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(both(queue, buffer, zero.data(), whole.data(), 0, 0, pixels), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(both(queue, image, late.data(), whole.data(), 0, 0, pixels), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, image, lifted.data(), whole.data(), 0, 0, pixels), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, image, zero.data(), volume.data(), 0, 0, pixels), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, image, zero.data(), empty.data(), 0, 0, pixels), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, image, nullptr, whole.data(), 0, 0, pixels), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, image, zero.data(), nullptr, 0, 0, pixels), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, image, zero.data(), whole.data(), 0, 0, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, image, zero.data(), whole.data(), 31, 0, pixels), CL_INVALID_VALUE);
  CHECK_CODE(both(queue, deep, zero.data(), volume.data(), 32, 127, pixels), CL_INVALID_VALUE);
  CHECK_CODE(clEnqueueReadImage(queue, no_read, CL_TRUE, zero.data(), whole.data(), 0, 0, pixels, 0, nullptr, nullptr),
             CL_INVALID_OPERATION);
  CHECK_CODE(
      clEnqueueWriteImage(queue, no_write, CL_TRUE, zero.data(), whole.data(), 0, 0, pixels, 0, nullptr, nullptr),
      CL_INVALID_OPERATION);
  CHECK_CODE(clEnqueueReadImage(queue, image, CL_TRUE, zero.data(), whole.data(), 0, 0, pixels, 1, nullptr, nullptr),
             CL_INVALID_EVENT_WAIT_LIST);
}

TEST("5.3.4 every kind of image is copied, in whole and in part") {
  for (const auto& shape : shapes()) {
    Memory from = make_image(rgba8, shape.desc), to = make_image(rgba8, shape.desc);
    const auto data = pattern(pixels_of(shape.region) * 4);
    const std::vector<std::uint8_t> zeroes(data.size());
    write_image(from, {0, 0, 0}, shape.region, data.data());
    write_image(to, {0, 0, 0}, shape.region, zeroes.data());
    Three part = shape.region, at{1, 0, 0}, dst{0, 0, 0};
    part[0] -= 3;
    for (int i = 1; i < 3; ++i) {
      if (shape.region[i] < 3) continue;
      part[i] -= 2;
      at[i] = 1;
      dst[i] = 2;
    }
    EXPECT_OK(clEnqueueCopyImage(rig().queue, from, to, at.data(), dst.data(), part.data(), 0, nullptr, nullptr));
    CHECK_FOR(shape.name, read_image(to, dst, part) == read_image(from, at, part));
    CHECK_FOR(shape.name, read_image(to, {12, 0, 0}, {1, 1, 1}) == std::vector<std::uint8_t>(4));
  }
}

TEST("5.3.4 slices of 3D images and layers of arrays are copied to 2D images and back") {
  Memory flat_image = make_image(rgba8, flat(13, 7));
  for (const auto& shape : shapes()) {
    if (shape.region[2] == 1) continue;
    Memory deep = make_image(rgba8, shape.desc);
    const auto data = pattern(pixels_of(shape.region) * 4);
    write_image(deep, {0, 0, 0}, shape.region, data.data());
    const Three zero{0, 0, 0}, layer{0, 0, 2}, last{0, 0, 3}, size{13, 7, 1};
    EXPECT_OK(
        clEnqueueCopyImage(rig().queue, deep, flat_image, layer.data(), zero.data(), size.data(), 0, nullptr, nullptr));
    CHECK_FOR(shape.name, read_image(flat_image, zero, size) == read_image(deep, layer, size));
    EXPECT_OK(
        clEnqueueCopyImage(rig().queue, flat_image, deep, zero.data(), last.data(), size.data(), 0, nullptr, nullptr));
    CHECK_FOR(shape.name, read_image(deep, last, size) == read_image(deep, layer, size));
  }
}

TEST("5.3.4 copies of images refuse each wrong argument") {
  Memory a = make_image(rgba8, flat(8, 8)), b = make_image(rgba8, flat(8, 8)),
         other = make_image(rgba_float, flat(8, 8));
  Memory buffer = make_buffer(256);
  const Three zero{0, 0, 0}, whole{8, 8, 1}, late{1, 0, 0}, part{4, 4, 1}, near{3, 3, 0}, none{0, 1, 1};
  const auto copy = [&](cl_mem from, cl_mem to, const Three& at, const Three& dst, const Three& size) {
    return clEnqueueCopyImage(rig().queue, from, to, at.data(), dst.data(), size.data(), 0, nullptr, nullptr);
  };
  CHECK_CODE(copy(nullptr, b, zero, zero, whole), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(copy(a, nullptr, zero, zero, whole), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(copy(buffer, b, zero, zero, whole), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(copy(a, other, zero, zero, whole), CL_IMAGE_FORMAT_MISMATCH);
  CHECK_CODE(copy(a, b, late, zero, whole), CL_INVALID_VALUE);
  CHECK_CODE(copy(a, b, zero, late, whole), CL_INVALID_VALUE);
  CHECK_CODE(copy(a, b, zero, zero, none), CL_INVALID_VALUE);
  CHECK_CODE(copy(a, a, zero, near, part), CL_MEM_COPY_OVERLAP);
  CHECK_CODE(copy(a, a, zero, zero, part), CL_MEM_COPY_OVERLAP);
  const auto out = [&](cl_mem image, cl_mem to, const Three& at, const Three& size, std::size_t offset) {
    return clEnqueueCopyImageToBuffer(rig().queue, image, to, at.data(), size.data(), offset, 0, nullptr, nullptr);
  };
  const auto in = [&](cl_mem from, cl_mem image, const Three& at, const Three& size, std::size_t offset) {
    return clEnqueueCopyBufferToImage(rig().queue, from, image, offset, at.data(), size.data(), 0, nullptr, nullptr);
  };
  CHECK_CODE(out(a, buffer, zero, whole, 0), CL_SUCCESS);
  CHECK_CODE(out(nullptr, buffer, zero, whole, 0), CL_INVALID_MEM_OBJECT);
  CHECK_CODE_IN_POOL(out(a, nullptr, zero, whole, 0), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(out(a, b, zero, whole, 0), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(out(a, buffer, late, whole, 0), CL_INVALID_VALUE);
  CHECK_CODE(out(a, buffer, zero, whole, 1), CL_INVALID_VALUE);
  CHECK_CODE(in(buffer, a, zero, whole, 0), CL_SUCCESS);
  CHECK_CODE(in(nullptr, a, zero, whole, 0), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(in(buffer, nullptr, zero, whole, 0), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(in(buffer, a, late, whole, 0), CL_INVALID_VALUE);
  CHECK_CODE(in(buffer, a, zero, whole, 4), CL_INVALID_VALUE);
  EXPECT_OK(clFinish(rig().queue));
}

TEST("5.3.5 every kind of image goes to a buffer and back") {
  for (const auto& shape : shapes()) {
    Memory image = make_image(rgba8, shape.desc), back = make_image(rgba8, shape.desc);
    const auto data = pattern(pixels_of(shape.region) * 4);
    Memory buffer = make_buffer(data.size() + 64);
    write_image(image, {0, 0, 0}, shape.region, data.data());
    const Three zero{0, 0, 0};
    EXPECT_OK(clEnqueueCopyImageToBuffer(rig().queue, image, buffer, zero.data(), shape.region.data(), 32, 0, nullptr,
                                         nullptr));
    CHECK_FOR(shape.name, contents<std::uint8_t>(buffer, data.size(), 32) == data);
    EXPECT_OK(clEnqueueCopyBufferToImage(rig().queue, buffer, back, 32, zero.data(), shape.region.data(), 0, nullptr,
                                         nullptr));
    CHECK_FOR(shape.name, read_image(back, zero, shape.region) == data);
  }
}

TEST("5.3.4 images of a buffer are copied to each other, to and from other images, and to and from buffers") {
  need_images();
  not_on_bare_pocl("refuses or crashes");
  auto data = pattern(64);
  Memory low = buffer_of(data), high = make_buffer(64), plain = make_buffer(64);
  const auto over = [](cl_mem buffer) {
    cl_image_desc desc = desc_of(CL_MEM_OBJECT_IMAGE1D_BUFFER, 16);
    desc.buffer = buffer;
    return make_image(rgba8, desc);
  };
  Memory from = over(low), to = over(high), line = make_image(rgba8, desc_of(CL_MEM_OBJECT_IMAGE1D, 16));
  const cl_command_queue queue = rig().queue;
  const Three four{4, 0, 0}, two{2, 0, 0}, size{8, 1, 1};
  const std::vector<cl_uchar> part(data.begin() + 16, data.begin() + 48);
  const auto moved = [&](cl_mem buffer, std::size_t offset) { return contents<cl_uchar>(buffer, 32, offset) == part; };
  EXPECT_OK(clEnqueueCopyImage(queue, from, to, four.data(), two.data(), size.data(), 0, nullptr, nullptr));
  CHECK(moved(high, 8));
  EXPECT_OK(clEnqueueCopyImage(queue, from, line, four.data(), two.data(), size.data(), 0, nullptr, nullptr));
  CHECK(read_image(line, two, size) == part);
  EXPECT_OK(clEnqueueCopyImage(queue, line, to, two.data(), four.data(), size.data(), 0, nullptr, nullptr));
  CHECK(moved(high, 16));
  EXPECT_OK(clEnqueueCopyImageToBuffer(queue, from, plain, four.data(), size.data(), 20, 0, nullptr, nullptr));
  CHECK(moved(plain, 20));
  EXPECT_OK(clEnqueueCopyBufferToImage(queue, plain, to, 20, two.data(), size.data(), 0, nullptr, nullptr));
  CHECK(moved(high, 8));
}

TEST("5.3.6 every kind of image is filled in part") {
  for (const auto& shape : shapes()) {
    Memory image = make_image(rgba8, shape.desc);
    auto data = pattern(pixels_of(shape.region) * 4);
    write_image(image, {0, 0, 0}, shape.region, data.data());
    Three origin{2, 0, 0}, region{3, 1, 1};
    for (int i = 1; i < 3; ++i) {
      if (shape.region[i] < 3) continue;
      origin[i] = 1;
      region[i] = 2;
    }
    const cl_uint color[4] = {9, 8, 7, 6};
    EXPECT_OK(clEnqueueFillImage(rig().queue, image, color, origin.data(), region.data(), 0, nullptr, nullptr));
    for (std::size_t z = 0; z < region[2]; ++z)
      for (std::size_t y = 0; y < region[1]; ++y)
        for (std::size_t x = 0; x < region[0]; ++x) {
          const std::size_t at =
              (((z + origin[2]) * shape.region[1] + y + origin[1]) * shape.region[0] + x + origin[0]) * 4;
          for (std::size_t c = 0; c < 4; ++c) data[at + c] = static_cast<std::uint8_t>(color[c]);
        }
    CHECK_FOR(shape.name, read_image(image, {0, 0, 0}, shape.region) == data);
  }
}

TEST("5.3.6 fills convert their colour to every format, as a kernel's write does") {
  const Three zero{0, 0, 0}, size{5, 3, 1};
  const float light[4] = {0.25f, 0.5f, 0.75f, 1.f};
  const cl_int whole[4] = {1, -2, 3, 100};
  const cl_uint natural[4] = {1, 2, 3, 100};
  for (const auto& format : formats_of(CL_MEM_OBJECT_IMAGE2D)) {
    const cl_channel_type type = format.image_channel_data_type;
    const bool is_float = is_float_type(type), is_signed = is_signed_type(type);
    if (!is_float && !is_signed && !is_unsigned_type(type)) continue;
    const void* color = is_float    ? static_cast<const void*>(light)
                        : is_signed ? static_cast<const void*>(whole)
                                    : natural;
    Memory filled = make_image(format, flat(5, 3)), written = make_image(format, flat(5, 3));
    EXPECT_OK(clEnqueueFillImage(rig().queue, filled, color, zero.data(), size.data(), 0, nullptr, nullptr));
    Kernel kernel = make_kernel(pictures(), is_float ? "write_floats" : is_signed ? "write_ints" : "write_uints");
    EXPECT_OK(set_arg(kernel, 0, written));
    EXPECT_OK(clSetKernelArg(kernel, 1, 16, color));
    run(kernel, size, 2);
    const std::size_t pixel = pixel_bytes(filled);
    CHECK_FOR(name_of(format), read_image(filled, zero, size, pixel) == read_image(written, zero, size, pixel));
  }
}

TEST("5.3.6 fills of images refuse each wrong argument") {
  Memory image = make_image(rgba8, flat(8, 8)), buffer = make_buffer(64);
  const cl_uint color[4] = {};
  const Three zero{0, 0, 0}, whole{8, 8, 1}, late{1, 0, 0}, none{0, 8, 1};
  const auto fill = [&](cl_command_queue queue, cl_mem to, const void* with, const Three& at, const Three& size) {
    return clEnqueueFillImage(queue, to, with, at.data(), size.data(), 0, nullptr, nullptr);
  };
  CHECK_CODE(fill(nullptr, image, color, zero, whole), CL_INVALID_COMMAND_QUEUE);
  CHECK_CODE(fill(rig().queue, nullptr, color, zero, whole), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(fill(rig().queue, buffer, color, zero, whole), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(fill(rig().queue, image, nullptr, zero, whole), CL_INVALID_VALUE);
  CHECK_CODE(fill(rig().queue, image, color, late, whole), CL_INVALID_VALUE);
  CHECK_CODE(fill(rig().queue, image, color, zero, none), CL_INVALID_VALUE);
}

TEST("5.3.7 every kind of image is mapped, and what is written reaches it") {
  for (const auto& shape : shapes()) {
    for (const cl_mem_flags place : {0, CL_MEM_ALLOC_HOST_PTR, CL_MEM_USE_HOST_PTR}) {
      auto data = pattern(pixels_of(shape.region) * 4);
      auto wanted = data;
      Memory image = make_image(rgba8, shape.desc, place, (place & CL_MEM_USE_HOST_PTR) != 0 ? data.data() : nullptr);
      write_image(image, {0, 0, 0}, shape.region, wanted.data());
      std::size_t row = 0, slice = 0;
      cl_int code = CL_SUCCESS;
      const Three zero{0, 0, 0};
      auto* mapped = static_cast<std::uint8_t*>(
          clEnqueueMapImage(rig().queue, image, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, zero.data(), shape.region.data(),
                            &row, &slice, 0, nullptr, nullptr, &code));
      EXPECT_OK(code);
      const bool is_1d_array = shape.desc.image_type == CL_MEM_OBJECT_IMAGE1D_ARRAY;
      CHECK(row >= shape.region[0] * 4);
      CHECK(shape.region[2] == 1 || slice >= row * shape.region[1]);
      bool same = true;
      for (std::size_t z = 0; z < shape.region[2]; ++z)
        for (std::size_t y = 0; y < shape.region[1]; ++y)
          same &= std::memcmp(mapped + z * slice + y * (is_1d_array ? slice : row),
                              &wanted[(z * shape.region[1] + y) * shape.region[0] * 4], shape.region[0] * 4) == 0;
      CHECK_FOR(shape.name, same);
      mapped[5] = wanted[5] = 0x42;
      EXPECT_OK(clEnqueueUnmapMemObject(rig().queue, image, mapped, 0, nullptr, nullptr));
      CHECK(read_image(image, {0, 0, 0}, shape.region) == wanted);
    }
  }
}

TEST("5.3.7 clEnqueueMapImage refuses each wrong argument") {
  Memory image = make_image(rgba8, flat(8, 8)), buffer = make_buffer(64);
  Memory deep = make_image(rgba8, desc_of(CL_MEM_OBJECT_IMAGE3D, 8, 8, 2));
  Memory no_read = make_image(rgba8, flat(8, 8), CL_MEM_HOST_WRITE_ONLY);
  Memory no_write = make_image(rgba8, flat(8, 8), CL_MEM_HOST_READ_ONLY);
  const Three zero{0, 0, 0}, whole{8, 8, 1}, late{1, 0, 0}, none{0, 8, 1};
  std::size_t row = 0, slice = 0;
  const auto map = [&](cl_mem of, cl_map_flags flags, const Three& at, const Three& size, std::size_t* rows,
                       std::size_t* slices) {
    cl_int code = CL_SUCCESS;
    void* mapped = clEnqueueMapImage(rig().queue, of, CL_TRUE, flags, at.data(), size.data(), rows, slices, 0, nullptr,
                                     nullptr, &code);
    if (mapped != nullptr) clEnqueueUnmapMemObject(rig().queue, of, mapped, 0, nullptr, nullptr);
    return code;
  };
  CHECK_CODE(map(image, CL_MAP_READ, zero, whole, &row, nullptr), CL_SUCCESS);
  CHECK_CODE(map(nullptr, CL_MAP_READ, zero, whole, &row, &slice), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(map(buffer, CL_MAP_READ, zero, whole, &row, &slice), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(map(image, CL_MAP_READ, late, whole, &row, &slice), CL_INVALID_VALUE);
  CHECK_CODE(map(image, CL_MAP_READ, zero, none, &row, &slice), CL_INVALID_VALUE);
  CHECK_CODE(map(image, CL_MAP_READ, zero, whole, nullptr, &slice), CL_INVALID_VALUE);
  CHECK_CODE(map(deep, CL_MAP_READ, zero, whole, &row, nullptr), CL_INVALID_VALUE);
  CHECK_CODE(map(image, cl_map_flags{1} << 30, zero, whole, &row, &slice), CL_INVALID_VALUE);
  CHECK_CODE(map(no_read, CL_MAP_READ, zero, whole, &row, &slice), CL_INVALID_OPERATION);
  CHECK_CODE(map(no_write, CL_MAP_WRITE, zero, whole, &row, &slice), CL_INVALID_OPERATION);
  EXPECT_OK(clFinish(rig().queue));
}

TEST("5.3.8 every query of an image answers for every kind") {
  for (const auto& shape : shapes()) {
    Memory image = make_image(rgba8, shape.desc);
    const auto size = [&](cl_image_info what) { return info<std::size_t>(clGetImageInfo, image, what); };
    const cl_image_desc& d = shape.desc;
    CHECK_FOR(shape.name, size(CL_IMAGE_WIDTH) == d.image_width);
    CHECK_FOR(shape.name, size(CL_IMAGE_HEIGHT) == d.image_height);
    CHECK_FOR(shape.name, size(CL_IMAGE_DEPTH) == d.image_depth);
    CHECK_FOR(shape.name, size(CL_IMAGE_ARRAY_SIZE) == d.image_array_size);
    CHECK_FOR(shape.name, size(CL_IMAGE_ELEMENT_SIZE) == 4);
    CHECK_FOR(shape.name, size(CL_IMAGE_ROW_PITCH) >= d.image_width * 4);
    const bool sliced = shape.region[2] > 1 || d.image_array_size != 0;
    CHECK_FOR(shape.name, (size(CL_IMAGE_SLICE_PITCH) != 0) == sliced);
    CHECK_FOR(shape.name, info<cl_mem>(clGetImageInfo, image, CL_IMAGE_BUFFER) == nullptr);
    CHECK_FOR(shape.name, info<cl_mem_object_type>(clGetMemObjectInfo, image, CL_MEM_TYPE) == d.image_type);
    CHECK_FOR(shape.name, info<std::size_t>(clGetMemObjectInfo, image, CL_MEM_SIZE) >= pixels_of(shape.region) * 4);
    for (cl_image_info what = CL_IMAGE_FORMAT; what <= CL_IMAGE_NUM_SAMPLES; ++what) {
      std::size_t bytes = 0;
      char room[64];
      CHECK_CODE(clGetImageInfo(image, what, 0, nullptr, &bytes), CL_SUCCESS);
      CHECK_CODE(clGetImageInfo(image, what, bytes - 1, room, nullptr), CL_INVALID_VALUE);
    }
  }
  Memory buffer = make_buffer(64);
  CHECK_CODE(clGetImageInfo(buffer, CL_IMAGE_WIDTH, 0, nullptr, nullptr), CL_INVALID_MEM_OBJECT);
  CHECK_CODE(clGetImageInfo(nullptr, CL_IMAGE_WIDTH, 0, nullptr, nullptr), CL_INVALID_MEM_OBJECT);
}

TEST("5.3.8 an image in the program's memory has the pitches that the program gave, and so have its maps") {
  constexpr std::size_t row = 20 * 4;  // of 13 pixels
  for (const auto& shape : shapes()) {
    const bool is_1d_array = shape.desc.image_type == CL_MEM_OBJECT_IMAGE1D_ARRAY;
    const bool sliced = is_1d_array || shape.region[2] > 1;
    const std::size_t slice = !sliced ? 0 : is_1d_array ? 2 * row : row * (shape.region[1] + 2);
    std::vector<std::uint8_t> host(row * 2 * pixels_of(shape.region));
    cl_image_desc desc = shape.desc;
    desc.image_row_pitch = row;
    desc.image_slice_pitch = slice;
    Memory image = make_image(rgba8, desc, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, host.data());
    CHECK_FOR(shape.name, info<std::size_t>(clGetImageInfo, image, CL_IMAGE_ROW_PITCH) == row);
    CHECK_FOR(shape.name, info<std::size_t>(clGetImageInfo, image, CL_IMAGE_SLICE_PITCH) == slice);
    const Three origin{0, 0, 0};
    std::size_t mapped_row = 0, mapped_slice = 0;
    cl_int code = CL_SUCCESS;
    void* mapped = clEnqueueMapImage(rig().queue, image, CL_TRUE, CL_MAP_READ, origin.data(), shape.region.data(),
                                     &mapped_row, &mapped_slice, 0, nullptr, nullptr, &code);
    EXPECT_OK(code);
    CHECK_FOR(shape.name, mapped == host.data() && mapped_row == row);
    CHECK_FOR(shape.name, !sliced || mapped_slice == slice);
    EXPECT_OK(clEnqueueUnmapMemObject(rig().queue, image, mapped, 0, nullptr, nullptr));
    EXPECT_OK(clFinish(rig().queue));
  }
}

}  // namespace conformance
