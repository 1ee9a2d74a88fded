/** What a kind of schema brings along. */
export type SchemaKind = {
  /** The text that says the same, whatever the order and space it was written in. @throws {SchemaFault} when it is no such schema */
  readonly identity: (text: string) => string
  /** Why what is written by one schema is not always read by the other; empty: it is. Both were taken by `identity`. */
  readonly misreadings: (writer: string, reader: string) => readonly string[]
}
