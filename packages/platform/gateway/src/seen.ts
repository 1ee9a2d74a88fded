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

/** Characters that are gathered before they are written at once. */
const GATHERED = 65_536
const INTERVAL = 200

const quoted = /["\\\p{Cc}]/u
const text = (value: string): string => (quoted.test(value) ? JSON.stringify(value) : `"${value}"`)

/**
 * Gathers lines of JSON, and writes many at once.
 * @param write takes lines; false: no more for now, and what comes until `drained` is dropped and counted
 */
export function createAccessLog(
  { timers }: Pick<Runtime, 'timers'>,
  write: (lines: string) => boolean | void,
): AccessLog & { readonly drained: () => void } {
  let lines = ''
  let timer: Timer | undefined
  let full = false
  let dropped = 0
  const flush = (): void => {
    timer?.cancel()
    timer = undefined
    if (lines === '') return
    const now = lines
    lines = ''
    full = write(now) === false
  }
  return {
    write: (entry) => {
      if (full) {
        dropped++
        return
      }
      const { failure } = entry
      lines += `{"time":${entry.time},"correlationId":${text(entry.correlationId)},"address":"${entry.address}","consumer":${text(entry.consumer)},"method":"${entry.method}","host":${text(entry.host)},"path":${text(entry.path)},"route":${text(entry.route)},"upstream":${text(entry.upstream)},"status":${entry.status},"duration":${entry.duration.toFixed(3)},"bytesIn":${entry.bytesIn},"bytesOut":${entry.bytesOut},"tries":${entry.tries}${failure === undefined ? '' : `,"failure":${text(failure)}`}}\n`
      if (lines.length > GATHERED) flush()
      else timer ??= timers.after(INTERVAL, flush)
    },
    dropped: () => dropped,
    drained: () => {
      full = false
    },
    flush,
  }
}
