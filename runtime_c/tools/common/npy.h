/* Arrays in numpy's .npy files (format versions 1 to 3), C order, little-endian.
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef EK_TOOLS_NPY_H
#define EK_TOOLS_NPY_H

#include "edgekit/edgekit.h"

typedef struct ek_npy {
  void *data; /* free() it */
  size_t bytes;
  int64_t dims[EK_MAX_RANK];
  uint32_t rank;
  ek_dtype dtype;
} ek_npy;

/* NULL on success, else what is wrong with the file. */
const char *ek_npy_read(const char *path, ek_npy *array);
const char *ek_npy_write(const char *path, ek_dtype dtype, uint32_t rank, const int64_t *dims, const void *data);
/* "float32" and so on. */
const char *ek_npy_dtype_name(ek_dtype dtype);

#endif
