import type { Transport } from '../call/call.ts'
import { clientFactory } from '../call/internal.ts'
import { command, type Operation, type Schema } from '../contract/contract.ts'
import { OPERATE, OWN_PROCESS } from '../contract/internal.ts'
import type { CommandKey } from '../data/data.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { plainSchema } from './plain-schema.ts'

/** What every service takes beside the operations of its contract, in every placement: keys that it need not hold any more. */
export const releasing: {
  readonly 'dure.release': Operation<'command', Schema<readonly CommandKey[]>, Schema<void>, {}, undefined>
} = {
  'dure.release': command({
    input: plainSchema<readonly CommandKey[]>(),
    output: plainSchema<void>(),
    // A stranger who lets go of keys has commands happen twice.
    scope: OPERATE,
  }),
}

/** Tells a service that the keys of its commands that were held are needed no more, 500 at a time. */
export async function releaseKeys(
  { service, transport, runtime }: { service: string; transport: Transport; runtime: Runtime },
  keys: readonly CommandKey[],
): Promise<void> {
  const contract = { name: service, version: '1.0.0', owner: 'dure', description: undefined, operations: releasing, events: [] }
  const client = clientFactory({ contract, transport, runtime })({ service: undefined, principal: OWN_PROCESS })
  for (let from = 0; from < keys.length; from += 500) await client['dure.release'](keys.slice(from, from + 500))
}
