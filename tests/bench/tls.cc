#include "tests/bench/tls.h"

#include <filesystem>

#include "tests/bench/measure.h"
#include "tests/support/certificate.h"

namespace weir::bench {
namespace {

constexpr double kEventsPerSecond = 20;
constexpr char kFigure[] = "TLS, 20 events/s × 1,000 readers: CPU per delivery, µs";

void Tls(const Plan& plan, Report& report) {
  const ServedCertificate certificate;
  const auto targets = StartAll(plan, certificate.options(), report);
  const double seconds = plan.quick ? 3 : 6;
  const Rounds rounds = Interleave(
      plan, targets, "20 events/s over TLS",
      [&](Target& target) { return Trickle(target, {.topics = 1, .readers = 1'000}, kEventsPerSecond, seconds); },
      report);
  Row cpu = RowOf(kFigure, rounds, &Figures::cpu_us, 2);
  AimAgainst(cpu, rounds, "nchan", &Figures::cpu_us, 1, 0.7, false);
  report.Add(cpu);
  report.Add(RowOf("… of it in user mode, µs", rounds, &Figures::user_us, 3));
  report.Add(RowOf("… latency p99 from publishing, ms", rounds, &Figures::p99_ms, 2));
  Row cipher{.figure = "… what client and server agreed on", .values = {}};
  for (const auto& [target, value] : cpu.values) {
    cipher.values.emplace_back(target, rounds.at(target).back().cipher);
  }
  report.Add(cipher);
}

}  // namespace

ServedCertificate::ServedCertificate() {
  const testing::Certificate made = testing::MakeCertificate();
  testing::WriteFile(options().certificate, made.certificate);
  testing::WriteFile(options().key, made.key);
  std::filesystem::permissions(options().key, std::filesystem::perms(0600));
}

Mode TlsMode() {
  return {.name = "tls",
          .what = "one topic, 1,000 readers, 20 events/s, over TLS",
          .run = Tls,
          .ratios = {{kFigure, "nchan"}}};
}

}  // namespace weir::bench
