import type { Door } from 'dure/service'
import type { OperatorPart } from '@dure/operator'
import { socketPath } from '@dure/operator/client/internal'

const NAME = 'control'

/**
 * The door for whoever owns the data directory: `dure call`, `dure dead`, `dure lag`, `dure instances`, `dure list --data`, and all other
 * operator contracts (`@dure/operator`), with `parts` of one's own. A Unix domain socket that only its owner may open, speaking JSON over
 * HTTP. Opening it throws when another process already runs on the directory.
 *
 * @example
 * ```ts
 * import { control } from '@dure/cli'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * // `dure call`, `dure dead` and `dure lag` then work on its data directory.
 * const time = system('time', { services: [clock], doors: [control()] })
 * console.log(time.doors[0]?.name) // → control
 * ```
 */
export function control({ parts = [] }: { readonly parts?: readonly OperatorPart[] } = {}): Door {
  return {
    name: NAME,
    open: async (host, world) => (await import('./open.ts')).openControl(host, world, { name: NAME, parts }),
    listens: (directory) => ({ kind: 'unix', path: socketPath(directory) }),
  }
}
