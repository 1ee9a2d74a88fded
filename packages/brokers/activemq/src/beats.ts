import type { Runtime } from 'dure/runtime'
import { decodeJson, encodeJson } from './messages.ts'
import type { Line } from './line.ts'
import type { Server } from './server.ts'
import type { Wire } from './wire.ts'

/** Who is alive: processes say so, several times within a lease, on a topic that nobody keeps. */
export type Beats = {
  /** Whether the server has brought back a word of this process within the lease: if not, others may think it dead. */
  readonly isAlive: () => boolean
  /** Whether the process of this member has not been heard of for a lease. Who is asked for first has a lease from then on. */
  readonly isDead: (member: string) => boolean
  /** A name for a member of this process. */
  readonly newId: () => string
  /** This record has changed. */
  readonly tell: (record: string) => void
  readonly stop: () => void
}

type Beat = { readonly from: string; readonly count: number; readonly changed?: string }

/** So often within a lease. */
const TIMES = 6

export function startBeats(options: {
  readonly line: Line
  readonly server: Server
  readonly runtime: Runtime
  readonly address: string
  readonly lease: number
  /** A record has changed; or without one, it is time to look at all. */
  readonly look: (record?: string) => void
  /** Often: what waits may go on. */
  readonly wake: () => void
}): Beats {
  const { line, server, address, lease, look, wake } = options
  const { clock, timers, ids } = options.runtime
  const here = ids.next()
  const heard = new Map<string, number>()
  const sent = new Map<number, number>()
  let [count, ticks, echoed, ticked, members, isStopped] = [0, 0, clock.monotonic(), clock.monotonic(), 0, false]

  const say = (changed?: string): void => {
    const wire = line.now()
    if (wire === undefined) return
    sent.set(++count, clock.monotonic()).delete(count - 100)
    const beat: Beat = { from: here, count, ...(changed !== undefined && { changed }) }
    const told = wire.outlet(server.topicTarget(address)).then((outlet) => outlet.tell(encodeJson(beat, { ttl: lease })))
    // With the connection lost, the others hear of it by hearing nothing.
    told.catch(() => {})
  }
  const arrived = (bytes: Buffer): void => {
    let beat: Beat
    try {
      beat = decodeJson<Beat>(bytes)
    } catch {
      return
    }
    if (beat.from === here) return void (echoed = Math.max(echoed, sent.get(beat.count) ?? 0))
    if (!heard.has(beat.from)) say()
    heard.set(beat.from, clock.monotonic())
    if (beat.changed !== undefined) look(beat.changed)
  }
  const join = (wire: Wire): void => {
    heard.clear()
    const inlet = wire.inlet({
      source: server.topicSource(address),
      arrived: ({ bytes, accept }) => {
        accept()
        inlet.then((one) => one.credit(1)).catch(() => {})
        arrived(bytes)
      },
    })
    inlet
      .then((one) => {
        one.credit(500)
        say()
        look()
      })
      .catch((error: unknown) => wire.fail(error as Error))
  }
  const unlisten = line.listen({ opened: join })
  const begun = line.now()
  if (begun !== undefined) join(begun)

  const tick = (): void => {
    if (isStopped) return
    // Who stood still, or was cut off, has heard nothing: everybody gets another lease before it judges.
    if (clock.monotonic() - ticked > lease / 2) heard.clear()
    ticked = clock.monotonic()
    say()
    wake()
    if (++ticks % TIMES === 0) look()
    timer = timers.after(lease / TIMES, tick)
  }
  let timer = timers.after(lease / TIMES, tick)

  return {
    isAlive: () => line.now()?.isFresh() === true && clock.monotonic() - echoed < lease,
    newId: () => `${here}.${++members}`,
    isDead: (member) => {
      const process = member.slice(0, member.lastIndexOf('.'))
      const at = heard.get(process)
      if (at === undefined) heard.set(process, clock.monotonic())
      return at !== undefined && clock.monotonic() - at > lease
    },
    tell: say,
    stop: () => {
      isStopped = true
      timer.cancel()
      unlisten()
    },
  }
}
