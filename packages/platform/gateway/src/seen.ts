/** What a gateway says of the requests that it has passed on: lines for each, and numbers. */
import type { Runtime, Timer } from 'dure/runtime'

/** One line for each request that has ended. */
export type AccessEntry = {
  /** When it began, in milliseconds since the epoch. */
  readonly time: number
  readonly correlationId: string
  readonly address: string
  /** '-' when nobody was found out. */
  readonly consumer: string
  readonly method: string
  readonly host: string
  /** Without its query, which may hold secrets. */
  readonly path: string
  /** '-' when there was none. */
  readonly route: string
  readonly upstream: string
  /** 499: the client has gone before it was answered. */
  readonly status: number
  /** Milliseconds. */
  readonly duration: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly tries: number
  /** What went wrong, in words. */
  readonly failure: string | undefined
  /** Bodies of an operation whose contract allows it (`log: 'bodies'`), as JSON, without what its schemas mark. */
  readonly requestBody?: unknown
  readonly answerBody?: unknown
}

export type AccessLog = {
  readonly write: (entry: AccessEntry) => void
  /** Lines that were dropped, since nobody took them. */
  readonly dropped: () => number
  readonly flush: () => void
}

/** Bytes that are gathered before they are written at once. */
const GATHERED = 65_536
const INTERVAL = 200

const quoted = /["\\\p{Cc}]/u
const text = (value: string): string => (quoted.test(value) ? JSON.stringify(value) : `"${value}"`)
/** The same of what is mostly the same as in the line before. */
const textAgain = (): ((value: string) => string) => {
  let [last, written] = ['', text('')]
  return (value) => {
    if (value !== last) [last, written] = [value, text(value)]
    return written
  }
}
const [consumerOf, hostOf, upstreamOf] = [textAgain(), textAgain(), textAgain()]

/** The digits after the point: a number is written twice as fast as a fraction is. */
const THOUSANDTHS: readonly string[] = Array.from({ length: 1_000 }, (_, i) => String(i).padStart(3, '0'))
function milliseconds(duration: number): string {
  const us = Math.round(duration * 1_000)
  return `${Math.floor(us / 1_000)}.${THOUSANDTHS[us % 1_000]}`
}

/** Requests that end in the same millisecond begin their lines alike. */
let [time, begun] = [-1, '']
const beginning = (now: number): string => {
  if (now !== time) [time, begun] = [now, `{"time":${now},"correlationId":"`]
  return begun
}

const bodyOf = (name: 'requestBody' | 'answerBody', { [name]: value }: AccessEntry): string =>
  value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`

/** Ids and names of routes are letters and digits; all else may be anything. */
const lineOf = (entry: AccessEntry): string =>
  `${beginning(entry.time)}${entry.correlationId}","address":"${entry.address}","consumer":${consumerOf(entry.consumer)},"method":"${entry.method}","host":${hostOf(entry.host)},"path":${text(entry.path)},"route":"${entry.route}","upstream":${upstreamOf(entry.upstream)},"status":${entry.status},"duration":${milliseconds(entry.duration)},"bytesIn":${entry.bytesIn},"bytesOut":${entry.bytesOut},"tries":${entry.tries}${entry.failure === undefined ? '' : `,"failure":${text(entry.failure)}`}${bodyOf('requestBody', entry)}${bodyOf('answerBody', entry)}}\n`

/**
 * Gathers lines of JSON, and writes many at once.
 * @param write takes lines, and says when it needs their bytes no more, which are written over then; false: no more for now, and what comes
 * meanwhile is dropped and counted
 * @param isTold whoever takes lines says by `drained` that he takes them again; else he is asked after 200 ms
 */
export function createAccessLog(
  { timers }: Pick<Runtime, 'timers'>,
  write: (lines: Buffer, done: () => void) => boolean | void,
  isTold = false,
): AccessLog & { readonly drained: () => void } {
  // Text that grows would be looked at by the garbage collector again and again, and a text of so many lines grows old before it is written.
  let gathered: Buffer = Buffer.allocUnsafeSlow(GATHERED)
  let spare: Buffer | undefined
  let size = 0
  let timer: Timer | undefined
  let full = false
  let dropped = 0
  const drained = (): void => {
    full = false
  }
  const give = (lines: Buffer, done: () => void): void => {
    full = write(lines, done) === false
    if (full && !isTold) timers.after(INTERVAL, drained)
  }
  const flush = (): void => {
    timer?.cancel()
    timer = undefined
    if (size === 0) return
    const [lines, length] = [gathered, size]
    gathered = spare ?? Buffer.allocUnsafeSlow(GATHERED)
    spare = undefined
    size = 0
    give(lines.subarray(0, length), () => {
      spare = lines
    })
  }
  const gather = (line: string): void => {
    // A character has three bytes at most.
    const most = line.length * 3
    if (size + most > GATHERED) flush()
    if (full) dropped++
    else if (most > GATHERED) give(Buffer.from(line), () => {})
    else {
      size += gathered.write(line, size)
      timer ??= timers.after(INTERVAL, flush)
    }
  }
  return {
    write: (entry) => {
      if (full) dropped++
      else gather(lineOf(entry))
    },
    dropped: () => dropped,
    drained,
    flush,
  }
}
