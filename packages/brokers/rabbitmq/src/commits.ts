import type { Runtime, Timer } from 'dure/runtime'
import type { Log } from './log.ts'

/** How far the partitions of this process have come, written together, soon after each other. */
export type Commits = {
  readonly moved: (topic: string, group: string, partition: number, epoch: number, next: number) => void
  /** Resolves when all of a group is written that was noted before; also when that failed. */
  readonly flush: (topic: string, group: string) => Promise<void>
  readonly close: () => void
}

type Moves = {
  readonly topic: string
  readonly group: string
  readonly noted: Map<number, readonly [partition: number, epoch: number, next: number]>
  timer: Timer | undefined
  writing: Promise<void>
}

/** Milliseconds within which a position is written. */
const SOON = 100

export function createCommits({ log, runtime }: { readonly log: Log; readonly runtime: Runtime }): Commits {
  const groups = new Map<string, Moves>()
  let isClosed = false

  const write = (moves: Moves): Promise<void> => {
    const { topic, group, noted } = moves
    moves.timer?.cancel()
    moves.timer = undefined
    moves.writing = moves.writing.then(async () => {
      if (noted.size === 0) return
      const now = [...noted.values()]
      noted.clear()
      try {
        await log.write({ do: 'commit', topic, group, moves: now })
      } catch {
        // What was noted since is later; the rest is written with the next one.
        for (const move of now) if (!noted.has(move[0])) noted.set(move[0], move)
        if (!isClosed) soon(moves)
      }
    })
    return moves.writing
  }
  const soon = (moves: Moves): void => void (moves.timer ??= runtime.timers.after(SOON, () => void write(moves)))
  const of = (topic: string, group: string): Moves => {
    const key = JSON.stringify([topic, group])
    const known = groups.get(key)
    if (known !== undefined) return known
    const made: Moves = { topic, group, noted: new Map(), timer: undefined, writing: Promise.resolve() }
    groups.set(key, made)
    return made
  }

  return {
    moved: (topic, group, partition, epoch, next) => {
      const moves = of(topic, group)
      moves.noted.set(partition, [partition, epoch, next])
      soon(moves)
    },
    flush: (topic, group) => write(of(topic, group)),
    close: () => {
      isClosed = true
      for (const { timer } of groups.values()) timer?.cancel()
    },
  }
}
