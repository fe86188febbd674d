// weir: the command line client.
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "base/core_file.h"
#include "clients/cli/command_line.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"

int main(int argc, char** argv) {
  weir::LeaveNoCore();
  // Every line is written at once, so there is nothing to put in order when a person or a pipe ends the command.
  std::signal(SIGINT, [](int) { _exit(weir::cli::kInterrupted); });
  std::signal(SIGPIPE, SIG_IGN);
  // What the libraries say of what others have sent goes the way of all notes.
  gpr_set_log_function([](gpr_log_func_args* args) { weir::cli::Note(args->message); });
  google::protobuf::SetLogHandler(
      [](google::protobuf::LogLevel, const char*, int, const std::string& message) { weir::cli::Note(message); });
  const int code = weir::cli::RunCommandLine(argc, argv);
  std::cout.flush();
  _exit(code);  // gRPC's threads may go on for a moment, and must not find that static objects are gone
}
