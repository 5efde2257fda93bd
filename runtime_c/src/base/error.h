/* The text of a failure, and the one way to report it. */
#ifndef EK_BASE_ERROR_H
#define EK_BASE_ERROR_H

#include "edgekit/edgekit.h"

#define EK_ERROR_TEXT 512

typedef struct ek_error {
  ek_status status;
  char text[EK_ERROR_TEXT];
} ek_error;

#if defined(__GNUC__)
#define EK_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#else
#define EK_PRINTF(format_index, first_arg)
#endif

/* Writes the text and returns the status. `error` may be NULL. */
ek_status ek_fail(ek_error *error, ek_status status, const char *format, ...) EK_PRINTF(3, 4);

#define EK_TRY(expression)            \
  do {                                \
    ek_status ek_try_ = (expression); \
    if (ek_try_ != EK_OK) {           \
      return ek_try_;                 \
    }                                 \
  } while (0)

#endif
