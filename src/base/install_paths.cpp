#include "base/install_paths.h"

#include <pwd.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <vector>

namespace sluice {
namespace {

// The folder of the running program, links resolved.
std::string own_folder() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return "";
  const std::string whole(path, static_cast<std::size_t>(length));
  return whole.substr(0, whole.rfind('/'));
}

Result<std::string> find_part(const std::string& what, const std::vector<std::string>& places) {
  std::string tried;
  for (const std::string& place : places) {
    char resolved[PATH_MAX];
    if (realpath(place.c_str(), resolved) != nullptr) return std::string(resolved);
    tried += (tried.empty() ? "" : ", ") + place;
  }
  return Status(Code::not_found, "cannot find " + what + " (looked for " + tried + ")");
}

Result<std::string> find_libexec(const std::string& name) {
  const std::string here = own_folder();
  return find_part(name, {here + "/../" SLUICE_LIBEXEC_DIR "/" + name,
                          here + "/../libexec/" + name,  // a build tree
                          SLUICE_INSTALL_PREFIX "/" SLUICE_LIBEXEC_DIR "/" + name});
}

std::string home_folder() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') return home;
  if (const passwd* user = getpwuid(getuid()); user != nullptr && user->pw_dir[0] == '/') return user->pw_dir;
  return "/tmp/sluice-" + std::to_string(getuid());
}

// $VARIABLE, or what the XDG rules put in its place; relative values are to be ignored (XDG base directories, 0.8).
std::string xdg_folder(const char* variable, const std::string& below_home) {
  if (const char* value = std::getenv(variable); value != nullptr && *value == '/') return value;
  return home_folder() + below_home;
}

}  // namespace

Result<std::string> worker_program() { return find_libexec("sluice-worker"); }
Result<std::string> jailer_program() { return find_libexec("sluice-jailer"); }

Result<std::string> shim_folder() {
  const std::string here = own_folder();
  return find_part("the shim's folder", {here + "/../" SLUICE_SHIM_DIR, here + "/../shim",  // a build tree
                                         SLUICE_INSTALL_PREFIX "/" SLUICE_SHIM_DIR});
}

std::string default_config_path(bool user_pool) {
  if (user_pool) return xdg_folder("XDG_CONFIG_HOME", "/.config") + "/sluice/sluiced.toml";
  const std::string beside = own_folder() + "/../etc/sluice/sluiced.toml";
  return access(beside.c_str(), F_OK) == 0 ? beside : SLUICE_SYSCONF_DIR "/sluice/sluiced.toml";
}

PoolFolders default_pool_folders(bool user_pool) {
  if (!user_pool) return {"/run/sluice", "/var/lib/sluice", "/var/cache/sluice"};
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const std::string fallback = "/tmp/sluice-" + std::to_string(getuid());
  return {runtime != nullptr && *runtime == '/' ? std::string(runtime) + "/sluice" : fallback,
          xdg_folder("XDG_STATE_HOME", "/.local/state") + "/sluice",
          xdg_folder("XDG_CACHE_HOME", "/.cache") + "/sluice"};
}

PoolFolders pool_folders_below(const std::string& runtime_dir) {
  return {runtime_dir, runtime_dir + "/state", runtime_dir + "/cache"};
}

}  // namespace sluice
