// weir: the command line client.
#include <unistd.h>

#include <csignal>

#include "clients/cli/command_line.h"
#include "clients/cli/exit_code.h"

int main(int argc, char** argv) {
  // Every line is written at once, so there is nothing to put in order when a person or a pipe ends the command.
  std::signal(SIGINT, [](int) { _exit(weir::cli::kInterrupted); });
  std::signal(SIGPIPE, SIG_IGN);
  return weir::cli::RunCommandLine(argc, argv);
}
