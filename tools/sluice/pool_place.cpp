#include "tools/sluice/pool_place.h"

#include "base/install_paths.h"

namespace sluice::cli {

void add_place_options(CLI::App& command, PoolPlace& place) {
  command.add_option("--socket", place.socket, "The daemon's socket itself")->type_name("PATH");
  command.add_option("--runtime-dir", place.runtime_dir, "The folder with the daemon's sockets")->type_name("DIR");
  command.add_flag("--user", place.user_pool, "Your own pool, started with 'sluiced --user'");
}

std::string check_place(const PoolPlace& place) {
  const int chosen = (place.socket.empty() ? 0 : 1) + (place.runtime_dir.empty() ? 0 : 1) + (place.user_pool ? 1 : 0);
  return chosen > 1 ? "--socket, --runtime-dir and --user each say which pool: give one of them" : "";
}

std::vector<std::string> sockets_to_try(const PoolPlace& place, const std::string& name, const char* environment) {
  const auto user_socket = default_pool_folders(true).runtime + "/" + name;
  if (!place.socket.empty()) return {place.socket};
  if (!place.runtime_dir.empty()) return {place.runtime_dir + "/" + name};
  if (place.user_pool) return {user_socket};
  if (environment != nullptr && *environment != '\0') return {environment};
  return {default_pool_folders(false).runtime + "/" + name, user_socket};
}

}  // namespace sluice::cli
