import type { Runtime } from 'dure/runtime'
import type { Link } from './connection.ts'

/** Who of a group is alive: members say so, several times within a lease, on a subject that nothing keeps. */
export type Beats = {
  /** Whether the server has brought back a word of this process within the lease: if not, others may think it dead. */
  readonly isAlive: () => boolean
  /** Whether a member of another process has not been heard of for a lease. Who is asked for first has a lease from then on. */
  readonly isDead: (id: string) => boolean
  /** Says it now; `asks` the others to say it too. */
  readonly beat: (asks?: true) => void
  readonly stop: () => void
}

type Beat = {
  readonly from: string
  readonly count: number
  readonly members: readonly string[]
  readonly revision: number
  readonly asks?: true
}

/** So often within a lease. */
const TIMES = 6

export function startBeats(options: {
  link: Link
  runtime: Runtime
  subject: string
  lease: number
  members: () => readonly string[]
  /** The record that is known here; others say what they know. */
  revision: () => number
  /** Another knows a later revision, or it is time to look: `isDue` once a lease. */
  look: (isDue: boolean) => void
}): Beats {
  const { link, subject, lease, members, revision, look } = options
  const { clock, timers, ids } = options.runtime
  const here = ids.next()
  const heard = new Map<string, number>()
  const sent = new Map<number, number>()
  let [count, ticks, echoed, ticked] = [0, 0, clock.monotonic(), clock.monotonic()]

  const beat = (asks?: true): void => {
    sent.set(++count, clock.monotonic()).delete(count - 2 * TIMES)
    const told: Beat = { from: here, count, members: members(), revision: revision(), ...(asks && { asks }) }
    link.tell(subject, JSON.stringify(told))
  }
  const inbox = link.nc.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null || message.data.length > 65_536) return
      const told = message.json<Beat>()
      if (told.from === here) return void (echoed = Math.max(echoed, sent.get(told.count) ?? 0))
      for (const id of told.members) heard.set(id, clock.monotonic())
      if (told.asks) beat()
      if (told.revision > revision()) look(true)
    },
  })
  const tick = (): void => {
    // Who stood still, or was cut off, has heard nothing: everybody gets another lease before it judges.
    if (clock.monotonic() - ticked > lease / 2) heard.clear()
    ticked = clock.monotonic()
    beat()
    look(++ticks % TIMES === 0)
    timer = timers.after(lease / TIMES, tick)
  }
  let timer = timers.after(lease / TIMES, tick)
  const unlisten = link.onReconnect(() => {
    heard.clear()
    beat()
    look(true)
  })

  return {
    beat,
    isAlive: () => link.isConnected() && clock.monotonic() - echoed < lease,
    isDead: (id) => {
      const at = heard.get(id)
      if (at === undefined) heard.set(id, clock.monotonic())
      return at !== undefined && clock.monotonic() - at > lease
    },
    stop: () => {
      timer.cancel()
      unlisten()
      inbox.unsubscribe()
    },
  }
}

/** Asks a group for a word of one of these members. False when none has come within a lease. */
export async function isAnyAlive(
  link: Link,
  runtime: Runtime,
  subject: string,
  ids: readonly string[],
  lease: number,
): Promise<boolean> {
  const alive = Promise.withResolvers<boolean>()
  const inbox = link.nc.subscribe(subject, {
    callback: (error, message) => {
      if (error === null && message.json<Beat>().members.some((id) => ids.includes(id))) alive.resolve(true)
    },
  })
  const question: Beat = { from: runtime.ids.next(), count: 0, members: [], revision: 0, asks: true }
  link.tell(subject, JSON.stringify(question))
  const timer = runtime.timers.after(lease, () => alive.resolve(false), 'waited')
  const answer = await alive.promise
  timer.cancel()
  inbox.unsubscribe()
  return answer
}
