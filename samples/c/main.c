/* Recognises handwritten digits with the EdgeKit C library and nothing else.
 *
 *   digits MODEL.ekm IMAGES
 *
 * IMAGES is a .npy file of bytes of shape (N, 8, 8), or a raw file of 64 bytes an image; a byte is a grey value, 255 white ink. The
 * model takes one image as float32 in 0..1, or quantized to int8 or uint8. Prints a line for each image: its number, the digit and
 * the score. Everything the session needs lies in one block, allocated before the first inference. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <edgekit/edgekit.h>

enum { PIXELS = 64, MAX_CLASSES = 1000 };

typedef struct digits {
  ek_env *env;
  ek_model *model;
  ek_session *session;
  void *block; /* what was allocated; the arena begins at a multiple of 64 in it */
} digits;

/* Prints what went wrong with a call that made no session. */
static int env_failed(const digits *d, const char *what) {
  char text[512] = "out of memory";
  if (d->env != NULL) {
    (void)ek_env_error(d->env, text, sizeof text);
  }
  fprintf(stderr, "digits: %s: %s\n", what, text);
  return 1;
}

static int session_failed(const digits *d, const char *what) {
  fprintf(stderr, "digits: %s: %s\n", what, ek_session_error(d->session));
  return 1;
}

/* Skips the header of a .npy file of bytes; other files are taken as raw bytes from their beginning. */
static int skip_header(FILE *f, const char *path) {
  uint8_t start[10] = {0};
  if (fread(start, 1, sizeof start, f) != sizeof start || memcmp(start, "\x93NUMPY", 6) != 0) {
    rewind(f);
    return 0;
  }
  const size_t length = start[8] | (size_t)start[9] << 8;
  char header[512] = {0};
  if (start[6] != 1 || length >= sizeof header || fread(header, 1, length, f) != length) {
    fprintf(stderr, "digits: %s: the .npy header is cut off or too long\n", path);
    return 1;
  }
  if (strstr(header, "'|u1'") == NULL || strstr(header, "'fortran_order': False") == NULL ||
      strstr(header, ", 8, 8)") == NULL) {
    fprintf(stderr, "digits: %s: the array must be uint8 of shape (N, 8, 8)\n", path);
    return 1;
  }
  return 0;
}

static int open_model(digits *d, const char *path) {
  if (ek_env_create(NULL, &d->env) != EK_OK) {
    return env_failed(d, "cannot start");
  }
  if (ek_model_load_file(d->env, path, &d->model) != EK_OK) {
    return env_failed(d, "cannot load the model");
  }
  /* Ask how much memory a session takes, and give it exactly that. On a board this is a static array. */
  ek_session_options options = {.struct_size = sizeof options};
  ek_memory_info memory = {.struct_size = sizeof memory};
  if (ek_session_query_memory(d->env, d->model, &options, &memory) != EK_OK) {
    return env_failed(d, "cannot run the model");
  }
  d->block = malloc(memory.total_bytes + 64);
  if (d->block == NULL) {
    fprintf(stderr, "digits: no memory for %zu bytes\n", memory.total_bytes);
    return 1;
  }
  options.arena = (uint8_t *)d->block + (64 - (uintptr_t)d->block % 64);
  options.arena_size = memory.total_bytes;
  if (ek_session_create(d->env, d->model, &options, &d->session) != EK_OK) {
    return env_failed(d, "cannot run the model");
  }
  fprintf(stderr, "digits: %zu bytes, of these %zu for activations\n", memory.total_bytes, memory.activation_bytes);
  return 0;
}

/* Finds out whether this is a model of one 8 x 8 image, and makes a changing batch size 1. */
static int check_model(const digits *d) {
  ek_tensor_info in = {.struct_size = sizeof in}, out = {.struct_size = sizeof out};
  if (ek_session_input_count(d->session) != 1 || ek_session_output_count(d->session) < 1 ||
      ek_session_input_info(d->session, 0, &in) != EK_OK || ek_session_output_info(d->session, 0, &out) != EK_OK) {
    fprintf(stderr, "digits: the model must have one input and an output\n");
    return 1;
  }
  if (in.rank > 0 && in.dim_symbols[0][0] != 0) {
    in.dims[0] = 1;
    if (ek_session_resize_input(d->session, 0, in.dims, in.rank) != EK_OK) {
      return session_failed(d, "cannot set the batch size");
    }
    (void)ek_session_input_info(d->session, 0, &in);
  }
  const bool is_quantized = (in.dtype == EK_I8 || in.dtype == EK_U8) && in.quant_count == 1;
  if (in.bytes != PIXELS * ek_dtype_size(in.dtype) || (in.dtype != EK_F32 && !is_quantized)) {
    fprintf(stderr, "digits: the input must be %d numbers, float32 or quantized to 8 bits\n", PIXELS);
    return 1;
  }
  return 0;
}

/* Writes an image into the input in the model's own form. */
static void convert(const uint8_t *pixels, const ek_tensor_info *in, void *data) {
  for (int i = 0; i < PIXELS; i++) {
    const float grey = (float)pixels[i] / 255.0f;
    if (in->dtype == EK_F32) {
      ((float *)data)[i] = grey;
    } else {
      const float low = in->dtype == EK_I8 ? -128.0f : 0.0f;
      float q = rintf(grey / in->quant_scale[0]) + (float)in->quant_zero_point[0];
      q = q < low ? low : q > low + 255.0f ? low + 255.0f : q;
      ((uint8_t *)data)[i] = (uint8_t)(int)q;
    }
  }
}

/* The i-th score as a real number. */
static float score_at(const ek_tensor_info *out, const void *data, size_t i) {
  float q = 0.0f;
  switch (out->dtype) {
    case EK_F32: return ((const float *)data)[i];
    case EK_I8: q = (float)((const int8_t *)data)[i]; break;
    case EK_U8: q = (float)((const uint8_t *)data)[i]; break;
    default: return 0.0f;
  }
  return out->quant_count == 1 ? out->quant_scale[0] * (q - (float)out->quant_zero_point[0]) : q;
}

static int recognise(const digits *d, const uint8_t *pixels, size_t number) {
  ek_tensor_info in = {.struct_size = sizeof in}, out = {.struct_size = sizeof out};
  void *input = NULL;
  const void *output = NULL;
  size_t bytes = 0;
  if (ek_session_input_info(d->session, 0, &in) != EK_OK ||
      ek_session_input_data(d->session, 0, &input, NULL) != EK_OK) {
    return session_failed(d, "input");
  }
  convert(pixels, &in, input);
  if (ek_session_run(d->session) != EK_OK) {
    return session_failed(d, "the run failed");
  }
  if (ek_session_output_info(d->session, 0, &out) != EK_OK ||
      ek_session_output_data(d->session, 0, &output, &bytes) != EK_OK) {
    return session_failed(d, "output");
  }
  const size_t classes = bytes / ek_dtype_size(out.dtype);
  size_t best = 0;
  for (size_t i = 1; i < classes && i < MAX_CLASSES; i++) {
    if (score_at(&out, output, i) > score_at(&out, output, best)) {
      best = i;
    }
  }
  printf("%zu %zu %.4f\n", number, best, classes != 0 ? (double)score_at(&out, output, best) : 0.0);
  return 0;
}

static int recognise_all(const digits *d, const char *path) {
  FILE *f = fopen(path, "rb");
  if (f == NULL) {
    fprintf(stderr, "digits: cannot open %s\n", path);
    return 1;
  }
  int failed = skip_header(f, path);
  uint8_t pixels[PIXELS];
  for (size_t number = 0; !failed && fread(pixels, 1, PIXELS, f) == PIXELS; number++) {
    failed = recognise(d, pixels, number);
  }
  (void)fclose(f);
  return failed;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: digits MODEL.ekm IMAGES.npy\n");
    return 2;
  }
  digits d = {0};
  const int failed = open_model(&d, argv[1]) || check_model(&d) || recognise_all(&d, argv[2]);
  ek_session_destroy(d.session);
  ek_model_destroy(d.model);
  ek_env_destroy(d.env);
  free(d.block);
  return failed;
}
