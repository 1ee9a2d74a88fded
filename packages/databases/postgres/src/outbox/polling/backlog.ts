/**
 * How many messages wait. What this process commits and delivers is counted as it happens; what others do is seen at
 * the next look at the table.
 */
export type Backlog = {
  readonly committed: (messages: number) => void
  readonly delivered: (messages: number) => void
  /** To be taken before looking, for `looked`. */
  readonly mark: () => Mark
  /** So many were there, not counting what had been delivered. */
  readonly looked: (waiting: number, mark: Mark) => void
  readonly depth: () => number
}

type Mark = { readonly committed: number; readonly delivered: number }

export function createBacklog(): Backlog {
  let [committed, delivered, base] = [0, 0, 0]
  let at: Mark = { committed: 0, delivered: 0 }
  return {
    committed: (messages) => void (committed += messages),
    delivered: (messages) => void (delivered += messages),
    mark: () => ({ committed, delivered }),
    looked: (waiting, mark) => {
      base = waiting
      at = mark
    },
    depth: () => Math.max(0, base + committed - at.committed - (delivered - at.delivered)),
  }
}
