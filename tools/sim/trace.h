// Trace: a cluster and what was asked of it, from CSV files with the columns of the Alibaba GPU-sharing trace 2023
// (nodes: sn,cpu_milli,memory_mib,gpu,model; pods: name,cpu_milli,memory_mib,num_gpu,gpu_milli[,gpu_spec,…]), or made
// from a seed with the same kinds of nodes and much the same mix of requests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "allocator/pool.h"
#include "base/status.h"
#include "tools/sim/random.h"

namespace sluice::sim {

struct Trace {
  std::string name;
  std::vector<allocator::NodeSpec> nodes;
  std::vector<allocator::Request> requests;
  std::vector<std::string> classes;  // the names of the models, by device class
};

// not_found: no such file; invalid_argument: what is wrong, and in which line.
Result<Trace> read_trace(const std::string& nodes_file, const std::string& requests_file);

// 1,213 nodes with 6,212 devices of 7 models, and 8,152 requests.
Trace synthetic_trace(std::uint64_t seed);

// The trace with its nodes and requests repeated so many times. Node names stay unique.
Trace enlarged(Trace trace, std::size_t times);

// The same nodes with random ranks: otherwise equally good nodes would always be taken in the order of the file.
std::vector<allocator::NodeSpec> ranked(std::vector<allocator::NodeSpec> nodes, Random& random);

// `count` devices on nodes of 8, without CPU or host memory.
std::vector<allocator::NodeSpec> plain_nodes(std::size_t count);

}  // namespace sluice::sim
