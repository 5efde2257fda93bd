#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ek_tool_number(const char *text, int least) {
  char *end = NULL;
  const long n = strtol(text, &end, 10);
  return end == text || *end != 0 || n < least || n > 1000000000 ? -1 : (int)n;
}

bool ek_tool_take_option(ek_tool_options *options, int argc, char **argv, int *i) {
  const char *name = argv[*i], *value = *i + 1 < argc ? argv[*i + 1] : NULL;
  if (value == NULL) {
    return false;
  }
  if (strcmp(name, "--isa") == 0) {
    options->isa = value;
  } else if (strcmp(name, "--backend") == 0) {
    options->backend = value;
  } else if (strcmp(name, "--threads") == 0 && ek_tool_number(value, 1) > 0) {
    options->threads = ek_tool_number(value, 1);
  } else {
    return false;
  }
  (*i)++;
  return true;
}

static bool failed(ek_tool *tool, const char *what, const char *path, const char *why) {
  (void)snprintf(tool->error, sizeof tool->error, "%s %s: %s", what, path, why);
  return false;
}

static bool env_failed(ek_tool *tool, const char *what, const char *path) {
  char text[600];
  (void)ek_env_error(tool->env, text, sizeof text);
  return failed(tool, what, path, text);
}

bool ek_tool_session_failed(ek_tool *tool, const char *what) {
  return failed(tool, what, "", ek_session_error(tool->session));
}

bool ek_tool_open(ek_tool *tool, const ek_tool_options *options, const char *path) {
  memset(tool, 0, sizeof *tool);
  const ek_env_options env_options = {.struct_size = sizeof env_options, .isa = options->isa};
  if (ek_env_create(&env_options, &tool->env) != EK_OK) {
    return failed(tool, "no such ISA, or no memory:", options->isa != NULL ? options->isa : "", "cannot start");
  }
  const ek_backend *backends[2] = {NULL, ek_backend_cpu()};
  const bool is_cpu = options->backend == NULL || strcmp(options->backend, "cpu") == 0;
  if (!is_cpu) {
    backends[0] = strcmp(options->backend, "opencl") == 0 ? ek_backend_opencl() : NULL;
    if (backends[0] == NULL) {
      return failed(tool, "back end", options->backend, "this build does not have it");
    }
  }
  if (ek_model_load_file(tool->env, path, &tool->model) != EK_OK) {
    return env_failed(tool, "cannot load", path);
  }
  const ek_session_options session_options = {
      .struct_size = sizeof session_options,
      .threads = options->threads,
      .backends = is_cpu ? backends + 1 : backends,
      .backend_count = is_cpu ? 1 : 2,
      .profile = options->profile,
  };
  if (ek_session_create(tool->env, tool->model, &session_options, &tool->session) != EK_OK) {
    return env_failed(tool, "cannot run", path);
  }
  return true;
}

void ek_tool_close(ek_tool *tool) {
  ek_session_destroy(tool->session);
  ek_model_destroy(tool->model);
  ek_env_destroy(tool->env);
}
