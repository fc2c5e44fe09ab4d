// SPDX-License-Identifier: MPL-2.0
#include "check/report/files.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <ostream>
#include <sys/stat.h>
#include <unistd.h>

#include "check/report/write.h"

namespace check {
namespace {

std::string failed(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

// Writes all, and says why if it cannot.
std::string write_all(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("cannot be written");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::string store(const std::string& name, std::string_view content) {
  struct stat status{};
  const bool exists = ::stat(name.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return "cannot be written: it is a directory";
  if (exists && !S_ISREG(status.st_mode)) {
    const int file = ::open(name.c_str(), O_WRONLY | O_CLOEXEC);
    if (file < 0) return failed("cannot be written");
    const std::string why = write_all(file, content);
    ::close(file);
    return why;
  }

  // Through a link: it stays one.
  std::string target = name;
  if (exists) {
    if (char* const real = ::realpath(name.c_str(), nullptr)) {
      target = real;
      std::free(real);
    }
  }
  const std::string draft = target + ".new-" + std::to_string(::getpid());
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return failed("cannot be written");
  std::string why = write_all(file, content);
  if (::close(file) != 0 && why.empty()) why = failed("cannot be written");
  if (why.empty() && ::rename(draft.c_str(), target.c_str()) != 0)
    why = failed("cannot be written");
  if (!why.empty()) ::unlink(draft.c_str());
  return why;
}

}  // namespace

trace::Read<std::string> load_file(const std::string& name) noexcept {
  try {
    // Not waiting: nobody may ever write to a pipe that is named here.
    const int file = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return {.why = failed("cannot be opened")};
    std::string content, why;
    std::string part(std::size_t{1} << 16, '\0');
    struct stat status{};
    if (::fstat(file, &status) == 0 && S_ISDIR(status.st_mode)) why = "is a directory";
    while (why.empty()) {
      const ssize_t size = ::read(file, part.data(), part.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) why = failed("cannot be read");
      if (size <= 0) break;
      content.append(part, 0, static_cast<std::size_t>(size));
      if (content.size() > trace::kMostBytes) why = "is larger than 256 MiB";
    }
    ::close(file);
    if (!why.empty()) return {.why = std::move(why)};
    return {.value = std::move(content)};
  } catch (...) {
    return {.why = "not enough memory to read it"};
  }
}

std::string store_file(const std::string& name, std::string_view content) noexcept {
  try {
    return store(name, content);
  } catch (...) {
    return "not enough memory to write it";
  }
}

bool store_report(const Report& report, const std::string& json_file, const std::string& text_file,
                  std::ostream& errors) {
  const std::string text = text_report(report, json_file);
  bool all_written = true;
  auto note = [&](const std::string& name, const std::string& why) {
    if (why.empty()) return;
    errors << name << ": " << why << '\n';
    all_written = false;
  };
  note(json_file, store_file(json_file, json_report(report, json_file)));
  if (!text_file.empty()) note(text_file, store_file(text_file, text));
  if (!all_written) errors << '\n' << text;
  return all_written;
}

}  // namespace check
