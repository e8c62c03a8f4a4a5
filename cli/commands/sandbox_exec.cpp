// ebpfnet exec: a further process in a running sandbox, with the terminal of this one.
#include <memory>

#include "cli/attached.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output.hpp"
#include "cli/sandbox_flags.hpp"
#include "daemon/api/json.hpp"

namespace ebpfnet::cli {
namespace {

struct ExecFlags {
  std::string sandbox;
  ProcessFlags process;
};

Result<int> exec_in(Context& context, const ExecFlags& flags) {
  api::SandboxExec request;
  request.process = TRY(to_process(context, flags.process));
  TRY_VOID(check_terminal(request.process));
  nlohmann::json reply =
      TRY(context.client.post(path_of("sandboxes", flags.sandbox, "exec"), api::to_json(request)));
  return attach(text_at(reply, "AttachSocket"), request.process);
}

} // namespace

Action sandbox_exec(Arguments& arguments) {
  auto flags = std::make_shared<ExecFlags>();
  add_process_flags(arguments, flags->process);
  arguments.add_option("SANDBOX", flags->sandbox, "Sandbox").required();
  return [flags](Context& context) { return exec_in(context, *flags); };
}

} // namespace ebpfnet::cli
