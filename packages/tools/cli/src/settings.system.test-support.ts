import { dirname, join } from 'node:path'
import { environment, folder, keyFile, secret } from 'dure/config'
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'

/** A service whose settings are in the folder that `SETTINGS` names, with the key beside it. */
const path = process.env['SETTINGS'] ?? 'settings'
export const Pay = contract('pay', {
  version: '1.0.0',
  owner: 'team-pay',
  operations: { timeout: query({ output: z.number() }) },
})
const pay = service(Pay, {
  config: z.object({ timeout: z.number().max(1_000), apiKey: z.string().transform(secret) }),
  handlers: { timeout: (_, { config }) => config.timeout },
})
export default system('payments', {
  services: [pay],
  config: {
    sources: [environment({ prefix: 'PAYMENTS_' }), folder({ path, profiles: ['prod'], interval: 20 })],
    keys: keyFile(join(dirname(path), 'config.key')),
  },
  telemetry: false,
})
