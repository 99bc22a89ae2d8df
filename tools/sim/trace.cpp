#include "tools/sim/trace.h"

#include <charconv>
#include <fstream>
#include <map>

#include "tools/sim/random.h"

namespace sluice::sim {
namespace {

using allocator::ClassMask;
using allocator::NodeSpec;
using allocator::Request;

constexpr std::uint64_t mib = 1ull << 20;
constexpr ClassMask no_such_class = ClassMask{1} << (allocator::classes_max - 1);  // of a model that no node has

std::vector<std::string_view> split(std::string_view line, char at) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = line.find(at);
    parts.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return parts;
    line.remove_prefix(end + 1);
  }
}

// A table of CSV without quotes: its columns are found by name.
class Table {
 public:
  explicit Table(const std::string& path) : path_(path), file_(path) {
    std::string line;
    if (!file_ || !std::getline(file_, line)) return;
    if (line.ends_with('\r')) line.pop_back();
    const auto names = split(line, ',');
    for (std::size_t i = 0; i < names.size(); ++i) columns_.emplace(names[i], i);
  }

  bool opened() const { return !columns_.empty(); }
  bool has(const std::string& column) const { return columns_.contains(column); }

  bool next() {
    do {
      if (!std::getline(file_, line_)) return false;
      ++number_;
      if (line_.ends_with('\r')) line_.pop_back();
    } while (line_.empty());
    cells_ = split(line_, ',');
    return true;
  }

  std::string_view text(const std::string& column) const {
    const auto found = columns_.find(column);
    return found == columns_.end() || found->second >= cells_.size() ? std::string_view() : cells_[found->second];
  }

  // An empty cell is 0. What is no number up to `most` is recorded in complaint().
  std::uint64_t number(const std::string& column, std::uint64_t most) {
    const std::string_view cell = text(column);
    std::uint64_t value = 0;
    if (cell.empty()) return 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error == std::errc() && end == cell.data() + cell.size() && value <= most) return value;
    complain("'" + std::string(cell) + "' is no " + column + " (a whole number up to " + std::to_string(most) + ")");
    return 0;
  }

  void complain(const std::string& what) {
    if (complaint_.ok()) complaint_ = {Code::invalid_argument, path_ + ":" + std::to_string(number_ + 1) + ": " + what};
  }
  const Status& complaint() const { return complaint_; }

 private:
  std::string path_;
  std::ifstream file_;
  std::map<std::string, std::size_t, std::less<>> columns_;
  std::string line_;
  std::vector<std::string_view> cells_;
  std::size_t number_ = 0;
  Status complaint_;
};

Status open_check(const Table& table, const std::string& path, std::initializer_list<const char*> columns) {
  if (!table.opened()) return {Code::not_found, "cannot read " + path};
  for (const char* column : columns)
    if (!table.has(column)) return {Code::invalid_argument, path + ": it has no column " + column};
  return {};
}

Status read_nodes(const std::string& path, Trace& trace) {
  Table table(path);
  SLUICE_TRY(open_check(table, path, {"sn", "cpu_milli", "memory_mib", "gpu", "model"}));
  std::map<std::string, std::uint8_t, std::less<>> classes;
  while (table.next()) {
    NodeSpec node;
    node.name = table.text("sn");
    node.cpu_milli = table.number("cpu_milli", UINT32_MAX);
    node.host_memory_bytes = table.number("memory_mib", UINT32_MAX) * mib;
    const std::uint64_t devices = table.number("gpu", allocator::devices_per_node_max);
    const auto [model, fresh] = classes.emplace(table.text("model"), static_cast<std::uint8_t>(trace.classes.size()));
    if (fresh) {
      if (trace.classes.size() + 1 >= allocator::classes_max)
        return {Code::invalid_argument, path + ": too many models"};
      trace.classes.push_back(model->first);
    }
    node.devices.resize(devices, {whole_gpu.value, 0, model->second});
    trace.nodes.push_back(std::move(node));
  }
  return table.complaint();
}

ClassMask classes_of(std::string_view models, const Trace& trace) {
  if (models.empty()) return allocator::any_class;
  ClassMask mask = no_such_class;
  for (const std::string_view model : split(models, '|'))
    for (std::size_t i = 0; i < trace.classes.size(); ++i)
      if (trace.classes[i] == model) mask |= ClassMask{1} << i;
  return mask;
}

Status read_requests(const std::string& path, Trace& trace) {
  Table table(path);
  SLUICE_TRY(open_check(table, path, {"cpu_milli", "memory_mib", "num_gpu", "gpu_milli"}));
  while (table.next()) {
    Request request;
    request.memory_parts = 0;
    request.cpu_milli = static_cast<std::uint32_t>(table.number("cpu_milli", UINT32_MAX));
    request.host_memory_bytes = table.number("memory_mib", UINT32_MAX) * mib;
    request.devices = static_cast<std::uint32_t>(table.number("num_gpu", allocator::devices_per_node_max));
    request.gpu.value = static_cast<std::uint32_t>(table.number("gpu_milli", whole_gpu.value));
    if (request.devices > 1 && request.gpu != whole_gpu) table.complain("several devices are asked for, but not whole");
    if (request.devices == 0) request.gpu.value = 0;
    else request.classes = classes_of(table.text("gpu_spec"), trace);
    trace.requests.push_back(request);
  }
  return table.complaint();
}

}  // namespace

Result<Trace> read_trace(const std::string& nodes_file, const std::string& requests_file) {
  Trace trace;
  trace.name = requests_file.substr(requests_file.find_last_of('/') + 1);
  SLUICE_TRY(read_nodes(nodes_file, trace));
  SLUICE_TRY(read_requests(requests_file, trace));
  if (trace.nodes.empty() || trace.requests.empty())
    return Status(Code::invalid_argument, "a trace needs nodes and requests");
  return trace;
}

Trace synthetic_trace(std::uint64_t seed) {
  // How many nodes of a kind, and requests of a kind among 1,000, the trace has, rounded.
  struct NodeKind {
    const char* model;
    std::uint32_t count, cpus, memory_gib, devices;
  };
  constexpr NodeKind node_kinds[] = {
      {"G2", 549, 96, 384, 8},     {"T4", 387, 104, 512, 2},   {"P100", 107, 16, 120, 2},   {"G3", 39, 128, 768, 8},
      {"V100M16", 28, 32, 128, 4}, {"P100", 22, 64, 256, 2},   {"V100M32", 21, 96, 768, 8}, {"V100M16", 19, 8, 32, 1},
      {"T4", 17, 96, 384, 4},      {"V100M32", 9, 48, 368, 4}, {"V100M16", 7, 64, 256, 8},  {"P100", 3, 8, 60, 1},
      {"P100", 2, 8, 60, 2},       {"A10", 2, 128, 1024, 1},   {"V100M16", 1, 82, 336, 8}};
  struct RequestKind {
    std::uint32_t weight, cpu_milli, memory_mib, devices, milli;
  };
  constexpr RequestKind request_kinds[] = {
      {130, 3150, 5600, 1, 810},   {120, 11300, 49152, 1, 1000}, {80, 11400, 48128, 1, 1000},
      {60, 3150, 5600, 1, 1000},   {50, 11900, 47104, 1, 470},   {47, 12500, 57344, 0, 0},
      {44, 8000, 30517, 1, 470},   {36, 32000, 49152, 0, 0},     {36, 18700, 64512, 1, 1000},
      {30, 11900, 47104, 1, 650},  {30, 9800, 41560, 1, 1000},   {20, 8000, 30517, 0, 0},
      {30, 12000, 24576, 1, 1000}, {30, 15700, 58368, 1, 1000},  {27, 16500, 51200, 0, 0},
      {20, 4000, 22888, 1, 320},   {20, 16000, 32768, 1, 1000},  {26, 8000, 16384, 1, 1000},
      {26, 4000, 24576, 1, 1000},  {24, 4000, 30517, 1, 230},    {22, 24200, 93184, 1, 1000},
      {18, 4000, 15258, 1, 320},   {18, 3150, 5600, 1, 590},     {18, 8000, 30517, 1, 320},
      {18, 4150, 10600, 1, 550},   {12, 4000, 15258, 1, 160},    {12, 6000, 6144, 1, 460},
      {5, 96000, 300000, 8, 1000}, {2, 24000, 65536, 2, 1000},   {2, 46000, 131072, 4, 1000}};
  Trace trace;
  trace.name = "synthetic";
  for (const NodeKind& kind : node_kinds) {
    std::size_t c = 0;
    while (c < trace.classes.size() && trace.classes[c] != kind.model) ++c;
    if (c == trace.classes.size()) trace.classes.emplace_back(kind.model);
    for (std::uint32_t i = 0; i < kind.count; ++i)
      trace.nodes.push_back(
          {"node-" + std::to_string(trace.nodes.size()), 0, kind.cpus * 1000, kind.memory_gib * 1024 * mib,
           std::vector<allocator::DeviceSpec>(kind.devices, {whole_gpu.value, 0, static_cast<std::uint8_t>(c)})});
  }
  Random random(seed);
  std::uint64_t weights = 0;
  for (const RequestKind& kind : request_kinds) weights += kind.weight;
  constexpr std::size_t requests = 8152;
  while (trace.requests.size() < requests) {
    std::uint64_t drawn = random.below(weights);
    const RequestKind* kind = request_kinds;
    for (; drawn >= kind->weight; ++kind) drawn -= kind->weight;
    Request request;
    request.gpu.value = kind->milli;
    request.memory_parts = 0;
    request.devices = kind->devices;
    request.cpu_milli = kind->cpu_milli;
    request.host_memory_bytes = kind->memory_mib * mib;
    trace.requests.push_back(request);
  }
  return trace;
}

Trace enlarged(Trace trace, std::size_t times) {
  const std::size_t nodes = trace.nodes.size(), requests = trace.requests.size();
  for (std::size_t copy = 1; copy < times; ++copy) {
    for (std::size_t i = 0; i < nodes; ++i) {
      allocator::NodeSpec node = trace.nodes[i];
      node.name += "-" + std::to_string(copy);
      trace.nodes.push_back(std::move(node));
    }
    for (std::size_t i = 0; i < requests; ++i) trace.requests.push_back(trace.requests[i]);
  }
  return trace;
}

std::vector<NodeSpec> ranked(std::vector<NodeSpec> nodes, Random& random) {
  std::vector<std::uint32_t> ranks(nodes.size());
  for (std::uint32_t i = 0; i < ranks.size(); ++i) ranks[i] = i;
  random.shuffle(ranks);
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].rank = ranks[i];
  return nodes;
}

std::vector<NodeSpec> plain_nodes(std::size_t count) {
  constexpr std::size_t per_node = 8;
  std::vector<NodeSpec> nodes;
  for (std::size_t left = count; left > 0; left -= std::min(left, per_node))
    nodes.push_back({"node-" + std::to_string(nodes.size()), 0, 0, 0,
                     std::vector<allocator::DeviceSpec>(std::min(left, per_node), {whole_gpu.value, 0, 0})});
  return nodes;
}

}  // namespace sluice::sim
