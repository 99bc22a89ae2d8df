// TOML files that people write: read as a whole, and refused with the place of every mistake.
#pragma once

#include <toml++/toml.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sluice {

// The file's text. not_found and others: as the system says; invalid_argument: it is larger than 1 MiB.
Result<std::string> read_toml_text(const std::string& path);

// `name`: the file's, for messages. invalid_argument: it is no TOML; the message is "NAME:LINE:COLUMN: what is wrong".
Result<toml::table> parse_toml(std::string_view text, const std::string& name);

// The mistakes in one file: the first 20.
class TomlComplaints {
 public:
  explicit TomlComplaints(std::string name) : name_(std::move(name)) {}

  void add(const toml::source_region& where, const std::string& what);
  // Ok: there are none. Else invalid_argument, with a line "NAME:LINE:COLUMN: what" for each.
  Status status() const;

 private:
  std::string name_;
  std::vector<std::string> lines_;
};

}  // namespace sluice
