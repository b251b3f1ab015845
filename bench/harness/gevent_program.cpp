#include "bench/harness/gevent_program.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/harness/child_process.hpp"
#include "runtimes/support/error.hpp"

namespace switchyard::harness {

std::filesystem::path source_tree() {
  const auto note = program_beside("source_tree.txt");
  std::string folder;
  std::ifstream file(note);
  if (!std::getline(file, folder)) throw limit_error(note.string() + " is missing");
  return folder;
}

namespace {

std::filesystem::path chosen_interpreter() {
  const char* named = std::getenv("SWITCHYARD_PYTHON");
  if (named == nullptr || *named == '\0') return source_tree() / ".venv/bin/python";
  const std::filesystem::path chosen(named);
  return chosen.has_parent_path() ? chosen : program_on_path(chosen);
}

/// Asked of each interpreter once. -P: a folder of the package's name, where the benchmark was
/// started, is not the package.
bool can_import(const std::filesystem::path& interpreter, const std::string& package) {
  static std::map<std::pair<std::filesystem::path, std::string>, bool> known;
  const auto [found, is_new] = known.try_emplace({interpreter, package}, false);
  if (is_new && ::access(interpreter.c_str(), X_OK) == 0) {
    try {
      child_process(interpreter, {"-P", "-c", "import " + package}, errors::into_output)
          .finish(std::chrono::seconds(30));
      found->second = true;
    } catch (const limit_error&) {
      throw;
    } catch (const std::runtime_error&) {  // whatever it says, the package can't be used
    }
  }
  return found->second;
}

}  // namespace

python_program::python_program(const std::string& script, const std::string& package,
                               const std::string& otherwise)
    : interpreter_(chosen_interpreter()), script_(source_tree() / script) {
  if (!std::filesystem::exists(script_) || !can_import(interpreter_, package)) {
    throw limit_error(otherwise);
  }
}

std::vector<std::string> python_program::command(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), script_.string());
  return arguments;
}

figures_by_name python_program::figures(std::vector<std::string> arguments,
                                        std::chrono::milliseconds patience) const {
  child_process program(interpreter_, command(std::move(arguments)), errors::into_output);
  const std::string last_line = last_line_of(program.finish(patience));
  const auto printed = nlohmann::json::parse(last_line, nullptr, false);
  if (!printed.is_object()) {
    throw std::runtime_error(script_.filename().string() + " gave no figures: " + last_line);
  }
  figures_by_name figures;
  for (const auto& [name, value] : printed.items()) {
    if (value.is_number()) figures.emplace(name, value.get<double>());
  }
  return figures;
}

}  // namespace switchyard::harness

namespace switchyard::gevent {

harness::python_program original(const std::string& script) {
  return {"outside/gevent/" + script, name, lack};
}

std::vector<std::string> attached(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--parent", std::to_string(::getpid())});
  return arguments;
}

harness::measured measured_part(const harness::figures_by_name& figures) {
  const auto count = [&](const char* of) { return static_cast<std::int64_t>(figures.at(of)); };
  return {figures.at("seconds"),
          {.cpu_s = figures.at("cpu_s"),
           .system_s = figures.at("system_s"),
           .voluntary_switches = count("voluntary_switches"),
           .involuntary_switches = count("involuntary_switches"),
           .page_faults = count("page_faults")}};
}

harness::figures_by_name record(benchmark::State& state, harness::batch_size ops,
                                const harness::python_program& original,
                                const std::vector<std::string>& arguments,
                                std::chrono::milliseconds patience) {
  harness::figures_by_name figures;
  harness::record_batch(state, ops, [&] {
    figures = original.figures(arguments, patience);
    return measured_part(figures);
  });
  return figures;
}

}  // namespace switchyard::gevent
