import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client } from 'dure/call'
import { contract, query } from 'dure/contract'
import { refusedBy } from 'dure/resilience'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { describeOutcome, simulate, type Simulation } from '../simulation.ts'

const Teller = contract('teller', { version: '1.0.0', owner: 'tests', operations: { tell: query({ output: z.int() }) } })
const teller = service(Teller, { handlers: { tell: () => 1 } })

test('policies stand around the calls of users, also by a client that they were set up with, and around those of no check', async () => {
  const refused = new Map<string | undefined, number>()
  let fromSetup: Client<typeof Teller> | undefined
  const ask = async (client: Client<typeof Teller>): Promise<void> => {
    await client.tell().catch((error: unknown) => {
      const by = refusedBy(error)
      refused.set(by, (refused.get(by) ?? 0) + 1)
    })
  }
  const simulation: Simulation = {
    system: () => system('told', { services: [teller], policies: { '*': { rateLimit: { rate: 1, per: 3_600_000 } } } }),
    load: {
      ...{ duration: 5_000, clients: 1, pause: 500 },
      setup: async ({ client }) => {
        fromSetup = client(Teller)
        await fromSetup.tell()
      },
      step: () => ask(fromSetup!),
    },
    invariants: {
      'a check may ask as often as it likes': async ({ client }) => {
        for (let n = 0; n < 3; n++) await client(Teller).tell()
      },
    },
  }
  const outcome = await simulate({ simulation, seed: 1 })
  assert.equal(outcome.kind, 'held', describeOutcome(outcome))
  assert.deepEqual([...refused.keys()], ['rateLimit'])
})
