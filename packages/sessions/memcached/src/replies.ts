/** One answer of the meta protocol: `HD`, `VA` with a value, `EN`, `NF`, `NS`, `EX`; and its flags by their letters. */
export type Reply = {
  readonly code: string
  readonly flags: ReadonlyMap<string, string>
  readonly value: Buffer | undefined
  /** What the server says of itself, or of what it was asked, where that has failed. */
  readonly failure: string | undefined
}

/** Longer lines are none of this protocol. */
const LONGEST_LINE = 2_048
/** Memcached's own largest is 1 MiB unless it is told otherwise. */
const LONGEST_VALUE = 8 * 1024 * 1024
const CODES: ReadonlySet<string> = new Set(['HD', 'EN', 'NF', 'NS', 'EX', 'MN'])

/** Makes replies of what comes from the server, in whatever pieces. */
export type Replies = {
  /** @throws {Error} for what is no reply: the connection is of no more use */
  readonly take: (bytes: Buffer) => readonly Reply[]
}

export function createReplies(): Replies {
  let rest: Buffer = Buffer.alloc(0)
  /** Bytes that must be there before it is worth looking again. */
  let wanted = 0

  const next = (): Reply | undefined => {
    const end = rest.indexOf('\r\n')
    if (end === -1 || end > LONGEST_LINE) {
      if (rest.length > LONGEST_LINE) throw new Error('It sent a line without end')
      return undefined
    }
    const line = rest.toString('latin1', 0, end)
    const [code = '', ...words] = line.split(' ')
    if (code !== 'VA') {
      rest = rest.subarray(end + 2)
      if (CODES.has(code)) return { code, flags: flagsOf(words), value: undefined, failure: undefined }
      if (/^(ERROR|(CLIENT|SERVER)_ERROR\b.*)$/.test(line)) return { code, flags: new Map(), value: undefined, failure: line }
      throw new Error(`It sent ${JSON.stringify(line.slice(0, 40))}, which is none of its answers`)
    }
    const size = Number(words[0])
    if (!Number.isSafeInteger(size) || size < 0 || size > LONGEST_VALUE) throw new Error('It sent a value of an impossible size')
    const start = end + 2
    if (rest.length < start + size + 2) {
      wanted = start + size + 2
      return undefined
    }
    if (rest.toString('latin1', start + size, start + size + 2) !== '\r\n')
      throw new Error('It sent a value longer than it had said')
    const value = Buffer.from(rest.subarray(start, start + size))
    rest = rest.subarray(start + size + 2)
    return { code, flags: flagsOf(words.slice(1)), value, failure: undefined }
  }

  let parts: Buffer[] = []
  let length = 0
  return {
    take: (bytes) => {
      parts.push(bytes)
      length += bytes.length
      if (rest.length + length < wanted) return []
      rest = Buffer.concat([rest, ...parts])
      ;[parts, length, wanted] = [[], 0, 0]
      const made: Reply[] = []
      for (let reply = next(); reply !== undefined; reply = next()) made.push(reply)
      return made
    },
  }
}

function flagsOf(words: readonly string[]): ReadonlyMap<string, string> {
  return new Map(words.filter((word) => word !== '').map((word) => [word[0]!, word.slice(1)]))
}
