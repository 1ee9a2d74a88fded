/** The collector's contracts, answered by the collector, or passed on to it by a process that is another. */
import { CallError, type Operations } from 'dure/contract'
import type { World } from 'dure/service'
import { collectorSocket, createActs } from 'dure/telemetry/internal'
import { operatorClient, operatorRoutes, type OperatorContext, type OperatorPart, type OperatorRoutes } from '@dure/operator'
import { answeredBy, answerParts } from '@dure/operator/internal'
import type { Collected } from '../collected.ts'
import { builds } from './builds.ts'
import { exceptions } from './exceptions.ts'
import { logs } from './logs.ts'
import { metrics } from './metrics.ts'
import { traces } from './traces.ts'

/** What the collector answers. */
const own: readonly OperatorPart<Collected>[] = [traces, logs, metrics, exceptions, builds]

/** Answers them over HTTP to whoever is let in: all of it is reading. */
export function operatorOf(
  collected: Collected,
  { runtime, log }: Pick<World, 'runtime' | 'log'>,
): {
  readonly routes: OperatorRoutes
  readonly close: () => void
} {
  const acts = createActs({ record: undefined, runtime, log })
  const answered = own.map((part) => answeredBy(part, collected))
  const operator = answerParts({ system: 'collector', runtime, log, acts, answered })
  const routes = operatorRoutes(operator, { runtime, authenticate: () => ({ name: 'collector', role: 'viewer' }) })
  return { routes, close: operator.close }
}

/**
 * Traces, logs, metrics and exceptions for operators of a system: asked of the collector of its directory, in whatever process
 * that is.
 *
 * @example
 * ```ts
 * import { collectorParts } from '@dure/collector'
 *
 * console.log(collectorParts.map(({ contract }) => contract.name)) // → [ 'traces', 'logs', 'metrics', 'exceptions', 'builds' ]
 * ```
 */
export const collectorParts: readonly OperatorPart[] = own.map(passedOn)

function passedOn({ contract, rules }: OperatorPart<Collected>): OperatorPart {
  return {
    contract,
    rules,
    answer: ({ world }) => {
      const client = operatorClient({ socket: collectorSocket(world.directory) })
      return Object.fromEntries(
        Object.entries(contract.operations as Operations).map(([name, { kind }]) => [
          name,
          (input: unknown, { signal }: OperatorContext) =>
            kind === 'stream'
              ? client.stream(contract.name, name, input, { signal })
              : client.call(contract.name, name, input, { signal }).catch(away),
        ]),
      )
    },
  }
}

/** Nobody is at the socket. */
function away(error: unknown): never {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error
  throw new CallError(
    'UNAVAILABLE',
    'Nothing collects telemetry of this system: give it the door collector() of @dure/collector, or run "dure collector" on its directory',
  )
}
