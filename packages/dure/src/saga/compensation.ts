import { fromJson, type Entry } from './history.ts'
import { addressOf, childOf } from './join.ts'
import { callOut, failed, originOf, policyOf, type Running } from './operations.ts'
import { Fenced } from './pen.ts'
import { described, type Operation } from './replay.ts'

/**
 * Undoes what was done, the last first, one after the other; an undo is tried until it succeeds, or pauses the instance. False when it has
 * been let go of before all was undone.
 */
export async function compensate(
  running: Running,
  {
    asked,
    history,
    failure,
  }: { readonly asked: readonly Operation[]; readonly history: readonly Entry[]; readonly failure: string },
): Promise<boolean> {
  for (const operation of asked.toReversed()) {
    const entry = history[operation.position]
    if (entry === undefined || !entry.undo || !UNDONE_FROM.has(entry.state)) continue
    if (operation.kind === 'child') {
      if (!(await undoChild(running, operation, entry, failure))) return false
    } else await undoStep(running, operation, entry)
  }
  return true
}

/** What may have been done. Of what is only begun it is not known. */
const UNDONE_FROM: ReadonlySet<Entry['state']> = new Set(['done', 'begun', 'waiting', 'undoing'])

async function undoStep(running: Running, operation: Operation, done: Entry): Promise<void> {
  const { world, instance, pen, cancellation } = running
  const { host, records } = world
  const retry = policyOf(operation)
  const what = `Undoing ${described(operation)}`
  const result = done.result === null || done.state === 'waiting' ? undefined : fromJson(done.result)
  const note = async (entry: Entry): Promise<void> =>
    pen.note([], { well: true }, async (tx) => {
      if (!(await records.undo(tx, instance, entry))) throw new Fenced()
    })
  for (let entry: Entry = done.state === 'undoing' ? done : { ...done, state: 'undoing', tries: 0 }; ;) {
    try {
      const undone: Entry = { ...entry, state: 'undone', error: null }
      if (operation.kind === 'step') {
        await callOut(running, operation, `${operation.name}/undo`, (context) =>
          operation.options.undo!(context as never, result as never),
        )
        await note(undone)
        return world.keys.settled(instance, `${operation.name}/undo`)
      }
      return await host.store.transaction(async (tx) => {
        await operation.options.undo!(host.bind(tx, originOf(host.service, instance)) as never, result as never)
        await pen.write(tx, [], { well: true })
        if (!(await records.undo(tx, instance, undone))) throw new Fenced()
      })
    } catch (error) {
      if (error instanceof Fenced || cancellation.reason !== undefined) throw error
      entry = (await failed(running, entry, { error, retry, what }, note))!
    }
  }
}

/** Has a child undo what it did, and waits until it has. */
async function undoChild(
  { world, instance, pen }: Running,
  operation: Operation,
  entry: Entry,
  failure: string,
): Promise<boolean> {
  const { records, host, hands } = world
  const address = addressOf(instance, operation, entry)
  return host.store.transaction(async (tx) => {
    const undone = async (): Promise<true> => {
      await pen.write(tx, [], { well: true })
      await records.undo(tx, instance, { ...entry, state: 'undone', error: null })
      return true
    }
    const child = childOf(instance, operation)
    const found = await records.find(tx, child)
    if (found === undefined || found.state === 'compensated') return undone()
    await records.compensate(tx, child, failure, ['running', 'paused', 'completed'])
    await records.undo(tx, instance, { ...entry, state: 'undoing', error: null })
    await pen.write(tx, [], { rest: { ms: null, dueIn: null, waits: address } })
    tx.onCommit(hands.look)
    return false
  })
}
