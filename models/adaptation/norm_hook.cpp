#include "models/adaptation/norm_hook.h"

namespace models {
namespace {

thread_local NormHook* current = nullptr;

}  // namespace

NormHook* norm_hook() {
  return current;
}

NormHookScope::NormHookScope(NormHook& hook) {
  current = &hook;
}

NormHookScope::~NormHookScope() {
  current = nullptr;
}

}  // namespace models
