import type { Process } from '../kernel/kernel.ts'

/** What the network needs of whoever runs it: a queue, and what befalls what is sent. */
export type NetworkWorld = {
  readonly now: () => number
  /** Runs a task of a process at a time; not when it is dead by then, later when it is frozen. */
  readonly at: (time: number, process: Process, task: () => void) => void
  /** Milliseconds that something sent from one process to another takes. */
  readonly latency: (from: Process, to: Process) => number
  /** Until when nothing gets from one to the other; a time past when the way is free. */
  readonly cutUntil: (from: Process, to: Process) => number
  /**
   * What befalls one message. `lost`: the connection breaks before it arrives; `answered late`: it arrives, and then
   * the connection breaks, so that nobody hears what came of it.
   */
  readonly fate: (from: Process, to: Process, what: string) => 'arrives' | 'lost' | 'breaks after'
  readonly sometimes: (what: string) => void
  /** A moment at which a process may die; true when it has. */
  readonly point: (process: Process, what: string, detail: string) => boolean
}

/** One direction of a connection: what is sent arrives in order, however long each takes. */
export function createLine(options: {
  readonly world: NetworkWorld
  readonly from: Process
  readonly to: Process
}): (message: () => void) => number {
  const { world, from, to } = options
  const waiting: (() => void)[] = []
  let last = 0
  /** Of those waiting, how many have arrived but for a cut. */
  let due = 0
  let trying = false

  const deliver = (): void => {
    if (world.cutUntil(from, to) > world.now()) return tryAgain()
    // One at a time: what one leads to may come before the next.
    due--
    waiting.shift()?.()
    if (due > 0 && !trying) world.at(world.now(), to, deliver)
  }

  /** What is sent into a cut is sent again by the system until it gets through. */
  const tryAgain = (): void => {
    if (trying) return
    trying = true
    world.at(Math.min(world.cutUntil(from, to), world.now() + RESEND), to, () => {
      trying = false
      deliver()
    })
  }

  const arrive = (): void => {
    due++
    if (!trying && due === 1) deliver()
  }

  return (message) => {
    last = Math.max(last, world.now() + world.latency(from, to))
    waiting.push(message)
    world.at(last, to, arrive)
    return last
  }
}

/** Milliseconds after which what did not get through is sent again. */
const RESEND = 250
