/* edgekit-run: one inference from .npy files to .npy files, or many models in one process. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npy.h"
#include "tool.h"

#define MAX_INPUTS 256
#define MAX_LINE 65536

static const char usage[] =
    "usage: edgekit-run MODEL.ekm --input NAME=FILE.npy ... --output-dir DIR [options]\n"
    "       edgekit-run --batch FILE [options]\n"
    "\n"
    "Runs a model once. Each output becomes DIR/NAME.npy; characters of NAME other than letters, digits and . _ - "
    "become _.\n"
    "\n"
    "  --input NAME=FILE   array for an input; the name may be left out where the model has one input\n"
    "  --output-dir DIR    an existing directory\n"
    "  --batch FILE        one job a line, separated by tabs: MODEL DIR NAME=FILE ...; one line of result each:\n"
    "                      'ok', or 'error' and the reason. Later jobs run in any case\n"
    "  --isa LEVEL         scalar, avx2, avx512, neon ...: that level and below (all the CPU has)\n"
    "  --threads N         CPU threads (1)\n"
    "  --backend NAME      cpu or opencl (cpu)\n"
    "\n"
    "Exit codes: 0 done, 1 a model, input or run failed, 2 wrong use.\n";

typedef struct job {
  const char *model;
  const char *output_dir;
  const char *inputs[MAX_INPUTS];
  size_t input_count;
} job;

/* The index of the input that `text` (NAME=FILE or FILE) is for, and the file's path; -1 where there is none. */
static int find_input(const ek_session *session, const char *text, const char **path) {
  const size_t count = ek_session_input_count(session);
  for (size_t i = 0; i < count; i++) {
    ek_tensor_info info = {.struct_size = sizeof info};
    if (ek_session_input_info(session, i, &info) == EK_OK) {
      const size_t length = strlen(info.name);
      if (strncmp(text, info.name, length) == 0 && text[length] == '=') {
        *path = text + length + 1;
        return (int)i;
      }
    }
  }
  *path = text;
  return count == 1 && strchr(text, '=') == NULL ? 0 : -1;
}

static bool describe_mismatch(ek_tool *tool, const ek_tensor_info *info, const ek_npy *array) {
  int n =
      snprintf(tool->error, sizeof tool->error, "input %.300s takes %s[", info->name, ek_npy_dtype_name(info->dtype));
  for (uint32_t i = 0; i < info->rank; i++) {
    n += snprintf(tool->error + n, sizeof tool->error - (size_t)n, "%s%lld", i != 0 ? ", " : "",
                  (long long)info->max_dims[i]);
  }
  n += snprintf(tool->error + n, sizeof tool->error - (size_t)n, "], got %s[", ek_npy_dtype_name(array->dtype));
  for (uint32_t i = 0; i < array->rank; i++) {
    n += snprintf(tool->error + n, sizeof tool->error - (size_t)n, "%s%lld", i != 0 ? ", " : "",
                  (long long)array->dims[i]);
  }
  (void)snprintf(tool->error + n, sizeof tool->error - (size_t)n, "]");
  return false;
}

static bool set_input(ek_tool *tool, const char *text, bool *given) {
  const char *path = NULL;
  const int index = find_input(tool->session, text, &path);
  if (index < 0) {
    (void)snprintf(tool->error, sizeof tool->error, "the model has no such input: %.400s", text);
    return false;
  }
  ek_npy array;
  const char *problem = ek_npy_read(path, &array);
  if (problem != NULL) {
    (void)snprintf(tool->error, sizeof tool->error, "%.400s: %s", path, problem);
    return false;
  }
  ek_tensor_info info = {.struct_size = sizeof info};
  (void)ek_session_input_info(tool->session, (size_t)index, &info);
  bool ok = array.dtype == info.dtype &&
            ek_session_resize_input(tool->session, (size_t)index, array.dims, array.rank) == EK_OK;
  if (!ok) {
    (void)describe_mismatch(tool, &info, &array);
  } else if (ek_session_set_input(tool->session, (size_t)index, array.data, array.bytes) != EK_OK) {
    ok = ek_tool_session_failed(tool, "input");
  }
  free(array.data);
  given[index] = true;
  return ok;
}

static bool set_inputs(ek_tool *tool, const job *j) {
  const size_t count = ek_session_input_count(tool->session);
  bool given[MAX_INPUTS] = {false};
  if (count > MAX_INPUTS) {
    (void)snprintf(tool->error, sizeof tool->error, "the model has more than %d inputs", MAX_INPUTS);
    return false;
  }
  for (size_t i = 0; i < j->input_count; i++) {
    if (!set_input(tool, j->inputs[i], given)) {
      return false;
    }
  }
  for (size_t i = 0; i < count; i++) {
    ek_tensor_info info = {.struct_size = sizeof info};
    if (!given[i] && ek_session_input_info(tool->session, i, &info) == EK_OK) {
      (void)snprintf(tool->error, sizeof tool->error, "input %.400s is missing: add --input NAME=FILE.npy", info.name);
      return false;
    }
  }
  return true;
}

static bool write_output(ek_tool *tool, const char *dir, size_t index, bool announce) {
  ek_tensor_info info = {.struct_size = sizeof info};
  const void *data = NULL;
  if (ek_session_output_info(tool->session, index, &info) != EK_OK ||
      ek_session_output_data(tool->session, index, &data, NULL) != EK_OK) {
    return ek_tool_session_failed(tool, "output");
  }
  char name[256];
  size_t n = 0;
  for (const char *c = info.name; *c != 0 && n + 1 < sizeof name; c++) {
    name[n++] = isalnum((unsigned char)*c) || strchr("._-", *c) != NULL ? *c : '_';
  }
  name[n] = 0;
  char path[4096];
  if (snprintf(path, sizeof path, "%s/%s.npy", dir, n != 0 ? name : "output") >= (int)sizeof path) {
    (void)snprintf(tool->error, sizeof tool->error, "the path of an output is too long");
    return false;
  }
  const char *problem = ek_npy_write(path, info.dtype, info.rank, info.dims, data);
  if (problem != NULL) {
    (void)snprintf(tool->error, sizeof tool->error, "%.400s: %s", path, problem);
    return false;
  }
  if (announce) {
    printf("%s: %s[", info.name, ek_npy_dtype_name(info.dtype));
    for (uint32_t i = 0; i < info.rank; i++) {
      printf("%s%lld", i != 0 ? ", " : "", (long long)info.dims[i]);
    }
    printf("] -> %s\n", path);
  }
  return true;
}

static bool run_job(ek_tool *tool, const ek_tool_options *options, const job *j, bool announce) {
  if (!ek_tool_open(tool, options, j->model) || !set_inputs(tool, j)) {
    return false;
  }
  if (ek_session_run(tool->session) != EK_OK) {
    return ek_tool_session_failed(tool, "the run failed");
  }
  for (size_t i = 0; i < ek_session_output_count(tool->session); i++) {
    if (!write_output(tool, j->output_dir, i, announce)) {
      return false;
    }
  }
  return true;
}

static int run_one(const ek_tool_options *options, const job *j) {
  ek_tool tool;
  const bool ok = run_job(&tool, options, j, true);
  if (!ok) {
    fprintf(stderr, "edgekit-run: %s\n", tool.error);
  }
  ek_tool_close(&tool);
  return ok ? EK_TOOL_OK : EK_TOOL_FAILED;
}

/* Splits a line of a batch file in place. */
static bool parse_line(char *line, job *j) {
  memset(j, 0, sizeof *j);
  line[strcspn(line, "\r\n")] = 0;
  size_t field = 0;
  for (char *at = line; at != NULL; field++) {
    char *next = strchr(at, '\t');
    if (next != NULL) {
      *next++ = 0;
    }
    if (field == 0) {
      j->model = at;
    } else if (field == 1) {
      j->output_dir = at;
    } else if (j->input_count < MAX_INPUTS) {
      j->inputs[j->input_count++] = at;
    } else {
      return false;
    }
    at = next;
  }
  return field >= 2;
}

static int run_batch(const ek_tool_options *options, const char *path) {
  FILE *f = fopen(path, "r");
  char *line = malloc(MAX_LINE);
  int result = EK_TOOL_OK;
  if (f == NULL || line == NULL) {
    fprintf(stderr, "edgekit-run: cannot read %s\n", path);
    result = EK_TOOL_FAILED;
  }
  while (f != NULL && line != NULL && fgets(line, MAX_LINE, f) != NULL) {
    job j;
    ek_tool tool;
    if (!parse_line(line, &j)) {
      printf("error\tthe line is not MODEL<tab>DIR<tab>NAME=FILE ...\n");
      result = EK_TOOL_FAILED;
      continue;
    }
    if (run_job(&tool, options, &j, false)) {
      printf("ok\n");
    } else {
      printf("error\t%s\n", tool.error);
      result = EK_TOOL_FAILED;
    }
    ek_tool_close(&tool);
  }
  free(line);
  if (f != NULL) {
    (void)fclose(f);
  }
  return result;
}

static int usage_error(const char *what, const char *value) {
  fprintf(stderr, "edgekit-run: %s%s\n%s", what, value, usage);
  return EK_TOOL_USAGE;
}

int main(int argc, char **argv) {
  ek_tool_options options = {0};
  job j = {0};
  const char *batch = NULL;
  for (int i = 1; i < argc; i++) {
    const bool has_value = i + 1 < argc;
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      (void)fputs(usage, stdout);
      return EK_TOOL_OK;
    }
    if (ek_tool_take_option(&options, argc, argv, &i)) {
      continue;
    }
    if (strcmp(argv[i], "--input") == 0 && has_value && j.input_count < MAX_INPUTS) {
      j.inputs[j.input_count++] = argv[++i];
    } else if (strcmp(argv[i], "--output-dir") == 0 && has_value) {
      j.output_dir = argv[++i];
    } else if (strcmp(argv[i], "--batch") == 0 && has_value) {
      batch = argv[++i];
    } else if (argv[i][0] != '-' && j.model == NULL) {
      j.model = argv[i];
    } else {
      return usage_error("cannot make sense of ", argv[i]);
    }
  }
  if (batch != NULL) {
    return j.model == NULL ? run_batch(&options, batch) : usage_error("--batch takes no model beside it: ", j.model);
  }
  if (j.model == NULL || j.output_dir == NULL) {
    return usage_error("a model and --output-dir are needed", "");
  }
  return run_one(&options, &j);
}
