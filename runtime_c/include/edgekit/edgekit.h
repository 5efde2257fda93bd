/* EdgeKit: the public C API. This one header is the whole contract; the Python binding parses it.
 *
 * Rules that hold for every function:
 *  - It returns an ek_status; EK_OK is 0. The text of the last failure lives in the handle (ek_*_error). There are no globals.
 *  - It never aborts, prints or throws, whatever the bytes of a model or the arguments.
 *  - ek_session_run never allocates.
 *  - ek_env and ek_model may be shared by threads once created. An ek_session belongs to one thread at a time.
 *  - Options structs begin with struct_size = sizeof(the struct); a zeroed rest means defaults.
 */
#ifndef EDGEKIT_EDGEKIT_H
#define EDGEKIT_EDGEKIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define EK_API __declspec(dllexport)
#elif defined(__GNUC__)
#define EK_API __attribute__((visibility("default")))
#else
#define EK_API
#endif

#define EK_VERSION_MAJOR 0
#define EK_VERSION_MINOR 1
#define EK_VERSION_PATCH 0

/* The largest number of dimensions of a tensor. */
#define EK_MAX_RANK 8

typedef enum ek_status {
  EK_OK = 0,
  EK_ERR_INVALID_ARGUMENT = 1, /* the caller passed something this function does not take */
  EK_ERR_OUT_OF_MEMORY = 2,    /* the allocator returned NULL, or the caller's arena is too small */
  EK_ERR_IO = 3,               /* a file could not be opened or read */
  EK_ERR_BAD_MODEL = 4,        /* the bytes are not a valid model; the message has the offset or the node */
  EK_ERR_UNSUPPORTED = 5,      /* valid, but this build or back end cannot run it */
  EK_ERR_SHAPE = 6,            /* shapes met at run time do not fit the model or its declared bounds */
  EK_ERR_BACKEND = 7,          /* a device driver failed */
  EK_ERR_CANCELLED = 8         /* the caller's callback asked to stop */
} ek_status;

/* Element types. The numbers are those of .ekm files. */
typedef enum ek_dtype {
  EK_F32 = 1,
  EK_F16 = 2,
  EK_I8 = 3,
  EK_U8 = 4,
  EK_I16 = 5,
  EK_U16 = 6,
  EK_I32 = 7,
  EK_U32 = 8,
  EK_I64 = 9,
  EK_U64 = 10,
  EK_BOOL = 11,
  EK_F64 = 12
} ek_dtype;

typedef struct ek_env ek_env;
typedef struct ek_model ek_model;
typedef struct ek_session ek_session;
typedef struct ek_backend ek_backend;

/* The caller's allocator. alloc returns NULL on failure, or memory aligned to `alignment` (a power of two up to 64). */
typedef struct ek_allocator {
  void *(*alloc)(void *user, size_t size, size_t alignment);
  void (*free)(void *user, void *memory);
  void *user;
} ek_allocator;

typedef struct ek_env_options {
  size_t struct_size;
  const ek_allocator *allocator; /* NULL: malloc */
  const char *isa; /* NULL: all the CPU has. "scalar", "avx2", "avx512", "neon", "neondot" ...: that level and below */
  const char *cache_dir; /* NULL: no cache on disk. Where back ends keep compiled programs */
} ek_env_options;

typedef struct ek_session_options {
  size_t struct_size;
  int32_t threads;                   /* 0 or 1: only the calling thread */
  const ek_backend *const *backends; /* in order of preference; NULL: the CPU. The CPU takes what others decline */
  size_t backend_count;
  void *arena; /* caller's memory, 64-byte aligned; NULL: the env's allocator */
  size_t arena_size;
  bool profile;                   /* keep the time of every node */
  bool (*keep_going)(void *user); /* asked before every node; false ends the run with EK_ERR_CANCELLED. NULL: run on */
  void *keep_going_user;
} ek_session_options;

/* Memory a session needs, in bytes. A caller's arena must hold total_bytes. */
typedef struct ek_memory_info {
  size_t struct_size;
  size_t activation_bytes; /* the planned arena: the model's peak, the same on every device */
  size_t packed_bytes;     /* weights in the layout of this CPU's kernels */
  size_t scratch_bytes;    /* largest workspace of one node */
  size_t overhead_bytes;   /* the session's own records */
  size_t total_bytes;
} ek_memory_info;

typedef struct ek_tensor_info {
  size_t struct_size;
  const char *name;
  ek_dtype dtype;
  uint32_t rank;
  int64_t dims[EK_MAX_RANK];     /* the current shape */
  int64_t max_dims[EK_MAX_RANK]; /* the largest shape the memory plan provides for */
  bool is_dynamic;               /* the shape may change from run to run, up to max_dims */
  size_t bytes;                  /* of the current shape */
  size_t quant_count;            /* 0: not quantized; 1: per tensor; else per channel of quant_axis */
  int32_t quant_axis;            /* -1: per tensor */
  const float *quant_scale;
  const int32_t *quant_zero_point;
  const char *dim_symbols[EK_MAX_RANK]; /* what a changing dimension is called, e.g. "H"; "" where it is fixed */
} ek_tensor_info;

typedef struct ek_node_info {
  size_t struct_size;
  const char *name;
  const char *op;
  const char *backend;  /* "cpu", "opencl" ... */
  const char *kernel;   /* the micro-kernel or device kernel chosen, or "" */
  const char *fallback; /* why a preferred back end declined the node, or "" */
  uint64_t run_count;
  uint64_t total_ns; /* over all runs; 0 unless the session profiles */
} ek_node_info;

/* ---- library ---- */
EK_API const char *ek_version(void);
EK_API const char *ek_status_name(ek_status status);
EK_API size_t ek_dtype_size(ek_dtype dtype);

/* ---- back ends ---- */
EK_API const ek_backend *ek_backend_cpu(void);
/* NULL where the library was built without it. Whether a device exists is known when a session is created. */
EK_API const ek_backend *ek_backend_opencl(void);
EK_API const char *ek_backend_name(const ek_backend *backend);
/* Devices the back end sees, one a line, as "index\tname\tdriver". Returns the bytes needed, the ending 0 included. */
EK_API size_t ek_backend_devices(const ek_backend *backend, char *text, size_t text_size);

/* ---- environment ---- */
EK_API ek_status ek_env_create(const ek_env_options *options, ek_env **env);
EK_API void ek_env_destroy(ek_env *env);
/* Copies the last error of a call that took this env and made no handle. Returns the bytes needed, the ending 0 included. */
EK_API size_t ek_env_error(ek_env *env, char *text, size_t text_size);
/* Names of the CPU features in use, separated by spaces. Lives as long as the env. */
EK_API const char *ek_env_cpu_features(const ek_env *env);

/* ---- model ---- */
/* Maps the file where the system can, reads it otherwise. */
EK_API ek_status ek_model_load_file(ek_env *env, const char *path, ek_model **model);
/* The bytes must stay alive and unchanged as long as the model; `data` must be aligned to 64 bytes, else it is copied. */
EK_API ek_status ek_model_load_memory(ek_env *env, const void *data, size_t size, ek_model **model);
EK_API void ek_model_destroy(ek_model *model);
EK_API size_t ek_model_metadata_count(const ek_model *model);
EK_API ek_status ek_model_metadata(const ek_model *model, size_t index, const char **key, const char **value);

/* ---- session ---- */
/* What a session with these options will need, before anything is allocated. */
EK_API ek_status ek_session_query_memory(ek_env *env, const ek_model *model, const ek_session_options *options,
                                         ek_memory_info *info);
EK_API ek_status ek_session_create(ek_env *env, const ek_model *model, const ek_session_options *options,
                                   ek_session **session);
EK_API void ek_session_destroy(ek_session *session);
EK_API const char *ek_session_error(const ek_session *session);
EK_API ek_status ek_session_memory(const ek_session *session, ek_memory_info *info);
EK_API size_t ek_session_input_count(const ek_session *session);
EK_API size_t ek_session_output_count(const ek_session *session);
EK_API ek_status ek_session_input_info(const ek_session *session, size_t index, ek_tensor_info *info);
EK_API ek_status ek_session_output_info(const ek_session *session, size_t index, ek_tensor_info *info);
/* Changes a dynamic input's shape, within its bounds. */
EK_API ek_status ek_session_resize_input(ek_session *session, size_t index, const int64_t *dims, uint32_t rank);
/* The input's own memory: fill it in place, before every run (a run may overwrite it). */
EK_API ek_status ek_session_input_data(ek_session *session, size_t index, void **data, size_t *bytes);
EK_API ek_status ek_session_set_input(ek_session *session, size_t index, const void *data, size_t bytes);
EK_API ek_status ek_session_run(ek_session *session);
/* Valid until the next run. */
EK_API ek_status ek_session_output_data(ek_session *session, size_t index, const void **data, size_t *bytes);
EK_API ek_status ek_session_get_output(ek_session *session, size_t index, void *data, size_t bytes);
/* State: values that a model keeps from run to run (recurrent layers, streaming filters, caches). They are no inputs and no outputs. A
 * session begins with the model's first values; each successful run takes the new ones over, a failed one leaves them as they were. */
EK_API size_t ek_session_state_count(const ek_session *session);
EK_API ek_status ek_session_state_info(const ek_session *session, size_t index, ek_tensor_info *info);
EK_API ek_status ek_session_get_state(ek_session *session, size_t index, void *data, size_t bytes);
EK_API ek_status ek_session_set_state(ek_session *session, size_t index, const void *data, size_t bytes);
/* Every state back to its first value. */
EK_API ek_status ek_session_reset_state(ek_session *session);
EK_API size_t ek_session_node_count(const ek_session *session);
EK_API ek_status ek_session_node_info(const ek_session *session, size_t index, ek_node_info *info);

#ifdef __cplusplus
}
#endif

#endif
