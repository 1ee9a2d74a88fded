/** What the protocols of Thrift have in common: types, messages, and how values are written and read piece by piece. */

/** Types of values, by the numbers of the binary protocol. */
export const TYPE = {
  stop: 0,
  bool: 2,
  i8: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
  uuid: 16,
} as const

export const MESSAGE = { call: 1, reply: 2, exception: 3, oneway: 4 } as const

/** What a `TApplicationException` is, by its number. */
export const EXCEPTION = {
  unknown: 0,
  unknownMethod: 1,
  invalidMessageType: 2,
  wrongMethodName: 3,
  badSequenceId: 4,
  missingResult: 5,
  internalError: 6,
  protocolError: 7,
} as const

export type MessageHead = { readonly name: string; readonly type: number; readonly sequence: number }

/** Bytes that are not what they should be: what came is not read any further. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}

/** A value that Thrift cannot hold as its contract says, found before a byte of it is sent. */
export class Misfit extends Error {
  override readonly name = 'Misfit'
}

/** Writes the pieces of values, one after the other. */
export type Writer = {
  readonly message: (name: string, type: number, sequence: number) => void
  readonly begin: () => void
  readonly field: (type: number, id: number) => void
  readonly boolField: (id: number, value: boolean) => void
  /** Ends what `begin` began. */
  readonly end: () => void
  readonly bool: (value: boolean) => void
  readonly i32: (value: number) => void
  /** @param value a safe integer */
  readonly i64: (value: number) => void
  readonly double: (value: number) => void
  readonly string: (value: string) => void
  readonly bytes: (value: Uint8Array) => void
  readonly list: (type: number, size: number) => void
  readonly set: (type: number, size: number) => void
  readonly map: (key: number, value: number, size: number) => void
}

/** Reads them. What is not there, or is more than may be, is `Malformed`. */
export type Reader = {
  /** Of the field, list or set begun last; of a map's keys. */
  readonly type: number
  /** Of a map's values. */
  readonly valueType: number
  readonly id: number
  readonly message: () => MessageHead
  readonly begin: () => void
  /** Whether there is another field, whose `type` and `id` are set then. */
  readonly field: () => boolean
  /** Begins the next field if it is of this type and number; else reads nothing. It may say no to one that `field` finds. */
  readonly next: (type: number, id: number) => boolean
  readonly end: () => void
  /** Ends a struct that has no more fields; else reads nothing. */
  readonly ends: () => boolean
  readonly bool: () => boolean
  readonly i32: () => number
  /** @throws {Malformed} for one beyond 53 bits */
  readonly i64: () => number
  readonly double: () => number
  readonly string: () => string
  readonly bytes: () => Uint8Array
  /** How many there are; `leave` follows the last. */
  readonly list: () => number
  readonly set: () => number
  readonly map: () => number
  readonly leave: () => void
  readonly skip: (type: number) => void
}

/** Levels of structs, lists and maps within each other: three for each that a value of a contract may have. */
export const MAX_DEPTH = 640
