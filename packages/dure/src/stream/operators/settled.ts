import type { Cells } from '../cells.ts'
import type { Receive } from '../graph.ts'

type Told = readonly (readonly [sender: string, value: unknown])[]

/**
 * A table whose rows of one key come from several tasks, each in its own order: a row that moves from one to another may be there twice
 * for a moment, or be taken back by the one after the other has it. What each of them says of a key is known apart; the last that came
 * to say something of it counts, until it takes that back.
 */
export function settled(cells: Cells<Told>, emit: Receive): (sender: string) => Receive {
  return (sender) => (next, _, key, time) => {
    const cell = cells.get(key)
    const told = cell?.value ?? []
    const was = told.at(-1)?.[1]
    const at = told.findIndex(([one]) => one === sender)
    const now =
      next === undefined
        ? told.filter(([one]) => one !== sender)
        : at === -1
          ? [...told, [sender, next] as const]
          : told.with(at, [sender, next])
    if (now.length > 0) cells.put(key, now)
    else if (cell !== undefined) cells.remove(cell)
    const is = now.at(-1)?.[1]
    if (is !== was) emit(is, was, key, time)
  }
}
