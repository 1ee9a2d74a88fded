/** The protocols of Thrift: how pieces of values are written and read, and how messages stand in frames. */
export { BinaryReader, BinaryWriter } from './binary.ts'
export { CompactReader, CompactWriter } from './compact.ts'
export { Frames } from './frames.ts'
export { EXCEPTION, Malformed, MESSAGE, Misfit, TYPE, type MessageHead, type Reader, type Writer } from './protocol.ts'
