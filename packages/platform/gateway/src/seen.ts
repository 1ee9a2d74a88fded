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

/** The digits after the point: a number is written twice as fast as a fraction is. */
const THOUSANDTHS: readonly string[] = Array.from({ length: 1_000 }, (_, i) => String(i).padStart(3, '0'))
function milliseconds(duration: number): string {
  const us = Math.round(duration * 1_000)
  return `${Math.floor(us / 1_000)}.${THOUSANDTHS[us % 1_000]}`
}

function lineOf(entry: AccessEntry): string {
  const { correlationId, address, consumer, method, host, path, route, upstream, failure } = entry
  const who = `"correlationId":${text(correlationId)},"address":"${address}","consumer":${text(consumer)}`
  const what = `"method":"${method}","host":${text(host)},"path":${text(path)},"route":${text(route)},"upstream":${text(upstream)}`
  const sizes = `"bytesIn":${entry.bytesIn},"bytesOut":${entry.bytesOut},"tries":${entry.tries}`
  const how = `"status":${entry.status},"duration":${milliseconds(entry.duration)},${sizes}`
  return `{"time":${entry.time},${who},${what},${how}${failure === undefined ? '' : `,"failure":${text(failure)}`}}\n`
}

/**
 * Gathers lines of JSON, and writes many at once.
 * @param write takes lines; false: no more for now, and what comes until `drained` is dropped and counted
 */
export function createAccessLog(
  { timers }: Pick<Runtime, 'timers'>,
  write: (lines: string) => boolean | void,
): AccessLog & { readonly drained: () => void } {
  // Text that grows would be looked at by the garbage collector again and again.
  const gathered = Buffer.allocUnsafeSlow(GATHERED)
  let size = 0
  let timer: Timer | undefined
  let full = false
  let dropped = 0
  const flush = (): void => {
    timer?.cancel()
    timer = undefined
    if (size === 0) return
    const lines = gathered.toString('utf8', 0, size)
    size = 0
    full = write(lines) === false
  }
  const gather = (line: string): void => {
    // A character has three bytes at most.
    const most = line.length * 3
    if (size + most > GATHERED) flush()
    if (full) dropped++
    else if (most > GATHERED) full = write(line) === false
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
    drained: () => {
      full = false
    },
    flush,
  }
}
