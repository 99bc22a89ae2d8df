#include "tools/sluice/run_environment.h"

#include <string_view>

namespace sluice::cli {
namespace {

// `first` in front of the list, once.
std::string prepend(const std::string& first, const char* list, std::string_view separators) {
  std::string all = first;
  std::string_view rest = list != nullptr ? list : "";
  while (!rest.empty()) {
    const std::size_t end = rest.find_first_of(separators);
    const std::string_view item = rest.substr(0, end);
    if (!item.empty() && item != first) all.append(":").append(item);
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return all;
}

}  // namespace

Result<std::map<std::string, std::string>> run_environment(const RunSettings& settings,
                                                           const char* (*current)(const char* name)) {
  // ld.so(8): blanks and colons part the items of LD_PRELOAD, and cannot be escaped; so do semicolons in the path.
  if (settings.shim_folder.find_first_of(" :;") != std::string::npos)
    return Status(Code::invalid_argument,
                  "the shim's folder has a blank, a colon or a semicolon in its path, which the "
                  "system's loader cannot take: " +
                      settings.shim_folder);
  return std::map<std::string, std::string>{
      {"LD_PRELOAD", prepend(settings.shim_folder + "/libOpenCL.so.1", current("LD_PRELOAD"), " :")},
      {"LD_LIBRARY_PATH", prepend(settings.shim_folder, current("LD_LIBRARY_PATH"), ":;")},
      {"OCL_ICD_VENDORS", settings.shim_folder + "/vendors"},
      {"SLUICE_SOCKET", settings.socket},
      {"SLUICE_TENANT", settings.tenant},
      {"SLUICE_GPU", settings.gpu},
      {"SLUICE_MEMORY", settings.memory},
      {"SLUICE_TOKEN_FILE", settings.token_file}};
}

}  // namespace sluice::cli
