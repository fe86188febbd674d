#include "clients/cli/completion.h"

#include <CLI/CLI.hpp>
#include <string_view>
#include <vector>

#include "fmt/format.h"

namespace weir::cli {
namespace {

// Text between single quotes; a quote itself is written '\''.
std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// `--server`, `-n`, … of one command.
std::vector<std::string> FlagsOf(const CLI::App& command) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_snames()) {
      flags.push_back("-" + name);
    }
    for (const std::string& name : option->get_lnames()) {
      flags.push_back("--" + name);
    }
  }
  return flags;
}

std::string Joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

std::string WordsOf(const CLI::App& command) {
  return Joined(FlagsOf(command)) + (command.get_name() == "completion" ? " bash zsh fish" : "");
}

std::string Bash(const CLI::App& app) {
  std::vector<std::string> commands;
  std::string cases;
  for (const CLI::App* command : app.get_subcommands({})) {
    commands.push_back(command->get_name());
    cases += fmt::format("    {}) words={} ;;\n", command->get_name(), Quoted(WordsOf(*command)));
  }
  return fmt::format(R"(# bash completion for weir
_weir() {{
  local words
  case "${{COMP_WORDS[1]}}" in
{}    *) words={} ;;
  esac
  if ((COMP_CWORD == 1)); then words={}; fi
  case "${{COMP_WORDS[COMP_CWORD-1]}}" in
    --from | --key) COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}")) ;;
  esac
}}
complete -F _weir weir
)",
                     cases, Quoted(Joined(FlagsOf(app))), Quoted(Joined(commands) + " " + Joined(FlagsOf(app))));
}

std::string Zsh(const CLI::App& app) {
  std::string commands;
  std::string cases;
  for (const CLI::App* command : app.get_subcommands({})) {
    commands += fmt::format("    {}\n", Quoted(command->get_name() + ":" + command->get_description()));
    cases += fmt::format("    {}) compadd -- {} ;;\n", command->get_name(), WordsOf(*command));
  }
  return fmt::format(R"(#compdef weir
_weir() {{
  local -a commands
  commands=(
{}  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  case "${{words[CURRENT-1]}}" in
    --from|--key) _files; return ;;
  esac
  case "${{words[2]}}" in
{}  esac
}}
compdef _weir weir
)",
                     commands, cases);
}

std::string Fish(const CLI::App& app) {
  std::string script = "# fish completion for weir\ncomplete -c weir -f\n";
  for (const CLI::App* command : app.get_subcommands({})) {
    script += fmt::format("complete -c weir -n __fish_use_subcommand -a {} -d {}\n", command->get_name(),
                          Quoted(command->get_description()));
    const std::string seen = Quoted("__fish_seen_subcommand_from " + command->get_name());
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        const bool takes_value = option->get_items_expected_max() > 0;
        const bool takes_file = name == "from" || name == "key";
        script += fmt::format("complete -c weir -n {} -l {}{}{} -d {}\n", seen, name, takes_value ? " -r" : "",
                              takes_file ? " -F" : "", Quoted(option->get_description()));
      }
    }
  }
  script += "complete -c weir -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n";
  return script;
}

}  // namespace

std::string CompletionScript(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") {
    return Bash(app);
  }
  return shell == "zsh" ? Zsh(app) : Fish(app);
}

}  // namespace weir::cli
