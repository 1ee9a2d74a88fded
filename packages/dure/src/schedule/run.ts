import type { CallContext } from '../call/call.ts'
import { Cancellation } from '../call/internal.ts'
import { CallError } from '../contract/contract.ts'
import { describeThrown, servicePrincipal } from '../contract/internal.ts'
import type { Database, SqlTransaction } from '../data/data.ts'
import type { Timer } from '../runtime/runtime.ts'
import { backoff } from '../runtime/internal.ts'
import { preparedKey, preparedKeys, type ExtensionHost } from '../service/internal.ts'
import type { Fence, Outcome, ScheduleRecords } from './records.ts'
import type { Schedule, Tick } from './definition.ts'

/** A run in hand. */
export type Hand = {
  /** Resolves when it has ended and that is noted, or it is another's; never rejects. */
  readonly done: Promise<void>
  /** Ends it where it is, and has others take it over. */
  readonly release: () => Promise<void>
}

/** The member of transactions by which a run finds the one that it is in. */
export const TRANSACTION: unique symbol = Symbol('transaction')

/** Runs a tick to its end. */
export function beginRun(
  world: { readonly host: ExtensionHost; readonly records: ScheduleRecords; readonly lease: number },
  schedule: Schedule,
  run: { readonly fence: Fence; readonly tick: Tick },
): Hand {
  const { host, records, lease } = world
  const { timers, random } = host.runtime
  const { fence, tick } = run
  const log = host.log.with({ schedule: schedule.name, tick: tick.at.toISOString() })
  const cancellation = new Cancellation()
  /** Nothing more is to be written of it. */
  let over = false
  let renewal: Timer | undefined

  const elsewhere = (): void => {
    over = true
    cancellation.cancel('stopping')
    log.warn('A run of a schedule has gone on elsewhere: what it did here and had not committed does not count')
  }
  /** As long as it is at work, a part of the lease at a time. */
  const renew = (): void => {
    renewal = timers.after(lease / 3, () => {
      // Where that fails it is tried again in time, or the lease ends.
      const renewed = records.renew(fence, lease).catch(() => true)
      void renewed.then((mine) => (over ? undefined : mine ? renew() : elsewhere()))
    })
  }
  const note = async (outcome: Outcome, error: string | null): Promise<void> => {
    for (let failed = 1; !over; failed++) {
      try {
        if (!(await records.end(fence, outcome, error))) elsewhere()
        return
      } catch (failure) {
        if (failed === 1) log.warn('Cannot note how a run of a schedule has ended; it is tried again', { error: failure })
        await timers.sleep(backoff({ first: 50, max: 1_000 }, failed, random))
      }
    }
  }

  const work = async (): Promise<void> => {
    renew()
    const late = timers.after(schedule.timeout, () => cancellation.cancel('deadline'))
    const ended = Promise.withResolvers<never>()
    cancellation.add({ onCancel: (reason) => ended.reject(new CallError(...tooLong(schedule, reason))) })
    try {
      await Promise.race([schedule.run({ tick }, contextOf(world, schedule, run, cancellation) as never), ended.promise])
      await note('done', null)
    } catch (error) {
      if (over) return
      log.error('A run of a schedule failed', { error })
      await note('failed', describeThrown(error).words.slice(0, 4_000))
    } finally {
      over = true
      late.cancel()
      renewal?.cancel()
      cancellation.over()
    }
  }
  const done = work().catch((error: unknown) => log.error('A run of a schedule was lost sight of', { error }))
  return {
    done,
    release: async () => {
      over = true
      cancellation.cancel('stopping')
      await records.release(fence).catch((error: unknown) => log.warn('Cannot hand a run on to others for now', { error }))
    },
  }
}

function tooLong({ name, timeout }: Schedule, reason: string): ['DEADLINE_EXCEEDED' | 'CANCELLED', string] {
  return reason === 'deadline'
    ? ['DEADLINE_EXCEEDED', `A run of schedule "${name}" was given up: it had not ended after ${timeout} ms`]
    : ['CANCELLED', `A run of schedule "${name}" was given up here: the service stops, or another copy has it`]
}

/** A handler's context whose transactions belong to the run, and whose commands carry keys of its tick. */
function contextOf(
  { host, records }: Parameters<typeof beginRun>[0],
  { name, needs = {}, timeout }: Schedule,
  { fence, tick }: Parameters<typeof beginRun>[2],
  cancellation: Cancellation,
): object {
  const { clock, ids } = host.runtime
  const sentAt = clock.monotonic()
  const key = preparedKey(`${host.service}/schedule/${name}`, `${tick.at.getTime()}${tick.by === undefined ? '' : ' by hand'}`)
  const call: CallContext = {
    ...{ sentAt, deadline: sentAt + timeout, cancellation, correlationId: ids.next(), causationId: undefined },
    ...{ traceparent: undefined, caller: host.service, idempotencyKey: undefined },
    ...{ principal: servicePrincipal(host.service), metadata: undefined },
  }
  const make = host.contexts(needs)
  const { database: own } = make(call, cancellation) as { readonly database: Database<unknown> }
  const transaction: typeof own.transaction = (work, limits) =>
    own.transaction(async (tx) => {
      const raw = (tx as unknown as Record<symbol, SqlTransaction>)[TRANSACTION]!
      // Last, so that the row is held for as short as can be.
      raw.beforeCommit(async () => {
        if (!(await records.commit(raw, fence))) throw fenced(name, tick)
      })
      return work(tx)
    }, limits)
  return Object.defineProperty(make(call, cancellation, preparedKeys(key)), 'database', { value: { ...own, transaction } })
}

function fenced(name: string, { at }: Tick): CallError {
  return new CallError(
    'ABORTED',
    `A transaction of schedule "${name}" was refused: its run for ${at.toISOString()} is over, or another copy has it. To do: nothing; what is not done is begun again there`,
    { inside: true },
  )
}
