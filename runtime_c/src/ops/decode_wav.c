/* DecodeWav: 16-bit PCM of a WAV file held in memory. */
#include "ek_ops_gen.h"
#include "ops/index.h"

typedef struct wav {
  const uint8_t *samples; /* int16, little-endian; may be unaligned */
  uint32_t rate, count, channels;
} wav;

static uint32_t read_u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static uint32_t read_u32(const uint8_t *p) { return read_u16(p) | read_u16(p + 2) << 16; }

/* Chunks that may stand before the one that tells the format. */
static bool may_be_skipped(const uint8_t *name) {
  static const char known[][5] = {"JUNK", "bext", "iXML", "qlty", "mext", "levl", "link", "axml"};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (memcmp(name, known[i], 4) == 0) return true;
  }
  return false;
}

static ek_status parse(ek_op_context *ctx, const uint8_t *data, uint64_t size, wav *out) {
  if (size < 12 || memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WAVE", 4) != 0) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the bytes are no WAV file: RIFF and WAVE are missing");
  }
  uint64_t at = 12;
  while (at + 8 <= size && memcmp(data + at, "fmt ", 4) != 0) {
    if (!may_be_skipped(data + at)) return ek_op_fail(ctx, EK_ERR_SHAPE, "a WAV chunk before the format is not known");
    at += 8 + (uint64_t)read_u32(data + at + 4);
  }
  if (at + 24 > size) return ek_op_fail(ctx, EK_ERR_SHAPE, "the WAV file ends within its header");
  const uint8_t *format = data + at + 8;
  const uint32_t length = read_u32(data + at + 4), channels = read_u16(format + 2), rate = read_u32(format + 4);
  if ((length != 16 && length != 18) || read_u16(format) != 1 || channels < 1 || read_u16(format + 14) != 16) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "WAV data of coding %u, %u channels, %u bits: 16-bit PCM is read",
                      (unsigned)read_u16(format), (unsigned)channels, (unsigned)read_u16(format + 14));
  }
  const uint32_t sample_bytes = read_u16(format + 12);
  if (sample_bytes != 2 * channels || read_u32(format + 8) != sample_bytes * rate) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the sizes in the WAV header contradict each other");
  }
  at += 8 + (uint64_t)length;
  *out = (wav){NULL, rate, 0, channels};
  while (at < size) {
    if (at + 8 > size) return ek_op_fail(ctx, EK_ERR_SHAPE, "the WAV file ends within a chunk's header");
    const uint32_t bytes = read_u32(data + at + 4);
    const bool is_data = memcmp(data + at, "data", 4) == 0;
    at += 8;
    if (bytes > INT32_MAX || (is_data && out->samples != NULL)) {
      return ek_op_fail(ctx, EK_ERR_SHAPE, "a WAV chunk of %u bytes, or a second data chunk", (unsigned)bytes);
    }
    if (is_data) {
      out->samples = data + at;
      out->count = bytes / sample_bytes;
      at += (uint64_t)out->count * sample_bytes;
      if (at > size) return ek_op_fail(ctx, EK_ERR_SHAPE, "the WAV file ends within its samples");
    } else {
      at += bytes;
    }
  }
  if (out->samples == NULL) return ek_op_fail(ctx, EK_ERR_SHAPE, "the WAV file has no data chunk");
  return EK_OK;
}

static ek_status decode_wav_shape(ek_op_context *ctx) {
  const ek_decode_wav_attrs *attrs = ctx->attrs;
  if (ek_input(ctx, 0)->rank != 1 || attrs->desired_channels < -1 || attrs->desired_samples < -1) {
    return ek_op_fail(ctx, EK_ERR_SHAPE, "the bytes of a file are needed; %lld samples of %lld channels",
                      (long long)attrs->desired_samples, (long long)attrs->desired_channels);
  }
  const int64_t dims[2] = {attrs->desired_samples, attrs->desired_channels};
  EK_TRY(ek_set_dims(ctx, ek_output(ctx, 1), 0, dims));
  if (attrs->desired_channels < 0 || attrs->desired_samples < 0) return EK_SHAPE_NOT_YET;
  return ek_set_dims(ctx, ek_output(ctx, 0), 2, dims);
}

static ek_status decode_wav_run(ek_op_context *ctx) {
  const ek_decode_wav_attrs *attrs = ctx->attrs;
  const ek_tensor *contents = ek_input(ctx, 0);
  wav file = {0};
  EK_TRY(parse(ctx, contents->data, (uint64_t)contents->dims[0], &file));
  const int64_t count = file.count, channels = file.channels;
  const int64_t dims[2] = {attrs->desired_samples < 0 ? count : attrs->desired_samples,
                           attrs->desired_channels < 0 ? channels : attrs->desired_channels};
  EK_TRY(ek_set_run_dims(ctx, ek_output(ctx, 0), 2, dims));
  float *y = ek_output(ctx, 0)->data;
  for (int64_t s = 0; s < dims[0]; s++) {
    for (int64_t c = 0; c < dims[1]; c++) {
      const int64_t at = 2 * (s * channels + (c < channels ? c : channels - 1));
      *y++ = s < count ? (float)(int16_t)(uint16_t)read_u16(file.samples + at) / 32768.0f : 0.0f;
    }
  }
  ((uint32_t *)ek_output(ctx, 1)->data)[0] = file.rate;
  return EK_OK;
}

const ek_op ek_op_decode_wav = {"DecodeWav", decode_wav_shape, NULL, NULL, decode_wav_run};
