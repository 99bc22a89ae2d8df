#include "tools/sluice/program_check.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace sluice;
using namespace sluice::cli;

namespace {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/sluice-programs-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name, const std::string& contents, mode_t mode = 0755) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << contents;
    REQUIRE(chmod(path.c_str(), mode) == 0);
    return path;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The least that looks like a program: a header and one program header.
std::string elf(unsigned char word_class, Elf64_Word part) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = word_class;
#if defined(__aarch64__)
  header.e_machine = EM_AARCH64;
#else
  header.e_machine = EM_X86_64;
#endif
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr program{};
  program.p_type = part;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) +
         std::string(reinterpret_cast<const char*>(&program), sizeof program);
}

std::string reason(const std::string& path) {
  const Status status = check_preloadable(path);
  CHECK(status.code() == Code::unsupported);
  return status.message();
}

}  // namespace

TEST_CASE("dynamically linked programs and their scripts can be brought into the pool") {
  const Folder folder;
  CHECK(check_preloadable("/bin/sh").ok());
  CHECK(check_preloadable(folder.file("dynamic", elf(ELFCLASS64, PT_INTERP))).ok());
  CHECK(check_preloadable(folder.file("script", "#! /bin/sh -e\nexit 0\n")).ok());
  CHECK(check_preloadable(folder.file("env-script", "#!/usr/bin/env python3\n")).ok());
}

TEST_CASE("a statically linked program is refused with the reason, also behind a script") {
  const Folder folder;
  const std::string fixed = folder.file("static", elf(ELFCLASS64, PT_LOAD));
  CHECK_THAT(reason(fixed), Catch::Contains("is statically linked"));
  CHECK_THAT(reason(folder.file("script", "#!" + fixed + "\n")), Catch::Contains("is statically linked"));
}

TEST_CASE("a program that gains rights is refused with the reason") {
  const Folder folder;
  CHECK_THAT(reason(folder.file("suid", elf(ELFCLASS64, PT_INTERP), 04755)), Catch::Contains("is set-user-ID"));
  CHECK_THAT(reason(folder.file("sgid", elf(ELFCLASS64, PT_INTERP), 02755)), Catch::Contains("is set-group-ID"));
}

TEST_CASE("what is no program for this machine is refused with the reason") {
  const Folder folder;
  CHECK_THAT(reason(folder.file("small", elf(ELFCLASS32, PT_INTERP))), Catch::Contains("32-bit"));
  std::string other = elf(ELFCLASS64, PT_INTERP);
  other[offsetof(Elf64_Ehdr, e_machine)] = 2;
  CHECK_THAT(reason(folder.file("other", other)), Catch::Contains("another kind of processor"));
  CHECK_THAT(reason(folder.file("text", "hello")), Catch::Contains("neither an ELF program nor a script"));
  CHECK_THAT(reason(folder.file("empty", "")), Catch::Contains("neither"));
  CHECK_THAT(reason(folder.file("lost", "#!/nonexistent/interpreter\n")), Catch::Contains("/nonexistent/interpreter"));
  CHECK_THAT(reason(folder.file("bare", "#!\n")), Catch::Contains("names no program"));
}

TEST_CASE("a script that names itself ends in a refusal") {
  const Folder folder;
  const std::string path = folder.path() + "/loop";
  CHECK_THAT(reason(folder.file("loop", "#!" + path + "\n")), Catch::Contains("names no program"));
}

TEST_CASE("a program is looked for in PATH, and one with a slash is taken as it is") {
  const Folder folder;
  const std::string program = folder.file("my-program", "#!/bin/sh\n");
  folder.file("not-executable", "text", 0644);
  const std::string before = std::getenv("PATH");
  setenv("PATH", ("/nonexistent:" + folder.path()).c_str(), 1);
  CHECK(find_program("my-program").value() == program);
  CHECK(find_program(program).value() == program);
  CHECK(find_program("sluice-no-such-program").status().code() == Code::not_found);
  CHECK(find_program("not-executable").status().code() == Code::permission_denied);
  CHECK(find_program(folder.path()).status().code() == Code::permission_denied);
  CHECK(find_program("").status().code() == Code::not_found);
  setenv("PATH", before.c_str(), 1);
}
