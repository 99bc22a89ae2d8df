#include "wire/kernel_traits.h"

namespace sluice::wire {
namespace {

// The least bytes that one element takes on the wire; see Decoder::get_count.
constexpr std::size_t string_bytes_min = 8;
constexpr std::size_t argument_bytes_min = 8 + 2 * string_bytes_min;
constexpr std::size_t kernel_bytes_min = 2 * string_bytes_min + 7 * 8 + 1 + 8;

template <typename Visitor, typename Kernel>
void visit_kernel(Visitor& v, Kernel& k) {
  v(k.name), v(k.attributes), v(k.work_group_size_max), v(k.preferred_multiple), v(k.required_work_group);
  v(k.local_bytes), v(k.private_bytes), v(k.has_argument_info);
  v.each(k.arguments, argument_bytes_min, [](auto& visitor, auto& a) {
    visitor(a.kind), visitor(a.address_space), visitor(a.access), visitor(a.qualifiers), visitor(a.size_bytes);
    visitor(a.type_name), visitor(a.name);
  });
}

template <typename Visitor, typename Request>
void visit_request(Visitor& v, Request& r) {
  v(r.verb), v(r.source), v(r.options);
  v.each(r.headers, 2 * string_bytes_min,
         [](auto& visitor, auto& header) { visitor(header.include_name), visitor(header.source); });
  v.each(r.inputs, sizeof(std::uint64_t), [](auto& visitor, auto& id) { visitor(id); });
}

template <typename Visitor, typename Reply>
void visit_reply(Visitor& v, Reply& r) {
  v(r.outcome), v(r.log), v(r.binary_kind);
  v.each(r.kernels, kernel_bytes_min, [](auto& visitor, auto& kernel) { visit_kernel(visitor, kernel); });
}

}  // namespace

void encode(Encoder& encoder, const BuildRequest& request) {
  EncodeVisitor visitor(encoder);
  visit_request(visitor, request);
}

BuildRequest decode_build_request(Decoder& decoder) {
  BuildRequest request;
  DecodeVisitor visitor(decoder);
  visit_request(visitor, request);
  return request;
}

void encode(Encoder& encoder, const BuildReply& reply) {
  EncodeVisitor visitor(encoder);
  visit_reply(visitor, reply);
}

BuildReply decode_build_reply(Decoder& decoder) {
  BuildReply reply;
  DecodeVisitor visitor(decoder);
  visit_reply(visitor, reply);
  return reply;
}

BinaryKind kind_of_binary(std::string_view bytes) {
  if (!bytes.starts_with(program_binary_magic) || bytes.size() <= program_binary_kind_at) return BinaryKind::none;
  const auto kind = static_cast<BinaryKind>(bytes[program_binary_kind_at]);
  return kind <= BinaryKind::executable ? kind : BinaryKind::none;
}

}  // namespace sluice::wire
