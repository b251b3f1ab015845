// Programs run to their end for their figures, and Python programs that may not be usable: what is
// missing is a limit, what fails is an error with the program's own reason.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "bench/harness/child_process.hpp"
#include "bench/harness/gevent_program.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::harness {
namespace {

using namespace std::chrono_literals;

/// What `call` throws, in words.
template <class Call>
std::string reason_of(Call call) {
  try {
    call();
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
  return "nothing was thrown";
}

std::string finish(const std::string& shell, std::chrono::milliseconds patience = 20s) {
  return child_process("/bin/sh", {"-c", shell}, errors::into_output).finish(patience);
}

TEST(child_process, FinishGivesAllOutput) {
  EXPECT_EQ(finish("echo one; echo two >&2; echo three"), "one\ntwo\nthree\n");
}

TEST(child_process, FinishTellsWhyItFailed) {
  EXPECT_EQ(reason_of([] { finish("echo some; echo no such luck >&2; exit 3"); }), "no such luck");
  EXPECT_EQ(reason_of([] { finish("exit 3"); }), "sh exited with code 3");
  EXPECT_EQ(reason_of([] { finish("echo some; kill -9 $$"); }), "sh was killed by signal 9");
}

TEST(child_process, FinishDoesNotWaitForEver) {
  EXPECT_EQ(reason_of([] { finish("echo some; exec sleep 600", 50ms); }),
            "nothing came from sh in time");
}

/// A script of this text, and its way back into the program under test.
class python_program_test : public testing::Test {
 protected:
  ~python_program_test() override {
    ::unsetenv("SWITCHYARD_PYTHON");
    std::filesystem::remove(script_);
  }

  python_program program(const std::string& text, const std::string& package = "json") {
    std::ofstream(script_) << text;
    return {script_, package, "something is missing"};
  }

 private:
  // An absolute path stays as it is when it is taken as one within the source tree.
  std::string script_ = testing::TempDir() + "figures_" + std::to_string(::getpid()) + ".py";
};

TEST_F(python_program_test, FiguresAreItsLastLine) {
  const auto figures = program("import sys\nprint('hello')\nprint('{\"n\":', sys.argv[1], '}')\n")
                           .figures({"17"}, 20s);
  EXPECT_EQ(figures.at("n"), 17);
}

TEST_F(python_program_test, AFailureIsToldInItsOwnWords) {
  const auto failing = program("raise SystemExit('no more greenlets')\n");
  EXPECT_EQ(reason_of([&] { static_cast<void>(failing.figures({}, 20s)); }), "no more greenlets");
  const auto silent = program("print('hello')\n");
  EXPECT_NE(
      reason_of([&] { static_cast<void>(silent.figures({}, 20s)); }).find("no figures: hello"),
      std::string::npos);
}

TEST_F(python_program_test, WhatIsMissingIsALimit) {
  EXPECT_THROW(program("", "no_such_package"), limit_error);
  EXPECT_THROW(python_program("no/such/script.py", "json", "missing"), limit_error);
  ::setenv("SWITCHYARD_PYTHON", "/no/such/python", 1);
  EXPECT_THROW(program(""), limit_error);
  EXPECT_EQ(reason_of([&] { program(""); }), "something is missing");
}

TEST_F(python_program_test, AnInterpreterIsFoundAsAShellFindsIt) {
  ::setenv("SWITCHYARD_PYTHON", "python3", 1);
  EXPECT_EQ(program("print('{}')").interpreter(), program_on_path("python3"));
}

TEST_F(python_program_test, ScriptsAreFoundWhereverTheProgramIsStarted) {
  ::setenv("SWITCHYARD_PYTHON", program_on_path("python3").c_str(), 1);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path("/");
  const python_program original("outside/gevent/switch.py", "json", "not found");
  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::exists(original.command({}).front()));
}

}  // namespace
}  // namespace switchyard::harness
