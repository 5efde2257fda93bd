/* What the pooling families share: one output pixel a call, all channels of it, channels last.
 *
 * Tap t of the window is the pixel at a + a_offsets[t] (elements). Taps that lie in the padding are simply not listed, so `taps` may
 * differ from pixel to pixel, and be 0. Of a row's tile only NR matters: channels handled at once. */
#ifndef EK_UKERNELS_POOL_H
#define EK_UKERNELS_POOL_H

#include "ukernels/ukernel.h"

#endif
