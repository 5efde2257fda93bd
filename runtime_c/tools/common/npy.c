#include "npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER 65536

static const struct {
  ek_dtype dtype;
  char code[4]; /* kind and size, as in numpy's type strings */
  const char *name;
} types[] = {
    {EK_F32, "f4", "float32"}, {EK_F16, "f2", "float16"}, {EK_F64, "f8", "float64"}, {EK_I8, "i1", "int8"},
    {EK_U8, "u1", "uint8"},    {EK_I16, "i2", "int16"},   {EK_U16, "u2", "uint16"},  {EK_I32, "i4", "int32"},
    {EK_U32, "u4", "uint32"},  {EK_I64, "i8", "int64"},   {EK_U64, "u8", "uint64"},  {EK_BOOL, "b1", "bool"},
};

const char *ek_npy_dtype_name(ek_dtype dtype) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (types[i].dtype == dtype) {
      return types[i].name;
    }
  }
  return "unknown";
}

/* The text behind `'key':`, or NULL. */
static const char *value_of(const char *header, const char *key) {
  const char *at = strstr(header, key);
  if (at == NULL) {
    return NULL;
  }
  at += strlen(key);
  while (*at == ' ' || *at == ':') {
    at++;
  }
  return at;
}

static const char *parse_type(const char *header, ek_npy *array) {
  const char *at = value_of(header, "'descr'");
  if (at == NULL || *at != '\'') {
    return "a structured or missing element type";
  }
  const char order = at[1];
  if (order != '<' && order != '|' && order != '=') {
    return "elements are not little-endian";
  }
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    const size_t n = strlen(types[i].code);
    if (strncmp(at + 2, types[i].code, n) == 0 && at[2 + n] == '\'') {
      array->dtype = types[i].dtype;
      return NULL;
    }
  }
  return "an element type that EdgeKit does not have";
}

static const char *parse_shape(const char *header, ek_npy *array) {
  const char *at = value_of(header, "'shape'");
  if (at == NULL || *at != '(') {
    return "the header has no shape";
  }
  at++;
  array->bytes = ek_dtype_size(array->dtype);
  for (array->rank = 0; *at != ')';) {
    char *end = NULL;
    errno = 0;
    const long long n = strtoll(at, &end, 10);
    if (end == at || errno != 0 || n < 0 || array->rank == EK_MAX_RANK) {
      return "the shape is not readable, or has too many dimensions";
    }
    if (n != 0 && array->bytes > (size_t)PTRDIFF_MAX / (unsigned long long)n) {
      return "the shape is too large";
    }
    array->bytes *= (size_t)n;
    array->dims[array->rank++] = n;
    for (at = end; *at == ',' || *at == ' '; at++) {
    }
  }
  return NULL;
}

static const char *read_header(FILE *f, ek_npy *array) {
  uint8_t start[12];
  if (fread(start, 1, 10, f) != 10 || memcmp(start, "\x93NUMPY", 6) != 0) {
    return "not a .npy file";
  }
  size_t length = start[8] | (size_t)start[9] << 8;
  if (start[6] >= 2) {
    if (fread(start + 10, 1, 2, f) != 2) {
      return "the header is cut off";
    }
    length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
  }
  if (length > MAX_HEADER) {
    return "the header is too long";
  }
  char *header = malloc(length + 1);
  if (header == NULL) {
    return "out of memory";
  }
  const char *problem = fread(header, 1, length, f) == length ? NULL : "the header is cut off";
  header[problem == NULL ? length : 0] = 0;
  if (problem == NULL) {
    problem = parse_type(header, array);
  }
  if (problem == NULL) {
    problem = parse_shape(header, array);
  }
  if (problem == NULL) {
    const char *fortran = value_of(header, "'fortran_order'");
    if (fortran != NULL && strncmp(fortran, "True", 4) == 0 && array->rank > 1) {
      problem = "the array is in Fortran order; save np.ascontiguousarray(array)";
    }
  }
  free(header);
  return problem;
}

static const char *read_data(FILE *f, ek_npy *array) {
  /* The claimed size is not believed before the file is seen to be that long. */
  const long begin = ftell(f);
  if (begin < 0 || fseek(f, 0, SEEK_END) != 0) {
    return strerror(errno);
  }
  const long end = ftell(f);
  if (end < begin || (unsigned long)(end - begin) < array->bytes || fseek(f, begin, SEEK_SET) != 0) {
    return "the data is cut off";
  }
  array->data = malloc(array->bytes != 0 ? array->bytes : 1);
  if (array->data == NULL) {
    return "out of memory";
  }
  return fread(array->data, 1, array->bytes, f) == array->bytes ? NULL : "the data cannot be read";
}

const char *ek_npy_read(const char *path, ek_npy *array) {
  memset(array, 0, sizeof *array);
  FILE *f = fopen(path, "rb");
  if (f == NULL) {
    return strerror(errno);
  }
  const char *problem = read_header(f, array);
  if (problem == NULL) {
    problem = read_data(f, array);
  }
  (void)fclose(f);
  if (problem != NULL) {
    free(array->data);
    array->data = NULL;
  }
  return problem;
}

const char *ek_npy_write(const char *path, ek_dtype dtype, uint32_t rank, const int64_t *dims, const void *data) {
  size_t type = 0;
  while (type < sizeof types / sizeof types[0] && types[type].dtype != dtype) {
    type++;
  }
  if (type == sizeof types / sizeof types[0] || rank > EK_MAX_RANK) {
    return "an element type or rank that .npy cannot hold";
  }
  char header[512];
  int n = snprintf(header, sizeof header, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                   ek_dtype_size(dtype) == 1 ? '|' : '<', types[type].code);
  size_t bytes = ek_dtype_size(dtype);
  for (uint32_t i = 0; i < rank; i++) {
    n += snprintf(header + n, sizeof header - (size_t)n, "%lld%s", (long long)dims[i],
                  rank == 1 || i + 1 < rank ? ", " : "");
    bytes *= (size_t)dims[i];
  }
  n += snprintf(header + n, sizeof header - (size_t)n, "), }");
  /* The data begins at a multiple of 64 bytes. */
  const size_t length = ((size_t)n + 1 + 10 + 63) / 64 * 64 - 10;
  memset(header + n, ' ', length - (size_t)n - 1);
  header[length - 1] = '\n';
  FILE *f = fopen(path, "wb");
  if (f == NULL) {
    return strerror(errno);
  }
  const uint8_t start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)length, (uint8_t)(length >> 8)};
  bool ok = fwrite(start, 1, sizeof start, f) == sizeof start && fwrite(header, 1, length, f) == length &&
            (bytes == 0 || fwrite(data, 1, bytes, f) == bytes);
  ok = fclose(f) == 0 && ok;
  return ok ? NULL : "cannot write the file";
}
