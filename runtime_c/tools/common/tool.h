/* What the command-line tools share: options, models, sessions. */
#ifndef EK_TOOLS_TOOL_H
#define EK_TOOLS_TOOL_H

#include "edgekit/edgekit.h"

enum { EK_TOOL_OK = 0, EK_TOOL_FAILED = 1, EK_TOOL_USAGE = 2 };

typedef struct ek_tool_options {
  const char *isa;
  const char *backend; /* NULL: cpu */
  int threads;
  bool profile;
} ek_tool_options;

typedef struct ek_tool {
  ek_env *env;
  ek_model *model;
  ek_session *session;
  char error[1024];
} ek_tool;

/* If argv[*i] is --isa, --threads or --backend, takes it with its value and returns true. */
bool ek_tool_take_option(ek_tool_options *options, int argc, char **argv, int *i);
/* A whole number of at least `least`, or -1. */
int ek_tool_number(const char *text, int least);
/* Loads a model and makes a session. False: tool->error says why. */
bool ek_tool_open(ek_tool *tool, const ek_tool_options *options, const char *path);
void ek_tool_close(ek_tool *tool);
/* Keeps "what: the session's last error" and returns false. */
bool ek_tool_session_failed(ek_tool *tool, const char *what);

#endif
