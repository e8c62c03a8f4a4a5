// ebpfnet run: creates and starts a sandbox in one request, then hands it the terminal or prints
// its id.
#include <fmt/core.h>
#include <memory>

#include "cli/attached.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output.hpp"
#include "cli/sandbox_flags.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {
namespace {

struct RunFlags {
  SandboxFlags sandbox;
  ProcessFlags process;
  bool detach = false;
  std::string restart = "no";
  std::string service;
};

// The daemon removes the sandbox (--rm, or a command that could not start); its name is free when
// this command returns. A daemon that has gone meanwhile does so when it is back.
void wait_until_gone(Context& context, const std::string& id) {
  const std::string target =
      path_of("sandboxes", id, "wait") + query_of({{"condition", "removed"}});
  [[maybe_unused]] const auto gone = context.client.post(target, nullptr);
}

Result<int> run_sandbox(Context& context, const RunFlags& flags) {
  if (!flags.service.empty()) {
    return fail(ErrorCode::unsupported, "--service is not built yet");
  }
  api::SandboxCreate request = TRY(to_request(context, flags.sandbox));
  request.process = TRY(to_process(context, flags.process));
  request.restart = TRY(context.typed(api::RestartPolicy::from(flags.restart)));
  request.start = true;
  request.attach = !flags.detach;
  if (request.attach) {
    TRY_VOID(check_terminal(*request.process));
  }
  nlohmann::json reply = TRY(context.client.post("/v1/sandboxes", api::to_json(request)));
  if (request.attach) {
    auto ended = attach(text_at(reply, "AttachSocket"), *request.process);
    if (request.auto_remove || !ended) {
      wait_until_gone(context, text_at(reply, "Id"));
    }
    return ended;
  }
  fmt::print("{}\n", text_at(reply, "Id"));
  return 0;
}

} // namespace

Action sandbox_run(Arguments& arguments) {
  auto flags = std::make_shared<RunFlags>();
  arguments.add_option("--name", flags->sandbox.rest.name, "Name of the sandbox; chosen without it")
      .type_name("NAME");
  arguments.add_flag("-d,--detach", flags->detach, "Run in the background and print the id");
  arguments.add_flag("--rm", flags->sandbox.rest.auto_remove,
                     "Remove the sandbox when the command has ended");
  add_sandbox_flags(arguments, flags->sandbox);
  add_process_flags(arguments, flags->process);
  arguments
      .add_repeated("--cap-add", flags->process.process.cap_add,
                    "Capability beyond Docker's default set")
      .type_name("CAP");
  arguments.add_option("--restart", flags->restart, "no, always or on-failure[:N]")
      .type_name("POLICY");
  arguments.add_option("--service", flags->service).hidden();
  return [flags](Context& context) { return run_sandbox(context, *flags); };
}

} // namespace ebpfnet::cli
