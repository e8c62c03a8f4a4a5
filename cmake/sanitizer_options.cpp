// What the sanitizers' run-time libraries ask of a program at its start. Compiled in, not in the
// environment: a supervisor starts with an empty one.
#define EBN_TO_FILE                                                                                \
  "log_path=" EBPFNET_REPORTS "/report:log_exe_name=1:external_symbolizer_path=" LLVM_SYMBOLIZER   \
  ":exitcode=66"

extern "C" {
const char* __asan_default_options() {
  return EBN_TO_FILE ":detect_leaks=1:strict_string_checks=1:check_initialization_order=1";
}
const char* __ubsan_default_options() {
  return EBN_TO_FILE ":print_stacktrace=1";
}
const char* __tsan_default_options() {
  return EBN_TO_FILE ":second_deadlock_stack=1:history_size=7";
}
}
