// A folder of a test's own for a registry, and tenants to put into it.
#pragma once

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "daemon/store/registry.h"

namespace sluice::test {

class StoreFolder {
 public:
  StoreFolder() {
    char name[] = "/tmp/sluice-store-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~StoreFolder() { std::filesystem::remove_all(path_); }
  StoreFolder(const StoreFolder&) = delete;
  StoreFolder& operator=(const StoreFolder&) = delete;
  std::string file() const { return path_ + "/sluice.db"; }

 private:
  std::string path_;
};

inline store::TenantRecord tenant(const std::string& name, std::vector<store::Rule> rules = {}) {
  store::TenantRecord record;
  record.name = name;
  record.terms.guarantee = MilliGpu{250};
  record.terms.cap = MilliGpu{500};
  record.memory_bytes = 2ull << 30;
  record.rules = std::move(rules);
  return record;
}

}  // namespace sluice::test
