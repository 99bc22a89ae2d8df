#include "tools/sim/trace.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

using namespace sluice;

namespace {

// Two files that go with the test.
class Files {
 public:
  Files(const std::string& nodes, const std::string& pods)
      : folder_(std::filesystem::temp_directory_path() / ("sluice-trace-test-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "nodes.csv") << nodes;
    std::ofstream(folder_ / "pods.csv") << pods;
  }
  ~Files() { std::filesystem::remove_all(folder_); }

  Result<sim::Trace> read() const { return sim::read_trace(folder_ / "nodes.csv", folder_ / "pods.csv"); }

 private:
  std::filesystem::path folder_;
};

constexpr char nodes[] = "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,1024,2,P100\nn1,8000,512,1,T4\n";

}  // namespace

TEST_CASE("a trace's columns are found by name, in any order and with unknown columns beside them") {
  const Files files(nodes,
                    "gpu_milli,num_gpu,name,memory_mib,cpu_milli,gpu_spec,qos\r\n460,1,a,12,6000,,LS\r\n"
                    "1000,2,b,1,2,T4|P100,BE\r\n0,0,c,5,6,,\r\n1000,1,d,5,6,H100,\r\n");
  const auto read = files.read();
  REQUIRE(read.ok());
  const sim::Trace& trace = read.value();
  REQUIRE(trace.nodes.size() == 2);
  CHECK(trace.nodes[0].devices.size() == 2);
  CHECK(trace.nodes[1].devices[0].device_class == 1);
  REQUIRE(trace.requests.size() == 4);
  CHECK(trace.requests[0].gpu == MilliGpu{460});
  CHECK(trace.requests[0].cpu_milli == 6000);
  CHECK(trace.requests[0].host_memory_bytes == 12ull << 20);
  CHECK(trace.requests[0].classes == allocator::any_class);
  CHECK((trace.requests[1].classes & 3) == 3);
  CHECK(trace.requests[2].devices == 0);
  // A model that no node has fits nowhere: it must not become "any".
  CHECK(trace.requests[3].classes != allocator::any_class);
  CHECK((trace.requests[3].classes & 3) == 0);
}

TEST_CASE("what is wrong with a trace is said with its file and line") {
  const auto complaint = [](const std::string& pods) { return Files(nodes, pods).read().status().message(); };
  CHECK_THAT(complaint("name,cpu_milli\na,1\n"), Catch::Contains("no column memory_mib"));
  CHECK_THAT(complaint("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,2,1,300\n1,2,1,1001\n"),
             Catch::Contains("pods.csv:3: '1001'"));
  CHECK_THAT(complaint("cpu_milli,memory_mib,num_gpu,gpu_milli\n1,2,2,300\n"), Catch::Contains("not whole"));
  CHECK_THAT(complaint("cpu_milli,memory_mib,num_gpu,gpu_milli\n-1,2,1,300\n"), Catch::Contains("'-1'"));
  CHECK_THAT(complaint("cpu_milli,memory_mib,num_gpu,gpu_milli\n"), Catch::Contains("needs nodes and requests"));
}

TEST_CASE("a synthetic trace has the nodes of the real one, and its seed makes its requests") {
  const sim::Trace one = sim::synthetic_trace(1), same = sim::synthetic_trace(1), other = sim::synthetic_trace(2);
  std::size_t devices = 0;
  for (const allocator::NodeSpec& node : one.nodes) devices += node.devices.size();
  CHECK(one.nodes.size() == 1213);
  CHECK(devices == 6212);
  CHECK(one.requests == same.requests);
  CHECK(one.requests != other.requests);
}

TEST_CASE("an enlarged trace has every node and request so many times, and no two nodes of one name") {
  const sim::Trace one = sim::synthetic_trace(1), three = sim::enlarged(one, 3);
  REQUIRE(three.nodes.size() == 3 * one.nodes.size());
  CHECK(three.requests.size() == 3 * one.requests.size());
  CHECK(three.requests[one.requests.size() + 7] == one.requests[7]);
  CHECK(three.nodes[one.nodes.size() + 7].devices.size() == one.nodes[7].devices.size());
  std::set<std::string> names;
  for (const allocator::NodeSpec& node : three.nodes) names.insert(node.name);
  CHECK(names.size() == three.nodes.size());
}
