/* edgekit-bench: the time of an inference on this machine, by node if asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include "npy.h"
#include "tool.h"

#define MAX_RUNS 100000

static const char usage[] = "usage: edgekit-bench MODEL.ekm [options]\n"
                            "\n"
                            "Measures inferences on made-up inputs (the largest shapes, the same numbers each time).\n"
                            "\n"
                            "  --runs N       inferences to measure (20)\n"
                            "  --warmup N     inferences before that (3)\n"
                            "  --threads N    CPU threads (1)\n"
                            "  --isa LEVEL    scalar, avx2, avx512, neon ...: that level and below (all the CPU has)\n"
                            "  --backend B    cpu or opencl (cpu)\n"
                            "  --per-node     the time of every node as well\n"
                            "  --json         one JSON object instead of text\n"
                            "  --count-marks  after the warm-up, bracket one inference by close(0x7E5A0001) and "
                            "close(0x7E5A0002), for tools that\n"
                            "                 count executed instructions in an emulator; nothing is timed then\n"
                            "\n"
                            "Exit codes: 0 done, 1 the model or a run failed, 2 wrong use.\n";

typedef struct bench {
  ek_tool tool;
  const char *model;
  int runs;
  int warmup;
  bool per_node;
  bool json;
  bool count_marks;
  double *ms; /* one a run, sorted once all are there */
} bench;

static double now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

/* Floats in [0, 1), small integers: what image models expect, and valid indices for most others. */
static void fill(ek_dtype dtype, void *data, size_t bytes) {
  uint32_t state = 1;
  const size_t count = bytes / ek_dtype_size(dtype);
  for (size_t i = 0; i < count; i++) {
    const uint32_t r = next_random(&state) >> 8;
    switch (dtype) {
      case EK_F32: ((float *)data)[i] = (float)r / 16777216.0f; break;
      case EK_F64: ((double *)data)[i] = (double)r / 16777216.0; break;
      case EK_F16: ((uint16_t *)data)[i] = (uint16_t)(0x2C00 + (r & 0x0FFF)); break; /* 1/16 to 1 */
      case EK_I8:
      case EK_U8: ((uint8_t *)data)[i] = (uint8_t)r; break;
      case EK_BOOL: ((uint8_t *)data)[i] = r & 1; break;
      case EK_I16:
      case EK_U16: ((uint16_t *)data)[i] = r & 1; break;
      case EK_I32:
      case EK_U32: ((uint32_t *)data)[i] = r & 1; break;
      case EK_I64:
      case EK_U64: ((uint64_t *)data)[i] = r & 1; break;
    }
  }
}

/* Inputs lie in the arena, where a run may overwrite them: they are filled before each. States begin anew: many runs on one input may
 * drive them out of all bounds. */
static bool fill_inputs(bench *b) {
  if (ek_session_reset_state(b->tool.session) != EK_OK) {
    return ek_tool_session_failed(&b->tool, "state");
  }
  for (size_t i = 0; i < ek_session_input_count(b->tool.session); i++) {
    ek_tensor_info info = {.struct_size = sizeof info};
    void *data = NULL;
    size_t bytes = 0;
    if (ek_session_input_info(b->tool.session, i, &info) != EK_OK ||
        ek_session_input_data(b->tool.session, i, &data, &bytes) != EK_OK) {
      return ek_tool_session_failed(&b->tool, "input");
    }
    fill(info.dtype, data, bytes);
  }
  return true;
}

static bool run_once(bench *b, double *ms) {
  if (!fill_inputs(b)) {
    return false;
  }
  const double begin = now_ms();
  if (ek_session_run(b->tool.session) != EK_OK) {
    return ek_tool_session_failed(&b->tool, "the run failed");
  }
  *ms = now_ms() - begin;
  return true;
}

static bool run_counted(bench *b) {
#if defined(__unix__) || defined(__APPLE__)
  if (!fill_inputs(b)) {
    return false;
  }
  (void)close(0x7E5A0001);
  const ek_status status = ek_session_run(b->tool.session);
  (void)close(0x7E5A0002);
  return status == EK_OK ? true : ek_tool_session_failed(&b->tool, "the run failed");
#else
  (void)snprintf(b->tool.error, sizeof b->tool.error, "--count-marks needs a Unix system");
  return false;
#endif
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Text of a JSON string. */
static void print_json(const char *text) {
  (void)putchar('"');
  for (; *text != 0; text++) {
    if (*text == '"' || *text == '\\') {
      printf("\\%c", *text);
    } else if ((unsigned char)*text < 0x20) {
      printf("\\u%04x", (unsigned)*text);
    } else {
      (void)putchar(*text);
    }
  }
  (void)putchar('"');
}

static double mean_of(const bench *b) {
  double sum = 0;
  for (int i = 0; i < b->runs; i++) {
    sum += b->ms[i];
  }
  return sum / b->runs;
}

static void report_json(const bench *b, const ek_memory_info *memory, int threads) {
  printf("{\"model\": ");
  print_json(b->model);
  printf(", \"cpu_features\": ");
  print_json(ek_env_cpu_features(b->tool.env));
  printf(", \"threads\": %d, \"runs\": %d, \"min_ms\": %.6f, \"median_ms\": %.6f, \"mean_ms\": %.6f, \"max_ms\": %.6f",
         threads, b->runs, b->ms[0], b->ms[b->runs / 2], mean_of(b), b->ms[b->runs - 1]);
  printf(", \"activation_bytes\": %zu, \"packed_bytes\": %zu, \"scratch_bytes\": %zu, \"overhead_bytes\": %zu",
         memory->activation_bytes, memory->packed_bytes, memory->scratch_bytes, memory->overhead_bytes);
  if (b->per_node) {
    printf(", \"nodes\": [");
    for (size_t i = 0; i < ek_session_node_count(b->tool.session); i++) {
      ek_node_info n = {.struct_size = sizeof n};
      if (ek_session_node_info(b->tool.session, i, &n) != EK_OK) {
        continue;
      }
      printf("%s{\"name\": ", i != 0 ? ", " : "");
      print_json(n.name);
      printf(", \"op\": ");
      print_json(n.op);
      printf(", \"backend\": ");
      print_json(n.backend);
      printf(", \"kernel\": ");
      print_json(n.kernel);
      printf(", \"fallback\": ");
      print_json(n.fallback);
      printf(", \"mean_us\": %.3f}", n.run_count != 0 ? (double)n.total_ns / (double)n.run_count * 1e-3 : 0.0);
    }
    printf("]");
  }
  printf("}\n");
}

static void report_text(const bench *b, const ek_memory_info *memory, int threads) {
  printf("%s: %d runs, %d thread%s, features: %s\n", b->model, b->runs, threads, threads == 1 ? "" : "s",
         ek_env_cpu_features(b->tool.env));
  printf("  min %.3f ms, median %.3f ms, mean %.3f ms, max %.3f ms\n", b->ms[0], b->ms[b->runs / 2], mean_of(b),
         b->ms[b->runs - 1]);
  printf("  activations %zu bytes, packed weights %zu, scratch %zu, records %zu\n", memory->activation_bytes,
         memory->packed_bytes, memory->scratch_bytes, memory->overhead_bytes);
  for (size_t i = 0; b->per_node && i < ek_session_node_count(b->tool.session); i++) {
    ek_node_info n = {.struct_size = sizeof n};
    if (ek_session_node_info(b->tool.session, i, &n) == EK_OK) {
      printf("  %10.1f us  %-22s %-8s %-44s %s%s%s\n",
             n.run_count != 0 ? (double)n.total_ns / (double)n.run_count * 1e-3 : 0.0, n.op, n.backend, n.kernel,
             n.name, n.fallback[0] != 0 ? "  <- " : "", n.fallback);
    }
  }
}

static bool measure(bench *b, const ek_tool_options *options) {
  if (!ek_tool_open(&b->tool, options, b->model)) {
    return false;
  }
  double ms = 0;
  for (int i = 0; i < b->warmup; i++) {
    if (!run_once(b, &ms)) {
      return false;
    }
  }
  if (b->count_marks) {
    return run_counted(b);
  }
  for (int i = 0; i < b->runs; i++) {
    if (!run_once(b, &b->ms[i])) {
      return false;
    }
  }
  qsort(b->ms, (size_t)b->runs, sizeof *b->ms, by_value);
  ek_memory_info memory = {.struct_size = sizeof memory};
  (void)ek_session_memory(b->tool.session, &memory);
  (b->json ? report_json : report_text)(b, &memory, options->threads > 1 ? options->threads : 1);
  return true;
}

int main(int argc, char **argv) {
  bench b = {.runs = 20, .warmup = 3};
  ek_tool_options options = {0};
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      (void)fputs(usage, stdout);
      return EK_TOOL_OK;
    }
    if (ek_tool_take_option(&options, argc, argv, &i)) {
      continue;
    }
    if (strcmp(argv[i], "--runs") == 0 && ek_tool_number(value, 1) > 0 && ek_tool_number(value, 1) <= MAX_RUNS) {
      b.runs = ek_tool_number(value, 1);
      i++;
    } else if (strcmp(argv[i], "--warmup") == 0 && ek_tool_number(value, 0) >= 0) {
      b.warmup = ek_tool_number(value, 0);
      i++;
    } else if (strcmp(argv[i], "--per-node") == 0) {
      b.per_node = options.profile = true;
    } else if (strcmp(argv[i], "--json") == 0) {
      b.json = true;
    } else if (strcmp(argv[i], "--count-marks") == 0) {
      b.count_marks = true;
    } else if (argv[i][0] != '-' && b.model == NULL) {
      b.model = argv[i];
    } else {
      fprintf(stderr, "edgekit-bench: cannot make sense of %s\n%s", argv[i], usage);
      return EK_TOOL_USAGE;
    }
  }
  if (b.model == NULL) {
    (void)fputs(usage, stderr);
    return EK_TOOL_USAGE;
  }
  b.ms = calloc((size_t)b.runs, sizeof *b.ms);
  const bool ok = b.ms != NULL && measure(&b, &options);
  if (!ok) {
    fprintf(stderr, "edgekit-bench: %s\n", b.ms != NULL ? b.tool.error : "out of memory");
  }
  ek_tool_close(&b.tool);
  free(b.ms);
  return ok ? EK_TOOL_OK : EK_TOOL_FAILED;
}
