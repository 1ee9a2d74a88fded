import { createRounds, type RoundsOptions } from './rounds.ts'
import type { Storm } from './storm.ts'

export type PlacingOptions = Omit<RoundsOptions, 'act'> & {
  /** Has a running marketplace move a service: `order in stock`, `order out`. */
  readonly place: (wanted: string) => Promise<Move>
  readonly onMove: (move: Move & { readonly name: string }) => void
}

/** What `dure place --json` says of a move. */
export type Move = {
  readonly moved: { readonly ms: number; readonly away: number }
  readonly report?: { readonly predicted: Cost & { readonly latency: number } }
  readonly change?: Cost & { readonly mean: readonly [number?, number?] }
}
type Cost = { readonly processor: number; readonly memory?: number }

/** Moves the order service into the process of another and out of it again, one move a round. */
export function createPlacing({ place, onMove, ...rounds }: PlacingOptions): Storm {
  let moves = 0
  return createRounds({
    ...rounds,
    act: async () => {
      const name = moves++ % 2 === 0 ? 'order in stock' : 'order out'
      const move = await place(name)
      onMove({ name, ...move })
      return [{ name, ms: Math.round(move.moved.ms) }]
    },
  })
}

/** How long its calls waited, and what was predicted beside what was measured. */
export function describeMove({ name, moved, report, change }: Parameters<PlacingOptions['onMove']>[0]): string {
  const percent = (value: number): string => `${(value * 100).toFixed(1)} %`
  const megabytes = (bytes: number | undefined): string => (bytes === undefined ? '?' : `${Math.round(bytes / 1_048_576)} MB`)
  const cost =
    report === undefined || change === undefined
      ? ''
      : `; predicted and measured: memory ${megabytes(report.predicted.memory)} and ${megabytes(change.memory)}, processor about ${percent(report.predicted.processor)} and ${percent(change.processor)}`
  return `${name}: ${Math.round(moved.ms)} ms, calls waited ${Math.round(moved.away)} ms${cost}`
}
