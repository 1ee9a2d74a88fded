import { Cancellation } from '../call/internal.ts'
import { DeclaredError, error } from '../contract/contract.ts'
import { describeThrown, parserOf } from '../contract/internal.ts'
import type { SqlTransaction } from '../data/data.ts'
import { compensate } from './compensation.ts'
import { errorToJson, toJson, type Entry } from './history.ts'
import { REFUSED, storedInput, type Parent } from './join.ts'
import { perform, type Running } from './operations.ts'
import { createPen, Fenced, Unfit } from './pen.ts'
import { LEASE, type Instance } from './records.ts'
import { replay, type Replay } from './replay.ts'
import { Again, createTail } from './tail.ts'
import type { Hand, SagaWorld } from './world.ts'

const Late = error('SAGA_DEADLINE', { status: 'DEADLINE_EXCEEDED', message: 'The saga had not ended before its deadline' })

/** Milliseconds after which what could not go on is tried again. */
const AGAIN = 1_000

/**
 * Instances in hand up to which an end commits with the last step where many write at once. It changes indexes, which other
 * steps have read by the page: with more at once, serializable transactions would be begun again for that (one in ten with 32).
 */
const FEW = 2

/** Runs an instance from its history on, until it ends, rests or pauses. */
export function runInstance(world: SagaWorld, instance: Instance, history: () => Promise<Entry[]>): Hand {
  const cancellation = new Cancellation()
  const log = world.host.log.with({ saga: instance.saga, instance: instance.id, correlationId: instance.correlationId })
  const run = async (): Promise<void> => {
    try {
      for (let read = history; ; read = () => world.records.steps(instance))
        try {
          return await runOnce({ world, instance, history: await read(), cancellation, log })
        } catch (failure) {
          if (!(failure instanceof Again)) throw failure
        }
    } catch (failure) {
      if (failure instanceof Fenced) log.info('A saga goes on elsewhere: what was done of it here does not count')
      else if (cancellation.reason === undefined) log.warn('Cannot go on with a saga for now', { error: failure })
      // It may be ours all the same, where a commit went without its answer: whoever has it next goes on from what is kept.
      if (cancellation.reason === undefined) await letGo(world, instance, AGAIN)
    } finally {
      world.keys.forget(instance)
    }
  }
  return { instance, cancellation, done: run() }
}

async function runOnce(options: {
  readonly world: SagaWorld
  readonly instance: Instance
  readonly history: Entry[]
  readonly cancellation: Cancellation
  readonly log: SagaWorld['host']['log']
}): Promise<void> {
  const { world, instance, history, cancellation, log } = options
  const { clock } = world.host.runtime
  const saga = world.sagas.get(instance.saga)!
  const undoing = instance.state === 'compensating'
  const until = undoing ? Infinity : clock.monotonic() + instance.deadlineIn
  const left = (): number => Math.max(0, until - clock.monotonic())
  let run: Replay | undefined
  const pen = createPen({ world, instance, history, left, path: () => run?.path() ?? instance.path })
  const tail = createTail(world.host.runtime)
  const running: Running = { world, instance, pen, cancellation, left, tail }
  /** Why it was let go of, where that is not because it rests. */
  let stopped: { readonly failure: unknown } | undefined

  const pause = async (reason: string): Promise<void> => {
    log.error('A saga has paused', { reason })
    await pen.note([], { pause: reason })
  }
  const undo = async (failure: string): Promise<void> => {
    // Nothing that has begun to be undone is late.
    const freed: Running = { ...running, left: () => Infinity }
    if (await compensate(freed, { asked: run!.asked, history, failure })) await finish('compensated', null, REFUSED + failure)
  }
  const finish = (state: 'completed' | 'compensated', output: string | null, told: string): Promise<void> => {
    const { parent } = instance
    return pen.note(
      [],
      { end: { state, output } },
      parent === null ? undefined : (tx) => tellParent(world, tx, JSON.parse(parent) as Parent, told),
    )
  }
  const undoBecause = async (failure: string): Promise<void> => {
    await pen.note([], { well: true, compensate: failure })
    await undo(failure)
  }

  const go = async (): Promise<void> => {
    const input = await storedInput(saga, instance).catch((failure: unknown) => {
      throw new Unfit(describeThrown(failure).message)
    })
    run = replay({
      ...{ saga, instance, input, history },
      note: undoing ? undefined : pen.later,
      live: async (operation, entry) => {
        try {
          if ((await tail.join()) !== undefined) return undefined
          if (undoing || left() === 0 || cancellation.reason !== undefined) return undefined
          return await perform(running, operation, entry)
        } catch (failure) {
          stopped = { failure }
          return undefined
        }
      },
    })
    const end = await run.end
    const output = end.how === 'returned' && !undoing ? outputOf(saga.output, end.value) : undefined
    const known = await output?.catch(() => undefined)
    const { store } = world.host
    // Whoever has a parent tells it.
    const joins = known !== undefined && instance.parent === null && (store.sharing === 'exclusive' || world.hands.held() <= FEW)
    if ((await tail.join(joins ? { state: 'completed', output: known[0] } : undefined)) !== undefined) return
    if (stopped !== undefined) throw stopped.failure
    if (end.how === 'unfit') throw new Unfit(end.reason)
    if (undoing) return undo(instance.failure!)
    if (output !== undefined) return finish('completed', ...(await output))
    if (end.how === 'threw') {
      if (end.error instanceof DeclaredError) return undoBecause(errorToJson(end.error))
      throw new Unfit(`Its code threw ${describeThrown(end.error).words}`)
    }
    // It rests, unless its time was over before it could.
    if (left() === 0) return undoBecause(errorToJson(Late()))
  }

  try {
    await go()
  } catch (failure) {
    if (failure instanceof Unfit) return pause(failure.message)
    if (cancellation.reason === undefined || failure instanceof Fenced) throw failure
  }
  // What was under way when the service stopped is done again by whoever has it next.
  if (cancellation.reason !== undefined) await letGo(world, instance, 0)
}

/** Another may have it, so much later. Nothing where it is let go of already; where the store cannot be asked, its lease ends. */
async function letGo({ host, records, hands }: SagaWorld, { saga, id, epoch }: Instance, ms: number): Promise<void> {
  const sql = `UPDATE dure_sagas SET owner = NULL, due_at = NOW + ? WHERE saga = ? AND id = ? AND epoch = ? AND owner = ?`
  await host.store
    .transaction((tx) => records.run(tx, sql, [ms, saga, id, epoch, host.store.member]), { isolated: false })
    .then(
      () => hands.due(ms),
      () => hands.due(LEASE),
    )
}

async function outputOf(schema: Parameters<typeof parserOf>[0], value: unknown): Promise<[output: string, told: string]> {
  const parsed = schema === undefined ? undefined : await parserOf(schema, 'output')(value)
  if (parsed?.ok === false) throw new Unfit(`It returned what is not of its output schema: ${parsed.issues[0]?.message ?? ''}`)
  try {
    const text = toJson(parsed === undefined ? value : parsed.value, 'its output')
    return [text, text]
  } catch (failure) {
    throw new Unfit((failure as Error).message)
  }
}

async function tellParent(
  { records, host, hands }: SagaWorld,
  tx: SqlTransaction,
  { address, ...to }: Parent,
  data: string,
): Promise<void> {
  await records.deliver(tx, { address, messageId: host.runtime.ids.next(), data, to })
  tx.onCommit(hands.look)
}
