// Where the parts of Sluice lie: the programs of this installation, and the folders that daemon and CLI agree on.
//
// Programs find each other relative to their own place, so that a build tree and an installation under any prefix work
// without a setting; the prefix that the build was configured for is the last resort.
#pragma once

#include <string>

#include "base/status.h"

namespace sluice {

// not_found: the part is neither beside this program nor where it was to be installed; the message names both.
Result<std::string> worker_program();
Result<std::string> jailer_program();
Result<std::string> shim_folder();

// Where the daemon's configuration is looked for if nobody says: etc/sluice/sluiced.toml of this installation, or for a
// user's own pool sluice/sluiced.toml below $XDG_CONFIG_HOME (~/.config).
std::string default_config_path(bool user_pool);

// The folders of a pool. Absolute.
struct PoolFolders {
  std::string runtime;  // sockets; gone with a reboot
  std::string state;    // what must outlive a reboot
  std::string cache;    // what may be deleted at any time the daemon is down
};
// /run/sluice, /var/lib/sluice and /var/cache/sluice; for a user's own pool the XDG folders, with /tmp/sluice-UID
// where there is no $XDG_RUNTIME_DIR.
PoolFolders default_pool_folders(bool user_pool);
// All below one folder.
PoolFolders pool_folders_below(const std::string& runtime_dir);

}  // namespace sluice
