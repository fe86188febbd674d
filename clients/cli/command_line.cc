#include "clients/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "base/text.h"
#include "base/version.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/common_options.h"
#include "clients/cli/completion.h"
#include "clients/cli/exit_code.h"
#include "clients/cli/output.h"
#include "fmt/format.h"

namespace weir::cli {
namespace {

// Help begins with the examples, which are kept as the footer.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    return fmt::format("Examples:\n{}\n{}", app->get_footer(), CLI::Formatter::make_description(app));
  }
  std::string make_footer(const CLI::App*) const override { return ""; }
};

// What a command line chose: set by the command that was given.
using Chosen = std::function<int()>;

void AddPublish(CLI::App& app, PublishArguments& arguments, Chosen& chosen) {
  CLI::App& command = *app.add_subcommand("publish", "Store events; print each one's cursor as a line of JSON");
  command.footer(R"(  weir publish --topic vehicles.updates --type apps.vehicles.v1.VehicleUpdate \
    '{"vehicles":[{"id":"v1","make":"Toyota"}],"requestId":"r1"}'
  weir publish --from events.jsonl
  tail -f events.jsonl | weir publish --from -

With --from, each line is {"topic","type","data","event_id"?,"time"?,"attributes"?}, and for each, in order, one line is
printed: {"cursor","event_id","duplicate"?} or {"error":{"code","reason","message"}}. Lines are sent as they come, many
at once, and sent again after a lost connection. Exit code 1 if any line failed. Give event ids if you may run it twice.
`data` is the payload as proto3 JSON: enum values by their proto names, 64-bit numbers as strings or numbers.
)");
  CLI::Option* from =
      command.add_option("--from", arguments.from, "A file of events, one JSON object a line; - is stdin")
          ->type_name("FILE");
  CLI::Option* topic = command.add_option("--topic", arguments.topic, "Where it happened");
  CLI::Option* type = command.add_option("--type", arguments.type, "The payload's full type name");
  CLI::Option* data = command.add_option("JSON", arguments.data, "The payload");
  CLI::Option* id = command.add_option("--event-id", arguments.event_id, "Stored once per topic; default: made up");
  CLI::Option* time = command.add_option("--time", arguments.time, "When it happened; default: when it is stored")
                          ->check(IsTime())
                          ->type_name("TIME");
  CLI::Option* attributes =
      command.add_option("--attribute", arguments.attributes, "Shown to readers that ask for it; may be repeated")
          ->check(IsKeyValue())
          ->type_name("KEY=VALUE")
          ->allow_extra_args(false);
  command.add_option("--wait", arguments.wait, "How long to wait for an answer, or for a server that is away")
      ->check(IsPositiveDuration())
      ->type_name("DURATION")
      ->capture_default_str();
  AddServer(command, arguments.server);
  for (CLI::Option* one : {topic, type, data, id, time, attributes}) {
    from->excludes(one);
  }
  command.callback([&arguments, &chosen] {
    if (arguments.from.empty() && (arguments.topic.empty() || arguments.type.empty() || arguments.data.empty())) {
      throw CLI::ValidationError("publish", "needs --topic, --type and the payload as JSON, or --from FILE");
    }
    chosen = [&arguments] { return Publish(arguments); };
  });
}

void AddSubscribe(CLI::App& app, SubscribeArguments& arguments, Chosen& chosen) {
  CLI::App& command = *app.add_subcommand("subscribe", "Print events as they come, one line of JSON each");
  command.footer(R"(  weir subscribe vehicles.updates
  weir subscribe 'tenants.acme.>' --since 5m
  weir subscribe vehicles.updates -n 1 --wait 10s       exit code 3 if none came in time
  weir subscribe vehicles.updates --from-id "$CURSOR"   go on where you were

An event is {"cursor","event_id","topic","type","time","publish_time","attributes"?,"data"}. Between events may stand
{"gap":{"reason","requested_cursor","resume_cursor"}}, when events are missing, and {"progress":{"cursor","caught_up"}}:
everything up to that cursor was printed. A lost connection is opened again, and nothing is lost or printed twice.
`data` is the payload as proto3 JSON, enum values by their proto names.
)");
  AddReading(command, arguments.filters, arguments.types, arguments.count);
  AddStart(command, arguments.start, "");
  command
      .add_option("--wait", arguments.wait, "End after this time: with 3 unless the -n events, or without -n any, came")
      ->check(IsPositiveDuration())
      ->type_name("DURATION");
  command.add_flag("--fail-on-gap", arguments.fail_on_gap, "End with an error instead of printing a gap");
  AddServer(command, arguments.server);
  command.callback([&arguments, &chosen] { chosen = [&arguments] { return Subscribe(arguments); }; });
}

void AddList(CLI::App& app, ListArguments& arguments, Chosen& chosen) {
  CLI::App& command = *app.add_subcommand("list", "Print what the log holds, and end");
  command.footer(R"(  weir list vehicles.updates
  weir list '>' --newest -n 10
  weir list 'users.*.notifications' --since 2026-01-31T08:00:00Z

Lines are those of `weir subscribe`.
)");
  AddReading(command, arguments.filters, arguments.types, arguments.count);
  AddStart(command, arguments.start, " (the default)");
  command.add_flag("--newest", arguments.newest, "From the newest event to the oldest")->excludes("--last");
  AddServer(command, arguments.server);
  command.callback([&arguments, &chosen] { chosen = [&arguments] { return List(arguments); }; });
}

void AddInspection(CLI::App& app, SchemaArguments& schema, StatusArguments& status, Chosen& chosen) {
  CLI::App& show = *app.add_subcommand("schema", "Print the event types that the server knows");
  show.footer("  weir schema\n  weir schema apps.vehicles.v1.VehicleUpdate\n");
  show.add_option("TYPE", schema.type, "Print this type's definition");
  AddServer(show, schema.server);
  show.callback([&schema, &chosen] { chosen = [&schema] { return ShowSchema(schema); }; });

  CLI::App& state = *app.add_subcommand("status", "Print the state of the server and its log");
  state.footer("  weir status\n  weir status --server 10.0.0.7:50051 | jq .head_cursor\n");
  AddServer(state, status.server);
  state.callback([&status, &chosen] { chosen = [&status] { return Status(status); }; });
}

void AddMaintenance(CLI::App& app, BackupArguments& backup, CheckLogArguments& check, Chosen& chosen) {
  CLI::App& copy = *app.add_subcommand("backup", "Copy a running server's log into a new directory");
  copy.footer(R"(  weir backup log-copy
  weir backup log-of-today --server 10.0.0.7:50051

Everything that was acknowledged before is in the copy. It is written beside DIR, checked as by `weir check-log`, and put in
its place only when it is whole; a DIR that is there already is refused. To restore, start weir-server with --data-dir on (a
copy of) it: the log then has a new epoch, and readers are told so by a gap. One line is printed, that of `weir check-log`.
)");
  copy.add_option("DIR", backup.directory, "The new directory")->required();
  AddServer(copy, backup.server);
  copy.callback([&backup, &chosen] { chosen = [&backup] { return Backup(backup); }; });

  CLI::App& inspect = *app.add_subcommand("check-log", "Check the log of a server that is stopped, or a backup");
  inspect.footer(R"(  weir check-log log-copy
  weir check-log --repair-tail log-copy

All of the log is read, and nothing is changed. One line is printed, {"directory","events","earliest","head","epoch","bytes",
"segments","faults"}; each fault is a line on stderr that says where it is, what it is, and what to do. Exit code 1 if there
is any. What is in it when the log cannot be opened is null.
With --repair-tail the end of the write-ahead log (or manifest) is cut off where it is neither whole nor the end of a write
that was never finished, and nothing else; what was cut is kept in DIR. Events that were acknowledged last may be in it, so
that the log gets a new epoch.
)");
  inspect.add_option("DIR", check.directory, "The log's directory: weir-server's --data-dir")->required();
  inspect.add_flag("--repair-tail", check.repair_tail, "Cut off a damaged end");
  inspect.callback([&check, &chosen] { chosen = [&check] { return CheckLog(check); }; });
}

CLI::Validator IsBenchDuration() {
  return Valid([](const std::string& text) -> absl::Status {
    const absl::StatusOr<absl::Duration> duration = ParseDuration(text);
    if (duration.ok() && (*duration < absl::Milliseconds(100) || *duration > absl::Hours(1))) {
      return absl::InvalidArgumentError("the duration must be 100ms to 1h");
    }
    return duration.status();
  });
}

void AddBench(CLI::App& app, BenchArguments& arguments, Chosen& chosen) {
  CLI::App& command = *app.add_subcommand("bench", "Open many streams of an edge, and measure what they are given");
  command.footer(R"(  weir bench http://127.0.0.1:8080/api/sse --readers 1000 --duration 5s
  weir bench http://127.0.0.1:8080/api/sse --readers 100 --duration 5s --rate 50 \
    --topic dispatch.broadcast --type apps.dispatch.v1.FlashMessage '{"id":"1"}'

One thread reads all streams (SSE); a line is printed: {"url","readers","connects_per_second","seconds","deliveries",
"deliveries_per_second","lost","doubled","out_of_order","gaps","ended","generator_busy","limit"}. Exit code 1 if any of lost,
doubled, out_of_order, gaps and ended is not 0. Events are known by their ids alone: `lost` are those that another reader had
and this one had not, or not in its place, 10 s after the end; so all readers must be allowed the same events. What all of
them miss is seen with --topic: then weir publishes the JSON at --rate meanwhile, every reader must get it, and the line has
"published" and "latency_ms":{"p50","p99","max"} besides, from when an event was due by --rate to its last byte read: what the
server cannot take in time is late. These events are stored.
A route's own events with an id, as named heartbeats, must be named by --ignore.
`limit` is what there was no more of: "generator" when weir's own thread was busy more than 90 % of the time, "machine" when
all processors of this machine were, else null. Edges limit the streams of an address and of a token's subject.
)");
  command.add_option("URL", arguments.url, "The route: http://… or https://…")->required();
  command.add_option("--readers", arguments.readers, "Streams: 1 to 20000")
      ->check(CLI::Range(size_t{1}, size_t{20'000}, "COUNT"))
      ->type_name("COUNT")
      ->capture_default_str();
  command.add_option("--duration", arguments.duration, "How long to measure, once all have begun: 100ms to 1h")
      ->check(IsBenchDuration())
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--ignore", arguments.ignored_events, "An event that the route sends by itself; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command
      .add_option("--edge-tls-ca", arguments.edge_ca,
                  "The edge's certificate must come from these authorities; default: the system's")
      ->type_name("FILE");
  command
      .add_option("--edge-token-file", arguments.edge_token_file, "Tokens (JWT) of readers, one a line, taken in turn")
      ->type_name("FILE");
  CLI::Option* topic = command.add_option("--topic", arguments.topic, "Publish there meanwhile");
  CLI::Option* type = command.add_option("--type", arguments.type, "The payload's full type name");
  CLI::Option* data = command.add_option("JSON", arguments.data, "The payload");
  CLI::Option* rate = command.add_option("--rate", arguments.rate, "Events a second: 0.1 to 100000")
                          ->check(CLI::Range(0.1, 100'000.0, "NUMBER"))
                          ->type_name("NUMBER")
                          ->capture_default_str();
  AddServer(command, arguments.server);
  topic->needs(type, data);
  type->needs(topic);
  data->needs(topic);
  rate->needs(topic);
  command.callback([&arguments, &chosen] {
    if (const absl::Status status = CheckBench(arguments); !status.ok()) {
      throw CLI::ValidationError("bench", std::string(Message(status)));
    }
    chosen = [&arguments] { return RunBench(arguments); };
  });
}

void AddRevoke(CLI::App& app, RevokeArguments& arguments, Chosen& chosen) {
  CLI::App& command =
      *app.add_subcommand("revoke", "Have the server and every edge refuse tokens, and end their streams");
  command.footer(R"(  weir revoke --subject mallory
  weir revoke --token-id 5f0c1b --issuer https://login.example.com

By subject: the tokens that it was given until now, by the server's clock; those that are issued from the next second on are
good. By token id: the one token with this `jti`. One line is printed, {"cursor","event_id","issued_until"?,"expire_time"}:
then it is stored, and edges have it in a moment. `weir list weir.revocations` shows what is revoked. Rules of access give
the right by `revoke: true`.
)");
  CLI::Option* subject =
      command.add_option("--subject", arguments.subject, "Whose tokens: their `sub`")->type_name("NAME");
  CLI::Option* id = command.add_option("--token-id", arguments.token_id, "Which token: its `jti`")->type_name("ID");
  command.add_option("--issuer", arguments.issuer, "Only tokens with this `iss`; default: of any issuer, or none")
      ->type_name("NAME");
  command
      .add_option(
          "--keep", arguments.keep,
          "How long it is kept: longer than tokens last, which is what auth.token_lifetime_max of the edges says; "
          "default: 744h")
      ->check(IsPositiveDuration())
      ->type_name("DURATION");
  command.add_option("--wait", arguments.wait, "How long to wait for an answer")
      ->check(IsPositiveDuration())
      ->type_name("DURATION")
      ->capture_default_str();
  AddServer(command, arguments.server);
  subject->excludes(id);
  command.callback([&arguments, &chosen] {
    if (arguments.subject.empty() == arguments.token_id.empty()) {
      throw CLI::ValidationError("revoke", "needs --subject or --token-id");
    }
    chosen = [&arguments] { return Revoke(arguments); };
  });
}

void AddToken(CLI::App& app, TokenArguments& arguments, Chosen& chosen) {
  CLI::App& command = *app.add_subcommand("token", "Print a JSON Web Token for the edge");
  command.footer(R"(  weir token --key hs256.key --sub alice
  weir token --key es256.pem --sub alice --claim tenant_id=acme --ttl 15m
  weir token --key rsa.pem --algorithm PS256 --key-id 2026-11 --sub alice

The key is an HS256 secret of at least 32 bytes, or a private key in PEM: RSA of at least 2048 bits, on P-256, or Ed25519.
Its content tells which.
)");
  command.add_option("--key", arguments.key, "The key's file")->required()->type_name("FILE");
  command.add_option("--algorithm", arguments.algorithm, "HS256, RS256, PS256, ES256 or EdDSA; RS256 for an RSA key")
      ->check(CLI::IsMember({"HS256", "RS256", "PS256", "ES256", "EdDSA"}))
      ->type_name("NAME");
  command.add_option("--key-id", arguments.key_id, "The token's `kid`")->type_name("ID");
  command.add_option("--sub", arguments.subject, "Whom the token is for")->required()->type_name("NAME");
  command.add_option("--claim", arguments.claims, "A further claim, a string; may be repeated")
      ->check(IsKeyValue())
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("--ttl", arguments.ttl, "How long it holds; negative makes one that is over")
      ->check(IsDuration())
      ->type_name("DURATION")
      ->capture_default_str();
  command.callback([&arguments, &chosen] { chosen = [&arguments] { return Token(arguments); }; });
}

void AddCompletion(CLI::App& app, std::string& shell, Chosen& chosen) {
  CLI::App& command = *app.add_subcommand("completion", "Print a shell's completion script");
  command.footer(R"(  source <(weir completion bash)
  weir completion zsh > "${fpath[1]}/_weir"
  weir completion fish > ~/.config/fish/completions/weir.fish
)");
  command.add_option("SHELL", shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command.callback([&app, &shell, &chosen] {
    chosen = [&app, &shell] {
      std::string script = CompletionScript(app, shell);
      script.pop_back();
      PrintLine(script);
      return kSuccess;
    };
  });
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv) {
  CLI::App app("Publishes to, reads from and looks into a Weir server. Data goes to stdout, the rest to stderr.",
               "weir");
  app.formatter(std::make_shared<ExamplesFirst>());
  app.footer(R"(  weir publish --topic vehicles.updates --type apps.vehicles.v1.VehicleUpdate '{"requestId":"r1"}'
  weir subscribe 'vehicles.>' --since 5m
  weir status

Exit codes: 0; 1 failed; 2 usage; 3 what was awaited did not come in time; 64 + gRPC code of a failed call; 130
interrupted. WEIR_SERVER sets --server, WEIR_TLS_CA --tls-ca, WEIR_TLS_CERTIFICATE, WEIR_TLS_KEY and WEIR_TOKEN_FILE the
like.
)");
  app.set_version_flag("--version", fmt::format("weir {}", Version()));
  app.require_subcommand(1);

  Chosen chosen;
  PublishArguments publish;
  SubscribeArguments subscribe;
  ListArguments list;
  SchemaArguments schema;
  StatusArguments status;
  BackupArguments backup;
  CheckLogArguments check;
  BenchArguments bench;
  TokenArguments token;
  RevokeArguments revoke;
  std::string shell;
  AddPublish(app, publish, chosen);
  AddSubscribe(app, subscribe, chosen);
  AddList(app, list, chosen);
  AddInspection(app, schema, status, chosen);
  AddMaintenance(app, backup, check, chosen);
  AddBench(app, bench, chosen);
  AddToken(app, token, chosen);
  AddRevoke(app, revoke, chosen);
  AddCompletion(app, shell, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      return app.exit(error, std::cout, std::cerr);
    }
    const auto commands = app.get_subcommands();
    const auto unknown = app.remaining();
    const bool no_command = commands.empty() && !unknown.empty();
    Note(fmt::format("{}; see weir {}--help",
                     no_command ? fmt::format("there is no command {}", Quotable(unknown.front())) : error.what(),
                     commands.empty() ? std::string() : commands.front()->get_name() + " "));
    return kUsage;
  }
  // The environment sets these for every command, and most commands only read what they are asked for.
  const std::pair<const char*, const ServerArguments*> servers[] = {
      {"publish", &publish.server}, {"subscribe", &subscribe.server}, {"list", &list.server},
      {"schema", &schema.server},   {"status", &status.server},       {"backup", &backup.server},
      {"bench", &bench.server},     {"revoke", &revoke.server}};
  for (const auto& [command, server] : servers) {
    if (const absl::Status fault = app.got_subcommand(command) ? CheckServer(*server) : absl::OkStatus(); !fault.ok()) {
      Note(Message(fault));
      return kUsage;
    }
  }
  return chosen();
}

}  // namespace weir::cli
