import type { Lsn } from './lsn.ts'

/** What the log says, in order of commit: each transaction whole, from `begin` to `commit`. */
export type LogReader = {
  /** @param lsn of the commit that is to come */
  readonly begin: (lsn: Lsn) => void
  /** What `pg_logical_emit_message` wrote in the transaction. */
  readonly message: (prefix: string, content: string) => void
  /** @param end the first byte after the commit: all before it has been said */
  readonly commit: (end: Lsn) => void
}

/** Reads pgoutput's messages (protocol 1). Anything but messages and the bounds of their transactions is passed over. */
export function createDecoder(reader: LogReader): (chunk: Buffer) => void {
  const message = (chunk: Buffer): void => {
    // Whether it is of its transaction (1 byte), where it stands (8), the prefix, its length (4).
    const end = chunk.indexOf(0, 10)
    const length = chunk.readUInt32BE(end + 1)
    if (chunk[1] === 1) reader.message(chunk.toString('utf8', 10, end), chunk.toString('utf8', end + 5, end + 5 + length))
  }
  return (chunk) => {
    const kind = chunk[0]
    if (kind === MESSAGE) message(chunk)
    else if (kind === BEGIN) reader.begin(chunk.readBigUInt64BE(1))
    else if (kind === COMMIT) reader.commit(chunk.readBigUInt64BE(10))
  }
}

const [BEGIN, COMMIT, MESSAGE] = [...'BCM'].map((letter) => letter.charCodeAt(0))
