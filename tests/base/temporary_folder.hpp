// A folder for the files of one test, gone with it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <catch2/catch_test_macros.hpp>

struct temporary_folder {
  temporary_folder() {
    char name[] = "/tmp/sluice-test-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() { std::filesystem::remove_all(path); }
  /// Makes a file; where it is.
  std::string file(const std::string& name, std::string_view content = {}) const {
    std::ofstream{path + "/" + name, std::ios::binary} << content;
    return path + "/" + name;
  }
  std::string path;
};

[[nodiscard]] inline std::string content_of(const std::string& path) {
  std::ostringstream all;
  all << std::ifstream{path, std::ios::binary}.rdbuf();
  return all.str();
}
