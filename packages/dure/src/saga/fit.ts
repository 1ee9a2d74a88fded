import { CallError } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import { inTime } from '../runtime/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { SagaHistory, ShownStep } from './control.ts'
import type { AnySaga } from './definition.ts'
import { UNFIT, type Entry } from './history.ts'
import { storedInput } from './join.ts'
import type { Instance } from './records.ts'
import { replay } from './replay.ts'
import type { SagaWorld } from './world.ts'

/** Of instances that have come the same way, so many are replayed before a start; … */
const OF_ONE_WAY = 20
/** … of one saga so many, … */
const OF_ONE_SAGA = 2_000
/** … and for no longer than so many milliseconds. The others are found out when they are due: then they pause. */
const TIME = 3_000
/** Milliseconds that one code may take over one history. */
const EACH = 1_000

/**
 * Replays what is under way with the code that is about to run it; nothing is done meanwhile.
 * @throws {CallError} FAILED_PRECONDITION when it does not fit, naming an instance and the place
 */
export async function checkFit(world: SagaWorld): Promise<void> {
  const { host, records, sagas } = world
  const { clock } = host.runtime
  const until = clock.monotonic() + TIME
  const open = await records.read(
    'SELECT saga, max(version) AS newest, count(*) AS count FROM dure_sagas WHERE ended_at IS NULL GROUP BY saga',
  )
  for (const row of open) {
    const [name, count, newest] = [String(row['saga']), Number(row['count']), Number(row['newest'])]
    const saga = sagas.get(name)
    if (saga === undefined || newest > saga.version) newer(world, name, { count, newest })
    if (saga === undefined) continue
    let checked = 0
    for (const path of await records.paths(saga)) {
      for (const instance of await records.onPath(saga, { path, limit: OF_ONE_WAY })) {
        if (checked++ >= OF_ONE_SAGA || clock.monotonic() > until) break
        const reason = await unfitness(world, saga, instance, await records.steps(instance))
        if (reason?.startsWith(UNFIT)) throw refused(host.service, saga, { id: instance.id, reason, count })
      }
    }
    if (checked < count)
      host.log.info('Of the instances of a saga some were replayed', { saga: name, instances: count, replayed: checked })
  }
}

/** Why code cannot go on from a history; undefined when it can, or when that is not known in time. */
export async function unfitness(
  { host }: { readonly host: Pick<SagaWorld['host'], 'runtime'> },
  saga: AnySaga,
  instance: Pick<Instance, 'saga' | 'id' | 'version' | 'input' | 'deadlineAt'>,
  history: readonly Entry[],
): Promise<string | undefined> {
  let input: unknown
  try {
    input = await storedInput(saga, instance)
  } catch (error) {
    return `${UNFIT} 0: ${describeThrown(error).message}`
  }
  const { end } = replay({ saga, instance, input, history, live: async () => undefined, note: undefined })
  const how = await inTime(host.runtime.timers, EACH, end, () => undefined)
  return how?.how === 'unfit' ? how.reason : undefined
}

/** Why code cannot go on from a history that was exported; undefined when it can. */
export function historyMisfit(
  host: { readonly runtime: Runtime },
  saga: AnySaga,
  history: SagaHistory,
): Promise<string | undefined> {
  const { id, version, input, deadline, steps } = history
  const entries = steps.map((step) => ({
    ...(step as ShownStep & Pick<Entry, 'kind' | 'state'>),
    result: step.result === null && step.state !== 'done' ? null : JSON.stringify(step.result),
  }))
  return unfitness({ host }, saga, { saga: saga.name, id, version, input: JSON.stringify(input), deadlineAt: deadline }, entries)
}

/** Of newer code, or of sagas that nobody lists any more: another copy may run them, where there can be one. */
function newer(
  { host, sagas }: SagaWorld,
  saga: string,
  { count, newest }: { readonly count: number; readonly newest: number },
): void {
  const version = sagas.get(saga)?.version
  if (version === undefined || host.store.sharing === 'shared')
    return host.log.warn('Instances of a saga are left alone: this code does not know them', {
      saga,
      instances: count,
      version: newest,
    })
  throw new CallError(
    'FAILED_PRECONDITION',
    `Starting service "${host.service}" failed: saga "${saga}" has instances of version ${newest}, and its code is version ${version}. To do: start it with the newer code`,
  )
}

function refused(
  service: string,
  { name, version }: AnySaga,
  { id, reason, count }: { readonly id: string; readonly reason: string; readonly count: number },
): CallError {
  return new CallError(
    'FAILED_PRECONDITION',
    `Starting service "${service}" failed: the code of saga "${name}" (version ${version}) does not fit what is under way (${count}). Instance "${id}": ${reason}. ` +
      'To do: start it with the code that they were begun with, or have those go the old way and new ones the new way: `if (s.version("what has changed")) … else …`. "dure saga export" and "dure saga replay" try code on a history',
    { details: { saga: name, instance: id, reason } },
  )
}
