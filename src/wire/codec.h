// Encoder and Decoder: variable-length data inside a message or an arena blob.
//
// Little-endian machine order, no padding, lengths in front. The Decoder never reads past its bytes and never
// allocates more than they can justify: after the first short or absurd field it stays failed and returns zeroes, so
// that code reads every field and checks `ok()` once. A decoded object is a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace sluice::wire {

template <typename T>
concept Scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class Encoder {
 public:
  template <Scalar T>
  void put(T value) {
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof value);
  }
  void append(std::span<const std::byte> value) { bytes_.insert(bytes_.end(), value.begin(), value.end()); }
  void put_bytes(std::span<const std::byte> value);  // u64 length, then the bytes
  void put_string(std::string_view value) { put_bytes(std::as_bytes(std::span(value))); }

  const std::vector<std::byte>& bytes() const { return bytes_; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <Scalar T>
  T get() {
    T value{};
    if (rest_.size() < sizeof value) {
      fail();
      return value;
    }
    if constexpr (std::is_same_v<T, bool>) {
      value = rest_[0] != std::byte{0};
    } else {
      std::memcpy(&value, rest_.data(), sizeof value);
    }
    rest_ = rest_.subspan(sizeof value);
    return value;
  }
  // Views into the decoder's own bytes: the next `size`, and as many as the length in front of them says.
  std::span<const std::byte> take(std::size_t size);
  std::span<const std::byte> get_bytes();
  std::string get_string();
  // A count of items that each take at least `item_bytes_min` (> 0) bytes: fails if so many cannot follow.
  std::size_t get_count(std::size_t item_bytes_min);

  void fail() {
    ok_ = false;
    rest_ = {};
  }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
  bool ok_ = true;
};

// Lets one list of fields serve both directions: `void fields(Visitor& v, Traits& t) { v(t.name); v(t.bytes); }`.
class EncodeVisitor {
 public:
  explicit EncodeVisitor(Encoder& encoder) : encoder_(encoder) {}
  template <Scalar T>
  void operator()(const T& value) {
    encoder_.put(value);
  }
  void operator()(const std::string& value) { encoder_.put_string(value); }
  void operator()(const std::vector<std::byte>& value) { encoder_.put_bytes(value); }
  template <Scalar T, std::size_t N>
  void operator()(const T (&values)[N]) {
    for (const T& value : values) encoder_.put(value);
  }
  // Items of a vector: each through `item(visitor, element)`.
  template <typename T, typename Item>
  void each(const std::vector<T>& values, std::size_t, Item item) {
    encoder_.put(static_cast<std::uint64_t>(values.size()));
    for (const T& value : values) item(*this, value);
  }

 private:
  Encoder& encoder_;
};

class DecodeVisitor {
 public:
  explicit DecodeVisitor(Decoder& decoder) : decoder_(decoder) {}
  template <Scalar T>
  void operator()(T& value) {
    value = decoder_.get<T>();
  }
  void operator()(std::string& value) { value = decoder_.get_string(); }
  void operator()(std::vector<std::byte>& value) {
    const auto bytes = decoder_.get_bytes();
    value.assign(bytes.begin(), bytes.end());
  }
  template <Scalar T, std::size_t N>
  void operator()(T (&values)[N]) {
    for (T& value : values) value = decoder_.get<T>();
  }
  template <typename T, typename Item>
  void each(std::vector<T>& values, std::size_t item_bytes_min, Item item) {
    values.resize(decoder_.get_count(item_bytes_min));
    for (T& value : values) item(*this, value);
  }

 private:
  Decoder& decoder_;
};

}  // namespace sluice::wire
