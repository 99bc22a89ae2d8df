#include "tools/sluice/program_check.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace sluice::cli {
namespace {

constexpr int interpreters_max = 4;  // as the kernel follows (linux/binfmts.h)
constexpr std::size_t script_line_max = 256;

#if defined(__x86_64__)
constexpr Elf64_Half own_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half own_machine = EM_AARCH64;
#else
#error "say which ELF machine this is"
#endif

Status refuse(const std::string& path, const std::string& why) { return Status(Code::unsupported, path + " " + why); }

Status check_rights(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return errno_status("look at " + path, errno);
  const char* const ignored = ": the system ignores LD_PRELOAD for it, so it cannot be brought into the pool";
  if ((info.st_mode & S_ISUID) != 0) return refuse(path, std::string("is set-user-ID") + ignored);
  if ((info.st_mode & S_ISGID) != 0) return refuse(path, std::string("is set-group-ID") + ignored);
  if (getxattr(path.c_str(), "security.capability", nullptr, 0) > 0)
    return refuse(path, std::string("has file capabilities") + ignored);
  return Status();
}

// Whether the program headers name an interpreter: the dynamic loader.
bool names_loader(int file, const Elf64_Ehdr& header) {
  std::vector<Elf64_Phdr> parts(header.e_phnum);
  const auto bytes = static_cast<ssize_t>(parts.size() * sizeof(Elf64_Phdr));
  if (header.e_phentsize != sizeof(Elf64_Phdr) ||
      pread(file, parts.data(), static_cast<std::size_t>(bytes), static_cast<off_t>(header.e_phoff)) != bytes)
    return false;
  for (const Elf64_Phdr& part : parts)
    if (part.p_type == PT_INTERP) return true;
  return false;
}

Status check_elf(const std::string& path, int file, const Elf64_Ehdr& header) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return refuse(path, "is a 32-bit program; the shim is 64-bit");
  if (header.e_machine != own_machine) return refuse(path, "is a program for another kind of processor");
  if (!names_loader(file, header))
    return refuse(path,
                  "is statically linked: nothing can be preloaded into it, so it cannot be brought into the pool");
  return Status();
}

// "#! /usr/bin/env python3\n" -> "/usr/bin/env".
std::string interpreter_of(std::string_view first_line) {
  first_line.remove_prefix(2);
  const std::size_t begin = first_line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return std::string(first_line.substr(begin, first_line.find_first_of(" \t\n", begin) - begin));
}

Status check_file(const std::string& path, int depth) {
  SLUICE_TRY(check_rights(path));
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return Status();  // executable, and not readable: the system will do what it can
  char start[script_line_max + 1] = {};
  const ssize_t length = pread(file.get(), start, script_line_max, 0);
  const std::string_view text(start, length > 0 ? static_cast<std::size_t>(length) : 0);
  if (text.starts_with("#!")) {
    const std::string interpreter = interpreter_of(text);
    if (interpreter.empty() || depth >= interpreters_max) return refuse(path, "has a #! line that names no program");
    if (access(interpreter.c_str(), X_OK) != 0)
      return refuse(path, "is a script for " + interpreter + ", which cannot be run");
    return check_file(interpreter, depth + 1);
  }
  Elf64_Ehdr header{};
  if (!text.starts_with(ELFMAG) || text.size() < sizeof header)
    return refuse(path, "is neither an ELF program nor a script with a #! line");
  std::memcpy(&header, text.data(), sizeof header);
  return check_elf(path, file.get(), header);
}

bool is_file(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

}  // namespace

Result<std::string> find_program(const std::string& name) {
  if (name.empty()) return Status(Code::not_found, "a program needs a name");
  std::vector<std::string> candidates;
  if (name.find('/') != std::string::npos) {
    candidates.push_back(name);
  } else {
    const char* value = std::getenv("PATH");
    std::string_view rest = value != nullptr ? value : "/usr/local/bin:/usr/bin:/bin";
    for (bool more = true; more;) {
      const std::size_t colon = rest.find(':');
      const std::string folder(rest.substr(0, colon));
      candidates.push_back((folder.empty() ? "." : folder) + "/" + name);
      more = colon != std::string_view::npos;
      if (more) rest.remove_prefix(colon + 1);
    }
  }
  bool seen = false;
  for (const std::string& candidate : candidates) {
    if (is_file(candidate) && access(candidate.c_str(), X_OK) == 0) return candidate;
    seen = seen || access(candidate.c_str(), F_OK) == 0;
  }
  if (seen) return Status(Code::permission_denied, name + " is not an executable file");
  return Status(Code::not_found, "there is no program " + name);
}

Status check_preloadable(const std::string& path) { return check_file(path, 0); }

}  // namespace sluice::cli
