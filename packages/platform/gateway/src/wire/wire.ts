/** HTTP/1.1 on bytes: heads and chunks, read strictly. */
export { createChunks, isDone, readChunks, resetChunks, type Chunks } from './chunks.ts'
export {
  CODING,
  CONNECTION,
  CORRELATION,
  createHead,
  EXPECT,
  fault,
  fieldOf,
  fieldOfKind,
  HEAD_LIMITS,
  HOP,
  HOST,
  isNamed,
  LENGTH,
  namesOf,
  PLAIN,
  STRIDE,
  TE,
  TRACEPARENT,
  UPGRADE,
  VIA,
  type Fault,
  type Head,
  type HeadLimits,
} from './head.ts'
export { findHead, type Found } from './find.ts'
export { METHODS, readRequest } from './request.ts'
export { readResponse } from './response.ts'
