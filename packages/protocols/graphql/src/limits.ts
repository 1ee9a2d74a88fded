import { DOOR_LIMITS, DOOR_RANGES, type DoorLimits } from 'dure/door/internal'
import { BYTES, completeNumbers, COUNT, WHOLE_WAIT, type Ranges } from 'dure/runtime/internal'

/** What one door lets the world ask of it. Times in milliseconds, sizes in bytes. */
export type GraphqlLimits = DoorLimits & {
  /** A request's body, or a message of WebSocket. Default 256 KiB. */
  readonly body: number
  /** Words and marks of a document. Default 5,000. */
  readonly tokens: number
  /** Levels of fields. Default 15. */
  readonly depth: number
  /** Fields, with those of fragments wherever they are spread. Default 1,000. */
  readonly fields: number
  /** Fields of other names than their own. Default 50. */
  readonly aliases: number
  /** Calls that a document makes by itself: fields at its root. Default 20. */
  readonly calls: number
  /** Connections of WebSocket at once. Default 1,000. */
  readonly connections: number
  /** What one of them may have under way at once, subscriptions among it. Default 100. */
  readonly operations: number
  /** How long one may take to say who it is. Default 10 s. */
  readonly hello: number
  /** Documents whose parsing and validation are kept. Default 1,000. */
  readonly documents: number
}

const DEFAULTS: GraphqlLimits = {
  ...DOOR_LIMITS,
  body: 256 * 1024,
  tokens: 5_000,
  depth: 15,
  fields: 1_000,
  aliases: 50,
  calls: 20,
  connections: 1_000,
  operations: 100,
  hello: 10_000,
  documents: 1_000,
}

const NUMBERS: Ranges<GraphqlLimits> = {
  ...DOOR_RANGES,
  ...{ body: BYTES, tokens: COUNT, depth: COUNT, fields: COUNT, aliases: COUNT, calls: COUNT, documents: COUNT },
  ...{ connections: COUNT, operations: COUNT, hello: WHOLE_WAIT },
}

/** @throws {TypeError} when a limit cannot be used */
export function limitsOf(given: Partial<GraphqlLimits> = {}): GraphqlLimits {
  return completeNumbers('make the GraphQL door with these limits', DEFAULTS, given, NUMBERS)
}
