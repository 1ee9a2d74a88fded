/** Kinds of frames (RFC 9113, section 6). */
export const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const
export const [END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY] = [0x1, 0x1, 0x4, 0x8, 0x20] as const

/** Why a stream or a connection ends (section 7). */
export const [NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR] = [
  0, 1, 2, 3, 5, 6,
] as const
export const [REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM] = [7, 8, 9, 11] as const

/** Of the head of a frame, and the longest payload that either side may send unless it is told more. */
export const [HEAD, LONGEST] = [9, 16_384] as const
/** What either side may send before it is told more, and the most that it can ever be told. */
export const [FIRST_WINDOW, LARGEST_WINDOW] = [65_535, 0x7fff_ffff] as const
